"""What staff do about groupings: make them, fill, move, approve and break up; every act is logged (seed 004)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, exists, insert, select, update

from lti_tool.domain import formation as rules_
from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.formation import COMMITTED, Seat, Status
from lti_tool.domain.groups import Origin, clean_name, clean_text, free_name
from lti_tool.domain.naming import generated_name, normalize_group_name
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.system_sets import individual_group_id
from lti_tool.models import (
    Assignment,
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    GroupSetEntry,
    RosterMember,
    db,
    transaction,
)
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.group_names import follow_members
from lti_tool.services.group_sets import active_students, read_groups
from lti_tool.services.groupings import (
    Held,
    add_group,
    add_grouping,
    committed_of,
    end_grouping,
    hold_grouping,
    lock_formation,
    read_states,
    require_fillable,
    roles_in,
    rules_of,
    seat,
    unseat,
)
from lti_tool.services.notices import tell
from lti_tool.services.runs import require_edits
from lti_tool.services.system_sets import ensure_system_group_sets


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
        _note(viewer, row, "grouping_made", group.name)
        over_full = _seat_all(viewer, assignment, row, people)
    return Done(_changes(assignment, group.id), over_full)


def _find_or_make(assignment: Assignment, name: str, people: Sequence[str]) -> Group:
    require_fillable(assignment)
    groups = read_groups(assignment.group_set_id)
    if not clean_text(name):
        if not people:
            raise RuleViolation("name_or_people_required")
        made = free_name(generated_name(people), [group.name for group in groups])
        return add_group(assignment, made, generated=True)
    typed = normalize_group_name(clean_name(name))
    found = next(
        (group for group in groups if group.name.casefold() in (typed.casefold(), name.strip().casefold())), None
    )
    if found:
        require_fillable(assignment, found)
    return found or add_group(assignment, typed, generated=False)


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
    return Done(_changes(held.assignment, held.row.group_id), over_full)


def remove_member(viewer: Viewer, grouping_id: UUID, member_id: UUID) -> Done:
    """Take somebody out of a grouping, in whatever status; the inviter's place goes on (FORM-48; ruling C8)."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        take_out(viewer, held, member_id)
    return Done(_changes(held.assignment, held.row.group_id))


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
    changes = _changes(held.assignment, held.row.group_id, target.row.group_id)
    return Done(changes, over_full)


def approve(viewer: Viewer, grouping_id: UUID, *, approved: bool) -> Done:
    """Make a grouping valid whatever its size, or withdraw that; it stays when people change (FORM-35, FORM-36)."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        held.row.approved = approved
        _note(viewer, held.row, "grouping_approved" if approved else "approval_withdrawn", held.row.group_name)
        _tell(held.assignment, held.row, held.state.committed, "valid" if approved else "approval_withdrawn")
    return Done(_changes(held.assignment, held.row.group_id))


def break_up(viewer: Viewer, grouping_id: UUID) -> Done:
    """End a grouping, valid or not; everybody in it is free again."""
    with transaction():
        require_edits(viewer.course.id)
        held = hold_grouping(viewer.course.id, grouping_id)
        group_id, gone = held.row.group_id, end(viewer, held)
    return Done(_changes(held.assignment, None if gone else group_id, gone=[gone] if gone else []))


def create_individual(viewer: Viewer, assignment_id: UUID) -> Done:
    """Give each active student without a grouping one of their own (FORM-52)."""
    course_id = viewer.course.id
    with transaction() as session:
        require_edits(course_id)
        assignment = lock_formation(course_id, assignment_id)
        students = active_students(course_id)
        taken = committed_of(assignment_id, [member.id for member in students])
        free = [member for member in students if member.id not in taken]
        if free and session.get(Group, individual_group_id(free[0].id)) is None:
            ensure_system_group_sets(course_id)
        for member in free:
            row = add_grouping(assignment, session.get_one(Group, individual_group_id(member.id)), alone=True)
            seat(row, member.id, Status.INVITER)
        history.note(course_id, viewer.access_id, "individual_groupings_made", assignment.name, assignment_id)
    return Done(_changes(assignment, count=len(free)))


def end_all(viewer: Viewer, assignment: Assignment) -> list[UUID]:
    """End every grouping of a locked assignment in the caller's transaction; return the groups that went with them."""
    ids = db.session.scalars(
        select(Grouping.id).where(Grouping.assignment_id == assignment.id, Grouping.ended_at.is_(None))
    ).all()
    ended = (end(viewer, hold_grouping(viewer.course.id, grouping_id)) for grouping_id in ids)
    return [group_id for group_id in ended if group_id]


