"""A registration as plain values: what the edge needs of the row, safe to keep when the row is let go."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from lti_tool.domain.errors import LaunchError
from lti_tool.models import Registration, db

# Strict, because it ends in a header: nothing of it may end the directive or widen it.
ORIGIN = re.compile(r"https?://(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?")
LONGEST_ORIGINS = 1024
REMEMBER_SECONDS = 5.0  # how long another process may launch by what an admin has just changed


@dataclass(frozen=True)
class Platform:
    """An active registration."""

    registration_id: UUID
    family: str
    issuer: str
    client_id: str
    auth_login_url: str
    lms_url: str | None

    def origins(self, *more: str | None) -> tuple[str, ...]:
        """Return the origins that may frame the pages: this platform's, and others that a launch proved."""
        return origins((self.auth_login_url, self.issuer, self.lms_url, *more))


_remembered: dict[UUID, tuple[Registration, float]] = {}


def find_registration(registration_id: UUID) -> Registration:
    """Return a registration by its id, the only way to find one; raise LaunchError("registration_unknown").

    Both hops of a launch ask, so it is remembered for a few seconds, apart from the session: its columns only.
    """
    found = _remembered.get(registration_id)
    if found and time.monotonic() < found[1]:
        return found[0]
    registration = db.session.get(Registration, registration_id)
    if registration is None:
        raise LaunchError("registration_unknown", 404)
    db.session.expunge(registration)
    _remembered[registration_id] = registration, time.monotonic() + REMEMBER_SECONDS
    return registration


def forget_registrations() -> None:
    """Forget what is remembered in this process: a registration was changed."""
    _remembered.clear()


def active(registration: Registration) -> Platform:
    """Return a registration's values; raise LaunchError("registration_pending") while some are still missing."""
    if not registration.is_active:
        raise LaunchError("registration_pending", 403)
    return Platform(
        registration_id=registration.id,
        family=registration.family,
        issuer=registration.issuer,
        client_id=registration.client_id or "",
        auth_login_url=registration.auth_login_url or "",
        lms_url=registration.lms_url,
    )


def frame_origins(registration: Registration) -> tuple[str, ...]:
    """Return who may frame the pages of a registration before a launch has proved more (lti.md 6.6)."""
    return origins((registration.auth_login_url, registration.issuer, registration.lms_url))


def origins(urls: Iterable[str | None]) -> tuple[str, ...]:
    """Return the different http(s) origins of some addresses; what is none is passed over."""
    found: list[str] = []
    for url in urls:
        origin = _origin(url) if url else None
        if origin and origin not in found and len(" ".join([*found, origin])) <= LONGEST_ORIGINS:
            found.append(origin)
    return tuple(found)


def _origin(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].casefold()}"
    return origin if ORIGIN.fullmatch(origin) else None
