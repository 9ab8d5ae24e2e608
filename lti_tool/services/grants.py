"""The access to Canvas that people lent the tool: found, renewed by one at a time, and told to be over."""

import contextlib
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import structlog
from flask import Flask, current_app
from sqlalchemy import ColumnElement, delete, or_, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError, LmsRefused, LmsUnavailable, NotFound
from lti_tool.lms import canvas_oauth
from lti_tool.lti.once import insert_once
from lti_tool.models import Course, CourseAccess, LmsGrant, db, release, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.oauth_clients import open_client
from lti_tool.services.sealing import UnsealError, seal, unseal
from lti_tool.services.tool import Tool

if TYPE_CHECKING:
    from sqlalchemy import CursorResult

log = structlog.get_logger(__name__)

EARLY = timedelta(minutes=2)  # before its end a token is renewed, so that it does not end on its way
# Longer than one renewal can take (connecting and reading have their own limits): whoever died is not waited for.
TURN = timedelta(seconds=30)
LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, repr=False)
class LiveToken:
    """An access token as the store has it."""

    text: str
    expires_at: datetime

    @property
    def is_fresh(self) -> bool:
        """Say whether it lasts for a while."""
        return self.expires_at - EARLY > now()


class GrantAccess:
    """The token of one grant for the calls of one gateway; safe to share between the threads of a parallel read."""

    def __init__(self, tool: Tool, grant_id: UUID, token: LiveToken) -> None:
        self._tool = tool
        self._grant_id = grant_id
        self._token = token
        self._lock = threading.Lock()
        # The threads that read pages have no application of their own.
        self._app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]

    @property
    def access(self) -> str:
        """Return the grant's id."""
        return str(self._grant_id)

    def __call__(self, rejected: str | None = None) -> str:
        """Return the present token, a newer one than `rejected`; raise as `access_token`."""
        with self._lock:
            if self._token.text == rejected or not self._token.is_fresh:
                with self._app.app_context():
                    self._token = access_token(self._tool, self._grant_id, rejected)
            return self._token.text


def find_access(tool: Tool, registration_id: UUID, lti_user_id: str) -> tuple[str, GrantAccess] | None:
    """Return the name and the access of a person who lent theirs, None for who lent none; no call is made.

    Raise LmsRefused("grant_ended" | "grant_unreadable") when it cannot be used any more.
    """
    row = _find(registration_id, lti_user_id)
    if row is None:
        return None
    return row.name, GrantAccess(tool, row.id, _read(tool, row))


def access_token(tool: Tool, grant_id: UUID, rejected: str | None = None) -> LiveToken:
    """Return a grant's token, renewed when it ends soon or is the `rejected` one.

    Canvas ends the old token with every renewal, so one renews at a time, on any number of machines: who takes the
    turn by a conditional update. The others wait and read what it brought. No transaction is open during the call.

    Raise LmsRefused("grant_ended" | "grant_unreadable" | "oauth_client_…"), LmsUnavailable.
    """
    deadline = now() + TURN + TURN
    while True:
        token, turn = _take_turn(tool, grant_id, rejected)
        if token is not None:
            return token
        if turn is not None and (token := _renew(tool, grant_id, turn)) is not None:
            return token
        if now() > deadline:
            raise LmsUnavailable("lms_timeout")
        time.sleep(LOOK_AGAIN_SECONDS)


def lend(tool: Tool, client: canvas_oauth.OauthClient, viewer: Viewer, tokens: canvas_oauth.Tokens) -> None:
    """Store what a person lent; what they lent before is revoked, for nobody would know of it any more."""
    values = {
        "lms_user_id": tokens.user_id,
        "name": viewer.name,
        "access_ciphertext": seal(tool.settings, tokens.access),
        "refresh_ciphertext": seal(tool.settings, tokens.refresh or ""),
        "expires_at": now() + timedelta(seconds=tokens.seconds),
        "refreshing_until": None,
        "error_code": None,
        "granted_at": now(),
    }
    with transaction() as session:
        keys = _keys_of(viewer)
        row = _find(*keys)
        before = _readable(tool, row) if row else None
        made = {"id": uuid4(), "registration_id": keys[0], "lti_user_id": keys[1], **values}
        if not insert_once(session.connection(), LmsGrant, **made):
            session.execute(update(LmsGrant).where(*_is_of(*keys)).values(**values))
        history.note(viewer.course.id, viewer.access_id, "access_lent")
    if before is not None:
        revoke_if_possible(tool, client, before)


def take_back(tool: Tool, viewer: Viewer) -> bool:
    """Revoke at Canvas what a person lent, and forget it; say whether Canvas knows of it.

    It is forgotten in any case. Raise NotFound("grant_not_found") when there is none.
    """
    row = _find(*_keys_of(viewer))
    if row is None:
        raise NotFound("grant_not_found")
    grant_id, registration_id = row.id, row.registration_id
    known_dead = row.error_code == "grant_ended"
    revoked = known_dead or _revoke(tool, registration_id, grant_id)
    with transaction() as session:
        session.execute(delete(LmsGrant).where(LmsGrant.id == grant_id))
        history.note(viewer.course.id, viewer.access_id, "access_taken_back")
    return revoked


