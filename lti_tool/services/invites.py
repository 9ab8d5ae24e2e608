"""Invite links of a group: made, found, deactivated, and how each stands (seed 002)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.group_rights import GroupPermission
from lti_tool.domain.invites import InviteState, InviteStatus
from lti_tool.lms.places import course_address, launching_address
from lti_tool.models import (
    Course,
    CourseAccess,
    Group,
    GroupInvite,
    InviteUse,
    Registration,
    RosterMember,
    db,
    transaction,
)
from lti_tool.services.access import Viewer, Visitor
from lti_tool.services.group_access import GroupAccess
from lti_tool.services.held_groups import changes_of, hold_group, note


@dataclass(frozen=True)
class Arrival:
    """Somebody who came in by a door, and when."""

    name: str
    at: datetime


@dataclass(frozen=True)
class InviteView:
    """A link as the list shows it: how it stands, who made it and whom it brought."""

    row: GroupInvite
    status: InviteStatus
    made_by: str
    brought: Sequence[Arrival]


@dataclass(frozen=True)
class InvitesPage:
    """A group's doors: its code with whom it brought, and its links, the newest first."""

    group: Group
    by_code: Sequence[Arrival]
    links: Sequence[InviteView]


def state_of(row: GroupInvite) -> InviteState:
    """Return what decides whether a link works."""
    return InviteState(row.is_active, row.expires_at, row.max_uses, row.uses_count)


def create_invite(viewer: Viewer, group_id: UUID, expires_at: datetime | None, max_uses: int | None) -> Changes:
    """Make a link that lets students into a group, until then and so often, where that is said.

    Raise RuleViolation("expiry_past") or ("uses_wrong") for what could never be used, Forbidden.
    """
    if expires_at is not None and expires_at <= now():
        raise RuleViolation("expiry_past")
    if max_uses is not None and max_uses < 1:
        raise RuleViolation("uses_wrong")
    with transaction() as session:
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.CREATE_INVITE)
        row = GroupInvite(
            id=uuid4(),
            group_id=group_id,
            created_by=viewer.access_id,
            created_at=now(),
            expires_at=expires_at,
            max_uses=max_uses,
        )
        session.add(row)
        note(held, "invite_created", held.row.name, viewer.actor.member_id)
    return changes_of(held)


def deactivate_invite(viewer: Viewer, group_id: UUID, invite_id: UUID) -> Changes:
    """Let a link of the group work no more; one that does not already is no error. Raise NotFound, Forbidden."""
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.DEACTIVATE_INVITE)
        of_group = (GroupInvite.id == invite_id, GroupInvite.group_id == group_id)
        row = db.session.scalar(select(GroupInvite).where(*of_group))
        if row is None:
            raise NotFound("invite_not_found")
        row.is_active = False
        note(held, "invite_deactivated", held.row.name, viewer.actor.member_id)
    return changes_of(held)


def read_invites(access: GroupAccess) -> InvitesPage:
    """Return a group's doors with the people whom each brought, in three queries."""
    group_id = access.row.id
    arrivals: dict[UUID | None, list[Arrival]] = {}
    used = db.session.execute(
        select(InviteUse.invite_id, RosterMember.name, InviteUse.used_at)
        .join(RosterMember, RosterMember.id == InviteUse.member_id)
        .where(InviteUse.group_id == group_id)
        .order_by(InviteUse.used_at, RosterMember.name)
    )
    for invite_id, name, used_at in used:
        arrivals.setdefault(invite_id, []).append(Arrival(name, used_at))
    rows = db.session.execute(
        select(GroupInvite, CourseAccess.name)
        .join(CourseAccess, CourseAccess.id == GroupInvite.created_by)
        .where(GroupInvite.group_id == group_id)
        .order_by(GroupInvite.created_at.desc(), GroupInvite.id)
    )
    at = now()
    links = [InviteView(row, state_of(row).status(at), name, arrivals.get(row.id, ())) for row, name in rows]
    return InvitesPage(access.row, arrivals.get(None, ()), links)


def find_invite(course_id: UUID, token: UUID) -> tuple[GroupInvite, Group]:
    """Return a link that works and its group; raise RuleViolation("invite_invalid") for any other (TEAM-53)."""
    found = db.session.execute(
        select(GroupInvite, Group)
        .join(Group, Group.id == GroupInvite.group_id)
        .where(GroupInvite.invite_token == token, Group.course_id == course_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None or not state_of(found[0]).can_be_used(now()):
        raise RuleViolation("invite_invalid")
    return found[0], found[1]


def require_usable(invite_id: UUID) -> GroupInvite:
    """Return a link read anew under the group's lock; raise RuleViolation("invite_invalid") when it works no more."""
    query = select(GroupInvite).where(GroupInvite.id == invite_id).execution_options(populate_existing=True)
    row = db.session.scalar(query)
    if row is None or not state_of(row).can_be_used(now()):
        raise RuleViolation("invite_invalid")
    return row


@dataclass(frozen=True)
class Target:
    """Where an invite link leads: its course, and the group (None: the link works no more)."""

    course: Course
    registration: Registration
    group_id: UUID | None


def find_target(token: UUID) -> Target | None:
    """Return where a link leads, for whoever opens it, signed in or not; None for a link that there is not."""
    found = db.session.execute(
        select(GroupInvite, Group.id, Course, Registration)
        .join(Group, Group.id == GroupInvite.group_id)
        .join(Course, Course.id == Group.course_id)
        .join(Registration, Registration.id == Course.registration_id)
        .where(GroupInvite.invite_token == token)
    ).one_or_none()
    if found is None:
        return None
    invite, group_id, course, registration = found
    return Target(course, registration, group_id if state_of(invite).can_be_used(now()) else None)


@dataclass(frozen=True)
class WaysToOpen:
    """How somebody outside the LMS gets to an invite: straight to it, or to the course; None where not known."""

    launch: str | None
    course: str | None


def ways_to_open(target: Target, link: str) -> WaysToOpen:
    """Return the LMS's addresses that lead to the tool in the invite's course."""
    place = target.registration.family, target.registration.lms_url, target.course.lms_course_id
    return WaysToOpen(launching_address(*place, link), course_address(*place))


def latest_course(visitor: Visitor) -> UUID | None:
    """Return the course that a person opened last, to lead them back to."""
    return db.session.scalar(
        select(CourseAccess.course_id)
        .join(Course, Course.id == CourseAccess.course_id)
        .where(Course.registration_id == visitor.registration_id, CourseAccess.lti_user_id == visitor.lti_user_id)
        .order_by(CourseAccess.launched_at.desc())
        .limit(1)
    )
