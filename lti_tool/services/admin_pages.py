"""Registrations as the admin pages show them: how each stands, what it lacks, and what hangs on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from lti_tool.domain.administration import Administrator
from lti_tool.domain.errors import NotFound
from lti_tool.models import (
    Course,
    CourseAccess,
    Deployment,
    Group,
    LmsGrant,
    OauthClient,
    Registration,
    ServiceToken,
    db,
)
from lti_tool.services import oauth_clients
from lti_tool.services.manual_registration import ManualField, manual_fields
from lti_tool.services.registrations import get_registration
from lti_tool.settings import Settings

NEEDED = ("client_id", "auth_login_url", "auth_token_url", "key_set_url")  # without one of these nobody launches


@dataclass(frozen=True)
class RegistrationView:
    """A registration and how it stands: `state` is active, pending (`missing` says what) or unconfirmed.

    `waiting`: placements that nobody has decided about.
    """

    row: Registration
    state: str
    missing: tuple[str, ...]
    waiting: int
    courses: int
    launched_at: datetime | None


@dataclass(frozen=True)
class StoredSecret:
    """A secret that is stored, of which nothing is shown but this; `set_by` None: the command line."""

    set_at: datetime
    set_by: str | None
    client_id: str = ""


@dataclass(frozen=True)
class AccessView:
    """How a registration's LMS is reached beyond LTI, and what its developer key has to allow."""

    token: StoredSecret | None
    client: StoredSecret | None
    lenders: int
    redirect_uri: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class RemovalLoss:
    """What is lost with a registration."""

    courses: int
    people: int
    groups: int


def list_visible(who: Administrator) -> Sequence[RegistrationView]:
    """Return the registrations that somebody administers, oldest first, in one query."""
    return _views(None if who.manages_all else who.registration_id)


def see_registration(registration_id: UUID) -> RegistrationView:
    """Return one registration; raise NotFound."""
    found = _views(registration_id)
    if not found:
        raise NotFound("registration_not_found")
    return found[0]


def _views(registration_id: UUID | None) -> Sequence[RegistrationView]:
    of_row = Course.registration_id == Registration.id
    waits = (Deployment.registration_id == Registration.id, ~Deployment.active, Deployment.refused_at.is_(None))
    launched = (
        select(func.max(CourseAccess.launched_at)).join(Course, Course.id == CourseAccess.course_id).where(of_row)
    )
    query = select(
        Registration,
        select(func.count()).select_from(Deployment).where(*waits).scalar_subquery(),
        select(func.count()).select_from(Course).where(of_row).scalar_subquery(),
        launched.scalar_subquery(),
    ).order_by(Registration.created_at)
    if registration_id is not None:
        query = query.where(Registration.id == registration_id)
    return [_view(row) for row in db.session.execute(query)]


def _view(found: Any) -> RegistrationView:
    row, waiting, courses, launched_at = found
    missing = tuple(name for name in NEEDED if not getattr(row, name))
    state = "pending" if missing else "active" if row.confirmed else "unconfirmed"
    return RegistrationView(row, state, missing, waiting, courses, launched_at)


def see_deployments(registration_id: UUID) -> Sequence[Deployment]:
    """Return the placements: those that wait first, then the newest."""
    return db.session.scalars(
        select(Deployment)
        .where(Deployment.registration_id == registration_id)
        .order_by(Deployment.active, Deployment.refused_at.is_not(None), Deployment.created_at.desc())
    ).all()


def see_access(settings: Settings, registration_id: UUID) -> AccessView:
    """Return what is stored to reach the LMS's own API; no secret is read."""
    token = db.session.get(ServiceToken, registration_id)
    client = db.session.get(OauthClient, registration_id)
    lent = select(func.count()).where(LmsGrant.registration_id == registration_id, LmsGrant.error_code.is_(None))
    return AccessView(
        StoredSecret(token.set_at, token.set_by) if token else None,
        StoredSecret(client.set_at, client.set_by, client.client_id) if client else None,
        db.session.scalar(lent) or 0,
        oauth_clients.redirect_uri(settings),
        oauth_clients.SCOPES,
    )


def see_fields(settings: Settings, registration_id: UUID) -> Sequence[ManualField]:
    """Return what is typed into the LMS's own form."""
    return manual_fields(settings, get_registration(registration_id))


def count_loss(registration_id: UUID) -> RemovalLoss:
    """Count what a removal would take with it."""

    def count(query: Select[Any]) -> int:
        return int(db.session.scalar(query) or 0)

    courses = select(Course.id).where(Course.registration_id == registration_id)
    return RemovalLoss(
        count(select(func.count()).select_from(courses.subquery())),
        count(select(func.count(func.distinct(CourseAccess.lti_user_id))).where(CourseAccess.course_id.in_(courses))),
        count(select(func.count()).select_from(Group).where(Group.course_id.in_(courses))),
    )