def _revoke(tool: Tool, registration_id: UUID, grant_id: UUID) -> bool:
    """Revoke a grant at Canvas; a token that has run out is renewed for it, since only a live one can do it."""
    try:
        client = open_client(tool.settings, registration_id)
        token = access_token(tool, grant_id)
        release()
        if canvas_oauth.revoke(tool.outbound, client, token.text):
            return True
        token = access_token(tool, grant_id, rejected=token.text)
        release()
        return canvas_oauth.revoke(tool.outbound, client, token.text)
    except LmsError as error:
        return error.code == "grant_ended"


def revoke_if_possible(tool: Tool, client: canvas_oauth.OauthClient, access: str) -> None:
    """Revoke a token that is not needed; if Canvas does not answer, it ends by itself within the hour."""
    release()
    with contextlib.suppress(LmsError):
        canvas_oauth.revoke(tool.outbound, client, access)


def find_grant(viewer: Viewer) -> LmsGrant | None:
    """Return what a person lent, usable or not."""
    return _find(*_keys_of(viewer))


def _keys_of(viewer: Viewer) -> tuple[UUID, str]:
    """Return whose a grant is: a person of one registration, whatever the course."""
    row = db.session.execute(
        select(Course.registration_id, CourseAccess.lti_user_id)
        .join(CourseAccess, CourseAccess.course_id == Course.id)
        .where(CourseAccess.id == viewer.access_id)
    ).one()
    return row.registration_id, row.lti_user_id


def _is_of(registration_id: UUID, lti_user_id: str) -> tuple[ColumnElement[bool], ...]:
    return LmsGrant.registration_id == registration_id, LmsGrant.lti_user_id == lti_user_id


def _find(registration_id: UUID, lti_user_id: str) -> LmsGrant | None:
    return db.session.scalar(select(LmsGrant).where(*_is_of(registration_id, lti_user_id)))


def _readable(tool: Tool, row: LmsGrant) -> str | None:
    try:
        return _read(tool, row).text
    except LmsRefused:
        return None


def _take_turn(tool: Tool, grant_id: UUID, rejected: str | None) -> tuple[LiveToken | None, datetime | None]:
    """Return the token if it will do, else the end of our turn to renew it; neither while another has the turn."""
    with transaction() as session:
        row = _get(grant_id)
        token = _read(tool, row)
        if token.text != rejected and token.is_fresh:
            return token, None
        until = now() + TURN
        free = or_(LmsGrant.refreshing_until.is_(None), LmsGrant.refreshing_until < now())
        taken = session.execute(
            update(LmsGrant)
            .where(LmsGrant.id == grant_id, LmsGrant.access_ciphertext == row.access_ciphertext, free)
            .values(refreshing_until=until)
        )
        return None, until if _rows(taken) else None


def _renew(tool: Tool, grant_id: UUID, turn: datetime) -> LiveToken | None:
    """Renew in our turn; None when somebody else took the turn over meanwhile, because we were too slow."""
    error: LmsError | None = None
    values: dict[str, object] = {}
    token: LiveToken | None = None
    try:
        row = _get(grant_id)
        client = open_client(tool.settings, row.registration_id)
        refresh = _unseal(tool, row.refresh_ciphertext)
        release()
        brought = canvas_oauth.renew(tool.outbound, client, refresh)
        token = LiveToken(brought.access, now() + timedelta(seconds=brought.seconds))
        values = {"access_ciphertext": seal(tool.settings, token.text), "expires_at": token.expires_at}
    except LmsError as failure:
        error = failure
        if failure.code == "grant_ended":
            values = {"error_code": failure.code}
    with transaction() as session:
        stored = session.execute(
            update(LmsGrant)
            .where(LmsGrant.id == grant_id, LmsGrant.refreshing_until == turn)
            .values(refreshing_until=None, **values)
        )
    log.info("access renewed", grant=str(grant_id), error=error.code if error else None)
    if error:
        raise error
    return token if _rows(stored) else None


def _get(grant_id: UUID) -> LmsGrant:
    # What another process stored meanwhile is what counts, not what this session remembers.
    row = db.session.get(LmsGrant, grant_id, populate_existing=True)
    if row is None:  # given back meanwhile
        raise LmsRefused("grant_missing")
    return row


def _read(tool: Tool, row: LmsGrant) -> LiveToken:
    if row.error_code:
        raise LmsRefused(row.error_code)
    return LiveToken(_unseal(tool, row.access_ciphertext), row.expires_at)


def _unseal(tool: Tool, sealed: bytes) -> str:
    try:
        return unseal(tool.settings, sealed)
    except UnsealError:
        raise LmsRefused("grant_unreadable") from None


def _rows(result: object) -> int:
    return cast("CursorResult[object]", result).rowcount
