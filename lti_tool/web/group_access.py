"""Guards the pages of one group: a view declares the right that it needs in the group of its URL."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast
from uuid import UUID

from flask import g

from lti_tool.domain.group_rights import GroupPermission
from lti_tool.services.group_access import GroupAccess, read_group_access
from lti_tool.web.access import viewer

P = ParamSpec("P")
R = TypeVar("R")


def requires_in_group(permission: GroupPermission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the right that a view needs in its group; stands below `@requires`, its URL carries `group_id`.

    The view is not run without it: NotFound, Forbidden or RuleViolation, as `services.group_access` raises them.
    """

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            g.group_access = read_group_access(viewer(), cast("UUID", kwargs["group_id"]))
            g.group_access.require(permission)
            return view(*args, **kwargs)

        guarded.group_permission = permission  # type: ignore[attr-defined] # a mark that the tests read
        return guarded

    return guard


def group_access() -> GroupAccess:
    """Return the group of this request and what the person is to it."""
    return cast("GroupAccess", g.group_access)
