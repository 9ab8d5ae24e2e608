"""Assignments as pages show them: their groups, who is left out, and a student's own group for each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from lti_tool.domain.clock import now
from lti_tool.domain.formation import validity
from lti_tool.domain.groups import Connection
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.selection import Coverage, Preview, SelectableGroup, Selection, coverage, preview, resolve
from lti_tool.domain.system_sets import individual_group_id
from lti_tool.models import (
    Assignment,
    AssignmentExclusion,
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    RosterMember,
    db,
)
from lti_tool.services.assignments import get_assignment, read_exclusions
from lti_tool.services.group_sets import get_set
from lti_tool.services.groupings import OwnSeats, own_seats, read_states, rules_of
from lti_tool.services.memberships import read_members


@dataclass(frozen=True)
class AssignmentSummary:
    """An assignment in a list: how many groups and people it has, and how its groups cover the students."""

    row: Assignment
    group_set: GroupSet
    groups: int
    people: int
    coverage: Coverage


@dataclass(frozen=True)
class InSeveral:
    """A person in more than one selected group, with the names of these groups."""

    member: RosterMember
    groups: Sequence[str]


@dataclass(frozen=True)
class AssignmentPage:
    """One assignment with its selected groups, the groups of its set left out by hand, and who is not covered once."""

    row: Assignment
    group_set: GroupSet
    total: int
    groups: Sequence[SelectableGroup]
    excluded: Sequence[SelectableGroup]
    in_none: Sequence[RosterMember]
    in_several: Sequence[InSeveral]

    @property
    def people(self) -> int:
        """Return how many different people are in the selected groups."""
        return _count_people(self.groups)

    @property
    def follows_roster(self) -> bool:
        """Say whether the groups are those of the roster, which only staff see."""
        return self.group_set.connection == Connection.SYSTEM


@dataclass(frozen=True)
class SelectionPage:
    """A selection that is being chosen: the set, its groups, and what the selection would come to."""

    group_set: GroupSet
    groups: Sequence[SelectableGroup]
    preview: Preview

    @property
    def people(self) -> int:
        """Return how many different people are in the selected groups."""
        chosen = frozenset(self.preview.group_ids)
        return _count_people([group for group in self.groups if group.id in chosen])


@dataclass(frozen=True)
class OwnAssignment:
    """An assignment as a student sees it: one's own groups (one, as a rule) with the people in them.

    `invitations`: how many wait for an answer. `alone`: work alone, which a group that nobody joined yet is not.
    `has_place`: has formed or joined a group for it, where students do; `missing`: how many more people make it valid.
    """

    row: Assignment
    groups: Sequence[tuple[str, Sequence[RosterMember]]]
    invitations: int = 0
    alone: bool = False
    has_place: bool = False
    missing: int = 0

    @property
    def until(self) -> datetime | None:
        """Return the last moment to answer the invitations, or to begin where there are none."""
        rules = rules_of(self.row)
        return rules.last_answer_at if self.invitations else rules.last_start_at

    @property
    def needs_action(self) -> bool:
        """Say whether the student has something to answer or to begin, and still may."""
        still = self.until is None or now() <= self.until
        return self.row.formed_by == "students" and still and bool(self.invitations or not self.has_place)


def list_assignments(course_id: UUID) -> list[AssignmentSummary]:
    """Return the assignments of a course by name, in a fixed number of queries."""
    rows = db.session.execute(
        select(Assignment, GroupSet)
        .join(GroupSet, GroupSet.id == Assignment.group_set_id)
        .where(Assignment.course_id == course_id)
        .order_by(Assignment.name, Assignment.id)
    ).all()
    used = select(Assignment.group_set_id).where(Assignment.course_id == course_id)
    groups, excluded = _groups_by_set(used), _exclusions(course_id)
    students = db.session.scalars(_active(course_id).with_only_columns(RosterMember.id).where(_IS_STUDENT)).all()
    found = []
    for row, group_set in rows:
        selection = Selection(row.pattern, excluded.get(row.id, frozenset()))
        chosen = resolve(selection, groups.get(row.group_set_id, ()))
        found.append(AssignmentSummary(row, group_set, len(chosen), _count_people(chosen), coverage(chosen, students)))
    return found


def read_assignment(course_id: UUID, assignment_id: UUID) -> AssignmentPage:
    """Return an assignment with its groups and its coverage by name; raise NotFound."""
    row = get_assignment(course_id, assignment_id)
    groups = _groups_of(row.group_set_id)
    selection = Selection(row.pattern, read_exclusions(assignment_id))
    chosen = resolve(selection, groups)
    people = {member.id: member for member in db.session.scalars(_active(course_id).order_by(*_BY_NAME))}
    found = coverage(chosen, [m.id for m in people.values() if m.enrollment_type == EnrollmentType.STUDENT])
    held: dict[UUID, list[str]] = {}
    for group in chosen:
        for member_id in group.member_ids:
            held.setdefault(member_id, []).append(group.name)
    return AssignmentPage(
        row=row,
        group_set=get_set(course_id, row.group_set_id),
        total=len(groups),
        groups=chosen,
        excluded=[group for group in groups if group.id in selection.excluded],
        in_none=[people[member_id] for member_id in found.in_none],
        in_several=[InSeveral(people[i], held[i]) for i in found.in_several if i in people],
    )


def preview_selection(course_id: UUID, set_id: UUID, selection: Selection) -> SelectionPage:
    """Return what a selection would come to, nothing stored; raise NotFound for the set."""
    group_set = get_set(course_id, set_id)
    groups = _groups_of(set_id)
    return SelectionPage(group_set, groups, preview(selection, groups))


def list_own_assignments(course_id: UUID, member_id: UUID) -> list[OwnAssignment]:
    """Return every assignment of the course with the selected groups that a person is in."""
    rows = db.session.scalars(
        select(Assignment).where(Assignment.course_id == course_id).order_by(Assignment.name, Assignment.id)
    ).all()
    if not rows:
        return []
    mine = db.session.execute(
        select(GroupSetEntry.group_set_id, Group.id, Group.name)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .where(GroupMembership.member_id == member_id, Group.course_id == course_id)
        .order_by(GroupSetEntry.position)
    ).all()
    by_set: dict[UUID, list[SelectableGroup]] = {}
    for set_id, group_id, name in mine:
        by_set.setdefault(set_id, []).append(SelectableGroup(group_id, name))
    members = read_members([group_id for _, group_id, _ in mine])
    excluded = _exclusions(course_id)
    seats = own_seats(member_id)
    states = read_states([grouping_id for one in seats.values() for grouping_id in one.grouping_ids])
    found = []
    for row in rows:
        if row.formed_by == "students":
            part = seats.get(row.id, OwnSeats())
            own = [(name, members.get(group_id, ())) for _, group_id, name in mine if group_id in part.group_ids]
            groups = list({name: (name, people) for name, people in own}.values())
            alone = individual_group_id(member_id) in part.group_ids
            found_valid = [validity(rules_of(row), states[grouping_id]) for grouping_id in part.grouping_ids]
            missing = max((one.missing for one in found_valid if not one.valid), default=0)
            found.append(OwnAssignment(row, groups, part.invitations, alone, bool(part.group_ids), missing))
            continue
        selection = Selection(row.pattern, excluded.get(row.id, frozenset()))
        chosen = resolve(selection, by_set.get(row.group_set_id, ()))
        groups = [(group.name, members.get(group.id, ())) for group in chosen]
        found.append(OwnAssignment(row, groups, alone=all(len(people) == 1 for _, people in groups)))
    return found


_IS_STUDENT = RosterMember.enrollment_type == EnrollmentType.STUDENT
_BY_NAME = (RosterMember.name, RosterMember.id)


def _active(course_id: UUID) -> Select[Any]:
    return select(RosterMember).where(RosterMember.course_id == course_id, RosterMember.status == MemberStatus.ACTIVE)


def _count_people(groups: Sequence[SelectableGroup]) -> int:
    return len({member_id for group in groups for member_id in group.member_ids})


def _exclusions(course_id: UUID) -> dict[UUID, frozenset[UUID]]:
    rows = db.session.execute(
        select(AssignmentExclusion.assignment_id, AssignmentExclusion.group_id)
        .join(Assignment, Assignment.id == AssignmentExclusion.assignment_id)
        .where(Assignment.course_id == course_id)
    )
    found: dict[UUID, set[UUID]] = {}
    for assignment_id, group_id in rows:
        found.setdefault(assignment_id, set()).add(group_id)
    return {assignment_id: frozenset(ids) for assignment_id, ids in found.items()}


def _groups_of(set_id: UUID) -> Sequence[SelectableGroup]:
    return _groups_by_set([set_id]).get(set_id, ())


def _groups_by_set(set_ids: Collection[UUID] | Select[Any]) -> dict[UUID, list[SelectableGroup]]:
    """Return the groups of sets in each set's order, with who is in them, in two queries."""
    of_sets = GroupSetEntry.group_set_id.in_(set_ids)
    memberships = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id)
        .where(GroupMembership.group_id.in_(select(GroupSetEntry.group_id).where(of_sets)))
        .order_by(GroupMembership.position)
    )
    members: dict[UUID, list[UUID]] = {}
    for group_id, member_id in memberships:
        members.setdefault(group_id, []).append(member_id)
    entries = db.session.execute(
        select(GroupSetEntry.group_set_id, Group.id, Group.name)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .where(of_sets)
        .order_by(GroupSetEntry.position)
    )
    found: dict[UUID, list[SelectableGroup]] = {}
    for set_id, group_id, name in entries:
        found.setdefault(set_id, []).append(SelectableGroup(group_id, name, tuple(members.get(group_id, ()))))
    return found
