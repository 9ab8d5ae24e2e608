"""Assignments as pages show them: their groups, who is left out, and a student's own group for each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound
from lti_tool.domain.formation import COMMITTED, Rules, State, validity
from lti_tool.domain.groups import Connection
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.selection import Coverage, Preview, SelectableGroup, Selection, coverage, preview, resolve
from lti_tool.models import (
    Assignment,
    AssignmentExclusion,
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    RosterMember,
    db,
)
from lti_tool.services.assignments import read_exclusions
from lti_tool.services.group_sets import get_set
from lti_tool.services.groupings import OwnSeats, own_seats, present_name, read_states, rules_of
from lti_tool.services.memberships import read_members
from lti_tool.services.people import BELONGS


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
    """One assignment with its groups, the groups of its set left out by hand, and who is not covered once.

    `formed`: the groups are those formed for it, not selected ones; `alone`: those of them in which one works alone.
    """

    row: Assignment
    group_set: GroupSet
    total: int
    groups: Sequence[SelectableGroup]
    excluded: Sequence[SelectableGroup]
    in_none: Sequence[RosterMember]
    in_several: Sequence[InSeveral]
    formed: bool = False
    alone: frozenset[UUID] = frozenset()

    @property
    def people(self) -> int:
        """Return how many different people are in the selected groups."""
        return _count_people(self.groups)

    @property
    def rules(self) -> Rules:
        """Return what the groups obey that students form for it."""
        return rules_of(self.row)

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
    of_course = Assignment.course_id == course_id
    rows = _with_sets(of_course)
    groups, excluded = _groups_by_set(select(Assignment.group_set_id).where(of_course)), _exclusions(course_id)
    formed, _ = _formed_groups(Grouping.assignment_id.in_(select(Assignment.id).where(of_course)))
    students = db.session.scalars(_people_of(course_id).with_only_columns(RosterMember.id).where(_IS_STUDENT)).all()
    found = []
    for row, group_set, is_formed in rows:
        selection = Selection(row.pattern, excluded.get(row.id, frozenset()))
        chosen = formed.get(row.id, []) if is_formed else resolve(selection, groups.get(row.group_set_id, ()))
        found.append(AssignmentSummary(row, group_set, len(chosen), _count_people(chosen), coverage(chosen, students)))
    return found


def read_assignment(course_id: UUID, assignment_id: UUID) -> AssignmentPage:
    """Return an assignment with its groups and its coverage by name; raise NotFound."""
    of_course = _with_sets(Assignment.course_id == course_id, Assignment.id == assignment_id)
    if not of_course:
        raise NotFound("assignment_not_found")
    ((row, group_set, is_formed),) = of_course
    alone: frozenset[UUID] = frozenset()
    if is_formed:
        formed, alone = _formed_groups(Grouping.assignment_id == assignment_id)
        groups, selection = formed.get(assignment_id, []), Selection()
    else:
        groups, selection = list(_groups_of(row.group_set_id)), Selection(row.pattern, read_exclusions(assignment_id))
    chosen = resolve(selection, groups)
    people = {member.id: member for member in db.session.scalars(_people_of(course_id).order_by(*_BY_NAME))}
    found = coverage(chosen, [m.id for m in people.values() if m.enrollment_type == EnrollmentType.STUDENT])
    held: dict[UUID, list[str]] = {}
    for group in chosen:
        for member_id in group.member_ids:
            held.setdefault(member_id, []).append(group.name)
    return AssignmentPage(
        row=row,
        group_set=group_set,
        total=len(groups),
        groups=chosen,
        excluded=[group for group in groups if group.id in selection.excluded],
        in_none=[people[member_id] for member_id in found.in_none],
        in_several=[InSeveral(people[i], held[i]) for i in found.in_several if i in people],
        formed=is_formed,
        alone=alone,
    )


def preview_selection(course_id: UUID, set_id: UUID, selection: Selection) -> SelectionPage:
    """Return what a selection would come to, nothing stored; raise NotFound for the set."""
    group_set = get_set(course_id, set_id)
    groups = _groups_of(set_id)
    return SelectionPage(group_set, groups, preview(selection, groups))


def list_own_assignments(course_id: UUID, member_id: UUID) -> list[OwnAssignment]:
    """Return every assignment of the course with the groups that a person is in for it: formed or selected ones."""
    rows = _with_sets(Assignment.course_id == course_id)
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
    states = read_states([grouping_id for one in seats.values() for grouping_id in one.groupings])
    people = _people({i for state in states.values() for i in state.committed})
    found = []
    for row, _, is_formed in rows:
        if is_formed:
            found.append(_own_formed(row, seats.get(row.id, OwnSeats()), states, people))
            continue
        selection = Selection(row.pattern, excluded.get(row.id, frozenset()))
        chosen = resolve(selection, by_set.get(row.group_set_id, ()))
        groups = [(group.name, members.get(group.id, ())) for group in chosen]
        found.append(OwnAssignment(row, groups, alone=all(len(some) == 1 for _, some in groups)))
    return found


def _own_formed(
    row: Assignment, part: OwnSeats, states: Mapping[UUID, State], people: Mapping[UUID, RosterMember]
) -> OwnAssignment:
    """Return an assignment whose groups are formed for it: with the people of one's grouping, whoever is in the group.

    Another assignment may use the same group with others (FORM-7; ruling C24).
    """
    groups = [(name, [people[i] for i in states[key].committed]) for key, name in part.groupings.items()]
    alone = any(states[key].alone for key in part.groupings)
    checked = [validity(rules_of(row), states[key]) for key in part.groupings]
    missing = max((one.missing for one in checked if not one.valid), default=0)
    return OwnAssignment(row, groups, part.invitations, alone, bool(part.groupings), missing)


_IS_STUDENT = RosterMember.enrollment_type == EnrollmentType.STUDENT
_BY_NAME = (RosterMember.name, RosterMember.id)


def _people_of(course_id: UUID) -> Select[Any]:
    return select(RosterMember).where(RosterMember.course_id == course_id, BELONGS)


def _people(member_ids: Collection[UUID]) -> dict[UUID, RosterMember]:
    if not member_ids:
        return {}
    return {row.id: row for row in db.session.scalars(select(RosterMember).where(RosterMember.id.in_(member_ids)))}


def _with_sets(*which: ColumnElement[bool]) -> Sequence[tuple[Assignment, GroupSet, bool]]:
    """Return assignments by name, each with its set and whether its groups are formed for it, by students or staff."""
    live = exists().where(Grouping.assignment_id == Assignment.id, Grouping.ended_at.is_(None))
    rows = db.session.execute(
        select(Assignment, GroupSet, or_(Assignment.formed_by == "students", live))
        .join(GroupSet, GroupSet.id == Assignment.group_set_id)
        .where(*which)
        .order_by(Assignment.name, Assignment.id)
    )
    return [(row, group_set, formed) for row, group_set, formed in rows]


def _formed_groups(which: ColumnElement[bool]) -> tuple[dict[UUID, list[SelectableGroup]], frozenset[UUID]]:
    """Return live groupings by assignment with who is in each for good, and those of people alone, in one query."""
    for_good = and_(
        GroupingMembership.grouping_id == Grouping.id,
        GroupingMembership.ended_at.is_(None),
        GroupingMembership.status.in_(COMMITTED),
    )
    rows = db.session.execute(
        select(Grouping.assignment_id, Grouping.id, present_name(), Grouping.alone, GroupingMembership.member_id)
        .outerjoin(Group, Group.id == Grouping.group_id)
        .outerjoin(GroupingMembership, for_good)
        .where(which, Grouping.ended_at.is_(None))
        .order_by(Grouping.created_at, Grouping.id, GroupingMembership.created_at, GroupingMembership.id)
    )
    people: dict[tuple[UUID, UUID, str], list[UUID]] = {}
    alone = set()
    for assignment_id, grouping_id, name, is_alone, member_id in rows:
        inside = people.setdefault((assignment_id, grouping_id, name), [])
        if member_id:
            inside.append(member_id)
        if is_alone:
            alone.add(grouping_id)
    found: dict[UUID, list[SelectableGroup]] = {}
    for (assignment_id, grouping_id, name), inside in people.items():
        found.setdefault(assignment_id, []).append(SelectableGroup(grouping_id, name, tuple(inside)))
    return found, frozenset(alone)


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
