"""Placed links: what each opens in a course, and what staff chose for those that came with a copied course."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, exists, false, select, true, union_all, update
from sqlalchemy.orm import aliased

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.groups import Connection
from lti_tool.domain.permissions import STAFF_TYPES
from lti_tool.lti.once import insert_once
from lti_tool.models import Assignment, Course, CourseAccess, GroupSet, LinkTarget, db, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.placing import COURSE_PAGE, Placeable, list_placeable
from lti_tool.services.runs import require_edits


@dataclass(frozen=True)
class Target:
    """What a link opens: an assignment or a group set of the course."""

    id: UUID
    is_set: bool
    name: str
    by_students: bool = False  # an assignment whose groups students form


@dataclass(frozen=True)
class Source:
    """Where a link was made: another course, and the name of what it opened there."""

    course: str
    name: str
    is_set: bool


@dataclass(frozen=True)
class Foreign:
    """A link that came with a copied course, for staff to connect.

    `source` is None where the person may not know it, or nobody does any more; `same` is what has its name here.
    """

    from_id: UUID
    source: Source | None
    choices: Sequence[Placeable]
    same: str | None
    connected: Target | None


@dataclass(frozen=True)
class ConnectedLink:
    """A link of a copied course and what it opens here."""

    from_id: UUID
    source: Source | None
    target: Target


def find_target(course_id: UUID, link_id: UUID) -> Target | None:
    """Return what a link opens in this course, by its own id or by the staff's choice; None when it opens nothing."""
    return _own(course_id, link_id) or _chosen(course_id, link_id)


def _own(course_id: UUID, target_id: UUID) -> Target | None:
    """Return the assignment or set of this course that has an id; sets of the roster are nobody's to open."""
    assignment = db.session.scalar(
        select(Assignment).where(Assignment.id == target_id, Assignment.course_id == course_id)
    )
    if assignment is not None:
        return Target(assignment.id, False, assignment.name, assignment.formed_by == "students")
    of_roster = GroupSet.connection == Connection.SYSTEM
    row = db.session.scalar(
        select(GroupSet).where(
            GroupSet.id == target_id, GroupSet.course_id == course_id, GroupSet.connection.is_(None) | ~of_roster
        )
    )
    return Target(row.id, True, row.name) if row else None


def _chosen(course_id: UUID, from_id: UUID) -> Target | None:
    row = db.session.get(LinkTarget, (course_id, from_id))
    if row is None:
        return None
    target_id = row.assignment_id or row.group_set_id
    return _own(course_id, target_id) if target_id else None


def read_foreign(viewer: Viewer, from_id: UUID) -> Foreign:
    """Return what staff need to connect a link that opens nothing here, or to change what they chose.

    An id that nobody knows, and one of another registration, look alike. Raise NotFound for what is of this course.
    """
    if _own(viewer.course.id, from_id):
        raise NotFound("link_not_copied")
    source = _sources(viewer, [from_id]).get(from_id)
    choices = [found for found in list_placeable(viewer.course.id) if found.key != COURSE_PAGE]
    same = next((found.key for found in choices if source and _is_same(found, source)), None)
    return Foreign(from_id, source, choices, same, _chosen(viewer.course.id, from_id))


def _is_same(found: Placeable, source: Source) -> bool:
    return (found.kind == "set") == source.is_set and found.name.casefold() == source.name.casefold()


def has_connected(course_id: UUID) -> bool:
    """Say whether staff connected a link of a copied course, so that there is one to change."""
    return bool(db.session.scalar(select(exists().where(LinkTarget.course_id == course_id))))


