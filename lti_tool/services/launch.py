"""Records a verified launch: course, person, rights and session in one transaction."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, or_, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberSource, MemberStatus
from lti_tool.lti.launch import ContextFacts, LaunchFacts
from lti_tool.lti.once import insert_once
from lti_tool.lti.session import open_session
from lti_tool.models import Course, CourseAccess, RosterMember, bare_transaction, db, transaction
from lti_tool.models.database import Base
from lti_tool.services import history, runs
from lti_tool.services.unsent import note_account

KEPT = frozenset({"id", "course_id", "created_at"})  # of a member whom staff added before their first launch
ROSTER_WINDOW = timedelta(hours=1)
ROSTER_PAUSE = timedelta(minutes=1)  # after a refresh that failed, so that a class at the door does not repeat it
LAUNCHED_TO = timedelta(minutes=10)  # how exactly the time of somebody's last launch is kept

# Everything that a launch can change, in one read; built once, because a launch is the tool's most frequent request.
KNOWN: Select[*tuple[Any, ...]] = (
    select(
        Course.id.label("course_id"),
        Course.title,
        Course.label.label("course_label"),
        Course.lms_course_id,
        Course.memberships_url,
        Course.groups_url,
        Course.group_sets_url,
        Course.resource_link_id,
        Course.copied_from,
        Course.roster_refreshed_at,
        CourseAccess.id.label("access_id"),
        CourseAccess.member_id,
        CourseAccess.name,
        CourseAccess.enrollment_type,
        CourseAccess.may_manage_groups,
        CourseAccess.is_administrator,
        CourseAccess.launched_at,
        RosterMember.id.label("roster_member_id"),
        RosterMember.lti_user_id.label("member_lti_user_id"),
        RosterMember.lms_user_id.label("member_lms_user_id"),
        RosterMember.enrollment_type.label("member_type"),
    )
    .select_from(Course)
    .outerjoin(
        CourseAccess,
        and_(CourseAccess.course_id == Course.id, CourseAccess.lti_user_id == bindparam("lti_user_id")),
    )
    .outerjoin(
        RosterMember,
        and_(
            RosterMember.course_id == Course.id,
            or_(
                RosterMember.lti_user_id == bindparam("lti_user_id"),
                # Only who has never launched is found by the LMS's id: nobody takes over another person's row.
                and_(RosterMember.lms_user_id == bindparam("lms_user_id"), RosterMember.lti_user_id.is_(None)),
            ),
        ),
    )
    .where(Course.registration_id == bindparam("registration_id"), Course.lti_context_id == bindparam("lti_context_id"))
)


@dataclass(frozen=True)
class RecordedLaunch:
    """The session's secret, the course it led to, and the roster refresh to ring the worker for."""

    token: str
    course_id: UUID | None
    refresh_run_id: UUID | None


def record(facts: LaunchFacts) -> RecordedLaunch:
    """Store what a launch proved, use it up and open a session; raise LaunchError("launch_used") the second time.

    Course and roles are replaced by what this launch says. A roster refresh is queued when the last one is older
    than its window; the caller rings the worker after the commit.
    """
    return (_record_known(facts, facts.context) if facts.context else None) or _record_all(facts)


def _record_known(facts: LaunchFacts, context: ContextFacts) -> RecordedLaunch | None:
    """Open the session of a launch that brings nothing new, as nearly every one; otherwise store nothing: None."""
    with bare_transaction() as begun:
        token = open_session(begun.connection, facts)
        known = _read(begun.connection, facts, context)
        if known and not (_is_stale(known) or _wants_refresh(known) or _brings_news(facts, context, known)):
            return RecordedLaunch(token, known.course_id, None)
        begun.rollback()
    return None


def _record_all(facts: LaunchFacts) -> RecordedLaunch:
    context = facts.context
    with transaction() as session:
        connection = session.connection()
        token = open_session(connection, facts)
        if context is None:
            return RecordedLaunch(token, None, None)
        known = _read(connection, facts, context)
        if known is None or _brings_news(facts, context, known):
            known = _store(connection, facts, context, known)
        elif _is_stale(known):
            _update(connection, CourseAccess, known.access_id, {"launched_at": now()})
        return RecordedLaunch(token, known.course_id, _refresh(known))


def _read(connection: Connection, facts: LaunchFacts, context: ContextFacts) -> Row[Any] | None:
    """Return what the store has of this course and person in one read; what it has not is None."""
    given = {
        "registration_id": facts.registration_id,
        "lti_context_id": context.lti_context_id,
        "lti_user_id": facts.lti_user_id,
        "lms_user_id": facts.lms_user_id,
    }
    rows = connection.execute(KNOWN, given).all()
    # Two members mean that a roster listed the person before the ids were known to be one: the launched one stands.
    return min(rows, key=lambda row: row.member_lti_user_id != facts.lti_user_id, default=None)


