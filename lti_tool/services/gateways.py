"""Chooses how a course's LMS is reached, and by whose right: the tool's own token, or the access that somebody lent."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, case, func, select

from lti_tool.domain.errors import LmsRefused, NotFound
from lti_tool.domain.gateway import LmsGateway
from lti_tool.domain.permissions import Permission, allowed
from lti_tool.lms.advantage import Advantage
from lti_tool.lms.advantage_groups import AdvantageGateway
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.canvas_http import ServiceAccess, Token
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.models import Course, CourseAccess, LmsGrant, Registration, SyncRun, db
from lti_tool.services import runs
from lti_tool.services.access import find_present_actor
from lti_tool.services.grants import find_access
from lti_tool.services.oauth_clients import find_client_id
from lti_tool.services.registrations import hosts_of
from lti_tool.services.tokens import read_service_token
from lti_tool.services.tool import Tool

SERVICE = ""  # whose access it is, in SyncRun.acted_as


@dataclass(frozen=True)
class Chosen:
    """The access that is used: whose it is, its token, and the person of the course who lent it (None: nobody)."""

    acted_as: str
    token: Token
    lender: UUID | None = None


def group_access_problem(tool: Tool, course_id: UUID, access_id: UUID | None = None) -> str | None:
    """Return why the groups of a course's LMS cannot be reached (an error code), None when they can."""
    try:
        open_gateway(tool, course_id, access_id=access_id)
    except LmsRefused as error:
        return error.code
    return None


def open_gateway(tool: Tool, course_id: UUID, *, access_id: UUID | None = None) -> LmsGateway:
    """Return the gateway to a course's groups; no call is made yet.

    Canvas and Moodle are reached by their own APIs only, without a token too: neither has the Course Groups Service,
    and its ids need not be those of the API, so that a token given later would bring every set a second time.

    What a person started (`access_id`, else whoever asked for the run at work here) uses the access that they lent,
    else the service token. What nobody started uses the service token, else the access of who last published or
    started something in the course. The run at work is told whose it was.

    Raise LmsRefused("groups_unsupported" | "lms_url_missing" | "token_missing" | "grant_missing" | "grant_ended" |
    "lms_course_unknown"), or as `read_service_token` and `grants.find_access`.
    """
    course, registration = _course(course_id)
    if registration.family not in ("canvas", "moodle"):
        return _open_groups_service(tool, course, registration)
    if not registration.lms_url:
        raise LmsRefused("lms_url_missing")
    chosen = choose_access(tool, course, registration, access_id)
    if not course.lms_course_id:
        raise LmsRefused("lms_course_unknown")
    if run := runs.at_work():
        run.acted_as, run.lender = chosen.acted_as, chosen.lender
    if registration.family == "moodle":
        return MoodleGateway(
            tool.outbound,
            base_url=registration.lms_url,
            token=chosen.token(),
            lms_course_id=course.lms_course_id,
        )
    return CanvasGateway(
        tool.outbound, base_url=registration.lms_url, token=chosen.token, lms_course_id=course.lms_course_id
    )


def choose_access(tool: Tool, course: Course, registration: Registration, access_id: UUID | None) -> Chosen:
    """Return the first access of those that may be used which is there; raise LmsRefused saying what is missing."""
    problem: LmsRefused | None = None
    for access in _in_order(course.id, registration, access_id):
        try:
            found = _service(tool, registration) if access is None else _lent(tool, registration, access)
        except LmsRefused as error:
            problem = problem or error
            continue
        if found is not None:
            return found
    if problem is None:
        can_lend = registration.family == "canvas" and find_client_id(registration.id) is not None
        problem = LmsRefused("grant_missing") if can_lend else LmsRefused("token_missing")
    raise problem


def lender_of(tool: Tool, course_id: UUID, access_id: UUID | None = None) -> UUID | None:
    """Return who lent the access that would be used, None for the tool's own; raise as `choose_access` does."""
    course, registration = _course(course_id)
    if registration.family not in ("canvas", "moodle"):
        return None
    return choose_access(tool, course, registration, access_id).lender


