"""Takes people who leave a course out of their groups and groupings; what they had started goes on, or ends (C8)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.formation import COMMITTED, Seat, State, Status, successor, validity
from lti_tool.domain.group_rights import GroupRole
from lti_tool.models import Assignment, Grouping, GroupingMembership, GroupMembership, db
from lti_tool.services import heirs, history, notices
from lti_tool.services.grouping_news import told_about, told_if_lacking
from lti_tool.services.groupings import read_states, rules_of
from lti_tool.services.heirs import Heir
from lti_tool.services.people import names_of
from lti_tool.services.seats import end_groupings


@dataclass(frozen=True)
class Departed:
    """The groups that people left, and those of them that ended with it."""

    left: frozenset[UUID] = frozenset()
    gone: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class _Seats:
    """The groupings that people leave: each with its assignment and the seats that they had there."""

    rows: Mapping[UUID, tuple[Grouping, Assignment]]
    lost: Mapping[UUID, Sequence[Seat]]


def depart(course_id: UUID, who: ColumnElement[bool]) -> Departed:
    """Take people out of everything, inside the caller's transaction; `who`: the condition on a GroupMembership.

    Their memberships end and their seats with them: who comes back is free, in groups and in groupings alike. A group
    whose creator they were, and a grouping that they had started, go to the first admin, else to the first who is in
    it for good. A grouping of students in which nobody is left for good ends, because nobody could break it up; one
    that staff formed stays empty, as when staff take the last one out (FORM-48). No name follows (seed 003: what the
    roster takes out renames nothing). The number of queries does not depend on how many people leave.
    """
    rows = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id, GroupMembership.role).where(who)
    )
    memberships = [(group_id, member_id, role) for group_id, member_id, role in rows]
    if not memberships:
        return Departed()
    people = {member_id for _, member_id, _ in memberships}
    seats = _seats_of(people)
    db.session.execute(delete(GroupMembership).where(who).execution_options(synchronize_session=False))
    names = names_of(people)
    gone = _leave_groupings(course_id, seats, names) if seats.rows else []
    creators = {group_id: names[who_] for group_id, who_, role in memberships if role == GroupRole.CREATOR}
    heirs.name_creators(course_id, None, creators)
    return Departed(frozenset(group_id for group_id, _, _ in memberships) - frozenset(gone), frozenset(gone))


def _seats_of(people: Collection[UUID]) -> _Seats:
    found = db.session.execute(
        select(Grouping, Assignment, GroupingMembership.member_id, GroupingMembership.status)
        .join(GroupingMembership, GroupingMembership.grouping_id == Grouping.id)
        .join(Assignment, Assignment.id == Grouping.assignment_id)
        .where(
            GroupingMembership.member_id.in_(people), GroupingMembership.ended_at.is_(None), Grouping.ended_at.is_(None)
        )
        .order_by(GroupingMembership.created_at, GroupingMembership.id)
    )
    rows: dict[UUID, tuple[Grouping, Assignment]] = {}
    lost: dict[UUID, list[Seat]] = {}
    for row, assignment, member_id, status in found:
        rows[row.id] = row, assignment
        lost.setdefault(row.id, []).append(Seat(member_id, Status(status)))
    return _Seats(rows, lost)


def _leave_groupings(course_id: UUID, seats: _Seats, names: Mapping[UUID, str]) -> list[UUID]:
    """End the seats, name the heirs, end what nobody is left in, and tell those who stay; return the groups gone."""
    of_people = (GroupingMembership.member_id.in_(names), GroupingMembership.ended_at.is_(None))
    ended = update(GroupingMembership).where(*of_people).values(ended_at=now())
    db.session.execute(ended.execution_options(synchronize_session=False))
    states = read_states(seats.rows)
    _note_departures(course_id, seats, names)
    over = {key: None for key, (row, assignment) in seats.rows.items() if _is_over(row, assignment, states[key])}
    going_on = [key for key in seats.rows if key not in over]
    _tell_who_stay(course_id, seats, going_on, states, names)
    _name_inviters(course_id, seats, going_on, states, names)
    return _end(course_id, seats, list(over), states)


def _is_over(row: Grouping, assignment: Assignment, state: State) -> bool:
    return row.alone or (assignment.formed_by == "students" and not state.committed)


def _note_departures(course_id: UUID, seats: _Seats, names: Mapping[UUID, str]) -> None:
    for key, lost in seats.lost.items():
        row, _ = seats.rows[key]
        for one in lost:
            if one.status is not Status.REJECTED:
                action = "left_course" if one.status in COMMITTED else "invitation_lapsed"
                about = {"group_id": row.group_id, "member_id": one.member_id}
                history.note(course_id, None, action, names[one.member_id], key, **about)


def _tell_who_stay(
    course_id: UUID, seats: _Seats, keys: Sequence[UUID], states: Mapping[UUID, State], names: Mapping[UUID, str]
) -> None:
    told, invalid = [], []
    for key in keys:
        (row, assignment), after = seats.rows[key], states[key]
        before = State((*seats.lost[key], *after.seats), after.approved, after.alone)
        lacking = told_if_lacking(assignment, row, after)
        if lacking and validity(rules_of(assignment), before).valid:
            invalid.append(lacking)
        for one in seats.lost[key]:
            if one.status in COMMITTED:
                told.append(told_about(assignment, row, after.committed, person=names[one.member_id]))
    notices.tell_each(course_id, told, "left_course")
    notices.tell_each(course_id, invalid, "invalid")


def _name_inviters(
    course_id: UUID, seats: _Seats, keys: Sequence[UUID], states: Mapping[UUID, State], names: Mapping[UUID, str]
) -> None:
    left = {key: one.member_id for key in keys for one in seats.lost[key] if one.status is Status.INVITER}
    roles = read_roles([seats.rows[key][0].group_id for key in left])
    named = []
    for key, inviter in left.items():
        row, assignment = seats.rows[key]
        before = State((Seat(inviter, Status.INVITER), *states[key].seats))
        heir = successor(before, inviter, roles.get(row.group_id, {}))
        if heir is not None:
            named.append(Heir(assignment, row, heir, names[inviter]))
    heirs.hand_on(course_id, None, named)


def _end(course_id: UUID, seats: _Seats, keys: Sequence[UUID], states: Mapping[UUID, State]) -> list[UUID]:
    """End groupings in which nobody is left for good; who was invited is free of the invitation."""
    if not keys:
        return []
    told = []
    for key in keys:
        (row, assignment), state = seats.rows[key], states[key]
        invited = [one.member_id for one in state.seats if one.status is Status.PENDING]
        told.append(told_about(assignment, row, invited))
        if not row.alone:
            history.note(course_id, None, "nobody_left", row.group_name, key, group_id=row.group_id)
    notices.tell_each(course_id, told, "nobody_left")
    return end_groupings(course_id, None, [seats.rows[key][0] for key in keys])


def read_roles(group_ids: Collection[UUID | None]) -> dict[UUID | None, dict[UUID, str]]:
    """Return each member's role in each of these groups, in one query."""
    if not group_ids:
        return {}
    rows = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id, GroupMembership.role).where(
            GroupMembership.group_id.in_(group_ids)
        )
    )
    found: dict[UUID | None, dict[UUID, str]] = {}
    for group_id, member_id, role in rows:
        found.setdefault(group_id, {})[member_id] = role
    return found
