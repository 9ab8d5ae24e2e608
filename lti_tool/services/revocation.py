"""Ends in the LMS what people lent, when the developer key or the registration by which they lent it goes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import delete, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError, LmsRefused, LmsUnavailable, NotFound
from lti_tool.lms import canvas_oauth
from lti_tool.lms.paging import in_parallel
from lti_tool.models import LmsGrant, OauthClient, db, release, transaction
from lti_tool.services import registrations
from lti_tool.services.oauth_clients import open_client
from lti_tool.services.sealing import UnsealError, unseal
from lti_tool.services.tool import Tool

log = structlog.get_logger(__name__)

LONGEST_SECONDS = 20.0  # a person waits for it; what is left ends in Canvas when the key is deleted there


@dataclass(frozen=True, repr=False)
class Lent:
    """What one person lent, as it was before it was forgotten here."""

    client: canvas_oauth.OauthClient
    access: str
    refresh: str
    expires_at: datetime


def remove_oauth_client(tool: Tool, registration_id: UUID) -> None:
    """Forget the developer key, and end what people lent by it; raise NotFound("oauth_client_not_found")."""
    lent = read_lent(tool, registration_id)
    with transaction() as session:
        row = session.get(OauthClient, registration_id)
        if row is None:
            raise NotFound("oauth_client_not_found")
        session.delete(row)
        session.execute(delete(LmsGrant).where(LmsGrant.registration_id == registration_id))
    revoke_lent(tool, lent)


def remove_registration(tool: Tool, registration_id: UUID) -> None:
    """Remove a registration with all its courses, and end what people lent; raise NotFound."""
    lent = read_lent(tool, registration_id)
    registrations.remove_registration(registration_id)
    revoke_lent(tool, lent)


def read_lent(tool: Tool, registration_id: UUID) -> Sequence[Lent]:
    """Return what people lent by a registration's present key; what cannot be read or has ended is left out."""
    try:
        client = open_client(tool.settings, registration_id)
    except LmsRefused:
        return ()
    rows = db.session.scalars(
        select(LmsGrant).where(LmsGrant.registration_id == registration_id, LmsGrant.error_code.is_(None))
    )
    found = []
    for row in rows:
        try:
            access, refresh = (unseal(tool.settings, text) for text in (row.access_ciphertext, row.refresh_ciphertext))
        except UnsealError:
            continue
        found.append(Lent(client, access, refresh, row.expires_at))
    return found


def revoke_lent(tool: Tool, lent: Sequence[Lent]) -> None:
    """End it in Canvas, as far as Canvas answers and the time allows; nothing is raised. No transaction may be open."""
    if not lent:
        return
    release()
    until = time.monotonic() + LONGEST_SECONDS
    silent = False

    def end(one: Lent) -> bool:
        nonlocal silent
        if silent or time.monotonic() > until:
            return False
        try:
            return _revoke(tool, one)
        except LmsUnavailable:
            silent = True  # who does not answer one will not answer hundreds
            return False
        except LmsError as error:
            return error.code == "grant_ended"

    ended = sum(in_parallel(end, lent, lambda _: None))
    log.info("lent access revoked", ended=ended, left=len(lent) - ended)


def _revoke(tool: Tool, one: Lent) -> bool:
    """Revoke by a live token, which a run out one has to be renewed for (canvas.md 10.1)."""
    if one.expires_at > now() and canvas_oauth.revoke(tool.outbound, one.client, one.access):
        return True
    brought = canvas_oauth.renew(tool.outbound, one.client, one.refresh)
    return canvas_oauth.revoke(tool.outbound, one.client, brought.access)
