"""Who may administer which platform: one table from permission to a predicate, beside that of the courses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from lti_tool.domain.errors import Forbidden, NotFound


class AdminPermission(StrEnum):
    """One thing that an admin page or an action on it needs."""

    VIEW_ADMINISTRATION = "view_administration"
    MANAGE_REGISTRATION = "manage_registration"  # the one that the URL names
    MANAGE_ALL = "manage_all"  # what belongs to no registration, or to none of theirs


@dataclass(frozen=True)
class Administrator:
    """An administrator of one platform, by its own word; a hostile platform may call anybody so.

    `manages_all`: the command line trusted that platform's administrators with every registration.
    """

    registration_id: UUID
    manages_all: bool = False


RULES: Mapping[AdminPermission, Callable[[Administrator, UUID | None], bool]] = {
    AdminPermission.VIEW_ADMINISTRATION: lambda who, about: True,
    AdminPermission.MANAGE_REGISTRATION: lambda who, about: who.manages_all or about == who.registration_id,
    AdminPermission.MANAGE_ALL: lambda who, about: who.manages_all,
}


def administers(who: Administrator | None, permission: AdminPermission, about: UUID | None = None) -> bool:
    """Say whether a person may do this; `about` is the registration that it is done to."""
    return who is not None and RULES[permission](who, about)


def require_administrator(who: Administrator | None, permission: AdminPermission, about: UUID | None = None) -> None:
    """Raise Forbidden unless the person may do this; another platform's registration is as one that is not there."""
    if who is None:
        raise Forbidden("forbidden_administration")
    if not administers(who, permission, about):
        if permission is AdminPermission.MANAGE_REGISTRATION:
            raise NotFound("registration_not_found")
        raise Forbidden("forbidden_all_registrations")
