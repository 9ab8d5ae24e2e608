"""How a course reaches its LMS, as its page shows it: by whose right, what that right lacks, and who lent theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select

from lti_tool.domain.errors import LmsRefused
from lti_tool.domain.gateway import Right
from lti_tool.models import Course, CourseAccess, LmsGrant, ServiceToken, db
from lti_tool.services import gateways
from lti_tool.services.access import Viewer
from lti_tool.services.asked_rights import write_right
from lti_tool.services.grants import find_grant
from lti_tool.services.oauth_clients import find_client_id
from lti_tool.services.rights import ask_of_lender
from lti_tool.services.tool import Tool


@dataclass(frozen=True)
class Lender:
    """Somebody of the course who lent their access; `error_code` says why it is of no use any more."""

    name: str
    granted_at: datetime
    error_code: str | None
    is_viewer: bool


@dataclass(frozen=True)
class ConnectionView:
    """How the viewer's work reaches the LMS: `problem` (an error code) when it does not, else whose access is used.

    `own`: what the viewer lent; `background`: whose access is used for what nobody waits for, None for nobody's; an
    empty name stands for the service token. `write_problem`: what the viewer's access lacked when the LMS
    was last asked.
    """

    problem: str | None
    acted_as: str | None
    own: Lender | None
    background: str | None
    lenders: Sequence[Lender]
    has_service_token: bool
    can_lend: bool
    write_problem: str | None
    rights_asked_at: datetime | None


@dataclass(frozen=True)
class RightAnswer:
    """What the LMS said about one right of the access: `error_code` is empty when it is there."""

    right: Right
    error_code: str | None


def see_connection(tool: Tool, viewer: Viewer) -> ConnectionView:
    """Return how the course reaches its LMS; nothing is asked there."""
    course = db.session.get_one(Course, viewer.course.id)
    problem, acted_as = _access(tool, course, viewer.access_id)
    right = write_right(viewer)
    _, background = _access(tool, course, None)
    own = find_grant(viewer)
    return ConnectionView(
        problem=problem,
        acted_as=acted_as,
        own=Lender(own.name, own.granted_at, own.error_code, is_viewer=True) if own else None,
        background=background,
        lenders=_lenders(viewer),
        has_service_token=db.session.get(ServiceToken, course.registration_id) is not None,
        can_lend=course.registration.family == "canvas" and find_client_id(course.registration_id) is not None,
        write_problem=None if problem else right.refused,
        rights_asked_at=right.asked_at,
    )


def ask_rights(tool: Tool, viewer: Viewer) -> Sequence[RightAnswer]:
    """Ask the LMS what the viewer's access may do in the course, and keep it; raise LmsError when it will not say."""
    found = ask_of_lender(tool, viewer.course.id, viewer.access_id)
    return [
        RightAnswer(right, None if found.allows(right) else found.missing.get(right, "right_missing"))
        for right in Right
    ]


def _access(tool: Tool, course: Course, access_id: UUID | None) -> tuple[str | None, str | None]:
    """Return why the LMS is not reached, or whose access would be used."""
    problem = gateways.group_access_problem(tool, course.id, access_id)
    if problem:
        return problem, None
    try:
        return None, gateways.choose_access(tool, course, course.registration, access_id).acted_as
    except LmsRefused as error:
        return error.code, None


def _lenders(viewer: Viewer) -> Sequence[Lender]:
    rows = db.session.execute(
        select(LmsGrant, CourseAccess.id, CourseAccess.name)
        .join(Course, Course.registration_id == LmsGrant.registration_id)
        .join(
            CourseAccess,
            and_(CourseAccess.course_id == Course.id, CourseAccess.lti_user_id == LmsGrant.lti_user_id),
        )
        .where(Course.id == viewer.course.id)
        .order_by(LmsGrant.granted_at)
    )
    return [
        Lender(name, grant.granted_at, grant.error_code, is_viewer=access_id == viewer.access_id)
        for grant, access_id, name in rows
    ]