def _brings_news(facts: LaunchFacts, context: ContextFacts, known: Row[Any]) -> bool:
    """Say whether anything but the time differs from what the store has."""
    if known.access_id is None or (_is_on_roster(facts) and known.roster_member_id is None):
        return True
    member_id = known.roster_member_id if _is_on_roster(facts) else None
    return (
        _course_values(facts, context, known) != _present_course(known)
        or _access_values(facts, known, member_id) != _present_access(known)
        or (_is_on_roster(facts) and _member_values(facts, known) != _present_member(known))
    )


def _is_on_roster(facts: LaunchFacts) -> bool:
    """Visitors without a role in the course and the LMS's test users belong to no roster."""
    return facts.enrollment_type is not None and not facts.is_test_user


def _course_values(facts: LaunchFacts, context: ContextFacts, known: Row[Any] | None) -> dict[str, Any]:
    """A launch that does not tell (another placement, a link without services) takes nothing away."""
    return {
        "title": context.title or context.label or context.lti_context_id,
        "label": context.label,
        # For life: another id would lead the service token into another course.
        "lms_course_id": (known.lms_course_id if known else None) or facts.lms_course_id,
        "memberships_url": facts.memberships_url or (known.memberships_url if known else None),
        "groups_url": facts.groups_url or (known.groups_url if known else None),
        "group_sets_url": facts.group_sets_url or (known.group_sets_url if known else None),
        "resource_link_id": facts.resource_link_id or (known.resource_link_id if known else None),
        "copied_from": facts.copied_from or (known.copied_from if known else None),
    }


def _present_course(known: Row[Any]) -> dict[str, Any]:
    return {
        "title": known.title,
        "label": known.course_label,
        "lms_course_id": known.lms_course_id,
        "memberships_url": known.memberships_url,
        "groups_url": known.groups_url,
        "group_sets_url": known.group_sets_url,
        "resource_link_id": known.resource_link_id,
        "copied_from": known.copied_from,
    }


def _access_values(facts: LaunchFacts, known: Row[Any], member_id: UUID | None) -> dict[str, Any]:
    keeps_right = facts.of_link and facts.may_manage_groups is None  # what the tool's own place in the LMS told
    return {
        "member_id": member_id,
        "name": facts.name,
        "enrollment_type": facts.enrollment_type,
        "may_manage_groups": known.may_manage_groups if keeps_right else facts.may_manage_groups,
        "is_administrator": facts.is_administrator,
    }


def _present_access(known: Row[Any]) -> dict[str, Any]:
    names = ("member_id", "name", "enrollment_type", "may_manage_groups", "is_administrator")
    return {name: getattr(known, name) for name in names}


def _member_values(facts: LaunchFacts, known: Row[Any]) -> dict[str, Any]:
    """The roster's own word on a type stands, but a launch as staff is never taken for a student's."""
    was_student = known.member_type == EnrollmentType.STUDENT
    return {
        "lti_user_id": facts.lti_user_id,
        "lms_user_id": known.member_lms_user_id or _unclaimed(known.course_id, facts.lms_user_id),
        "enrollment_type": facts.enrollment_type if was_student else known.member_type,
    }


def _present_member(known: Row[Any]) -> dict[str, Any]:
    return {
        "lti_user_id": known.member_lti_user_id,
        "lms_user_id": known.member_lms_user_id,
        "enrollment_type": known.member_type,
    }


def _store(connection: Connection, facts: LaunchFacts, context: ContextFacts, known: Row[Any] | None) -> Row[Any]:
    """Store what is new or differs, and return what the store has then.

    Each insert gives way to a row that another launch brought at the same moment.
    """
    if known is None:
        insert_once(connection, Course, **_new_course(facts, context))
        known = _read_again(connection, facts, context)
    if (course := _course_values(facts, context, known)) != _present_course(known):
        _update(connection, Course, known.course_id, course)
    before = known.member_lms_user_id
    if _is_on_roster(facts):
        if known.roster_member_id is None and _adopt_local(connection, facts, known.course_id):
            known = _read_again(connection, facts, context)
        if known.roster_member_id is None:
            insert_once(connection, RosterMember, **_new_member(facts, known.course_id))
            known = _read_again(connection, facts, context)
        if (member := _member_values(facts, known)) != _present_member(known):
            _update(connection, RosterMember, known.roster_member_id, member)
    access = _access_values(facts, known, known.roster_member_id if _is_on_roster(facts) else None)
    if known.access_id is None:
        fixed = {"course_id": known.course_id, "lti_user_id": facts.lti_user_id, "launched_at": now()}
        insert_once(connection, CourseAccess, id=uuid4(), **fixed, **access)
    elif access != _present_access(known):
        _update(connection, CourseAccess, known.access_id, {"launched_at": now(), **access})
    known = _read_again(connection, facts, context)
    if known.member_lms_user_id != before:
        note_account(connection, known.course_id)
    history.note(known.course_id, known.access_id, "launched", str(facts.enrollment_type or "no role"))
    return known


