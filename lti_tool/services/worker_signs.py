"""The workers' sign of life, given once a minute, so that the doctor can tell whether anybody does the queued work."""

from datetime import datetime

from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.lti.once import insert_once
from lti_tool.models import WorkerSign, db, transaction

ONLY = 1


def give_sign() -> None:
    """Say that a worker is alive."""
    with transaction() as session:
        if not insert_once(session.connection(), WorkerSign, id=ONLY, seen_at=now()):
            session.execute(update(WorkerSign).where(WorkerSign.id == ONLY).values(seen_at=now()))


def last_sign() -> datetime | None:
    """Return when a worker was last alive, None when none ever was."""
    return db.session.scalar(select(WorkerSign.seen_at).where(WorkerSign.id == ONLY))
