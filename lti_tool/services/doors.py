"""The doors of a group: students come in by code, link or list, or ask to be let in (seed 002; rulings C7, C9)."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.group_rights import GroupPermission, GroupRole
from lti_tool.domain.groups import Origin
from lti_tool.domain.invites import read_code
from lti_tool.models import Group, GroupInvite, InviteUse, JoinRequest, RosterMember, db, transaction
from lti_tool.services.access import Viewer
from lti_tool.services.held_groups import (
    HeldGroup,
    changes_of,
    enter,
    hold_group,
    is_in,
    note,
    require_entry,
    tell_people,
)
from lti_tool.services.invites import find_invite, require_usable
from lti_tool.services.people import find_student


@dataclass(frozen=True)
class Entry:
    """What became of somebody at a door: they are in, were in before, or wait for an answer."""

    group_id: UUID
    outcome: str  # joined | already_member | join_requested
    changes: Changes


@dataclass(frozen=True)
class _Door:
    """By what somebody comes: a link, the group's code, or (neither) the list of groups."""

    invite_id: UUID | None = None
    by_code: bool = False


def join_by_code(viewer: Viewer, typed: str) -> Entry:
    """Come in by a group's quick code, compared exactly (ruling C26).

    Raise RuleViolation: "code_length", "code_letters", "code_unknown" (another course's is unknown here too),
    "code_inactive", "no_doors" for a group of the LMS or the roster, and as `held_groups.require_entry` does.
    """
    code = read_code(typed)
    with transaction():
        found = db.session.execute(
            select(Group.id, Group.origin).where(Group.invite_code == code, Group.course_id == viewer.course.id)
        ).one_or_none()
        if found is None:
            raise RuleViolation("code_unknown")
        group_id, origin = found
        if origin != Origin.LOCAL:
            raise RuleViolation("no_doors")
        held = hold_group(viewer, group_id)
        if not held.row.is_invite_active:
            raise RuleViolation("code_inactive")
        return _come_in(held, _Door(by_code=True))


def join_by_link(viewer: Viewer, token: UUID) -> Entry:
    """Come in by an invite link; its uses rise by one with the membership, in one transaction, or not at all.

    Raise RuleViolation("invite_invalid") for a link that is unknown, of another course, deactivated, expired or used
    up (TEAM-53 to TEAM-58), and as `held_groups.require_entry` does.
    """
    with transaction():
        invite, _ = find_invite(viewer.course.id, token)
        held = hold_group(viewer, invite.group_id)
        return _come_in(held, _Door(require_usable(invite.id).id))


def join_listed(viewer: Viewer, group_id: UUID) -> Entry:
    """Join a group that the list of groups shows; raise RuleViolation("group_unlisted") for any other."""
    with transaction():
        held = hold_group(viewer, group_id)
        if held.row.privacy == "unlisted" or held.groupings:
            raise RuleViolation("group_unlisted")
        return _come_in(held, _Door())


def _come_in(held: HeldGroup, door: _Door) -> Entry:
    me = find_student(held.viewer.course.id, held.viewer.actor.member_id)
    if is_in(held, me.id):
        return Entry(held.row.id, "already_member", Changes())
    try:
        require_entry(held, me)
    except RuleViolation as error:  # who stands at a door may know which group it is
        raise RuleViolation(error.code, **{**error.facts, "entering": held.row.name}) from None
    if held.row.needs_approval:
        _ask(held, me.id, me.name, door)
        return Entry(held.row.id, "join_requested", Changes())
    _count(held, me.id, door)
    enter(held, me)
    _close_request(held, me.id, "accepted")
    return Entry(held.row.id, "joined", changes_of(held))


def _count(held: HeldGroup, member_id: UUID, door: _Door, *, asked: bool = False) -> None:
    """Count who comes in, and by which door; coming from the list counts nowhere. Raise as `use_invite` does."""
    if door.invite_id is not None:
        use_invite(door.invite_id, asked=asked)
    if door.invite_id is not None or door.by_code:
        row = {"id": uuid4(), "group_id": held.row.id, "member_id": member_id, "used_at": now()}
        db.session.execute(insert(InviteUse), [{**row, "invite_id": door.invite_id}])