def _read_again(connection: Connection, facts: LaunchFacts, context: ContextFacts) -> Row[Any]:
    known = _read(connection, facts, context)
    if known is None:
        raise Conflict("course_vanished")  # removed while its launch was stored
    return known


def _new_course(facts: LaunchFacts, context: ContextFacts) -> dict[str, Any]:
    fixed = {"registration_id": facts.registration_id, "lti_context_id": context.lti_context_id, "created_at": now()}
    return {"id": uuid4(), **fixed, **_course_values(facts, context, None)}


def _new_member(facts: LaunchFacts, course_id: UUID) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "course_id": course_id,
        "name": facts.name,
        "email": facts.email,
        "student_number": facts.student_number,
        "status": MemberStatus.ACTIVE,
        "enrollment_type": facts.enrollment_type,
        "source": MemberSource.LMS,
        "lms_user_id": _unclaimed(course_id, facts.lms_user_id),
        "lti_user_id": facts.lti_user_id,
        "created_at": now(),
    }


def _adopt_local(connection: Connection, facts: LaunchFacts, course_id: UUID) -> bool:
    """Make the one student whom staff added with this e-mail, else this number, the person who launches now.

    So the next sync finds one member instead of two (seed 003, "Merge matching and conflicts"); several are left alone.
    """
    local = select(RosterMember).where(
        RosterMember.course_id == course_id,
        RosterMember.source == MemberSource.LOCAL,
        RosterMember.lti_user_id.is_(None),
        RosterMember.lms_user_id.is_(None),
    )
    for given, column in (
        ((facts.email or "").strip().lower(), func.lower(RosterMember.email)),
        (facts.student_number, RosterMember.student_number),
    ):
        found = db.session.scalars(local.where(column == given)).all() if given else []
        if found:
            return len(found) == 1 and _adopt(connection, facts, found[0])
    return False


def _adopt(connection: Connection, facts: LaunchFacts, found: RosterMember) -> bool:
    """Take the row unless another person's launch took it a moment ago: nobody is put out of a row again.

    It is written down with both names, because an e-mail is what the LMS says that it is, and in some people change
    theirs themselves.
    """
    values = _new_member(facts, found.course_id)
    taken = connection.execute(
        update(RosterMember)
        .where(RosterMember.id == found.id, RosterMember.lti_user_id.is_(None), RosterMember.lms_user_id.is_(None))
        .values({name: values[name] for name in values if name not in KEPT})
    )
    if not taken.rowcount:
        return False
    history.note(found.course_id, None, "member_launched", f"{found.name} → {facts.name}", found.id, member_id=found.id)
    return True


def _unclaimed(course_id: UUID, lms_user_id: str | None) -> str | None:
    """Return an LMS id unless somebody of the course has it already."""
    if lms_user_id is None:
        return None
    claimed = select(RosterMember.id).where(
        RosterMember.course_id == course_id, RosterMember.lms_user_id == lms_user_id
    )
    return None if db.session.scalar(claimed) else lms_user_id


def _update(connection: Connection, row: type[Base], row_id: UUID, values: dict[str, Any]) -> None:
    table = row.__table__
    statement = update(table).where(table.c.id == bindparam("row_id"))  # type: ignore[arg-type] # a mapped class has a Table
    connection.execute(statement, {"row_id": row_id, **values})


def _is_stale(known: Row[Any]) -> bool:
    return known.launched_at is not None and now() - known.launched_at > LAUNCHED_TO


def _wants_refresh(known: Row[Any]) -> bool:
    if not known.memberships_url:
        return False
    return known.roster_refreshed_at is None or now() - known.roster_refreshed_at >= ROSTER_WINDOW


def _refresh(known: Row[Any]) -> UUID | None:
    """Queue a refresh of the roster when one is due; None when it is not, is queued already, or failed just now."""
    if not _wants_refresh(known) or runs.failed_since(known.course_id, "roster", now() - ROSTER_PAUSE):
        return None
    return runs.queue_unless_open(known.course_id, "roster", requested_by=known.access_id)
