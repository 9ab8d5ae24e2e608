"""Who may do what in a course: one table from permission to a predicate; within a group it is `group_rights`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from lti_tool.domain.errors import Forbidden
from lti_tool.domain.roles import EnrollmentType

STAFF_TYPES = frozenset({EnrollmentType.TEACHER, EnrollmentType.TA, EnrollmentType.DESIGNER})


class Permission(StrEnum):
    """One thing that a page or an action needs."""

    VIEW_COURSE = "view_course"
    VIEW_ROSTER = "view_roster"
    VIEW_GROUP_SETS = "view_group_sets"
    VIEW_ASSIGNMENTS = "view_assignments"
    VIEW_RUNS = "view_runs"
    VIEW_CONNECTION = "view_connection"
    LEND_ACCESS = "lend_access"
    VIEW_CHANGES = "view_changes"
    EDIT_GROUPS = "edit_groups"
    EDIT_ASSIGNMENTS = "edit_assignments"
    EDIT_ROSTER = "edit_roster"
    PLACE_LINKS = "place_links"
    SYNC = "sync"
    PUBLISH = "publish"
    FORM_GROUPS = "form_groups"
    VIEW_NOTICES = "view_notices"
    VIEW_HISTORY = "view_history"
    VIEW_OWN_HISTORY = "view_own_history"


@dataclass(frozen=True)
class Actor:
    """A person in one course, as far as rights need it.

    `manages_groups` None: the LMS did not say; with `right_unasked` it can be asked and was not yet.
    """

    enrollment_type: EnrollmentType | None
    manages_groups: bool | None = None
    member_id: UUID | None = None
    right_unasked: bool = False

    @property
    def is_staff(self) -> bool:
        """Say whether the person runs the course with others."""
        return self.enrollment_type in STAFF_TYPES


def _manages_groups(actor: Actor) -> bool:
    """Ask the LMS's word first; where it gave none, teachers may and others may not (ruling C33)."""
    if not actor.is_staff:
        return False
    if actor.manages_groups is not None:
        return actor.manages_groups
    return actor.enrollment_type is EnrollmentType.TEACHER and not actor.right_unasked


def _may_sync(actor: Actor) -> bool:
    """A sync changes nothing in the LMS, and asks it for the rights: whose right is not asked yet may start one."""
    return _manages_groups(replace(actor, right_unasked=False))


def _watches(actor: Actor) -> bool:
    return actor.is_staff or actor.enrollment_type is EnrollmentType.OBSERVER


RULES: Mapping[Permission, Callable[[Actor], bool]] = {
    Permission.VIEW_COURSE: lambda actor: actor.enrollment_type is not None,
    Permission.VIEW_ROSTER: lambda actor: actor.is_staff,
    Permission.VIEW_GROUP_SETS: _watches,
    Permission.VIEW_ASSIGNMENTS: _watches,
    Permission.VIEW_RUNS: lambda actor: actor.is_staff,
    # Who may look may also take their own access back.
    Permission.VIEW_CONNECTION: lambda actor: actor.is_staff,
    Permission.LEND_ACCESS: _may_sync,
    Permission.VIEW_CHANGES: lambda actor: actor.is_staff,
    Permission.EDIT_GROUPS: _manages_groups,
    Permission.EDIT_ROSTER: _manages_groups,
    Permission.EDIT_ASSIGNMENTS: _manages_groups,
    Permission.SYNC: _may_sync,
    # It changes nothing here, and the LMS asked for it: whose right is not asked yet may place a link.
    Permission.PLACE_LINKS: _may_sync,
    Permission.PUBLISH: _manages_groups,
    Permission.FORM_GROUPS: lambda actor: actor.enrollment_type is EnrollmentType.STUDENT,
    Permission.VIEW_NOTICES: lambda actor: actor.is_staff or actor.enrollment_type is EnrollmentType.STUDENT,
    Permission.VIEW_HISTORY: lambda actor: actor.is_staff,
    Permission.VIEW_OWN_HISTORY: lambda actor: actor.enrollment_type is EnrollmentType.STUDENT,
}


def allowed(actor: Actor, permission: Permission) -> bool:
    """Say whether the person may do this in their course."""
    return RULES[permission](actor)


def require(actor: Actor, permission: Permission) -> None:
    """Raise Forbidden unless the person may do this in their course."""
    if not allowed(actor, permission):
        raise Forbidden("forbidden", permission=permission)
