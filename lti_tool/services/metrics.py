"""The numbers of an installation for its operators: what waits, what ran, what was refused; nothing about people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Executable, func, select

from lti_tool.domain.clock import now
from lti_tool.models import CourseAccess, LaunchRefusal, LmsChange, SyncRun, db, release
from lti_tool.services.doctor import queue_length
from lti_tool.services.tool import Tool
from lti_tool.services.worker_signs import last_sign

LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Numbers:
    """What the database and the queue say now; None: nobody knows."""

    runs: Mapping[str, int]  # by state
    changes: Mapping[str, int]  # rows of the ledger, by state
    refusals: Mapping[str, int]  # refused launches of the last day that were kept, by reason
    launched: int  # in how many courses people launched within the last day, each person and course once
    queued: int | None  # tasks that no worker has taken
    worker_silent_seconds: float | None


def read_numbers(tool: Tool) -> Numbers:
    """Read all numbers, in a fixed number of queries."""
    since = now() - LATELY
    lately = select(LaunchRefusal.code, func.count()).where(LaunchRefusal.created_at > since)
    launched = select(func.count(CourseAccess.id)).where(CourseAccess.launched_at > since)
    sign = last_sign()
    runs = _counted(select(SyncRun.state, func.count()).group_by(SyncRun.state))
    changes = _counted(select(LmsChange.state, func.count()).group_by(LmsChange.state))
    refusals = _counted(lately.group_by(LaunchRefusal.code))
    people = db.session.scalar(launched) or 0
    release()  # the queue may be slow
    silent = (now() - sign).total_seconds() if sign else None
    return Numbers(runs, changes, refusals, people, queue_length(tool), silent)


def _counted(query: Executable) -> dict[str, int]:
    return {str(name): int(count) for name, count in db.session.execute(query)}
