"""Finds out who is looking at which course: the session says who, the URL says where, the last launch says as what."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.lti.session import find_session
from lti_tool.models import Course, CourseAccess, Registration, RosterMember, db

LMS_NAMES = {"canvas": "Canvas", "moodle": "Moodle"}


@dataclass(frozen=True)
class Visitor:
    """Whose browser this is: a person of one registration, in no course yet."""

    session_id: UUID
    registration_id: UUID
    lti_user_id: str
    frame_origins: tuple[str, ...]


@dataclass(frozen=True)
class CourseFacts:
    """What every page of a course shows of it."""

    id: UUID
    title: str
    label: str
    family: str
    roster_refreshed_at: datetime | None = None
    groups_synced_at: datetime | None = None

    @property
    def lms_name(self) -> str:
        """Return what people call the LMS of this course."""
        return LMS_NAMES.get(self.family, "LMS")


@dataclass(frozen=True)
class Viewer:
    """A person in one course, as their last launch proved it."""

    access_id: UUID
    name: str
    course: CourseFacts
    actor: Actor


def find_visitor(session_token: str | None) -> Visitor | None:
    """Return whose session a cookie opens; None for none, a wrong or an ended one."""
    session = find_session(session_token) if session_token else None
    if session is None:
        return None
    return Visitor(session.id, session.registration_id, session.lti_user_id, tuple(session.frame_origins.split()))


def find_viewer(visitor: Visitor, course_id: UUID) -> Viewer | None:
    """Return the visitor's part in a course; None when they never launched it."""
    row = db.session.execute(
        select(Course, CourseAccess, RosterMember.manages_groups, Registration.family)
        .join(CourseAccess, CourseAccess.course_id == Course.id)
        .join(Registration, Registration.id == Course.registration_id)
        .outerjoin(RosterMember, RosterMember.id == CourseAccess.member_id)
        .where(
            Course.id == course_id,
            Course.registration_id == visitor.registration_id,
            CourseAccess.lti_user_id == visitor.lti_user_id,
        )
    ).one_or_none()
    if row is None:
        return None
    course, access, roster_manages, family = row
    proved = access.may_manage_groups if access.may_manage_groups is not None else roster_manages
    enrollment = EnrollmentType(access.enrollment_type) if access.enrollment_type else None
    return Viewer(
        access.id,
        access.name,
        CourseFacts(course.id, course.title, course.label, family, course.roster_refreshed_at, course.groups_synced_at),
        Actor(enrollment, proved, access.member_id),
    )
