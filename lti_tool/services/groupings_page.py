"""The staff's page of an assignment's groupings: each with its validity and its people, and who is in none."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, or_, select

from lti_tool.domain.belonging import belongs_in_groups
from lti_tool.domain.formation import COMMITTED, Rules, Seat, State, Status, Validity, is_over_full, validity
from lti_tool.domain.groups import set_is_editable
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import Assignment, Group, Grouping, GroupingMembership, HistoryEntry, RosterMember, db
from lti_tool.services.assignments import get_assignment
from lti_tool.services.group_sets import active_students, connection_of, get_set
from lti_tool.services.groupings import rules_of
from lti_tool.services.people import BELONGS


@dataclass(frozen=True)
class StaffSeat:
    """A person in a grouping, in whatever status; who is not active any more stands there too.

    `left`: they were in it until they left the course, which freed their seat (FORM-6).
    """

    member: RosterMember
    status: Status
    left: bool = False

    @property
    def active(self) -> bool:
        """Say whether the person counts."""
        return belongs_in_groups(self.member.enrollment_type, self.member.status)


@dataclass(frozen=True)
class StaffGrouping:
    """A grouping as staff see it."""

    row: Grouping
    name: str
    seats: Sequence[StaffSeat]
    validity: Validity
    over_full: bool


@dataclass(frozen=True)
class GroupingsPage:
    """All groupings of an assignment, the active students in none, and the inactive ones when they are asked for."""

    row: Assignment
    rules: Rules
    groupings: Sequence[StaffGrouping]
    ungrouped: Sequence[RosterMember]
    fillable: bool  # whether the tool may put groups into the assignment's set
    inactive: Sequence[RosterMember] = ()

    @property
    def valid(self) -> int:
        """Return how many groupings are valid."""
        return sum(one.validity.valid for one in self.groupings)


def read_groupings(course_id: UUID, assignment_id: UUID, *, inactive: bool = False) -> GroupingsPage:
    """Return the groupings of an assignment, the invalid first, in a fixed number of queries; raise NotFound."""
    row = get_assignment(course_id, assignment_id)
    rules = rules_of(row)
    found = [_view(rules, grouping, name, seats) for grouping, name, seats in _stored(assignment_id, inactive=inactive)]
    grouped = {seat.member.id for one in found for seat in one.seats if seat.status in COMMITTED}
    return GroupingsPage(
        row=row,
        rules=rules,
        groupings=sorted(found, key=lambda one: one.validity.valid),
        fillable=set_is_editable(connection_of(get_set(course_id, row.group_set_id))),
        ungrouped=[member for member in active_students(course_id) if member.id not in grouped],
        inactive=_inactive(course_id) if inactive else (),
    )


def _stored(assignment_id: UUID, *, inactive: bool) -> list[tuple[Grouping, str, list[StaffSeat]]]:
    rows = db.session.execute(
        select(Grouping, Group.name)
        .outerjoin(Group, Group.id == Grouping.group_id)
        .where(Grouping.assignment_id == assignment_id, Grouping.ended_at.is_(None))
        .order_by(Grouping.created_at, Grouping.id)
    ).all()
    seats: dict[UUID, list[StaffSeat]] = {}
    people = db.session.execute(
        select(GroupingMembership.grouping_id, RosterMember, GroupingMembership.status, GroupingMembership.ended_at)
        .join(RosterMember, RosterMember.id == GroupingMembership.member_id)
        .where(GroupingMembership.assignment_id == assignment_id)
        .where(or_(GroupingMembership.ended_at.is_(None), _left_course() if inactive else false()))
        .order_by(GroupingMembership.created_at, GroupingMembership.id)
    )
    for grouping_id, member, status, ended_at in people:
        seats.setdefault(grouping_id, []).append(StaffSeat(member, Status(status), ended_at is not None))
    return [(grouping, name or grouping.group_name, seats.get(grouping.id, [])) for grouping, name in rows]


def _left_course() -> ColumnElement[bool]:
    """Return the condition on a seat that its person lost by leaving the course, which the history knows."""
    lost = (HistoryEntry.subject_id == GroupingMembership.grouping_id, HistoryEntry.action == "left_course")
    of_person = HistoryEntry.member_id == GroupingMembership.member_id
    return and_(~BELONGS, exists().where(*lost, of_person))


def _view(rules: Rules, row: Grouping, name: str, seats: Sequence[StaffSeat]) -> StaffGrouping:
    counted = tuple(Seat(seat.member.id, seat.status) for seat in seats if seat.active)
    state = State(counted, row.approved, row.alone)
    return StaffGrouping(row, name, seats, validity(rules, state), is_over_full(rules, state))


def _inactive(course_id: UUID) -> Sequence[RosterMember]:
    return db.session.scalars(
        select(RosterMember)
        .where(
            RosterMember.course_id == course_id,
            RosterMember.enrollment_type == EnrollmentType.STUDENT,
            RosterMember.status != MemberStatus.ACTIVE,
        )
        .order_by(RosterMember.name)
    ).all()
