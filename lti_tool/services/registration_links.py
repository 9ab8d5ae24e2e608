"""One-time links by which a platform registers itself: made, listed, withdrawn; and the word that lets it launch."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, Forbidden, NotFound, RuleViolation
from lti_tool.domain.registration_links import (
    DEFAULT_HOURS,
    LinkStatus,
    lifetime,
    link_status,
    require_open,
)
from lti_tool.lti.platform import forget_registrations
from lti_tool.lti.state import digest
from lti_tool.models import Registration, RegistrationLink, db, transaction
from lti_tool.settings import Settings

PATH = "/lti/register"
LONGEST_ISSUER = 255


@dataclass(frozen=True, repr=False)
class NewLink:
    """A link as it is shown once: its address holds the secret, of which only a hash is kept."""

    id: UUID
    url: str
    issuer: str | None
    expires_at: datetime


@dataclass(frozen=True)
class ListedLink:
    """A link as its list shows it; the registration is the one that was made by it, while it is there."""

    id: UUID
    issuer: str | None
    created_at: datetime
    expires_at: datetime
    status: LinkStatus
    registration_id: UUID | None
    registration_name: str | None


def create_registration_link(settings: Settings, hours: int = DEFAULT_HOURS, issuer: str | None = None) -> NewLink:
    """Make a link for one registration within some hours; the platform of a named issuer needs no confirmation.

    Raise RuleViolation("registration_link_hours" | "issuer_invalid").
    """
    token = secrets.token_urlsafe(32)
    row = RegistrationLink(
        id=uuid4(),
        token_hash=digest(token),
        issuer=_read_issuer(issuer),
        created_at=now(),
        expires_at=now() + lifetime(hours),
    )
    with transaction() as session:
        session.add(row)
    url = f"{settings.base_url.rstrip('/')}{PATH}?{urlencode({'token': token})}"
    return NewLink(row.id, url, row.issuer, row.expires_at)


def _read_issuer(text: str | None) -> str | None:
    """Return the issuer as it will stand in tokens: an address (OpenID Connect Discovery, 3), None for none."""
    issuer = (text or "").strip()
    if not issuer:
        return None
    try:
        parts = urlsplit(issuer)
    except ValueError:
        raise RuleViolation("issuer_invalid") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(issuer) > LONGEST_ISSUER:
        raise RuleViolation("issuer_invalid")
    return issuer


def list_registration_links() -> Sequence[ListedLink]:
    """Return all links, the newest first."""
    at = now()
    rows = db.session.execute(
        select(RegistrationLink, Registration.name)
        .outerjoin(Registration, Registration.id == RegistrationLink.registration_id)
        .order_by(RegistrationLink.created_at.desc(), RegistrationLink.id)
    )
    return [
        ListedLink(
            link.id, link.issuer, link.created_at, link.expires_at, _status(link, at), link.registration_id, name
        )
        for link, name in rows
    ]


def _status(link: RegistrationLink, at: datetime) -> LinkStatus:
    return link_status(expires_at=link.expires_at, used_at=link.used_at, withdrawn_at=link.withdrawn_at, at=at)


def withdraw_registration_link(link_id: UUID) -> None:
    """Let a link work no more; one that is over already stays as it is.

    Raise NotFound("registration_link_not_found"), Conflict("registration_link_used").
    """
    with transaction() as session:
        link = session.get(RegistrationLink, link_id)
        if link is None:
            raise NotFound("registration_link_not_found")
        if link.used_at is not None:
            raise Conflict("registration_link_used")
        link.withdrawn_at = link.withdrawn_at or now()


def find_open_link(token: str) -> RegistrationLink:
    """Return the link of a secret, which is not used up by that.

    Raise Forbidden("registration_link_unknown" | "registration_link_used" | "registration_link_withdrawn" |
    "registration_link_expired").
    """
    link = db.session.scalar(select(RegistrationLink).where(RegistrationLink.token_hash == digest(token)))
    if link is None:
        raise Forbidden("registration_link_unknown")
    require_open(_status(link, now()))
    return link


def confirm_registration(registration_id: UUID) -> Registration:
    """Let a platform launch that registered itself and that nobody vouched for; raise NotFound."""
    with transaction() as session:
        registration = session.get(Registration, registration_id)
        if registration is None:
            raise NotFound("registration_not_found")
        registration.confirmed = True
    forget_registrations()
    return registration
