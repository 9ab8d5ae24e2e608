"""Browser sessions: a launch is used up by the one that it opens."""

import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, delete, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.lti.facts import LaunchFacts
from lti_tool.lti.once import insert_once
from lti_tool.lti.state import digest
from lti_tool.models import BrowserSession, Course, db, transaction

SESSION_COOKIE = "__Host-lti-session"
LIFETIME = timedelta(hours=12)
# How long a session's row and cookie outlive it: no launch that it used up is worth anything by then, and the page that
# says that it ended knows meanwhile who may frame it.
KEPT = timedelta(hours=12)


def open_session(connection: Connection, facts: LaunchFacts) -> str:
    """Use a launch up by the session that it opens, in the connection's transaction; return the secret of its cookie.

    Raise LaunchError("launch_used") when the launch opened one before (lti.md 6.2, line 8). The database decides, so
    of two posts at the same time one wins, on any number of machines.
    """
    token = secrets.token_urlsafe(32)
    created_at = now()
    is_new = insert_once(
        connection,
        BrowserSession,
        token_hash=digest(token),
        nonce_hash=facts.nonce_hash,
        registration_id=facts.registration_id,
        lti_user_id=facts.lti_user_id,
        frame_origins=" ".join(facts.platform_origins),
        is_administrator=facts.is_administrator and not facts.is_test_user,
        created_at=created_at,
        expires_at=created_at + LIFETIME,
    )
    if not is_new:
        raise LaunchError("launch_used")
    return token


def find_session(token: str) -> BrowserSession | None:
    """Return the session of a cookie's secret; None when there is none or it has ended."""
    return db.session.scalar(
        select(BrowserSession).where(BrowserSession.token_hash == digest(token), BrowserSession.expires_at > now())
    )


def ended_frame(token: str) -> tuple[str, ...]:
    """Return who might frame the pages of a session that has ended, as long as its row is kept."""
    found = select(BrowserSession.frame_origins).where(BrowserSession.token_hash == digest(token))
    return tuple((db.session.scalar(found) or "").split())


def close_session(token: str) -> None:
    """End the session of a cookie's secret; its row stays a while, because the launch that opened it stays used."""
    with transaction() as session:
        session.execute(
            update(BrowserSession).where(BrowserSession.token_hash == digest(token)).values(expires_at=now())
        )


def purge_expired() -> None:
    """Remove sessions that ended, once the launches that opened them would be refused anyhow."""
    with transaction() as session:
        session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= now() - KEPT))


def resumable_course(facts: LaunchFacts, token: str | None) -> UUID | None:
    """Return the course of a launch that was used before, if this browser's session belongs to its person.

    So a reload of the launch leads back to the page; it opens nothing that the session does not open already.
    """
    session = find_session(token) if token else None
    if session is None or facts.context is None or not was_used(facts):
        return None
    if (session.registration_id, session.lti_user_id) != (facts.registration_id, facts.lti_user_id):
        return None
    return db.session.scalar(
        select(Course.id).where(
            Course.registration_id == facts.registration_id,
            Course.lti_context_id == facts.context.lti_context_id,
        )
    )


def was_used(facts: LaunchFacts) -> bool:
    """Say whether a launch opened a session before."""
    used = select(BrowserSession.token_hash).where(BrowserSession.nonce_hash == facts.nonce_hash)
    return db.session.scalar(used) is not None