def use_invite(invite_id: UUID, *, asked: bool = False) -> None:
    """Count one use of a link that still works; raise RuleViolation("invite_invalid") when somebody was faster.

    One statement decides and counts, so that the last use is taken once, whoever comes at the same moment. `asked`: by
    somebody who asked while it worked and is let in now; only its number of uses holds then ("invite_used_up").
    """
    works = (
        GroupInvite.is_active,
        or_(GroupInvite.expires_at.is_(None), GroupInvite.expires_at > now()),
    )
    counted = db.session.execute(
        update(GroupInvite)
        .where(
            GroupInvite.id == invite_id,
            or_(GroupInvite.max_uses.is_(None), GroupInvite.uses_count < GroupInvite.max_uses),
            *(() if asked else works),
        )
        .values(uses_count=GroupInvite.uses_count + 1)
        .execution_options(synchronize_session=False)
    )
    if not counted.rowcount:  # type: ignore[attr-defined] # what an UPDATE gives has it
        raise RuleViolation("invite_used_up" if asked else "invite_invalid")


def _ask(held: HeldGroup, member_id: UUID, name: str, door: _Door) -> None:
    """Leave one request that waits for an answer; asking twice is no error, and the door asked at last counts."""
    values = {"group_id": held.row.id, "member_id": member_id, "state": "waiting", "created_at": now()}
    came_by = {"invite_id": door.invite_id, "by_code": door.by_code}
    try:
        with db.session.begin_nested():
            db.session.execute(insert(JoinRequest), [{"id": uuid4(), **values, **came_by}])
    except IntegrityError:
        db.session.execute(update(JoinRequest).where(*_waiting(held, member_id)).values(**came_by))
        return
    note(held, "join_requested", name, member_id)
    answerers = [one for one, role in held.roles.items() if role in (GroupRole.CREATOR, GroupRole.ADMIN)]
    tell_people(held, answerers, "join_requested", person=name)


def _close_request(held: HeldGroup, member_id: UUID, state: str) -> None:
    values = {"state": state, "answered_at": now(), "answered_by": held.viewer.access_id}
    db.session.execute(update(JoinRequest).where(*_waiting(held, member_id)).values(**values))


def _waiting(held: HeldGroup, member_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on somebody's waiting request."""
    return (JoinRequest.group_id == held.row.id, JoinRequest.member_id == member_id, JoinRequest.state == "waiting")


def answer_request(viewer: Viewer, group_id: UUID, request_id: UUID, *, accepted: bool) -> Changes:
    """Let somebody in who asked, or not; the rules of joining hold at this moment.

    Who is let in counts at the door at which they asked. Raise NotFound("request_not_found") for a request of another
    group or one that was answered, Forbidden, RuleViolation("invite_used_up") for who asked by a link whose uses are
    over, and as `held_groups.require_entry` does.
    """
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.ANSWER_REQUESTS)
        of_group = (JoinRequest.id == request_id, JoinRequest.group_id == group_id, JoinRequest.state == "waiting")
        row = db.session.scalar(select(JoinRequest).where(*of_group))
        if row is None:
            raise NotFound("request_not_found")
        member = _asker(viewer.course.id, row.member_id, accepted=accepted)
        if accepted and not is_in(held, member.id):
            require_entry(held, member)
            _count(held, member.id, _Door(row.invite_id, row.by_code), asked=True)
            enter(held, member)
        _close_request(held, member.id, "accepted" if accepted else "refused")
        note(held, "join_accepted" if accepted else "join_refused", member.name, member.id)
        tell_people(held, [member.id], "join_answered", answer="yes" if accepted else "no", person=viewer.name)
    return changes_of(held) if accepted else Changes()


def _asker(course_id: UUID, member_id: UUID, *, accepted: bool) -> RosterMember:
    """Return who asked; only an active student is let in, and anybody else is refused in peace."""
    return find_student(course_id, member_id) if accepted else db.session.get_one(RosterMember, member_id)


def withdraw_request(viewer: Viewer, group_id: UUID) -> None:
    """Take one's own request back; having none is no error."""
    with transaction():
        held = hold_group(viewer, group_id)
        me = find_student(viewer.course.id, viewer.actor.member_id)
        _close_request(held, me.id, "withdrawn")
