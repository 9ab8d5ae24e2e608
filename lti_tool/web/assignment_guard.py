"""Holds a grouping of an address to the assignment of the same address."""

from flask import request

from lti_tool.services.groupings import require_grouping_of
from lti_tool.web.access import viewer


def require_own_grouping() -> None:
    """Raise NotFound for a grouping that is none of the assignment in the URL; a blueprint's `before_request`.

    The person was admitted before (web.access), so that nobody learns here what they may not see.
    """
    values = request.view_args or {}
    if "grouping_id" in values:
        require_grouping_of(viewer().course.id, values["assignment_id"], values["grouping_id"])
