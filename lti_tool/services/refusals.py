"""Launches that were refused: kept for administrators with their reason and reference, bounded, without a person."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.models import LaunchRefusal, Registration, db, transaction

log = structlog.get_logger(__name__)

MINUTE = timedelta(minutes=1)
# Whoever floods the launch's address is not to flood the store, nor to push out what has another reason. Both hold for
# one reason at one registration: those that only a signed launch can have are out of a stranger's reach.
MOST_A_MINUTE = 20
MOST_KEPT = 100
KEPT_FOR = timedelta(days=90)
LONGEST_FACT = 255
TOLD = ("deployment",)  # the facts that may be kept; all others might be somebody's


@dataclass(frozen=True)
class Refusal:
    """A refused launch as a page shows it."""

    registration_id: UUID
    registration_name: str
    code: str
    facts: dict[str, str]
    reference: str
    created_at: datetime


def note_refusal(registration_id: UUID, error: LaunchError, reference: str) -> None:
    """Keep why a launch was refused, unless there were too many within the minute; nothing is raised.

    The person is told in any case: what cannot be kept now is in the log.
    """
    try:
        if _is_flooded(registration_id, error.code):
            return
        with transaction() as session:
            if session.get(Registration, registration_id) is not None and not _is_flooded(registration_id, error.code):
                session.add(_row(registration_id, error, reference))
    except SQLAlchemyError as failure:
        db.session.rollback()
        log.warning("refusal not kept", reference=reference, error=type(failure).__name__)


def _row(registration_id: UUID, error: LaunchError, reference: str) -> LaunchRefusal:
    facts = {name: str(error.facts[name])[:LONGEST_FACT] for name in TOLD if name in error.facts}
    return LaunchRefusal(
        id=uuid4(),
        registration_id=registration_id,
        code=error.code,
        facts=json.dumps(facts),
        reference=reference,
        created_at=now(),
    )


def _is_flooded(registration_id: UUID, code: str) -> bool:
    lately = select(func.count()).where(
        LaunchRefusal.registration_id == registration_id,
        LaunchRefusal.created_at > now() - MINUTE,
        LaunchRefusal.code == code,
    )
    return (db.session.scalar(lately) or 0) >= MOST_A_MINUTE


def list_refusals(registration_id: UUID, limit: int) -> Sequence[Refusal]:
    """Return the newest refusals of a registration."""
    return _read(LaunchRefusal.registration_id == registration_id, limit)


def find_refusals(reference: str, registration_ids: Collection[UUID] | None) -> Sequence[Refusal]:
    """Return the refusals of a reference among those of some registrations; None: of all."""
    asked = LaunchRefusal.reference == reference.strip().lower()
    if registration_ids is not None:
        asked &= LaunchRefusal.registration_id.in_(registration_ids)
    return _read(asked, limit=10)


def _read(condition: object, limit: int) -> Sequence[Refusal]:
    rows = db.session.execute(
        select(LaunchRefusal, Registration.name)
        .join(Registration, Registration.id == LaunchRefusal.registration_id)
        .where(condition)  # type: ignore[arg-type] # a clause
        .order_by(LaunchRefusal.created_at.desc())
        .limit(limit)
    )
    return [
        Refusal(row.registration_id, name, row.code, json.loads(row.facts), row.reference, row.created_at)
        for row, name in rows
    ]


def purge() -> None:
    """Forget what is old, and all but the newest of each reason at each registration."""
    kind = (LaunchRefusal.registration_id, LaunchRefusal.code)
    place = func.row_number().over(partition_by=kind, order_by=LaunchRefusal.created_at.desc())
    ranked = select(LaunchRefusal.id, place.label("place")).subquery()
    with transaction() as session:
        session.execute(delete(LaunchRefusal).where(LaunchRefusal.created_at < now() - KEPT_FOR))
        session.execute(
            delete(LaunchRefusal).where(LaunchRefusal.id.in_(select(ranked.c.id).where(ranked.c.place > MOST_KEPT))),
            execution_options={"synchronize_session": False},
        )
