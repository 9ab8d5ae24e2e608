"""Finds out what the person who looks is to a group of the course: their role in it, or the course's staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.belonging import belongs_in_groups
from lti_tool.domain.errors import NotFound
from lti_tool.domain.group_rights import GroupActor, GroupPermission, GroupRole, may, require_in_group
from lti_tool.domain.groups import Origin
from lti_tool.domain.permissions import Permission, allowed
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, RosterMember, db
from lti_tool.services.access import Viewer


@dataclass(frozen=True)
class GroupAccess:
    """A group, the sets that hold it (in their order), and what the person who looks is to it."""

    row: Group
    sets: Sequence[GroupSet]
    actor: GroupActor

    def may(self, permission: str) -> bool:
        """Say whether the person may do this in the group; templates ask it too."""
        return may(self.actor, GroupPermission(permission))

    def require(self, permission: GroupPermission) -> None:
        """Raise as `domain.group_rights.require_in_group` does."""
        require_in_group(self.actor, permission)


def read_group_access(viewer: Viewer, group_id: UUID) -> GroupAccess:
    """Return the viewer's part in a group of their course, in two queries; raise NotFound.

    The roster's own groups are nobody's team and have no page.
    """
    of_person = (GroupMembership.group_id == Group.id) & (GroupMembership.member_id == viewer.actor.member_id)
    found = db.session.execute(
        select(Group, GroupMembership.role, RosterMember.enrollment_type, RosterMember.status)
        .outerjoin(GroupMembership, of_person)
        .outerjoin(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(Group.id == group_id, Group.course_id == viewer.course.id, Group.origin != Origin.SYSTEM)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("group_not_found")
    row, role, kind, status = found
    sets = db.session.scalars(
        select(GroupSet)
        .join(GroupSetEntry, GroupSetEntry.group_set_id == GroupSet.id)
        .where(GroupSetEntry.group_id == group_id)
        .order_by(GroupSet.position, GroupSet.id)
    ).all()
    actor = GroupActor(
        role=GroupRole(role) if role else None,
        active=role is not None and belongs_in_groups(kind, status),
        is_staff=allowed(viewer.actor, Permission.EDIT_GROUPS),
        watches=allowed(viewer.actor, Permission.VIEW_GROUP_SETS),
        ours=row.origin == Origin.LOCAL,
    )
    return GroupAccess(row, sets, actor)