def seat_again(viewer: Viewer, assignment: Assignment, group: Group, member_ids: Sequence[UUID]) -> Grouping:
    """Make a grouping of a group that exists, with exactly these people in it, in the caller's transaction.

    The group comes into the assignment's set if it is not there, and holds these people afterwards.
    """
    if group.origin != Origin.SYSTEM:
        require_fillable(assignment, group)
    holds = exists().where(GroupSetEntry.group_set_id == assignment.group_set_id, GroupSetEntry.group_id == group.id)
    if group.origin == Origin.LOCAL and not db.session.scalar(select(holds)):
        end = len(read_groups(assignment.group_set_id))
        entry = {"group_set_id": assignment.group_set_id, "group_id": group.id, "position": end}
        db.session.execute(insert(GroupSetEntry), [entry])
    row = add_grouping(assignment, group, alone=group.origin == Origin.SYSTEM)
    if group.origin == Origin.LOCAL:
        others = (GroupMembership.group_id == group.id, GroupMembership.member_id.not_in(member_ids))
        db.session.execute(delete(GroupMembership).where(*others))
    for place, member_id in enumerate(member_ids):
        seat(row, member_id, Status.INVITER if place == 0 else Status.ACCEPTED)
    _note(viewer, row, "grouping_cloned", group.name)
    return row


def end(viewer: Viewer, held: Held) -> UUID | None:
    """End a locked grouping, told and written down; return its group's id when that went too."""
    for one in held.state.seats:
        action = "broken_up_by_staff" if one.status in COMMITTED else "invitation_ended_by_staff"
        _note(viewer, held.row, action, _name_of(one.member_id), one.member_id)
    told = [one.member_id for one in held.state.seats if one.status is not Status.REJECTED]
    _tell(held.assignment, held.row, told, "broken_up", person=viewer.name)
    return end_grouping(held.row)


def _seat_all(viewer: Viewer, assignment: Assignment, row: Grouping, people: Sequence[RosterMember]) -> bool:
    """Seat people whom staff add, and say whether that made the grouping larger than foreseen."""
    state = read_states([row.id])[row.id]
    for member in people:
        status = rules_.status_by_staff(state)
        seat(row, member.id, status)
        kept = tuple(one for one in state.seats if one.member_id != member.id)
        state = rules_.State((*kept, Seat(member.id, status)), state.approved, state.alone)
        _note(viewer, row, "added_by_staff", member.name, member.id)
    if row.group_id is not None:
        follow_members(viewer, {row.group_id})
    _tell(assignment, row, [member.id for member in people], "joined_by_staff", person=viewer.name)
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
    if heir is not None:
        of_heir = (GroupingMembership.grouping_id == held.row.id, GroupingMembership.member_id == heir)
        values = {"status": Status.INVITER, "changed_at": now()}
        db.session.execute(update(GroupingMembership).where(*of_heir).values(**values))
        in_group = (GroupMembership.group_id == held.row.group_id, GroupMembership.member_id == heir)
        db.session.execute(update(GroupMembership).where(*in_group).values(role="creator"))
        _note(viewer, held.row, "became_inviter", _name_of(heir), heir)
    if held.row.group_id is not None and not held.row.alone:
        follow_members(viewer, {held.row.group_id})
    action = "removed_by_staff" if status in COMMITTED else "invitation_ended_by_staff"
    _note(viewer, held.row, action, _name_of(member_id), member_id)
    _tell(held.assignment, held.row, [member_id], "removed", person=viewer.name)


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


def _changes(assignment: Assignment, *group_ids: UUID | None, gone: Collection[UUID] = (), count: int = 1) -> Changes:
    return Changes(
        group_sets=frozenset({assignment.group_set_id}),
        groups=frozenset(group_id for group_id in group_ids if group_id),
        deleted_groups=frozenset(gone),
        assignments=frozenset({assignment.id}),
        count=count,
    )


def _note(viewer: Viewer, row: Grouping, action: str, subject: str, member_id: UUID | None = None) -> None:
    course_id = viewer.course.id
    history.note(course_id, viewer.access_id, action, subject, row.id, group_id=row.group_id, member_id=member_id)


def _tell(assignment: Assignment, row: Grouping, member_ids: Collection[UUID], kind: str, **facts: str) -> None:
    facts |= {"group": row.group_name, "assignment": assignment.name}
    tell(assignment.course_id, member_ids, kind, group_id=row.group_id, assignment_id=assignment.id, **facts)


def _name_of(member_id: UUID) -> str:
    return db.session.scalar(select(RosterMember.name).where(RosterMember.id == member_id)) or ""
