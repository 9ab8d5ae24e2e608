"""What staff do about groupings: make them, fill, move, approve and break up; every act is logged (seed 004)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain import formation as rules_
from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.formation import COMMITTED, Seat, Status
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import Assignment, Grouping, RosterMember, db, transaction
from lti_tool.services import heirs, notices
from lti_tool.services.access import Viewer
from lti_tool.services.group_names import follow_members
from lti_tool.services.grouping_news import note_act, tell_about, telling_if_invalid, told_about
from lti_tool.services.groupings import (
    Held,
    committed_of,
    hold_grouping,
    lock_formation,
    read_states,
    require_grouping_of,
    roles_in,
    rules_of,
)
from lti_tool.services.people import names_of
from lti_tool.services.runs import require_edits
from lti_tool.services.seats import Place, end_groupings, seat_all, unseat
from lti_tool.services.shared_groups import require_edits_of


@dataclass(frozen=True)
class Done:
    """What an act of staff changed; `over_full`: the grouping has more people now than the assignment foresees."""

    changes: Changes
    over_full: bool = False


def lock_for_staff(viewer: Viewer, assignment_id: UUID) -> Assignment:
    """Lock an assignment's groupings (see `groupings.lock_formation`); raise Conflict as `runs.require_edits` does."""
    assignment = lock_formation(viewer.course.id, assignment_id)
    require_edits(viewer.course.id, assignment.group_set_id)
    return assignment


def hold_for_staff(viewer: Viewer, grouping_id: UUID) -> Held:
    """Lock a grouping (see `groupings.hold_grouping`); raise Conflict as `runs.require_edits` does."""
    held = hold_grouping(viewer.course.id, grouping_id)
    require_edits(viewer.course.id, held.assignment.group_set_id)
    return held


def add_members(viewer: Viewer, grouping_id: UUID, member_ids: Collection[UUID]) -> Done:
    """Add students to a grouping, whatever its size and the date; one too many is a warning (FORM-49)."""
    with transaction():
        held = hold_for_staff(viewer, grouping_id)
        _require_no_alone(held)
        people = free_students(held.assignment, list(dict.fromkeys(member_ids)))
        if not people:
            raise RuleViolation("people_required")
        over_full = seat_by_staff(viewer, held.assignment, [(held.row, people)])
    return Done(changes_of(held.assignment, held.row.group_id), over_full)


def remove_member(viewer: Viewer, grouping_id: UUID, member_id: UUID) -> Done:
    """Take somebody out of a grouping, in whatever status; the inviter's place goes on (FORM-48; ruling C8)."""
    with transaction():
        held = hold_for_staff(viewer, grouping_id)
        take_out(viewer, held, member_id)
    return Done(changes_of(held.assignment, held.row.group_id))


def move_member(viewer: Viewer, grouping_id: UUID, member_id: UUID, target_id: UUID) -> Done:
    """Move somebody to another grouping of the assignment, in one step; others stay as they are (FORM-7).

    Raise RuleViolation("moved_nowhere") for the grouping they are in: the inviter's place there would go on.
    """
    if target_id == grouping_id:
        raise RuleViolation("moved_nowhere")
    with transaction():
        held = hold_for_staff(viewer, grouping_id)
        require_grouping_of(viewer.course.id, held.assignment.id, target_id)
        target = hold_for_staff(viewer, target_id)
        _require_no_alone(target)
        take_out(viewer, held, member_id)
        people = free_students(held.assignment, [member_id])
        over_full = seat_by_staff(viewer, held.assignment, [(target.row, people)])
    changes = changes_of(held.assignment, held.row.group_id, target.row.group_id)
    return Done(changes, over_full)


def approve(viewer: Viewer, grouping_id: UUID, *, approved: bool) -> Done:
    """Make a grouping valid whatever its size, or withdraw that; it stays when people change (FORM-35, FORM-36)."""
    with transaction():
        held = hold_for_staff(viewer, grouping_id)
        with telling_if_invalid(viewer.course.id, Grouping.id == grouping_id):
            held.row.approved = approved
            note_act(viewer, held.row, "grouping_approved" if approved else "approval_withdrawn", held.row.group_name)
            tell_about(held.assignment, held.row, held.state.committed, "valid" if approved else "approval_withdrawn")
    return Done(changes_of(held.assignment, held.row.group_id))


def break_up(viewer: Viewer, grouping_id: UUID) -> Done:
    """End a grouping, valid or not; everybody in it is free again."""
    with transaction():
        held = hold_for_staff(viewer, grouping_id)
        group_id, gone = held.row.group_id, end(viewer, held)
    return Done(changes_of(held.assignment, None if gone else group_id, gone=[gone] if gone else []))


def end(viewer: Viewer, held: Held) -> UUID | None:
    """End a locked grouping, told and written down; return its group's id when that went too."""
    return next(iter(end_each(viewer, held.assignment, [held.row])), None)


