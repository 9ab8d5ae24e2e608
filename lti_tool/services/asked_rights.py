"""What the LMS said of each access to a course's groups: kept by whose it is, so that a page knows what its viewer can.

Nothing is asked here; services.rights asks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import and_, select, update
from sqlalchemy.orm import aliased

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
RIGHT_COLUMNS = 9  # how many `with_write_right` adds


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
    """Return what the access can that a change by this viewer would use, in one query; raise nothing."""
    query = with_write_right(select(Course.id).select_from(Course).where(Course.id == viewer.course.id), viewer)
    return view_right(viewer, db.session.execute(query).one()[1:])


def with_write_right(query: Any, viewer: Viewer) -> Any:
    """Add to a query the columns that `view_right` takes, so that a page needs no query of its own."""
    mine, course, own, tools = aliased(CourseAccess), aliased(Course), aliased(AskedRight), aliased(AskedRight)
    lent = and_(LmsGrant.registration_id == Registration.id, LmsGrant.lti_user_id == mine.lti_user_id)
    return (
        query.join(mine, mine.id == viewer.access_id)
        .join(course, course.id == mine.course_id)
        .join(Registration, Registration.id == course.registration_id)
        .outerjoin(ServiceToken, ServiceToken.registration_id == Registration.id)
        .outerjoin(OauthClient, OauthClient.registration_id == Registration.id)
        .outerjoin(LmsGrant, lent)
        .outerjoin(own, own.access_id == mine.id)
        .outerjoin(tools, and_(tools.course_id == course.id, tools.access_id.is_(None)))
        .add_columns(
            Registration.family,
            ServiceToken.set_at,
            OauthClient.client_id,
            LmsGrant.granted_at,
            LmsGrant.error_code,
            own.write_problem,
            own.asked_at,
            tools.write_problem,
            tools.asked_at,
        )
    )


def view_right(viewer: Viewer, columns: Sequence[Any]) -> WriteRight:
    """Return what the access can that a change by this viewer would use.

    That is, as in `gateways.choose_access`, what they lent themselves, else the tool's own. Who may lend nothing
    changes nothing either, which pages tell by themselves.
    """
    family, set_at, client_id, granted_at, error_code, *asked = columns
    lends = family == "canvas" and allowed(viewer.actor, Permission.LEND_ACCESS)
    if lends and granted_at is not None and error_code is None:
        return _said(*asked[:2], since=granted_at)
    if family not in ("canvas", "moodle") or set_at is not None:
        return _said(*asked[2:], since=set_at)
    if family == "canvas" and not lends:
        return WriteRight(None)
    return WriteRight(error_code or ("grant_missing" if client_id else "token_missing"))


def right_of(course_id: UUID, lender: UUID | None) -> WriteRight:
    """Return what the LMS said of the access that a person of the course lent, or of the tool's own (None)."""
    lent = and_(LmsGrant.registration_id == Course.registration_id, LmsGrant.lti_user_id == CourseAccess.lti_user_id)
    row = db.session.execute(
        select(AskedRight.write_problem, AskedRight.asked_at, LmsGrant.granted_at, ServiceToken.set_at)
        .join(Course, Course.id == AskedRight.course_id)
        .outerjoin(CourseAccess, CourseAccess.id == AskedRight.access_id)
        .outerjoin(LmsGrant, lent)
        .outerjoin(ServiceToken, ServiceToken.registration_id == Course.registration_id)
        .where(AskedRight.course_id == course_id, AskedRight.access_id == lender)
    ).one_or_none()
    if row is None:
        return WriteRight(NOT_ASKED)
    return _said(row.write_problem, row.asked_at, since=row.granted_at if lender else row.set_at)


def _said(problem: str | None, asked_at: datetime | None, *, since: datetime | None) -> WriteRight:
    """Return an answer, unless it was about an access that another has replaced `since`; without one nobody knows."""
    if asked_at is None or (since is not None and asked_at < since):
        return WriteRight(NOT_ASKED)
    return WriteRight(problem, asked_at)
