"""What students do about their groupings: start one or work alone, invite, answer, leave and break up (seed 004)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, select

from lti_tool.domain import formation as rules_
from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.formation import COMMITTED, Candidate, Seat, Status
from lti_tool.domain.group_rights import GroupRole
from lti_tool.domain.groups import Origin, clean_name, clean_text, require_free_name
from lti_tool.domain.naming import free_name, generated_name, normalize_group_name
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.signup import Privacy, require_room
from lti_tool.domain.system_sets import individual_group_id
from lti_tool.models import Assignment, Group, Grouping, GroupMembership, GroupSetEntry, RosterMember, db, transaction
from lti_tool.services import history, invitees
from lti_tool.services.access import Viewer
from lti_tool.services.group_names import follow_members
from lti_tool.services.group_sets import read_groups
from lti_tool.services.grouping_news import note_act, tell_about
from lti_tool.services.groupings import (
    Held,
    committed_of,
    hold_grouping,
    lock_formation,
    present_name,
    rules_of,
    sections_of,
)
from lti_tool.services.heirs import name_creators
from lti_tool.services.local_groups import store_group
from lti_tool.services.people import find_student, names_of
from lti_tool.services.seats import add_grouping, end_grouping, seat, unseat, unseated
from lti_tool.services.system_sets import ensure_system_group_sets


@dataclass(frozen=True)
class Invited:
    """What became of a list of invitations: who was invited, and who was not and why (an error code)."""

    changes: Changes
    invited: Sequence[str]
    refused: Sequence[tuple[str, str]]


def start_alone(viewer: Viewer, assignment_id: UUID) -> Changes:
    """Work alone on an assignment, in one's own group of the roster (ruling C11); raise RuleViolation."""
    course_id = viewer.course.id
    with transaction() as session:
        assignment = lock_formation(course_id, assignment_id)
        me = _student(viewer)
        _require_start(assignment, me, alone=True)
        group = session.get(Group, individual_group_id(me.id))
        if group is None:
            ensure_system_group_sets(course_id)
            group = session.get_one(Group, individual_group_id(me.id))
        row = add_grouping(assignment, group, alone=True)
        seat(viewer, row, me.id, Status.INVITER)
        history.note(course_id, viewer.access_id, "worked_alone", assignment.name, row.id, member_id=me.id)
    return _changes(assignment)


def start_group(viewer: Viewer, assignment_id: UUID, name: str | None = None) -> Changes:
    """Start a grouping whose inviter one is; without a name its group is named after its people.

    The name of a group of one's own from another assignment uses that group again. Raise RuleViolation: for the start
    as `domain.formation.require_start` does, and for a name that is wrong or taken, or not for students to choose.
    """
    course_id = viewer.course.id
    with transaction():
        assignment = lock_formation(course_id, assignment_id)
        me = _student(viewer)
        _require_start(assignment, me, alone=False)
        taken = [group.name for group in read_groups(assignment.group_set_id)]
        typed = clean_text(name or "")
        if typed and not assignment.names_chosen:
            raise RuleViolation("names_generated")
        if typed:
            made = normalize_group_name(clean_name(typed))
            group = _own_group(assignment, me.id, made)
            if group is None:
                require_free_name(made, taken)
        else:
            made, group = free_name(generated_name([me.name]), taken), None
        group = group or store_group(course_id, assignment.group_set_id, made, generated=not typed)
        row = add_grouping(assignment, group)
        seat(viewer, row, me.id, Status.INVITER)
        history.note(course_id, viewer.access_id, "grouping_started", made, row.id, group_id=group.id, member_id=me.id)
    return _changes(assignment, group.id)


def _own_group(assignment: Assignment, member_id: UUID, name: str) -> Group | None:
    """Return the group of this name in the assignment's set if it is the student's own and free, to be used again.

    Its creator may, where nobody is in it but by another assignment (FORM-8; ruling C24).
    """
    found = db.session.scalar(
        select(Group)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .where(GroupSetEntry.group_set_id == assignment.group_set_id, Group.name == name, Group.origin == Origin.LOCAL)
        .where(GroupMembership.member_id == member_id, GroupMembership.role == GroupRole.CREATOR)
    )
    if found is None or any(other != member_id for _, other, _ in unseated([found.id])):
        return None
    return found


