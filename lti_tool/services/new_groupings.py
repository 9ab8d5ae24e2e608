"""Groupings that staff make: one of ticked students, or one of each line of a file; a group of the name is used again.

Any number of them costs the same number of queries: what is there is read once, each is held to it, all are written.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import exists, select, tuple_

from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.groups import Origin, clean_name, clean_text, require_editable_group
from lti_tool.domain.naming import first_free_name, generated_name, normalize_group_name
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import Assignment, Group, Grouping, GroupMembership, GroupSetEntry, RosterMember, db, transaction
from lti_tool.services import heirs, notices
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import require_fillable
from lti_tool.services.group_names import follow_members
from lti_tool.services.group_sets import get_set, read_groups
from lti_tool.services.grouping_news import note_act, told_about
from lti_tool.services.groupings import committed_of
from lti_tool.services.local_groups import store_groups
from lti_tool.services.seats import add_groupings, unseated
from lti_tool.services.staff_groupings import Done, changes_of, free_students, lock_for_staff, seat_by_staff


@dataclass(frozen=True)
class Wanted:
    """A grouping that staff want: its group's name, empty for one after its people, and its people in their order."""

    name: str
    people: Sequence[RosterMember]


@dataclass(frozen=True)
class Made:
    """What became of wanted groupings: those made, and why others (by their place in the list) were not."""

    rows: Sequence[Grouping]
    refused: Mapping[int, RuleViolation | Forbidden]
    over_full: bool = False


@dataclass
class _Known:
    """What the set and the assignment have, each wanted grouping that is let through with them."""

    groups: dict[str, Group]  # of the set, by name without case
    names: set[str]
    used: set[UUID]  # groups that have a live grouping on the assignment
    taken: set[UUID]  # students in one for good
    elsewhere: dict[UUID, Group]  # students in a group of the set that no assignment formed
    peopled: set[UUID]  # groups that have people without a seat
    set_name: str
    new: set[str] = field(default_factory=set)


def create_grouping(viewer: Viewer, assignment_id: UUID, name: str, member_ids: Collection[UUID] = ()) -> Done:
    """Make a grouping of these students, the first as its inviter; a group of that name in the set is used again.

    Without a name it is named after them. Raise RuleViolation for who is grouped already or not active, for a name that
    is wrong, for neither name nor people, and for a group with people of whom none is chosen (FORM-8, FORM-10).
    """
    with transaction():
        assignment = lock_for_staff(viewer, assignment_id)
        people = free_students(assignment, list(dict.fromkeys(member_ids)))
        made = make_groupings(viewer, assignment, [Wanted(name, people)])
        for error in made.refused.values():
            raise error
    return Done(changes_of(assignment, *(row.group_id for row in made.rows)), made.over_full)


def make_groupings(viewer: Viewer, assignment: Assignment, wanted: Sequence[Wanted]) -> Made:
    """Make groupings on a locked assignment; one that may not be made is refused, and the others are made.

    Raise Forbidden for an assignment whose set the tool does not fill.
    """
    require_fillable(assignment)
    known = _read_known(assignment, {member.id for one in wanted for member in one.people})
    passed: list[tuple[Wanted, Group | tuple[str, bool]]] = []
    refused: dict[int, RuleViolation | Forbidden] = {}
    for place, one in enumerate(wanted):
        try:
            passed.append((one, _let_through(known, one)))
        except (RuleViolation, Forbidden) as error:
            refused[place] = error
    new = [group for _, group in passed if not isinstance(group, Group)]
    stored = iter(store_groups(assignment.course_id, assignment.group_set_id, new) if new else ())
    groups = [group if isinstance(group, Group) else next(stored) for _, group in passed]
    rows = add_groupings(assignment, groups)
    for row, group in zip(rows, groups, strict=True):
        note_act(viewer, row, "grouping_made", group.name)
    teams = [(row, one.people) for row, (one, _) in zip(rows, passed, strict=True)]
    over_full = seat_by_staff(viewer, assignment, teams) if teams else False
    used_again = {row.group_id: row for row, (_, group) in zip(rows, passed, strict=True) if isinstance(group, Group)}
    _take_out_unseated(viewer, assignment, used_again)
    return Made(rows, refused, over_full)


