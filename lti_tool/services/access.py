"""Finds out who is looking at which course: the session says who, the URL says where, the last launch says as what."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, select

from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.work import Work
from lti_tool.lti.session import LIFETIME, find_session
from lti_tool.models import (
    BrowserSession,
    Course,
    CourseAccess,
    Notice,
    Registration,
    RosterMember,
    ServiceToken,
    SyncRun,
    db,
)
from lti_tool.services.runs import OPEN, work_of

LMS_NAMES = {"canvas": "Canvas", "moodle": "Moodle"}


@dataclass(frozen=True)
class Visitor:
    """Whose browser this is: a person of one registration, in no course yet."""

    session_key: str
    registration_id: UUID
    lti_user_id: str
    frame_origins: tuple[str, ...]
    is_administrator: bool = False  # of the platform, by the launch's own word


@dataclass(frozen=True)
class CourseFacts:
    """What every page of a course shows of it."""

    id: UUID
    title: str
    label: str
    family: str
    roster_refreshed_at: datetime | None = None
    roster_updated_at: datetime | None = None
    roster_connection: str | None = None
    roster_filename: str | None = None
    groups_synced_at: datetime | None = None

    @property
    def lms_name(self) -> str:
        """Return what people call the LMS of this course."""
        return LMS_NAMES.get(self.family, "LMS")


@dataclass(frozen=True)
class Viewer:
    """A person in one course, as their last launch proved it, and what is at work on the course."""

    access_id: UUID
    name: str
    course: CourseFacts
    actor: Actor
    at_work: Work | None = None
    unread: int = 0  # notices


def find_visitor(session_token: str | None) -> Visitor | None:
    """Return whose session a cookie opens; None for none, a wrong or an ended one."""
    session = find_session(session_token) if session_token else None
    if session is None:
        return None
    return Visitor(
        session.token_hash,
        session.registration_id,
        session.lti_user_id,
        tuple(session.frame_origins.split()),
        session.is_administrator,
    )


def find_viewer(visitor: Visitor, course_id: UUID) -> Viewer | None:
    """Return the visitor's part in a course; None when they did not launch it lately or are no longer in it."""
    of_person = (Notice.member_id == CourseAccess.member_id, Notice.read_at.is_(None))
    unread = select(func.count()).select_from(Notice).where(*of_person).correlate(CourseAccess).scalar_subquery()
    row = db.session.execute(
        select(Course, CourseAccess, RosterMember, Registration.family, ServiceToken.set_at, SyncRun, unread)
        .join(CourseAccess, CourseAccess.course_id == Course.id)
        .join(Registration, Registration.id == Course.registration_id)
        .outerjoin(RosterMember, RosterMember.id == CourseAccess.member_id)
        .outerjoin(ServiceToken, ServiceToken.registration_id == Registration.id)
        .outerjoin(SyncRun, and_(SyncRun.course_id == Course.id, SyncRun.state.in_(OPEN)))  # one at most
        .where(
            Course.id == course_id,
            Course.registration_id == visitor.registration_id,
            CourseAccess.lti_user_id == visitor.lti_user_id,
            CourseAccess.launched_at > now() - LIFETIME,
        )
    ).one_or_none()
    if row is None:
        return None
    course, access, member, family, token_set_at, run, news = row
    actor = _actor(course, access, member, asks=family == "moodle" and token_set_at is not None)
    if actor.enrollment_type is EnrollmentType.STUDENT and _is_dropped(member):
        return None
    return Viewer(
        access.id,
        access.name,
        CourseFacts(
            id=course.id,
            title=course.title,
            label=course.label,
            family=family,
            roster_refreshed_at=course.roster_refreshed_at,
            roster_updated_at=course.roster_updated_at,
            roster_connection=course.roster_connection,
            roster_filename=course.roster_filename,
            groups_synced_at=course.groups_synced_at,
        ),
        actor,
        work_of(run) if run else None,
        unread=news,
    )


def opened_before(visitor: Visitor, course_id: UUID) -> bool:
    """Say whether the visitor's last launch into a course was too long ago."""
    launched_at = db.session.scalar(
        select(CourseAccess.launched_at)
        .join(Course, Course.id == CourseAccess.course_id)
        .where(
            Course.id == course_id,
            Course.registration_id == visitor.registration_id,
            CourseAccess.lti_user_id == visitor.lti_user_id,
        )
    )
    return launched_at is not None and launched_at <= now() - LIFETIME


def list_session_keys(visitor: Visitor) -> list[str]:
    """Return the keys of all sessions of this person that have not ended."""
    return list(
        db.session.scalars(
            select(BrowserSession.token_hash).where(
                BrowserSession.registration_id == visitor.registration_id,
                BrowserSession.lti_user_id == visitor.lti_user_id,
                BrowserSession.expires_at > now(),
            )
        )
    )


def find_present_actor(access_id: UUID) -> Actor | None:
    """Return what a person may do by what is known now, however long ago they came; None when they have left.

    For work that is done in their name while they are not there (ruling C33).
    """
    row = db.session.execute(
        select(Course, CourseAccess, RosterMember)
        .join(CourseAccess, CourseAccess.course_id == Course.id)
        .outerjoin(RosterMember, RosterMember.id == CourseAccess.member_id)
        .where(CourseAccess.id == access_id)
    ).one_or_none()
    if row is None:
        return None
    course, access, member = row
    return None if _is_dropped(member) else _actor(course, access, member, asks=False)


def _actor(course: Course, access: CourseAccess, member: RosterMember | None, *, asks: bool) -> Actor:
    """Return the person as far as rights need it; `asks`: the LMS can be asked for their right to manage groups."""
    return Actor(
        enrollment_type=_enrollment(course, access, member),
        manages_groups=_manages_groups(access, member),
        member_id=access.member_id,
        right_unasked=asks and _is_unasked(course, member),
    )


def _is_dropped(member: RosterMember | None) -> bool:
    return member is not None and member.status == MemberStatus.DROPPED


def _enrollment(course: Course, access: CourseAccess, member: RosterMember | None) -> EnrollmentType | None:
    """What the last launch proved, but a student by a roster that is newer is a student."""
    if access.enrollment_type is None:
        return None
    newer = course.roster_refreshed_at is not None and course.roster_refreshed_at > access.launched_at
    if member is not None and newer and member.enrollment_type == EnrollmentType.STUDENT:
        return EnrollmentType.STUDENT
    return EnrollmentType(access.enrollment_type)


def _is_unasked(course: Course, member: RosterMember | None) -> bool:
    """Say whether no roster run, which asks for everybody's right, has ended since the person came (ruling C33)."""
    refreshed = course.roster_refreshed_at
    return refreshed is None or (member is not None and member.created_at > refreshed)


def _manages_groups(access: CourseAccess, member: RosterMember | None) -> bool | None:
    """The LMS's word on the right to manage groups, told at the launch or asked since; a no of either stands."""
    words = {access.may_manage_groups, member.manages_groups if member else None}
    return False if False in words else (True if True in words else None)