def end_each(viewer: Viewer, assignment: Assignment, rows: Sequence[Grouping]) -> list[UUID]:
    """End groupings of a locked assignment, told and written down; return the groups that went with them.

    Raise Conflict as `runs.require_edits` does for each set that holds one of the groups.
    """
    require_edits_of(assignment.course_id, {row.group_id for row in rows if row.group_id})
    states = read_states([row.id for row in rows])
    names = names_of([one.member_id for state in states.values() for one in state.seats])
    told = []
    for row in rows:
        seats = states[row.id].seats
        for one in seats:
            action = "broken_up_by_staff" if one.status in COMMITTED else "invitation_ended_by_staff"
            note_act(viewer, row, action, names[one.member_id], one.member_id)
        people = [one.member_id for one in seats if one.status is not Status.REJECTED]
        told.append(told_about(assignment, row, people, person=viewer.name))
    notices.tell_each(assignment.course_id, told, "broken_up")
    return end_groupings(assignment.course_id, viewer.access_id, rows) if rows else []


def seat_by_staff(
    viewer: Viewer, assignment: Assignment, teams: Sequence[tuple[Grouping, Sequence[RosterMember]]]
) -> bool:
    """Seat people whom staff add to groupings, and say whether that made one larger than foreseen.

    Raise Conflict as `end_each` does.
    """
    require_edits_of(assignment.course_id, {row.group_id for row, _ in teams if row.group_id})
    states, places, over_full = read_states([row.id for row, _ in teams]), [], False
    for row, people in teams:
        state = states[row.id]
        for member in people:
            status = rules_.status_on_entry(state)
            places.append(Place(row, member.id, status))
            kept = tuple(one for one in state.seats if one.member_id != member.id)
            state = rules_.State((*kept, Seat(member.id, status)), state.approved, state.alone)
        over_full = over_full or rules_.is_over_full(rules_of(assignment), state)
    if places:
        seat_all(viewer, assignment.id, places)
    follow_members(viewer, {row.group_id for row, _ in teams if row.group_id})
    told = []
    for row, people in teams:
        for member in people:
            note_act(viewer, row, "added_by_staff", member.name, member.id)
        told.append(told_about(assignment, row, [member.id for member in people], person=viewer.name))
    notices.tell_each(assignment.course_id, told, "joined_by_staff")
    return over_full


def take_out(viewer: Viewer, held: Held, member_id: UUID) -> None:
    """Take somebody out of a locked grouping; an inviter's place goes on (FORM-48; ruling C8).

    Raise NotFound, Conflict as `end_each` does.
    """
    require_edits_of(viewer.course.id, [held.row.group_id] if held.row.group_id else [])
    status = held.state.status_of(member_id)
    if status is None:
        raise NotFound("member_not_found")
    heir = rules_.successor(held.state, member_id, roles_in(held.row.group_id))
    unseat(viewer, held.row, [member_id])
    if held.row.alone:
        held.row.ended_at = now()
    name = names_of([member_id])[member_id]
    if heir is not None:
        heirs.hand_on(viewer.course.id, viewer.access_id, [heirs.Heir(held.assignment, held.row, heir, name)])
    if held.row.group_id is not None:
        heirs.name_creators(viewer.course.id, viewer.access_id, {held.row.group_id: name})
    action = "removed_by_staff" if status in COMMITTED else "invitation_ended_by_staff"
    note_act(viewer, held.row, action, name, member_id)
    tell_about(held.assignment, held.row, [member_id], "removed", person=viewer.name)


def _require_no_alone(held: Held) -> None:
    if held.row.alone:
        raise RuleViolation("works_alone")


def free_students(assignment: Assignment, member_ids: Sequence[UUID]) -> list[RosterMember]:
    """Return active students in the order of their ids; raise NotFound, RuleViolation for who cannot be in one."""
    rows = db.session.scalars(
        select(RosterMember).where(
            RosterMember.id.in_(member_ids),
            RosterMember.course_id == assignment.course_id,
            RosterMember.enrollment_type == EnrollmentType.STUDENT,
        )
    )
    people = {member.id: member for member in rows}
    if len(people) != len(member_ids):
        raise NotFound("member_not_found")
    for member in people.values():
        if member.status != MemberStatus.ACTIVE:
            raise RuleViolation("member_not_active", member=member.name)
    if taken := committed_of(assignment.id, member_ids):
        raise RuleViolation("students_grouped", people=[people[i].name for i in member_ids if i in taken][:10])
    return [people[member_id] for member_id in member_ids]


def changes_of(assignment: Assignment, *group_ids: UUID | None, gone: Collection[UUID] = (), count: int = 1) -> Changes:
    """Return what an act on groupings of an assignment changed, so that a published set follows."""
    return Changes(
        group_sets=frozenset({assignment.group_set_id}),
        groups=frozenset(group_id for group_id in group_ids if group_id),
        deleted_groups=frozenset(gone),
        assignments=frozenset({assignment.id}),
        count=count,
    )
