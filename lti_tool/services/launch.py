"""Records a verified launch: course, person, rights and session in one transaction."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import or_, select

from lti_tool.domain.clock import now
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberSource, MemberStatus
from lti_tool.lti.launch import ContextFacts, LaunchFacts
from lti_tool.lti.session import add_session, consume
from lti_tool.models import Course, CourseAccess, RosterMember, db, transaction
from lti_tool.services import history, runs

ROSTER_WINDOW = timedelta(hours=1)


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
    with transaction() as session:
        consume(facts)
        token = add_session(facts)
        if facts.context is None:
            return RecordedLaunch(token, None, None)
        course = _course(facts, facts.context)
        session.flush()
        member_id = _member_id(course, facts)
        access = _access(course, facts, member_id)
        session.flush()
        history.note(course.id, access.id, "launched")
        return RecordedLaunch(token, course.id, _refresh(course, access))


def _course(facts: LaunchFacts, context: ContextFacts) -> Course:
    course = db.session.scalar(
        select(Course).where(
            Course.registration_id == facts.registration_id, Course.lti_context_id == context.lti_context_id
        )
    )
    if course is None:
        course = Course(
            registration_id=facts.registration_id,
            lti_context_id=context.lti_context_id,
            lms_course_id=None,
            roster_refreshed_at=None,
            groups_synced_at=None,
            created_at=now(),
        )
        db.session.add(course)
    course.title = context.title or context.label or context.lti_context_id
    course.label = context.label
    # A launch that does not tell (another placement, a link without services) takes nothing away.
    course.lms_course_id = facts.lms_course_id or course.lms_course_id
    course.memberships_url = facts.memberships_url or course.memberships_url
    course.resource_link_id = facts.resource_link_id or course.resource_link_id
    return course


def _member_id(course: Course, facts: LaunchFacts) -> UUID | None:
    """Find or add the launching person on the roster; visitors without a role and test users belong to none."""
    if facts.enrollment_type is None or facts.is_test_user:
        return None
    member = _find_member(course.id, facts)
    if member is None:
        member = RosterMember(
            course_id=course.id,
            name=facts.name,
            email=facts.email,
            student_number=facts.student_number,
            status=MemberStatus.ACTIVE,
            enrollment_display=None,
            enrollment_type=facts.enrollment_type,
            source=MemberSource.LMS,
            lms_user_id=facts.lms_user_id,
            lti_user_id=facts.lti_user_id,
            manages_groups=None,
            created_at=now(),
        )
        db.session.add(member)
        db.session.flush()
        return member.id
    member.lti_user_id = facts.lti_user_id
    member.lms_user_id = member.lms_user_id or facts.lms_user_id
    # The roster's own word on a type stands, but a launch as staff is never taken for a student's.
    if member.enrollment_type == EnrollmentType.STUDENT:
        member.enrollment_type = facts.enrollment_type
    return member.id


def _find_member(course_id: UUID, facts: LaunchFacts) -> RosterMember | None:
    ids = [RosterMember.lti_user_id == facts.lti_user_id]
    if facts.lms_user_id:
        ids.append(RosterMember.lms_user_id == facts.lms_user_id)
    found = db.session.scalars(select(RosterMember).where(RosterMember.course_id == course_id, or_(*ids))).all()
    # Two rows mean that a roster listed the person before the ids were known to be one: the launched one stands.
    return min(found, key=lambda member: member.lti_user_id != facts.lti_user_id, default=None)


def _access(course: Course, facts: LaunchFacts, member_id: UUID | None) -> CourseAccess:
    access = db.session.scalar(
        select(CourseAccess).where(CourseAccess.course_id == course.id, CourseAccess.lti_user_id == facts.lti_user_id)
    )
    if access is None:
        access = CourseAccess(course_id=course.id, lti_user_id=facts.lti_user_id)
        db.session.add(access)
    access.member_id = member_id
    access.name = facts.name
    access.enrollment_type = facts.enrollment_type
    access.may_manage_groups = facts.may_manage_groups
    access.is_administrator = facts.is_administrator
    access.launched_at = now()
    return access


def _refresh(course: Course, access: CourseAccess) -> UUID | None:
    if not course.memberships_url:
        return None
    if course.roster_refreshed_at and now() - course.roster_refreshed_at < ROSTER_WINDOW:
        return None
    return runs.queue_unless_open(course.id, "roster", requested_by=access.id)
