"""The platforms' public keys: fetched seldom, kept in memory and store, served stale while a platform is down."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from lti_tool.domain import clock
from lti_tool.domain.errors import LaunchError, LmsError
from lti_tool.lti.jwks import max_age, usable_keys
from lti_tool.models import PlatformKeySet, Registration, db, transaction
from lti_tool.outbound import Answer, Outbound

COOL_DOWN = timedelta(seconds=30)
STALE = timedelta(days=7)
KEY_SET_BYTES = 256 * 1024
FETCH_SECONDS = 10  # every launch of the platform waits meanwhile
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _KeySet:
    url: str
    keys: dict[str, tuple[RSAPublicKey, ...]]
    fetched_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class _Source:
    """Where the keys come from, as values: the row is let go before a call goes out."""

    registration_id: UUID
    url: str


class PlatformKeys:
    """Public keys by registration, never by issuer or kid alone: two platforms may share both (lti.md 6.3, 6.5)."""

    def __init__(self, outbound: Outbound, now: Callable[[], datetime] = clock.now) -> None:
        self._outbound = outbound
        self._now = now
        self._sets: dict[UUID, _KeySet] = {}
        self._tried_at: dict[_Source, datetime] = {}  # the last fetch, whether it went well or not
        self._locks: dict[UUID, threading.Lock] = {}
        self._guard = threading.Lock()

    def keys(self, registration: Registration, kid: str) -> tuple[RSAPublicKey, ...]:
        """Return the platform's keys of this kid (more than one only if it reuses a kid).

        Raise LaunchError("key_unknown") or, when its key set cannot be had, LaunchError("platform_keys_unavailable").
        """
        source = _Source(registration.id, registration.key_set_url or "")
        known = self._remembered(source)
        if known and kid in known.keys and self._now() < known.expires_at:
            return known.keys[kid]
        known = self._renewed(source, kid)
        if kid not in known.keys:
            raise LaunchError("key_unknown", 401)
        return known.keys[kid]

    def _remembered(self, source: _Source) -> _KeySet | None:
        known = self._sets.get(source.registration_id)
        return known if known and known.url == source.url else None

    def _renewed(self, source: _Source, kid: str) -> _KeySet:
        """Fetch at most once for all who wait here, and at most every 30 seconds for kids that nobody knows."""
        asked_at = self._now()
        with self._lock(source.registration_id):
            known = self._newest(source)
            if self._worth_a_fetch(source, known, kid, asked_at):
                return self._fetched(source, known)
            return self._unless_too_old(known)

    def _lock(self, registration_id: UUID) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(registration_id, threading.Lock())

    def _worth_a_fetch(self, source: _Source, known: _KeySet | None, kid: str, asked_at: datetime) -> bool:
        tried_at = self._tried_at.get(source, known.fetched_at if known else asked_at)
        if tried_at > asked_at:  # somebody fetched, or failed to, while this thread waited
            return False
        if known is None:  # nobody who launches meanwhile waits once more for a key set that just could not be had
            return source not in self._tried_at or self._now() - tried_at >= COOL_DOWN
        if kid in known.keys and self._now() < known.expires_at:
            return False
        return self._now() - max(tried_at, known.fetched_at) >= COOL_DOWN

    def _newest(self, source: _Source) -> _KeySet | None:
        """Return the newer of memory and store: another process may have fetched."""
        known, stored = self._remembered(source), _stored(source)
        if stored and (known is None or stored.fetched_at > known.fetched_at):
            known = stored
            self._sets[source.registration_id] = stored
        return known

    def _fetched(self, source: _Source, known: _KeySet | None) -> _KeySet:
        db.session.rollback()  # no transaction stays open during a call
        try:
            answer = self._outbound.request("GET", source.url, max_bytes=KEY_SET_BYTES, total_seconds=FETCH_SECONDS)
            known = self._read(source, answer)
        except LmsError as error:
            log.warning("platform_keys_not_fetched", registration=str(source.registration_id), reason=error.code)
        else:
            self._sets[source.registration_id] = known
        self._tried_at[source] = self._now()
        return self._unless_too_old(known)

    def _read(self, source: _Source, answer: Answer) -> _KeySet:
        document = answer.json() if answer.status == 200 else None
        keys = usable_keys(document)
        if not keys:
            raise LmsError("key_set_unusable")
        fetched_at = self._now()
        expires_at = fetched_at + max_age(answer.headers.get("Cache-Control", ""))
        _store(source, document, fetched_at, expires_at)
        return _KeySet(source.url, keys, fetched_at, expires_at)

    def _unless_too_old(self, known: _KeySet | None) -> _KeySet:
        if known is None or self._now() - known.fetched_at > STALE:
            raise LaunchError("platform_keys_unavailable", 403)
        return known


def _stored(source: _Source) -> _KeySet | None:
    row = db.session.get(PlatformKeySet, source.registration_id)
    if row is None:
        return None
    document = json.loads(row.document)
    # The document says where it came from: keys of an address that an admin has since replaced are worth nothing.
    if document.get("source") != source.url:
        return None
    return _KeySet(source.url, usable_keys(document), row.fetched_at, row.expires_at)


def _store(source: _Source, document: Any, fetched_at: datetime, expires_at: datetime) -> None:
    with transaction() as session:
        if session.get(Registration, source.registration_id) is None:
            return
        session.merge(
            PlatformKeySet(
                registration_id=source.registration_id,
                document=json.dumps({"keys": document["keys"], "source": source.url}),
                fetched_at=fetched_at,
                expires_at=expires_at,
            )
        )