def _in_order(course_id: UUID, registration: Registration, access_id: UUID | None) -> Iterator[CourseAccess | None]:
    """Give whose access is tried, one after the other; None stands for the tool's own."""
    if registration.family != "canvas":  # nothing can be lent
        yield None
        return
    run = runs.at_work()
    person_id = access_id or (run.requested_by if run else None)
    person = db.session.get(CourseAccess, person_id) if person_id else None
    # Anybody's launch begins a refresh of the roster: who may not sync lends nothing to it.
    if person is not None and _has_right(person):
        yield person
        yield None
        return
    yield None
    yield from _lenders(course_id)


def require_asker(access_id: UUID) -> None:
    """Raise LmsRefused("asker_without_right") unless who asked for a change may still make it (ruling C33).

    The token that is used may do more than that person: what is done in their name later asks for their right again.
    """
    actor = find_present_actor(access_id)
    if actor is None or not allowed(actor, Permission.EDIT_GROUPS):
        raise LmsRefused("asker_without_right")


def _has_right(person: CourseAccess) -> bool:
    """Say whether a person may still manage the course's groups: they may have lent access long ago (ruling C33)."""
    actor = find_present_actor(person.id)
    return actor is not None and allowed(actor, Permission.LEND_ACCESS)


def _lenders(course_id: UUID) -> list[CourseAccess]:
    """Return who of the course lent access, still has the right, and started something: who published last first."""
    started = (
        select(
            SyncRun.requested_by,
            func.max(case((SyncRun.kind == "publish", SyncRun.created_at))).label("published_at"),
            func.max(SyncRun.created_at).label("at"),
        )
        .where(SyncRun.course_id == course_id, SyncRun.requested_by.is_not(None))
        .group_by(SyncRun.requested_by)
        .subquery()
    )
    people = db.session.scalars(
        select(CourseAccess)
        .join(started, started.c.requested_by == CourseAccess.id)
        .join(Course, Course.id == CourseAccess.course_id)
        .join(
            LmsGrant,
            and_(
                LmsGrant.registration_id == Course.registration_id,
                LmsGrant.lti_user_id == CourseAccess.lti_user_id,
                LmsGrant.error_code.is_(None),
            ),
        )
        .order_by(started.c.published_at.desc().nulls_last(), started.c.at.desc())
    )
    return [person for person in people.all() if _has_right(person)]


def _service(tool: Tool, registration: Registration) -> Chosen | None:
    token = read_service_token(tool.settings, registration.id)
    return Chosen(SERVICE, ServiceAccess(token)) if token is not None else None


def _lent(tool: Tool, registration: Registration, person: CourseAccess) -> Chosen | None:
    found = find_access(tool, registration.id, person.lti_user_id)
    return Chosen(*found, lender=person.id) if found else None


def open_writable(tool: Tool, course_id: UUID, *, access_id: UUID | None = None) -> LmsGateway:
    """Return the gateway as `open_gateway`; raise LmsRefused("groups_read_only") where groups can only be read."""
    gateway = open_gateway(tool, course_id, access_id=access_id)
    if isinstance(gateway, AdvantageGateway):
        raise LmsRefused("groups_read_only")
    return gateway


def _open_groups_service(tool: Tool, course: Course, registration: Registration) -> LmsGateway:
    if not course.groups_url:
        raise LmsRefused("groups_unsupported")
    return AdvantageGateway(
        open_advantage(tool, registration),
        memberships_url=course.memberships_url,
        groups_url=course.groups_url,
        group_sets_url=course.group_sets_url,
    )


def open_advantage(tool: Tool, registration: Registration) -> Advantage:
    """Return the client of a platform's LTI services; raise LmsRefused("registration_incomplete")."""
    if not (registration.client_id and registration.auth_token_url):
        raise LmsRefused("registration_incomplete")
    return Advantage(
        tool.outbound,
        token_url=registration.auth_token_url,
        client_id=registration.client_id,
        audience=registration.token_audience or registration.auth_token_url,
        sign_assertion=tool.key_ring.sign,
        hosts=hosts_of(registration),
    )


def _course(course_id: UUID) -> tuple[Course, Registration]:
    course = db.session.get(Course, course_id)
    if course is None:
        raise NotFound("course_not_found")
    return course, course.registration
