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
from lti_tool.domain.groups import clean_name, clean_text
from lti_tool.domain.naming import free_name, generated_name, normalize_group_name
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import Assignment, Group, Grouping, RosterMember, db, transaction
from lti_tool.services import heirs
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import require_fillable
from lti_tool.services.group_names import follow_members
from lti_tool.services.group_sets import read_groups
from lti_tool.services.grouping_news import note_act, tell_about
from lti_tool.services.groupings import (
    Held,
    committed_of,
    hold_grouping,
    lock_formation,
    read_states,
    roles_in,
    rules_of,
)
from lti_tool.services.local_groups import store_group
from lti_tool.services.people import names_of
from lti_tool.services.runs import require_edits
from lti_tool.services.seats import Place, add_grouping, end_grouping, seat_all, unseat


@dataclass(frozen=True)
class Done:
    """What an act of staff changed; `over_full`: the grouping has more people now than the assignment foresees."""

    changes: Changes
    over_full: bool = False


def create_grouping(viewer: Viewer, assignment_id: UUID, name: str, member_ids: Collection[UUID] = ()) -> Done:
    """Make a grouping of these students, the first as its inviter; a group of that name in the set is used again.

    Without a name it is named after them. Raise RuleViolation for who is grouped already or not active, for a name that
    is wrong, and for neither name nor people (FORM-8, FORM-10).
    """
    with transaction():
        require_edits(viewer.course.id)
        assignment = lock_formation(viewer.course.id, assignment_id)
        people = _free_students(assignment, list(dict.fromkeys(member_ids)))
        group = _find_or_make(assignment, name, [member.name for member in people])
        row = add_grouping(assignment, group)
        note_act(viewer, row, "grouping_made", group.name)
        over_full = _seat_all(viewer, assignment, row, people)
    return Done(changes_of(assignment, group.id), over_full)


def _find_or_make(assignment: Assignment, name: str, people: Sequence[str]) -> Group:
    require_fillable(assignment)
    groups = read_groups(assignment.group_set_id)
    if not clean_text(name):
        if not people:
            raise RuleViolation("name_or_people_required")
        made = free_name(generated_name(people), [group.name for group in groups])
        return store_group(assignment.course_id, assignment.group_set_id, made, generated=True)
    typed = normalize_group_name(clean_name(name))
    found = next(
        (group for group in groups if group.name.casefold() in (typed.casefold(), name.strip().casefold())), None
    )
    if found:
        require_fillable(assignment, [found])
    return found or store_group(assignment.course_id, assignment.group_set_id, typed)


def add_members(viewer: Viewer, grouping_id: UUID, member_ids: Collection[UUID]) -> Done:
    """Add students to a grouping, whatever its size and the date; one too many is a warning (FORM-49)."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        _require_no_alone(held)
        people = _free_students(held.assignment, list(dict.fromkeys(member_ids)))
        if not people:
            raise RuleViolation("people_required")
        over_full = _seat_all(viewer, held.assignment, held.row, people)
    return Done(changes_of(held.assignment, held.row.group_id), over_full)


def remove_member(viewer: Viewer, grouping_id: UUID, member_id: UUID) -> Done:
    """Take somebody out of a grouping, in whatever status; the inviter's place goes on (FORM-48; ruling C8)."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        take_out(viewer, held, member_id)
    return Done(changes_of(held.assignment, held.row.group_id))


def move_member(viewer: Viewer, grouping_id: UUID, member_id: UUID, target_id: UUID) -> Done:
    """Move somebody to another grouping of the assignment, in one step; others stay as they are (FORM-7)."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        target = hold_grouping(viewer.course.id, target_id)
        if target.assignment.id != held.assignment.id:
            raise NotFound("grouping_not_found")
        _require_no_alone(target)
        take_out(viewer, held, member_id)
        people = _free_students(held.assignment, [member_id])
        over_full = _seat_all(viewer, held.assignment, target.row, people)
    changes = changes_of(held.assignment, held.row.group_id, target.row.group_id)
    return Done(changes, over_full)


def approve(viewer: Viewer, grouping_id: UUID, *, approved: bool) -> Done:
    """Make a grouping valid whatever its size, or withdraw that; it stays when people change (FORM-35, FORM-36)."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        held.row.approved = approved
        note_act(viewer, held.row, "grouping_approved" if approved else "approval_withdrawn", held.row.group_name)
        tell_about(held.assignment, held.row, held.state.committed, "valid" if approved else "approval_withdrawn")
    return Done(changes_of(held.assignment, held.row.group_id))


def break_up(viewer: Viewer, grouping_id: UUID) -> Done:
    """End a grouping, valid or not; everybody in it is free again."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        group_id, gone = held.row.group_id, end(viewer, held)
    return Done(changes_of(held.assignment, None if gone else group_id, gone=[gone] if gone else []))


def end(viewer: Viewer, held: Held) -> UUID | None:
    """End a locked grouping, told and written down; return its group's id when that went too."""
    names = names_of([one.member_id for one in held.state.seats])
    for one in held.state.seats:
        action = "broken_up_by_staff" if one.status in COMMITTED else "invitation_ended_by_staff"
        note_act(viewer, held.row, action, names[one.member_id], one.member_id)
    told = [one.member_id for one in held.state.seats if one.status is not Status.REJECTED]
    tell_about(held.assignment, held.row, told, "broken_up", person=viewer.name)
    return end_grouping(held.row)


def _seat_all(viewer: Viewer, assignment: Assignment, row: Grouping, people: Sequence[RosterMember]) -> bool:
    """Seat people whom staff add, and say whether that made the grouping larger than foreseen."""
    state, places = read_states([row.id])[row.id], []
    for member in people:
        status = rules_.status_by_staff(state)
        places.append(Place(row, member.id, status))
        kept = tuple(one for one in state.seats if one.member_id != member.id)
        state = rules_.State((*kept, Seat(member.id, status)), state.approved, state.alone)
    if places:
        seat_all(viewer, assignment.id, places)
    for member in people:
        note_act(viewer, row, "added_by_staff", member.name, member.id)
    if row.group_id is not None:
        follow_members(viewer, {row.group_id})
    tell_about(assignment, row, [member.id for member in people], "joined_by_staff", person=viewer.name)
    return rules_.is_over_full(rules_of(assignment), state)


def take_out(viewer: Viewer, held: Held, member_id: UUID) -> None:
    """Take somebody out of a locked grouping; an inviter's place goes on (FORM-48; ruling C8). Raise NotFound."""
    status = held.state.status_of(member_id)
    if status is None:
        raise NotFound("member_not_found")
    admins = [member for member, role in roles_in(held.row.group_id).items() if role == "admin"]
    heir = rules_.successor(held.state, member_id, admins)
    unseat(held.row, [member_id])
    if held.row.alone:
        held.row.ended_at = now()
    name = names_of([member_id])[member_id]
    if heir is not None:
        heirs.hand_on(viewer.course.id, viewer.access_id, [heirs.Heir(held.assignment, held.row, heir, name)])
    if held.row.group_id is not None and not held.row.alone:
        follow_members(viewer, {held.row.group_id})
    action = "removed_by_staff" if status in COMMITTED else "invitation_ended_by_staff"
    note_act(viewer, held.row, action, name, member_id)
    tell_about(held.assignment, held.row, [member_id], "removed", person=viewer.name)


def _require_no_alone(held: Held) -> None:
    if held.row.alone:
        raise RuleViolation("works_alone")


def _free_students(assignment: Assignment, member_ids: Sequence[UUID]) -> list[RosterMember]:
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
