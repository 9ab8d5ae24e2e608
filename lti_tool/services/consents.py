"""The consent by which a person lends the tool their access to Canvas: begun in the course, ended by Canvas's answer.

It runs in a window of its own, because Canvas shows its login in no frame. There the cookie of the frame's session is
missing (browsers keep it for that one site in that one frame), so the page in the frame hands over a ticket, signed,
short-lived and good for one use. For it the window gets a cookie of its own, without which Canvas's answer is worth
nothing: a consent that somebody else began cannot be finished here, nor this one elsewhere.
"""

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import delete, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, Forbidden, LmsError, LmsRefused
from lti_tool.domain.permissions import Permission, require
from lti_tool.lms import canvas_oauth
from lti_tool.lti.once import insert_once
from lti_tool.lti.state import digest
from lti_tool.models import (
    BrowserSession,
    Course,
    CourseAccess,
    OauthState,
    RosterMember,
    db,
    release,
    transaction,
)
from lti_tool.services.access import Viewer, Visitor, find_viewer
from lti_tool.services.grants import lend, revoke_if_possible
from lti_tool.services.oauth_clients import open_client, redirect_uri
from lti_tool.services.rights import ask_of_lender
from lti_tool.services.tool import Tool
from lti_tool.settings import Settings

TICKET_LIFE = timedelta(minutes=30)  # the page in the course may stay open for a while
STATE_LIFE = timedelta(minutes=10)
COOKIE_PREFIX = "__Host-oauth-"
LONGEST = 1024
# What Canvas answers instead of a code (RFC 6749, 4.1.2.1), and how it is told.
REFUSALS = {
    "invalid_scope": "consent_scope",
    "unauthorized_client": "oauth_client_refused",
}


@dataclass(frozen=True, repr=False)
class BegunConsent:
    """Where the window goes next, and the cookie that it has to bring back."""

    url: str
    cookie_name: str
    cookie_value: str


def write_ticket(settings: Settings, visitor: Visitor, viewer: Viewer) -> str:
    """Return what a person's page hands to the window in which the consent is asked for."""
    until = int((now() + TICKET_LIFE).timestamp())
    return str(_tickets(settings).dumps([viewer.access_id.hex, visitor.session_key, secrets.token_hex(16), until]))


def begin_consent(tool: Tool, ticket: str) -> BegunConsent:
    """Use a ticket up and return where Canvas asks the person.

    Raise Forbidden("consent_ticket" | "consent_session"), Conflict("consent_used"), Forbidden("forbidden"),
    LmsRefused("oauth_client_missing" | "oauth_client_unreadable" | "lms_url_missing").
    """
    access_id, session_key, nonce, until = _read_ticket(tool.settings, ticket)
    viewer = _require_viewer(session_key, access_id)
    client = open_client(tool.settings, _registration_of(viewer))
    state, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with transaction() as session:
        used = {"session_hash": session_key, "access_id": access_id, "expires_at": until}
        if not insert_once(session.connection(), OauthState, state_hash=digest(f"ticket {nonce}"), **used):
            raise Conflict("consent_used")
        session.add(
            OauthState(
                state_hash=_bound(state, secret),
                session_hash=session_key,
                access_id=access_id,
                expires_at=now() + STATE_LIFE,
            )
        )
    url = canvas_oauth.consent_url(client, redirect_uri(tool.settings), state)
    return BegunConsent(url, cookie_name(state), secret)


def cookie_name(state: str) -> str:
    """Return the name of the cookie of one consent; several may be begun in one browser."""
    return COOKIE_PREFIX + digest(state)[:8]


def finish_consent(tool: Tool, state: str, answer: Mapping[str, str], cookies: Mapping[str, str]) -> None:
    """Take Canvas's answer (`code` or `error`), once, store what was lent, and ask what can be done with it.

    Raise Forbidden("consent_cookie" | "consent_unknown" | "consent_expired" | "consent_session" | "forbidden" |
    "consent_denied" | "consent_other_person"), LmsRefused("consent_scope" | "consent_refused"), or as
    `canvas_oauth.redeem_code`.
    """
    access_id, session_key = _take(state, cookies)
    viewer = _require_viewer(session_key, access_id)
    if answer.get("error") == "access_denied":
        raise Forbidden("consent_denied")
    if "error" in answer or not answer.get("code"):
        raise LmsRefused(REFUSALS.get(answer.get("error", ""), "consent_refused"))
    client = open_client(tool.settings, _registration_of(viewer))
    release()
    tokens = canvas_oauth.redeem_code(tool.outbound, client, answer["code"], redirect_uri(tool.settings))
    if not _is_same_person(access_id, tokens.user_id):
        revoke_if_possible(tool, client, tokens.access)
        raise Forbidden("consent_other_person")
    lend(tool, client, viewer, tokens)
    with suppress(LmsError):  # nobody knows then, and the next sync asks
        ask_of_lender(tool, viewer.course.id, access_id)


