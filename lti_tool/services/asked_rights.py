"""What the LMS said of each access to a course's groups: kept by whose it is, so that a page knows what its viewer can.

Nothing is asked here; services.rights asks.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import InstrumentedAttribute, aliased

from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Permission, allowed
from lti_tool.lti.once import insert_once
from lti_tool.models import (
    AskedRight,
    Course,
    CourseAccess,
    LmsGrant,
    OauthClient,
    Registration,
    ServiceToken,
    db,
    transaction,
)
from lti_tool.services.access import Viewer

NOT_ASKED = "rights_not_asked"


class WriteRight(NamedTuple):
    """Why groups cannot be written with an access (an error code; None: they can), and when the LMS said so."""

    problem: str | None
    asked_at: datetime | None = None

    @property
    def refused(self) -> str | None:
        """Return why groups are known not to be writable: not having been asked is no such reason."""
        return self.problem if self.problem != NOT_ASKED else None


def store_answer(course_id: UUID, lender: UUID | None, write_problem: str | None) -> None:
    """Keep why groups cannot be written with what a person of the course lent, or with the tool's own access."""
    values = {"write_problem": write_problem, "asked_at": now()}
    of_access = (AskedRight.course_id == course_id, AskedRight.access_id == lender)
    with transaction() as session:
        keys = {"id": uuid4(), "course_id": course_id, "access_id": lender}
        if not insert_once(session.connection(), AskedRight, **keys, **values):
            session.execute(update(AskedRight).where(*of_access).values(**values))


def write_right(viewer: Viewer) -> WriteRight:
    """Return what the access can that a change by this viewer would use, in one query; raise nothing.

    That is, as in `gateways.choose_access`, what they lent themselves, else the tool's own. Who may lend nothing
    changes nothing either, which pages tell by themselves.
    """
    own, tools = aliased(AskedRight), aliased(AskedRight)
    family, set_at, granted_at, error_code, client_id, of_own, of_tools = db.session.execute(
        select(
            Registration.family,
            ServiceToken.set_at,
            LmsGrant.granted_at,
            LmsGrant.error_code,
            OauthClient.client_id,
            own,
            tools,
        )
        .select_from(CourseAccess)
        .join(Course, Course.id == CourseAccess.course_id)
        .join(Registration, Registration.id == Course.registration_id)
        .outerjoin(ServiceToken, ServiceToken.registration_id == Registration.id)
        .outerjoin(OauthClient, OauthClient.registration_id == Registration.id)
        .outerjoin(LmsGrant, _is_lent_in(Registration.id))
        .outerjoin(own, own.access_id == CourseAccess.id)
        .outerjoin(tools, and_(tools.course_id == Course.id, tools.access_id.is_(None)))
        .where(CourseAccess.id == viewer.access_id)
        .execution_options(populate_existing=True)
    ).one()
    lends = family == "canvas" and allowed(viewer.actor, Permission.LEND_ACCESS)
    if lends and granted_at is not None and error_code is None:
        return _said(of_own, granted_at)
    if family not in ("canvas", "moodle") or set_at is not None:
        return _said(of_tools, set_at)
    if family == "canvas" and not lends:
        return WriteRight(None)
    return WriteRight(error_code or ("grant_missing" if client_id else "token_missing"))


def right_of(course_id: UUID, lender: UUID | None) -> WriteRight:
    """Return what the LMS said of the access that a person of the course lent, or of the tool's own (None)."""
    row = db.session.execute(
        select(AskedRight, LmsGrant.granted_at, ServiceToken.set_at)
        .join(Course, Course.id == AskedRight.course_id)
        .outerjoin(CourseAccess, CourseAccess.id == AskedRight.access_id)
        .outerjoin(LmsGrant, _is_lent_in(Course.registration_id))
        .outerjoin(ServiceToken, ServiceToken.registration_id == Course.registration_id)
        .where(AskedRight.course_id == course_id, AskedRight.access_id == lender)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return _said(None, None)
    asked, granted_at, set_at = row
    return _said(asked, granted_at if lender else set_at)


def _is_lent_in(registration_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """Return what ties the person of a CourseAccess to what they lent."""
    return and_(LmsGrant.registration_id == registration_id, LmsGrant.lti_user_id == CourseAccess.lti_user_id)


def _said(asked: AskedRight | None, since: datetime | None) -> WriteRight:
    """Return an answer, unless it was about an access that another has replaced since; without one nobody knows."""
    if asked is None or (since is not None and asked.asked_at < since):
        return WriteRight(NOT_ASKED)
    return WriteRight(asked.write_problem, asked.asked_at)