def list_connected(viewer: Viewer) -> list[ConnectedLink]:
    """Return the links that staff connected, the newest first, in a fixed number of queries."""
    rows = db.session.execute(
        select(LinkTarget.from_id, Assignment.id, Assignment.name, GroupSet.id, GroupSet.name)
        .outerjoin(Assignment, Assignment.id == LinkTarget.assignment_id)
        .outerjoin(GroupSet, GroupSet.id == LinkTarget.group_set_id)
        .where(LinkTarget.course_id == viewer.course.id)
        .order_by(LinkTarget.created_at.desc(), LinkTarget.from_id)
    ).all()
    sources = _sources(viewer, [row[0] for row in rows]) if rows else {}
    return [
        ConnectedLink(
            from_id,
            sources.get(from_id),
            Target(assignment_id, False, assignment) if assignment_id else Target(set_id, True, group_set),
        )
        for from_id, assignment_id, assignment, set_id, group_set in rows
    ]


def _sources(viewer: Viewer, ids: Sequence[UUID]) -> dict[UUID, Source]:
    """Return where links were made, as far as this person may know it.

    Only in the same registration, and only from a course that the LMS says was copied into this one, or that the
    person is staff of too. The LMS's word came with a launch, where a teacher may set parameters of a link: whoever
    does must know both courses' ids, which stand on no page, and learns two names.
    """
    here, there, access = aliased(Course), aliased(Course), aliased(CourseAccess)
    made = union_all(
        select(Assignment.id, Assignment.course_id, Assignment.name, false().label("is_set")).where(
            Assignment.id.in_(ids)
        ),
        select(GroupSet.id, GroupSet.course_id, GroupSet.name, true().label("is_set")).where(GroupSet.id.in_(ids)),
    ).subquery()
    own = aliased(CourseAccess)
    is_staff = exists().where(
        access.course_id == there.id,
        access.lti_user_id == own.lti_user_id,
        access.enrollment_type.in_([str(kind) for kind in STAFF_TYPES]),
    )
    rows = db.session.execute(
        select(made.c.id, there.title, made.c.name, made.c.is_set, there.lti_context_id, here.copied_from, is_staff)
        .join(there, there.id == made.c.course_id)
        .join(here, here.registration_id == there.registration_id)
        .join(own, own.course_id == here.id)
        .where(here.id == viewer.course.id, there.id != here.id, own.id == viewer.access_id)
    )
    return {
        link_id: Source(title, name, bool(is_set))
        for link_id, title, name, is_set, context_id, copied_from, staff in rows
        if staff or context_id in _ids(copied_from)
    }


def _ids(copied_from: str | None) -> frozenset[str]:
    return frozenset(text.strip() for text in (copied_from or "").split(","))


def connect_link(viewer: Viewer, from_id: UUID, target_id: UUID) -> Changes:
    """Let a link of a copied course open this assignment or set from now on.

    Raise NotFound("link_not_copied"), RuleViolation("link_target_not_found"), Conflict during a sync.
    """
    course_id = viewer.course.id
    with transaction() as session:
        require_edits(course_id)
        if _own(course_id, from_id):
            raise NotFound("link_not_copied")
        target = _own(course_id, target_id)
        if target is None:
            raise RuleViolation("link_target_not_found")
        leads = {
            "assignment_id": None if target.is_set else target.id,
            "group_set_id": target.id if target.is_set else None,
        }
        key = {"course_id": course_id, "from_id": from_id}
        if not insert_once(session.connection(), LinkTarget, **key, **leads, created_at=now()):
            session.execute(update(LinkTarget).filter_by(**key).values(**leads, created_at=now()))
        history.note(course_id, viewer.access_id, "link_connected", target.name, target.id)
    return Changes(count=1)


def disconnect_link(viewer: Viewer, from_id: UUID) -> Changes:
    """Forget what a link of a copied course opens; raise NotFound("link_not_copied"), Conflict during a sync."""
    course_id = viewer.course.id
    with transaction() as session:
        require_edits(course_id)
        target = _chosen(course_id, from_id)
        if target is None:
            raise NotFound("link_not_copied")
        session.execute(delete(LinkTarget).where(LinkTarget.course_id == course_id, LinkTarget.from_id == from_id))
        history.note(course_id, viewer.access_id, "link_disconnected", target.name, target.id)
    return Changes(count=1)
