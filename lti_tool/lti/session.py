"""Browser sessions after a launch, and the one use that a launch has."""

import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.lti.facts import LaunchFacts
from lti_tool.lti.once import insert_once
from lti_tool.lti.state import digest
from lti_tool.models import BrowserSession, Course, UsedLaunch, db, transaction

SESSION_COOKIE = "__Host-lti-session"
LIFETIME = timedelta(hours=12)


def add_session(facts: LaunchFacts) -> str:
    """Add a session for the person of a launch in the caller's transaction; return the secret of its cookie."""
    token = secrets.token_urlsafe(32)
    created_at = now()
    db.session.add(
        BrowserSession(
            token_hash=digest(token),
            registration_id=facts.registration_id,
            lti_user_id=facts.lti_user_id,
            frame_origins=" ".join(facts.platform_origins),
            created_at=created_at,
            expires_at=created_at + LIFETIME,
        )
    )
    return token


def consume(facts: LaunchFacts) -> None:
    """Use up a launch in the caller's transaction; raise LaunchError("launch_used") when it was (lti.md 6.2, line 8).

    The database decides, so of two posts at the same time one wins, on any number of machines.
    """
    if not insert_once(
        UsedLaunch,
        nonce_hash=facts.nonce_hash,
        registration_id=facts.registration_id,
        expires_at=facts.expires_at,
    ):
        raise LaunchError("launch_used")


def find_session(token: str) -> BrowserSession | None:
    """Return the session of a cookie's secret; None when there is none or it has ended."""
    return db.session.scalar(
        select(BrowserSession).where(BrowserSession.token_hash == digest(token), BrowserSession.expires_at > now())
    )


def close_session(token: str) -> None:
    """End the session of a cookie's secret."""
    with transaction() as session:
        session.execute(delete(BrowserSession).where(BrowserSession.token_hash == digest(token)))


def purge_expired() -> None:
    """Remove sessions that ended, and used launches that would be refused anyhow."""
    with transaction() as session:
        for row in (BrowserSession, UsedLaunch):
            session.execute(delete(row).where(row.expires_at <= now()))


def resumable_course(facts: LaunchFacts, token: str | None) -> UUID | None:
    """Return the course of a launch that was used before, if this browser's session belongs to its person.

    So a reload of the launch leads back to the page; it opens nothing that the session does not open already.
    """
    session = find_session(token) if token else None
    if session is None or facts.context is None or db.session.get(UsedLaunch, facts.nonce_hash) is None:
        return None
    if (session.registration_id, session.lti_user_id) != (facts.registration_id, facts.lti_user_id):
        return None
    return db.session.scalar(
        select(Course.id).where(
            Course.registration_id == facts.registration_id,
            Course.lti_context_id == facts.context.lti_context_id,
        )
    )
