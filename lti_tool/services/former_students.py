"""Closes what people leave open who are no active students any more, and hands on what they had started as such."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, tuple_, update

from lti_tool.domain.clock import now
from lti_tool.domain.formation import COMMITTED, Seat, State, Status, successor
from lti_tool.domain.group_rights import GroupRole
from lti_tool.domain.groups import Origin
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import (
    Assignment,
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    JoinRequest,
    RosterMember,
    db,
)
from lti_tool.services import heirs
from lti_tool.services.departures import read_roles
from lti_tool.services.groupings import read_states
from lti_tool.services.heirs import Heir
from lti_tool.services.seats import end_groupings

NO_STUDENT = RosterMember.enrollment_type != EnrollmentType.STUDENT
FORMER = or_(NO_STUDENT, RosterMember.status != MemberStatus.ACTIVE)


def settle_former_students(course_id: UUID) -> None:
    """Withdraw requests and hand groups on of who is no active student any more, inside the caller's transaction.

    Who changes from student to staff stays in their groups (seed 003), as one of the others: a student invites,
    answers and breaks up there, because nobody does so as a student who is none (ruling C8). One query finds whether
    there is anything to do.
    """
    if not db.session.scalar(select(exists().where(RosterMember.course_id == course_id, FORMER, _has_anything_open()))):
        return
    _close_requests(course_id)
    creators = _creators(course_id)
    if creators:
        _make_plain(creators)
    _hand_on_groupings(course_id)
    heirs.name_creators(course_id, None, {group_id: name for (group_id, _), name in creators.items()})


def _has_anything_open() -> ColumnElement[bool]:
    """Return the condition on a RosterMember that they ask to join a group, or one is theirs to lead."""
    asks = (JoinRequest.member_id == RosterMember.id, JoinRequest.state == "waiting")
    owns = (GroupMembership.member_id == RosterMember.id, GroupMembership.role == GroupRole.CREATOR)
    invites = (GroupingMembership.member_id == RosterMember.id, GroupingMembership.status == Status.INVITER)
    live = GroupingMembership.ended_at.is_(None)
    return or_(exists().where(*asks), exists().where(*owns), exists().where(*invites, live))


def _close_requests(course_id: UUID) -> None:
    gone = select(RosterMember.id).where(RosterMember.course_id == course_id, FORMER)
    waiting = (JoinRequest.state == "waiting", JoinRequest.member_id.in_(gone))
    closed = update(JoinRequest).where(*waiting).values(state="withdrawn", answered_at=now())
    db.session.execute(closed.execution_options(synchronize_session=False))


def _creators(course_id: UUID) -> dict[tuple[UUID, UUID], str]:
    """Return the (group, member) pairs of creators who are no students, with their names."""
    rows = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id, RosterMember.name)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(RosterMember.course_id == course_id, NO_STUDENT)
        .where(GroupMembership.role == GroupRole.CREATOR, Group.origin == Origin.LOCAL)
    )
    return {(group_id, member_id): name for group_id, member_id, name in rows}


def _make_plain(pairs: Collection[tuple[UUID, UUID]]) -> None:
    of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id).in_(list(pairs))
    plain = update(GroupMembership).where(of_pair).values(role=GroupRole.MEMBER)
    db.session.execute(plain.execution_options(synchronize_session=False))


def _hand_on_groupings(course_id: UUID) -> None:
    found = db.session.execute(
        select(Grouping, Assignment, GroupingMembership.id, RosterMember.id, RosterMember.name)
        .join(GroupingMembership, GroupingMembership.grouping_id == Grouping.id)
        .join(Assignment, Assignment.id == Grouping.assignment_id)
        .join(RosterMember, RosterMember.id == GroupingMembership.member_id)
        .where(RosterMember.course_id == course_id, NO_STUDENT, Grouping.ended_at.is_(None))
        .where(GroupingMembership.ended_at.is_(None), GroupingMembership.status == Status.INVITER)
    ).all()
    alone = [row for row, *_ in found if row.alone]
    if alone:  # a student's own group of the roster is gone too
        end_groupings(course_id, None, alone)
    found = [one for one in found if not one[0].alone]
    if not found:
        return
    states = read_states([row.id for row, *_ in found])
    students = _students_among([seat.member_id for state in states.values() for seat in state.seats])
    seats = [seat_id for _, _, seat_id, _, _ in found]
    plain = update(GroupingMembership).where(GroupingMembership.id.in_(seats)).values(status=Status.ACCEPTED)
    db.session.execute(plain.execution_options(synchronize_session=False))
    roles, named = read_roles([row.group_id for row, *_ in found]), []
    for row, assignment, _, member_id, name in found:
        left = [seat for seat in states[row.id].seats if seat.member_id in students and seat.status in COMMITTED]
        before = State((Seat(member_id, Status.INVITER), *left))
        heir = successor(before, member_id, roles.get(row.group_id, {}))
        if heir is not None:
            named.append(Heir(assignment, row, heir, name))
    heirs.hand_on(course_id, None, named)


def _students_among(member_ids: Collection[UUID]) -> set[UUID]:
    of_people = (RosterMember.id.in_(member_ids), RosterMember.enrollment_type == EnrollmentType.STUDENT)
    return set(db.session.scalars(select(RosterMember.id).where(*of_people)))
