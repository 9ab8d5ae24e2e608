"""Who did what when, as pages show it: a course's history for staff, a group's for its people, and one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from lti_tool.domain.errors import NotFound
from lti_tool.domain.formation import Status
from lti_tool.domain.history import ANSWERING_ROLES, INVITATIONS, OPENINGS, REQUESTS, UNTOLD
from lti_tool.domain.permissions import Permission, allowed
from lti_tool.models import (
    CourseAccess,
    Group,
    GroupingMembership,
    GroupMembership,
    HistoryEntry,
    RosterMember,
    db,
)
from lti_tool.services.access import Viewer
from lti_tool.services.group_sets import students_query
from lti_tool.services.people import BELONGS

PAGE_SIZE = 50


@dataclass(frozen=True)
class HistoryLine:
    """One act: who (None: the tool itself), what, to whom, and in which group if that is still there."""

    at: datetime
    actor: str | None
    action: str
    subject: str
    person: str | None
    group: Group | None


@dataclass(frozen=True)
class HistoryPage:
    """One page of a history, newest first."""

    lines: Sequence[HistoryLine]
    number: int
    pages: int


@dataclass(frozen=True)
class Choices:
    """What staff may narrow a course's history down to."""

    groups: Sequence[Group]
    students: Sequence[RosterMember]


@dataclass(frozen=True)
class Sought:
    """What staff want to see of a course's history; `openings`: also who opened the tool."""

    group_id: UUID | None = None
    member_id: UUID | None = None
    openings: bool = False


def read_history(course_id: UUID, sought: Sought, number: int = 1) -> HistoryPage:
    """Return a page of a course's history."""
    wanted = [HistoryEntry.course_id == course_id]
    if sought.group_id:
        wanted.append(HistoryEntry.group_id == sought.group_id)
    if sought.member_id:
        wanted.append(_of_person(sought.member_id))
    if not sought.openings:
        wanted.append(HistoryEntry.action.not_in(OPENINGS))
    return _page(wanted, number)


def read_choices(course_id: UUID) -> Choices:
    """Return the groups and students of a course by name."""
    groups = select(Group).where(Group.course_id == course_id).order_by(func.lower(Group.name), Group.id)
    return Choices(db.session.scalars(groups).all(), db.session.scalars(students_query(course_id)).all())


def read_group_history(viewer: Viewer, group_id: UUID, number: int = 1) -> tuple[Group, HistoryPage]:
    """Return a group, and a page of what happened in it as far as the viewer may know; raise NotFound for others.

    Its present members read all of it, from before their time too, but for invitations and requests of others.
    """
    row = db.session.scalar(select(Group).where(Group.id == group_id, Group.course_id == viewer.course.id))
    if row is None:
        raise NotFound("group_not_found")
    wanted = [HistoryEntry.course_id == viewer.course.id, HistoryEntry.group_id == group_id]
    if not allowed(viewer.actor, Permission.VIEW_HISTORY):
        wanted.append(_known_to_member(_require_member(viewer, group_id), group_id))
    return row, _page(wanted, number)


def read_own_history(viewer: Viewer, number: int = 1) -> HistoryPage:
    """Return a page of what the viewer did, and what was done to them."""
    member_id = viewer.actor.member_id
    if member_id is None:
        return HistoryPage((), 1, 1)
    hidden = and_(HistoryEntry.action.in_(UNTOLD), ~_by_person(member_id))
    course = HistoryEntry.course_id == viewer.course.id
    return _page([course, _of_person(member_id), HistoryEntry.action.not_in(OPENINGS), ~hidden], number)


def _require_member(viewer: Viewer, group_id: UUID) -> UUID:
    member_id = db.session.scalar(
        select(GroupMembership.member_id)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(
            GroupMembership.group_id == group_id,
            GroupMembership.member_id == viewer.actor.member_id,
            BELONGS,
        )
    )
    if member_id is None:
        raise NotFound("group_not_found")
    return member_id


def _known_to_member(member_id: UUID, group_id: UUID) -> ColumnElement[bool]:
    """Return the condition on entries of a group that one of its members may know (FORM-22, FORM-23)."""
    action = HistoryEntry.action
    own_groupings = select(GroupingMembership.grouping_id).where(
        GroupingMembership.member_id == member_id, GroupingMembership.status == Status.INVITER
    )
    answers = select(GroupMembership.group_id).where(
        GroupMembership.group_id == group_id,
        GroupMembership.member_id == member_id,
        GroupMembership.role.in_(ANSWERING_ROLES),
    )
    about_me = and_(HistoryEntry.member_id == member_id, action.not_in(UNTOLD))
    return or_(
        action.not_in(INVITATIONS | REQUESTS),
        _by_person(member_id),
        about_me,
        and_(action.in_(INVITATIONS), HistoryEntry.subject_id.in_(own_groupings)),
        and_(action.in_(REQUESTS), HistoryEntry.group_id.in_(answers)),
    )


def _of_person(member_id: UUID) -> ColumnElement[bool]:
    return or_(HistoryEntry.member_id == member_id, _by_person(member_id))


def _by_person(member_id: UUID) -> ColumnElement[bool]:
    """Return the condition on what somebody did themselves; never unknown, so that it can be turned round."""
    own = select(CourseAccess.id).where(CourseAccess.member_id == member_id)
    return and_(HistoryEntry.actor_id.is_not(None), HistoryEntry.actor_id.in_(own))


def _page(wanted: Sequence[ColumnElement[bool]], number: int) -> HistoryPage:
    count = db.session.scalar(select(func.count()).select_from(HistoryEntry).where(*wanted)) or 0
    pages = max(1, -(-count // PAGE_SIZE))
    number = min(max(number, 1), pages)
    query = _lines().where(*wanted).limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)
    lines = [
        HistoryLine(entry.created_at, actor if entry.actor_id else None, entry.action, entry.subject, person, group)
        for entry, actor, person, group in db.session.execute(query)
    ]
    return HistoryPage(lines, number, pages)


def _lines() -> Any:  # a Select of four, which SQLAlchemy 2.0 and 2.1 type differently
    return (
        select(HistoryEntry, CourseAccess.name, RosterMember.name, Group)
        .outerjoin(CourseAccess, CourseAccess.id == HistoryEntry.actor_id)
        .outerjoin(RosterMember, RosterMember.id == HistoryEntry.member_id)
        .outerjoin(Group, Group.id == HistoryEntry.group_id)
        .order_by(HistoryEntry.created_at.desc(), HistoryEntry.id)
    )
