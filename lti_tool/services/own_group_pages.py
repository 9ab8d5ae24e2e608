"""A group's own page, and the groups that a student may join, as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, or_, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.group_rights import GroupPermission, GroupRole
from lti_tool.domain.groups import Connection, Origin
from lti_tool.domain.signup import Signup, require_room, tightest
from lti_tool.models import (
    Group,
    Grouping,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    JoinRequest,
    RosterMember,
    db,
)
from lti_tool.services.group_access import GroupAccess
from lti_tool.services.held_groups import signup_of


@dataclass(frozen=True)
class MemberView:
    """A member of a group with their role in it."""

    row: RosterMember
    role: GroupRole


@dataclass(frozen=True)
class RequestView:
    """Somebody who asks to be let into a group."""

    id: UUID
    name: str
    at: datetime


@dataclass(frozen=True)
class GroupView:
    """A group's own page."""

    access: GroupAccess
    members: Sequence[MemberView]
    requests: Sequence[RequestView]

    @property
    def row(self) -> Group:
        """Return the group."""
        return self.access.row

    def may(self, permission: str) -> bool:
        """Say whether the viewer may do this in the group."""
        return self.access.may(permission)


@dataclass(frozen=True)
class JoinableGroup:
    """A group in the list of those that are open: how many are in it, how many may be, and whether one asked."""

    row: Group
    members: int
    limit: int | None
    asked: bool


@dataclass(frozen=True)
class OpenSet:
    """A set that is open to a student who is in no group of it."""

    row: GroupSet
    may_create: bool
    groups: Sequence[JoinableGroup]


def read_group_view(access: GroupAccess) -> GroupView:
    """Return a group's page, in two queries; requests only for who answers them."""
    group_id = access.row.id
    rows = db.session.execute(
        select(RosterMember, GroupMembership.role)
        .join(GroupMembership, GroupMembership.member_id == RosterMember.id)
        .where(GroupMembership.group_id == group_id)
        .order_by(func.lower(RosterMember.name), RosterMember.id)
    )
    ranks = list(GroupRole)
    members = sorted((MemberView(row, GroupRole(role)) for row, role in rows), key=lambda m: ranks.index(m.role))
    answers = access.may(GroupPermission.ANSWER_REQUESTS)
    return GroupView(access, members, _requests(group_id) if answers else ())


def _requests(group_id: UUID) -> list[RequestView]:
    rows = db.session.execute(
        select(JoinRequest.id, RosterMember.name, JoinRequest.created_at)
        .join(RosterMember, RosterMember.id == JoinRequest.member_id)
        .where(JoinRequest.group_id == group_id, JoinRequest.state == "waiting")
        .order_by(JoinRequest.created_at, JoinRequest.id)
    )
    return [RequestView(*row) for row in rows]


def list_open_sets(course_id: UUID, member_id: UUID) -> list[OpenSet]:
    """Return the sets in which a student may join or make a group now, with the listed groups that have room.

    Left out are sets in which one has a group, and groups that form by invitation for an assignment.
    """
    at = now()
    own = (
        select(GroupSetEntry.group_set_id)
        .join(GroupMembership, GroupMembership.group_id == GroupSetEntry.group_id)
        .where(GroupMembership.member_id == member_id)
    )
    sets = db.session.scalars(
        select(GroupSet)
        .where(
            GroupSet.course_id == course_id,
            or_(GroupSet.connection.is_(None), GroupSet.connection == Connection.IMPORT),
            GroupSet.signup != Signup.CLOSED,
            GroupSet.id.not_in(own),
        )
        .order_by(GroupSet.position)
    ).all()
    rules = {row.id: signup_of(row) for row in sets}
    listed = _listed([row.id for row in sets], member_id) if sets else []
    return [
        OpenSet(
            row,
            rules[row.id].may_create(at),
            [
                JoinableGroup(group, count, tightest(group.max_members, row.group_limit), asked)
                for set_id, group, count, asked in listed
                if set_id == row.id and _has_room(count, group.max_members, row.group_limit)
            ],
        )
        for row in sets
        if rules[row.id].is_open(at)
    ]


def _listed(set_ids: Sequence[UUID], member_id: UUID) -> list[tuple[UUID, Group, int, bool]]:
    count = (
        select(func.count())
        .select_from(GroupMembership)
        .where(GroupMembership.group_id == Group.id)
        .correlate(Group)
        .scalar_subquery()
    )
    asked = exists().where(
        JoinRequest.group_id == Group.id, JoinRequest.member_id == member_id, JoinRequest.state == "waiting"
    )
    forms = exists().where(Grouping.group_id == Group.id, Grouping.ended_at.is_(None))
    rows = db.session.execute(
        select(GroupSetEntry.group_set_id, Group, count, asked)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .where(
            GroupSetEntry.group_set_id.in_(set_ids),
            Group.origin == Origin.LOCAL,
            Group.privacy == "listed",
            ~forms,
        )
        .order_by(GroupSetEntry.position)
    )
    return [(set_id, group, people, bool(waits)) for set_id, group, people, waits in rows]


def _has_room(members: int, *limits: int | None) -> bool:
    try:
        require_room(members, *limits)
    except RuleViolation:
        return False
    return True