def forget_expired() -> None:
    """Remove consents that nobody finished in time."""
    with transaction() as session:
        session.execute(delete(OauthState).where(OauthState.expires_at <= now()))


def _take(state: str, cookies: Mapping[str, str]) -> tuple[UUID, str]:
    """Use a begun consent up, in the one browser that began it; return who asked, and in which session."""
    if not state or len(state) > LONGEST:
        raise Forbidden("consent_unknown")
    secret = cookies.get(cookie_name(state))
    if not secret:
        raise Forbidden("consent_cookie")
    with transaction() as session:
        taken = session.execute(
            delete(OauthState)
            .where(OauthState.state_hash == _bound(state, secret))
            .returning(OauthState.access_id, OauthState.session_hash, OauthState.expires_at)
        ).one_or_none()
    if taken is None:
        raise Forbidden("consent_unknown")
    access_id, session_key, expires_at = taken
    if expires_at <= now():
        raise Forbidden("consent_expired")
    return access_id, session_key


def _bound(state: str, secret: str) -> str:
    return digest(f"{state} {secret}")


def _require_viewer(session_key: str, access_id: UUID) -> Viewer:
    """Return the person whose session it is, as they are in the course now; raise Forbidden."""
    row = db.session.execute(
        select(BrowserSession, CourseAccess.course_id, CourseAccess.lti_user_id)
        .join(CourseAccess, CourseAccess.id == access_id)
        .where(BrowserSession.token_hash == session_key, BrowserSession.expires_at > now())
    ).one_or_none()
    if row is None or row.lti_user_id != row.BrowserSession.lti_user_id:
        raise Forbidden("consent_session")
    session = row.BrowserSession
    viewer = find_viewer(Visitor(session_key, session.registration_id, session.lti_user_id, ()), row.course_id)
    if viewer is None:
        raise Forbidden("consent_session")
    require(viewer.actor, Permission.LEND_ACCESS)
    return viewer


def _registration_of(viewer: Viewer) -> UUID:
    return db.session.get_one(Course, viewer.course.id).registration_id


def _is_same_person(access_id: UUID, lms_user_id: str | None) -> bool:
    """Say whether Canvas's user may be who asked: not known as another person, nor they as another user."""
    registration_id, lti_user_id = db.session.execute(
        select(Course.registration_id, CourseAccess.lti_user_id)
        .join(CourseAccess, CourseAccess.course_id == Course.id)
        .where(CourseAccess.id == access_id)
    ).one()
    known = db.session.execute(
        select(RosterMember.lti_user_id, RosterMember.lms_user_id)
        .join(Course, Course.id == RosterMember.course_id)
        .where(
            Course.registration_id == registration_id,
            RosterMember.lti_user_id.is_not(None),
            RosterMember.lms_user_id.is_not(None),
            (RosterMember.lti_user_id == lti_user_id) | (RosterMember.lms_user_id == lms_user_id),
        )
        .distinct()
    ).all()
    return all(tuple(row) == (lti_user_id, lms_user_id) for row in known)


def _read_ticket(settings: Settings, ticket: str) -> tuple[UUID, str, str, datetime]:
    """Return who asks, in which session, the ticket's number and its end; raise Forbidden("consent_ticket")."""
    try:
        if len(ticket) > LONGEST:
            raise BadData("too long")
        access, session_key, nonce, until = _tickets(settings).loads(ticket)
    except (BadData, UnicodeError):
        raise Forbidden("consent_ticket") from None
    ends_at = datetime.fromtimestamp(until, UTC)
    if ends_at <= now():
        raise Forbidden("consent_ticket")
    return UUID(access), session_key, nonce, ends_at


def _tickets(settings: Settings) -> URLSafeSerializer:
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(settings.secret_key, salt="lms-consent", signer_kwargs=options)
