"""Hands groups on whose inviter or creator is gone: somebody is always there to invite, to answer and to break up."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, tuple_, update

from lti_tool.domain.clock import now
from lti_tool.domain.formation import Status
from lti_tool.domain.group_rights import GroupRole, before_others
from lti_tool.domain.groups import Origin
from lti_tool.domain.roles import EnrollmentType
from lti_tool.models import Assignment, Group, Grouping, GroupingMembership, GroupMembership, RosterMember, db
from lti_tool.services import history, notices
from lti_tool.services.grouping_news import told_about
from lti_tool.services.memberships import make_creators, raise_inviters
from lti_tool.services.notices import Told
from lti_tool.services.people import names_of


@dataclass(frozen=True)
class Heir:
    """Who becomes the inviter of a grouping, and the name of the one until now."""

    assignment: Assignment
    row: Grouping
    member_id: UUID
    follows: str


def hand_on(course_id: UUID, actor_id: UUID | None, heirs: Sequence[Heir]) -> None:
    """Make each heir the inviter of the grouping, with the role for that in its group, written down and told (C8).

    Where a group on several assignments gets several heirs, the oldest one's comes first. `actor_id` as in
    `history.note`. In the caller's transaction, in the order of who `domain.formation.successor` says.
    """
    if not heirs:
        return
    seats = [(one.row.id, one.member_id) for one in heirs]
    of_seat = tuple_(GroupingMembership.grouping_id, GroupingMembership.member_id)
    inviters = update(GroupingMembership).where(of_seat.in_(seats)).values(status=Status.INVITER, changed_at=now())
    db.session.execute(inviters.execution_options(synchronize_session=False))
    by_age = sorted(heirs, key=lambda one: (one.row.created_at, one.row.id))
    raise_inviters([(one.row.group_id, one.member_id) for one in by_age if one.row.group_id and not one.row.alone])
    names = names_of([one.member_id for one in heirs])
    for one in heirs:
        about = {"group_id": one.row.group_id, "member_id": one.member_id}
        history.note(course_id, actor_id, "became_inviter", names[one.member_id], one.row.id, **about)
    told = [told_about(one.assignment, one.row, [one.member_id], person=one.follows) for one in heirs]
    notices.tell_each(course_id, told, "became_inviter")


def name_creators(course_id: UUID, actor_id: UUID | None, follows: Mapping[UUID, str]) -> None:
    """Give a new creator to those groups (`follows`: by group, whose place it is) that have none now (ruling C8).

    It is a student: who invites for the group's oldest assignment comes first, then an admin, then who is first in it.
    It is written down, and told to who does not invite already; `actor_id` as in `history.note`.
    """
    if not follows:
        return
    groups: dict[UUID, Group] = {}
    members: dict[UUID, dict[UUID, tuple[str, str]]] = {}
    rows = db.session.execute(
        select(Group, GroupMembership.member_id, GroupMembership.role, RosterMember.name)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(Group.id.in_(follows), Group.origin == Origin.LOCAL)
        .where(RosterMember.enrollment_type == EnrollmentType.STUDENT)
        .order_by(GroupMembership.position, RosterMember.name)
    )
    for group, member_id, role, name in rows:
        groups[group.id] = group
        members.setdefault(group.id, {})[member_id] = role, name
    without = [key for key, people in members.items() if all(role != GroupRole.CREATOR for role, _ in people.values())]
    inviters = _inviters_of(without)
    told, named = [], {}
    for key in without:
        people = members[key]
        inviting = [one for one in inviters.get(key, ()) if one in people]
        heir = inviting[0] if inviting else min(people, key=lambda one: before_others(people[one][0]))
        named[key] = heir
        history.note(course_id, actor_id, "became_creator", people[heir][1], key, group_id=key, member_id=heir)
        if not inviting:
            told.append(Told([heir], key, None, {"group": groups[key].name, "person": follows[key]}))
    make_creators(named)
    notices.tell_each(course_id, told, "became_inviter")


def _inviters_of(group_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return who invites for each group, the oldest assignment's first."""
    if not group_ids:
        return {}
    rows = db.session.execute(
        select(Grouping.group_id, GroupingMembership.member_id)
        .join(GroupingMembership, GroupingMembership.grouping_id == Grouping.id)
        .where(Grouping.group_id.in_(group_ids), Grouping.ended_at.is_(None), Grouping.alone.is_(False))
        .where(GroupingMembership.status == Status.INVITER, GroupingMembership.ended_at.is_(None))
        .order_by(Grouping.created_at, Grouping.id)
    )
    found: dict[UUID, list[UUID]] = {}
    for group_id, member_id in rows:
        if group_id is not None:
            found.setdefault(group_id, []).append(member_id)
    return found


def leave(course_id: UUID, actor_id: UUID | None, *which: ColumnElement[bool]) -> None:
    """End the memberships of groups that the conditions mean; a creator's place goes on (ruling C8)."""
    with passing_on(course_id, actor_id, *which):
        db.session.execute(delete(GroupMembership).where(*which).execution_options(synchronize_session=False))


@contextmanager
def passing_on(course_id: UUID, actor_id: UUID | None, *which: ColumnElement[bool]) -> Iterator[None]:
    """Name new creators after the block for those groups that lost theirs in it, of the memberships meant."""
    rows = db.session.execute(
        select(GroupMembership.group_id, RosterMember.name)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(GroupMembership.role == GroupRole.CREATOR, *which)
    )
    creators = {group_id: name for group_id, name in rows}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
    yield
    name_creators(course_id, actor_id, creators)