def invite(viewer: Viewer, grouping_id: UUID, member_ids: Collection[UUID] = (), typed: str = "") -> Invited:
    """Invite classmates by choice, or by names, e-mails and student numbers as typed; the right ones are invited.

    Whoever cannot be is told with the reason (FORM-39 to FORM-42). Raise RuleViolation("invitees_required") for
    nobody at all, RuleViolation("group_closed") while the group takes nobody in, and as
    `domain.formation.require_inviting` does.
    """
    course_id = viewer.course.id
    with transaction():
        held = hold_grouping(course_id, grouping_id)
        me = _student(viewer)
        rules_.require_inviting(held.rules, now(), held.state, me.id)
        _require_not_closed(held.row.group_id)
        found, refused = invitees.find(course_id, member_ids, typed)
        if not found and not refused:
            raise RuleViolation("invitees_required")
        people = {member.id: member for member in found}
        sections = sections_of([me.id, *people])
        committed = committed_of(held.assignment.id, people)
        inviter = Candidate(me.id, section_ids=sections[me.id])
        counted = held.state.counted
        invited: list[RosterMember] = []
        for member in people.values():
            active = member.status == MemberStatus.ACTIVE and member.enrollment_type == EnrollmentType.STUDENT
            one = Candidate(member.id, active, sections[member.id], member.id in committed)
            code = rules_.refusal_of_invitation(held.rules, held.state, inviter, one, counted=counted)
            if code:
                refused.append((member.name, code))
                continue
            counted += 1
            seat(viewer, held.row, member.id, Status.PENDING, invited_by=me.id)
            invited.append(member)
            note_act(viewer, held.row, "invited", member.name, member.id)
        tell_about(held.assignment, held.row, [member.id for member in invited], "invited", person=me.name)
    return Invited(_changes(held.assignment, count=len(invited)), [member.name for member in invited], refused)


def accept(viewer: Viewer, grouping_id: UUID) -> Changes:
    """Join a grouping by its invitation; other invitations to the assignment become refusals (FORM-43)."""
    with transaction():
        held = hold_grouping(viewer.course.id, grouping_id)
        me = _student(viewer)
        try:
            _require_acceptance(held, me.id)
        except RuleViolation as error:  # who is invited by several learns which of the groups it is
            if held.state.status_of(me.id) is not Status.PENDING:
                raise
            name = select(present_name()).select_from(Grouping).outerjoin(Group, Group.id == Grouping.group_id)
            of_this = db.session.scalar(name.where(Grouping.id == grouping_id))
            raise RuleViolation(error.code, **{**error.facts, "entering": of_this}) from None
        come_in(viewer, held, me.id, me.name)
    return _changes(held.assignment, held.row.group_id)


def _require_acceptance(held: Held, member_id: UUID) -> None:
    _require_not_closed(held.row.group_id)
    committed = member_id in committed_of(held.assignment.id, [member_id])
    sections = sections_of((*held.state.committed, member_id)) if held.rules.same_section else {}
    rules_.require_acceptance(held.rules, now(), held.state, member_id, committed=committed, sections=sections)
    _require_room(held.row, member_id)


def _require_not_closed(group_id: UUID | None) -> None:
    """Raise RuleViolation("group_closed") for a group that takes nobody in, by whatever way, until it is opened."""
    if db.session.scalar(select(Group.privacy).where(Group.id == group_id)) == Privacy.CLOSED:
        raise RuleViolation("group_closed")


def _require_room(row: Grouping, member_id: UUID) -> None:
    """Raise RuleViolation("group_full") when the group takes no more; its other assignments may have filled it."""
    others = and_(GroupMembership.group_id == Group.id, GroupMembership.member_id != member_id)
    found = db.session.execute(
        select(Group.max_members, func.count(GroupMembership.member_id))
        .outerjoin(GroupMembership, others)
        .where(Group.id == row.group_id)
        .group_by(Group.id)
    ).one_or_none()
    if found:
        limit, members = found
        require_room(members, limit)


def come_in(viewer: Viewer, held: Held, member_id: UUID, name: str) -> None:
    """Seat somebody who may come in, tell the others, and let a generated name follow; in the caller's transaction."""
    seat(viewer, held.row, member_id, rules_.status_on_entry(held.state))
    if held.row.group_id is not None:
        follow_members(viewer, {held.row.group_id})
    note_act(viewer, held.row, "joined", name, member_id)
    tell_about(
        held.assignment,
        held.row,
        [other for other in held.state.committed if other != member_id],
        "joined",
        person=name,
    )


