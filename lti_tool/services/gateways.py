"""Chooses how a course's LMS is reached: its own API with a service token, or the LTI services of the launch."""

from uuid import UUID

from lti_tool.domain.errors import LmsRefused, NotFound
from lti_tool.domain.gateway import LmsGateway
from lti_tool.lms.advantage import Advantage
from lti_tool.lms.advantage_groups import AdvantageGateway
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.models import Course, Registration, db
from lti_tool.services.tokens import read_service_token
from lti_tool.services.tool import Tool


def group_access_problem(tool: Tool, course_id: UUID) -> str | None:
    """Return why the groups of a course's LMS cannot be reached (an error code), None when they can."""
    try:
        open_gateway(tool, course_id)
    except LmsRefused as error:
        return error.code
    return None


def open_gateway(tool: Tool, course_id: UUID) -> LmsGateway:
    """Return the gateway to a course's groups; no call is made yet.

    Canvas and Moodle are reached by their own APIs only, without a token too: neither has the Course Groups Service,
    and its ids need not be those of the API, so that a token given later would bring every set a second time. Raise
    LmsRefused("groups_unsupported" | "token_missing" | "lms_url_missing" | "lms_course_unknown").
    """
    course, registration = _course(course_id)
    if registration.family not in ("canvas", "moodle"):
        return _open_groups_service(tool, course, registration)
    if not registration.lms_url:
        raise LmsRefused("lms_url_missing")
    token = read_service_token(tool.settings, registration.id)
    if token is None:
        raise LmsRefused("token_missing")
    if not course.lms_course_id:
        raise LmsRefused("lms_course_unknown")
    adapter = CanvasGateway if registration.family == "canvas" else MoodleGateway
    return adapter(tool.outbound, base_url=registration.lms_url, token=token, lms_course_id=course.lms_course_id)


def require_writable(tool: Tool, course_id: UUID) -> None:
    """Raise LmsRefused("groups_read_only") for a platform whose groups can only be read, else as `open_gateway`."""
    if isinstance(open_gateway(tool, course_id), AdvantageGateway):
        raise LmsRefused("groups_read_only")


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
    )


def _course(course_id: UUID) -> tuple[Course, Registration]:
    course = db.session.get(Course, course_id)
    if course is None:
        raise NotFound("course_not_found")
    return course, course.registration