def _take_out_unseated(viewer: Viewer, assignment: Assignment, rows: Mapping[UUID | None, Grouping]) -> None:
    """Take those out of groups that are used again (`rows`: by group, the grouping) who have no seat in any grouping.

    A group would else hold people who work with nobody there. Whom another assignment holds in it stays.
    """
    left = unseated([group_id for group_id in rows if group_id])
    if not left:
        return
    pairs = [(group_id, member_id) for group_id, member_id, _ in left]
    of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id)
    heirs.leave(viewer.course.id, viewer.access_id, of_pair.in_(pairs))
    told = []
    for group_id, member_id, name in left:
        note_act(viewer, rows[group_id], "removed_by_staff", name, member_id)
        told.append(told_about(assignment, rows[group_id], [member_id], person=viewer.name))
    follow_members(viewer, {group_id for group_id, _, _ in left})
    notices.tell_each(assignment.course_id, told, "removed")


def _read_known(assignment: Assignment, member_ids: Collection[UUID]) -> _Known:
    groups = read_groups(assignment.group_set_id)
    live = select(Grouping.group_id).where(Grouping.assignment_id == assignment.id, Grouping.ended_at.is_(None))
    formed = exists().where(Grouping.group_id == Group.id, Grouping.ended_at.is_(None))
    inside = db.session.execute(
        select(GroupMembership.member_id, Group)
        .join(Group, Group.id == GroupMembership.group_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .where(GroupSetEntry.group_set_id == assignment.group_set_id, GroupMembership.member_id.in_(member_ids))
        .where(Group.origin != Origin.SYSTEM, ~formed)
    )
    return _Known(
        groups={group.name.casefold(): group for group in reversed(groups)},
        names={group.name.casefold() for group in groups},
        used={group_id for group_id in db.session.scalars(live) if group_id},
        taken=committed_of(assignment.id, member_ids),
        elsewhere={member_id: group for member_id, group in inside},  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
        peopled={group_id for group_id, _, _ in unseated([group.id for group in groups])},
        set_name=get_set(assignment.course_id, assignment.group_set_id).name,
    )


def _let_through(known: _Known, wanted: Wanted) -> Group | tuple[str, bool]:
    """Return the group of the name, or the name of a new one and whether it is generated.

    Raise RuleViolation, and Forbidden for a group of that name that is not ours to change.
    """
    for member in wanted.people:
        if member.status != MemberStatus.ACTIVE:
            raise RuleViolation("member_not_active", member=member.name)
    if grouped := [member.name for member in wanted.people if member.id in known.taken]:
        raise RuleViolation("students_grouped", people=grouped[:10])
    group = _group_for(known, wanted)
    for member in wanted.people:
        other = known.elsewhere.get(member.id)
        if other is not None and other is not group:
            raise RuleViolation("already_in_set", name=other.name, other=known.set_name)
    if isinstance(group, Group):
        known.used.add(group.id)
    else:
        known.names.add(group[0].casefold())
        known.new.add(group[0].casefold())
    known.taken.update(member.id for member in wanted.people)
    return group


def _group_for(known: _Known, wanted: Wanted) -> Group | tuple[str, bool]:
    if not clean_text(wanted.name):
        if not wanted.people:
            raise RuleViolation("name_or_people_required")
        return first_free_name(generated_name([member.name for member in wanted.people]), [known.names]), True
    typed = normalize_group_name(clean_name(wanted.name))
    found = known.groups.get(typed.casefold()) or known.groups.get(wanted.name.strip().casefold())
    if found is None:
        if typed.casefold() in known.new:
            raise RuleViolation("group_used", name=typed)
        return typed, False
    require_editable_group(Origin(found.origin))
    if found.id in known.used:
        raise RuleViolation("group_used", name=found.name)
    if found.id in known.peopled and not wanted.people:  # who of them works together is for the staff to say
        raise RuleViolation("group_has_people", name=found.name)
    return found
