"""A registration as plain values: what the edge needs of the row, safe to keep when the row is let go."""

import re
import time
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import bindparam, func, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.lti.once import insert_once
from lti_tool.models import Deployment, Registration, db, transaction

# Strict, because it ends in a header: nothing of it may end the directive or widen it.
ORIGIN = re.compile(r"https?://(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?")
LONGEST_ORIGINS = 1024
MOST_DEPLOYMENTS = 1000  # of one registration that launches bring; more can be added by hand
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


DEPLOYMENT_ACTIVE = select(Deployment.active).where(
    Deployment.registration_id == bindparam("registration_id"),
    Deployment.lms_deployment_id == bindparam("lms_deployment_id"),
)


@dataclass
class _Memory:
    """A registration apart from its session (its columns only), and the placements that were found to be active."""

    registration: Registration
    until: float
    deployments: set[str] = field(default_factory=set)


_memories: dict[UUID, _Memory] = {}


def find_registration(registration_id: UUID) -> Registration:
    """Return a registration by its id, the only way to find one; raise LaunchError("registration_unknown").

    Both hops of a launch ask, so it is remembered for a few seconds.
    """
    return _memory(registration_id).registration


def require_active_deployment(registration_id: UUID, lms_deployment_id: str) -> None:
    """Raise LaunchError("deployment_unknown") or ("deployment_waiting") unless the placement may launch.

    A registration whose rule is to accept placements takes an unknown one at once: the launch that brings it is
    signed by its platform (lti.md 6.3, deployment confusion). Only a yes is remembered, so that a placement works as
    soon as an admin has allowed it.
    """
    memory = _memory(registration_id)
    if lms_deployment_id in memory.deployments:
        return
    given = {"registration_id": registration_id, "lms_deployment_id": lms_deployment_id}
    is_active = db.session.connection().scalar(DEPLOYMENT_ACTIVE, given)
    if is_active is None:
        accepts = memory.registration.accepts_deployments
        if not accepts or not note_deployment(registration_id, lms_deployment_id, active=True):
            raise LaunchError("deployment_unknown", 403, deployment=lms_deployment_id)
        is_active = True
    if not is_active:
        raise LaunchError("deployment_waiting", 403, deployment=lms_deployment_id)
    memory.deployments.add(lms_deployment_id)


def note_deployment(registration_id: UUID, lms_deployment_id: str, *, active: bool = False) -> bool:
    """Remember a placement that a launch brought unasked: `active` by the registration's rule, else it waits.

    Say whether it was stored: a hostile platform could bring any number, so there is a limit to them.
    """
    of_registration = Deployment.registration_id == registration_id
    with transaction() as session:
        if (session.scalar(select(func.count()).where(of_registration)) or 0) >= MOST_DEPLOYMENTS:
            return False
        insert_once(
            session.connection(),
            Deployment,
            id=uuid4(),
            registration_id=registration_id,
            lms_deployment_id=lms_deployment_id,
            active=active,
            created_at=now(),
        )
    return True


def _memory(registration_id: UUID) -> _Memory:
    memory = _memories.get(registration_id)
    if memory and time.monotonic() < memory.until:
        return memory
    registration = db.session.get(Registration, registration_id)
    if registration is None:
        raise LaunchError("registration_unknown", 404)
    db.session.expunge(registration)
    _memories[registration_id] = memory = _Memory(registration, time.monotonic() + REMEMBER_SECONDS)
    return memory


def forget_registrations() -> None:
    """Forget what is remembered in this process: a registration was changed."""
    _memories.clear()


def active(registration: Registration) -> Platform:
    """Return a registration's values.

    Raise LaunchError("registration_unconfirmed"), or ("registration_pending") while some are still missing.
    """
    if not registration.confirmed:
        raise LaunchError("registration_unconfirmed", 403)
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


@lru_cache(maxsize=1024)
def origins(urls: tuple[str | None, ...]) -> tuple[str, ...]:
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