def refuse(viewer: Viewer, grouping_id: UUID) -> Changes:
    """Refuse an invitation; the seat stays as a refusal (FORM-21), and the inviter hears of it."""
    with transaction():
        held = hold_grouping(viewer.course.id, grouping_id)
        me = _student(viewer)
        rules_.require_refusal(held.state, me.id)
        seat(viewer, held.row, me.id, Status.REJECTED)
        note_act(viewer, held.row, "refused", me.name, me.id)
        tell_about(held.assignment, held.row, _inviter(held.state.seats), "refused", person=me.name)
    return _changes(held.assignment)


def cancel_invitation(viewer: Viewer, grouping_id: UUID, member_id: UUID) -> Changes:
    """Take back an invitation that nobody answered yet (FORM-45)."""
    return _take_back(viewer, grouping_id, member_id, "invitation_cancelled")


def clear_rejected(viewer: Viewer, grouping_id: UUID, member_id: UUID) -> Changes:
    """Remove somebody who refused from the inviter's view; the refusal stays in the history (FORM-45)."""
    return _take_back(viewer, grouping_id, member_id, "refusal_cleared")


def _take_back(viewer: Viewer, grouping_id: UUID, member_id: UUID, action: str) -> Changes:
    require = rules_.require_cancelling if action == "invitation_cancelled" else rules_.require_clearing
    with transaction():
        held = hold_grouping(viewer.course.id, grouping_id)
        require(held.rules, now(), held.state, _student(viewer).id, member_id)
        unseat(viewer, held.row, [member_id])
        note_act(viewer, held.row, action, names_of([member_id]).get(member_id, ""), member_id)
    return _changes(held.assignment)


def leave(viewer: Viewer, grouping_id: UUID) -> Changes:
    """Leave a grouping that one accepted; the inviter does not leave but breaks up."""
    with transaction():
        held = hold_grouping(viewer.course.id, grouping_id)
        me = _student(viewer)
        rules_.require_leaving(held.rules, now(), held.state, me.id)
        unseat(viewer, held.row, [me.id])
        if held.row.group_id is not None:
            name_creators(viewer.course.id, viewer.access_id, {held.row.group_id: me.name})
        note_act(viewer, held.row, "left", me.name, me.id)
        tell_about(
            held.assignment,
            held.row,
            [other for other in held.state.committed if other != me.id],
            "left",
            person=me.name,
        )
    return _changes(held.assignment, held.row.group_id)


def break_up(viewer: Viewer, grouping_id: UUID) -> Changes:
    """End a grouping whose inviter one is: everybody is back to square one (FORM-33; ruling C10)."""
    with transaction():
        held = hold_grouping(viewer.course.id, grouping_id)
        me = _student(viewer)
        rules_.require_breaking_up(held.rules, now(), held.state, me.id)
        group_id, gone = held.row.group_id, end_by_inviter(viewer, held)
    return _changes(held.assignment, group_id if gone is None else None, gone=gone)


def end_by_inviter(viewer: Viewer, held: Held) -> UUID | None:
    """End a locked grouping that its inviter may end, told and written down; return its group's id when that went too.

    In the caller's transaction.
    """
    names = names_of([one.member_id for one in held.state.seats])
    for one in held.state.seats:
        action = "broken_up" if one.status in COMMITTED else "invitation_ended"
        note_act(viewer, held.row, action, names[one.member_id], one.member_id)
    seats = [one for one in held.state.seats if one.status is not Status.REJECTED]
    others = [one.member_id for one in seats if one.member_id != viewer.actor.member_id]
    tell_about(held.assignment, held.row, others, "broken_up", person=viewer.name)
    return end_grouping(viewer, held.row)


def _student(viewer: Viewer) -> RosterMember:
    return find_student(viewer.course.id, viewer.actor.member_id)


def _require_start(assignment: Assignment, me: RosterMember, *, alone: bool) -> None:
    committed = me.id in committed_of(assignment.id, [me.id])
    rules_.require_start(rules_of(assignment), now(), committed=committed, alone=alone)


def _changes(
    assignment: Assignment, group_id: UUID | None = None, *, gone: UUID | None = None, count: int = 1
) -> Changes:
    return Changes(
        group_sets=frozenset({assignment.group_set_id}),
        groups=frozenset({group_id} if group_id else ()),
        deleted_groups=frozenset({gone} if gone else ()),
        assignments=frozenset({assignment.id}),
        count=count,
    )


def _inviter(seats: Sequence[Seat]) -> list[UUID]:
    return [one.member_id for one in seats if one.status is Status.INVITER]
