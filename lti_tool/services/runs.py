"""Jobs against the LMS: queued, claimed, followed and finished as rows, so that no dead worker loses one."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, NotFound, ToolError
from lti_tool.domain.gateway import Progress, Step, no_progress
from lti_tool.domain.sync import Report
from lti_tool.domain.work import AtWork, Work, timed
from lti_tool.models import CourseAccess, GroupSet, SyncRun, bare_transaction, db, transaction

log = structlog.get_logger(__name__)

OPEN = ("queued", "running")
# Longer than the longest single send, which tells nothing: two minutes of tries and one more answer to wait for.
STALE_AFTER = timedelta(minutes=5)
MAX_ATTEMPTS = 3
HEARTBEAT_SECONDS = 0.5


_at_work: ContextVar[AtWork | None] = ContextVar("run_at_work", default=None)


def at_work() -> AtWork | None:
    """Return the run that is followed here, None outside of one (a page that only looks)."""
    return _at_work.get()


def is_own() -> bool:
    """Say whether the run of this thread, if any, is still its own; in a transaction it stays so until its end."""
    run = at_work()
    if run is None or run.run_id is None:
        return True
    return db.session.scalar(select(SyncRun.id).where(*_fence(run)).with_for_update()) is not None


def require_own() -> None:
    """Raise Conflict("run_taken_over") unless `is_own`: asked in the transactions that store what an LMS answered."""
    if not is_own():
        raise Conflict("run_taken_over")


def beat() -> None:
    """Store, once in a while, that the run of this thread is alive; asked before each call, also of one that waits."""
    run = at_work()
    if run is not None and run.run_id is not None and run.is_due():
        with bare_transaction() as begun:
            begun.connection.execute(update(SyncRun).where(*_fence(run)).values(heartbeat_at=now()))


def _fence(run: AtWork) -> tuple[ColumnElement[bool], ...]:
    return SyncRun.id == run.run_id, SyncRun.state.in_(OPEN), SyncRun.attempts == run.attempt


@dataclass(frozen=True)
class RunView:
    """A run as a page shows it."""

    id: UUID
    kind: str
    state: str
    step: str
    done: int
    total: int
    about: str
    report: dict[str, Any] | None
    error_code: str | None
    error_facts: dict[str, Any]
    started_by: str | None
    acted_as: str | None
    set_name: str | None
    row: SyncRun

    @property
    def is_open(self) -> bool:
        """Say whether the run is still to end."""
        return self.state in OPEN

    @property
    def percent(self) -> int | None:
        """Return how far the present step is, None while its length is unknown."""
        return min(100, 100 * self.done // self.total) if self.total else None


def queue_unless_open(
    course_id: UUID, kind: str, *, requested_by: UUID | None = None, group_set_id: UUID | None = None
) -> UUID | None:
    """Add a queued run inside the caller's transaction; None when the course has an open one already."""
    run = _new_run(course_id, kind, requested_by, group_set_id)
    try:
        with db.session.begin_nested():
            db.session.add(run)
    except IntegrityError:
        return None
    return run.id


def queue(
    course_id: UUID,
    kind: str,
    *,
    requested_by: UUID | None = None,
    group_set_id: UUID | None = None,
    departures_accepted: int = 0,
) -> UUID:
    """Store a queued run; raise Conflict("run_open") when another one is at work on the course."""
    with transaction() as session:
        run_id = queue_unless_open(course_id, kind, requested_by=requested_by, group_set_id=group_set_id)
        if run_id and departures_accepted:
            session.get_one(SyncRun, run_id).departures_accepted = departures_accepted
    if run_id is None:
        raise Conflict("run_open")
    return run_id


def _new_run(course_id: UUID, kind: str, requested_by: UUID | None, group_set_id: UUID | None) -> SyncRun:
    return SyncRun(
        id=uuid4(),
        course_id=course_id,
        kind=kind,
        group_set_id=group_set_id,
        requested_by=requested_by,
        state="queued",
        step=Step.WAITING,
        created_at=now(),
        heartbeat_at=now(),
        finished_at=None,
    )


def claim(run_id: UUID) -> SyncRun | None:
    """Take a queued run for this worker; None when another worker has it or it ended."""
    with transaction() as session:
        taken = session.execute(
            update(SyncRun)
            .where(SyncRun.id == run_id, SyncRun.state == "queued")
            .values(state="running", heartbeat_at=now(), attempts=SyncRun.attempts + 1)
        )
        return session.get(SyncRun, run_id) if taken.rowcount else None  # type: ignore[attr-defined] # CursorResult


@contextmanager
def followed(run_id: UUID, report: Report, also: Progress = no_progress) -> Iterator[Progress]:
    """Run the block as the claimed run and give the progress to tell; `also` is told too.

    Its progress is stored, and its end whatever way it ends: an error of the block is stored as the run's and
    raised on. Once another worker took the run over, neither is, and the progress raises Conflict("run_taken_over").
    """
    asked = db.session.execute(select(SyncRun.requested_by, SyncRun.attempts).where(SyncRun.id == run_id)).one()
    at_it = AtWork(asked.requested_by, run_id, asked.attempts)
    before = _at_work.set(at_it)
    try:
        with timed(report):
            yield _heartbeat(at_it, also)
    except BaseException as error:
        _finish(at_it, report, error)
        raise
    else:
        report.complete = True
        _finish(at_it, report, None)
    finally:
        _at_work.reset(before)


def _heartbeat(run: AtWork, also: Progress) -> Progress:
    last = 0.0
    last_told: tuple[Step, str, int] | None = None

    def tell(step: Step, done: int, total: int, about: str = "") -> None:
        nonlocal last, last_told
        also(step, done, total, about)
        # A message with a name in it is stored each time; a mere count no oftener than anybody reads it.
        said = (step, about, done if about else 0)
        if said == last_told and time.monotonic() - last < HEARTBEAT_SECONDS:
            return
        last, last_told = time.monotonic(), said
        with transaction() as session:
            told = session.execute(
                update(SyncRun)
                .where(*_fence(run))
                .values(step=step, done=done, total=total, about=about[:255], heartbeat_at=now(), **_acted_as())
            )
        if not told.rowcount:  # type: ignore[attr-defined] # CursorResult
            raise Conflict("run_taken_over")

    return tell


def _finish(run: AtWork, report: Report, error: BaseException | None) -> None:
    code, facts = note_error(report, error) if error else (None, {})
    with transaction() as session:
        session.execute(
            update(SyncRun)
            .where(*_fence(run))
            .values(
                state="failed" if error else "succeeded",
                step=Step.DONE,
                report=json.dumps(report.as_dict()),
                error_code=code,
                error_facts=json.dumps(facts),
                heartbeat_at=now(),
                finished_at=now(),
                **_acted_as(),
            )
        )
    log.info("run ended", run=str(run.run_id), error=code, calls=report.calls, seconds=report.seconds)


def _acted_as() -> dict[str, str]:
    """Return whose access was used, to be stored; nothing before any was."""
    run = at_work()
    return {} if run is None or run.acted_as is None else {"acted_as": run.acted_as}


def note_error(report: Report, error: BaseException) -> tuple[str, dict[str, str]]:
    """Write an error into a report, and return its code and facts."""
    code, facts = describe(error)
    report.errors.append({"code": code, **facts})
    return code, facts


def describe(error: BaseException) -> tuple[str, dict[str, str]]:
    """Return an error as a code and texts for its sentence; what is not ours is only "unexpected"."""
    if isinstance(error, ToolError):
        return error.code, {key: as_text(value) for key, value in error.facts.items()}
    if not isinstance(error, Exception):  # Ctrl-C, or the process is told to end
        return "run_interrupted", {}
    log.error("run failed unexpectedly", kind=type(error).__name__, exc_info=error)
    return "unexpected", {}


def as_text(value: object) -> str:
    """Return a fact of an error as text; a list as its items with commas."""
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)


def see_run(course_id: UUID, run_id: UUID) -> RunView:
    """Return one run of a course; raise NotFound."""
    row = db.session.execute(
        select(SyncRun, CourseAccess.name)
        .outerjoin(CourseAccess, CourseAccess.id == SyncRun.requested_by)
        .where(SyncRun.id == run_id, SyncRun.course_id == course_id)
    ).one_or_none()
    if row is None:
        raise NotFound("run_not_found")
    return view_run(*row)


def list_runs(course_id: UUID, limit: int = 20) -> list[RunView]:
    """Return the latest runs of a course, newest first."""
    rows = db.session.execute(
        select(SyncRun, CourseAccess.name, GroupSet.name)
        .outerjoin(CourseAccess, CourseAccess.id == SyncRun.requested_by)
        .outerjoin(GroupSet, GroupSet.id == SyncRun.group_set_id)
        .where(SyncRun.course_id == course_id)
        .order_by(SyncRun.created_at.desc())
        .limit(limit)
    )
    return [view_run(*row) for row in rows]


def require_no_open_run(course_id: UUID) -> None:
    """Raise Conflict("run_open") while a run is at work on the course."""
    if find_open_run(course_id):
        raise Conflict("run_open")


def require_edits(course_id: UUID, *set_ids: UUID) -> None:
    """Raise Conflict while a run keeps people from editing the course, or one of these sets (see `Work.stops`).

    Every service that changes sets, groups or assignments for somebody asks this inside its transaction.
    """
    run = db.session.scalar(select(SyncRun).where(SyncRun.course_id == course_id, SyncRun.state.in_(OPEN)))
    if run is None:
        return
    for set_id in set_ids or (None,):
        if code := work_of(run).stops(set_id):
            raise Conflict(code)


def work_of(run: SyncRun) -> Work:
    """Return a run as what it keeps people from."""
    return Work(run.id, run.kind, run.group_set_id)


def find_open_run(course_id: UUID) -> RunView | None:
    """Return the run that is at work on a course, if any."""
    row = db.session.execute(
        select(SyncRun, CourseAccess.name)
        .outerjoin(CourseAccess, CourseAccess.id == SyncRun.requested_by)
        .where(SyncRun.course_id == course_id, SyncRun.state.in_(OPEN))
    ).first()
    return view_run(*row) if row else None


def failed_since(course_id: UUID, kind: str, since: datetime) -> bool:
    """Say whether a run of that kind on a course failed after a time."""
    these = (SyncRun.course_id == course_id, SyncRun.kind == kind, SyncRun.state == "failed")
    return bool(db.session.scalar(select(exists().where(*these, SyncRun.finished_at > since))))


def view_run(run: SyncRun, name: str | None = None, set_name: str | None = None) -> RunView:
    """Return a run as pages show it; `name`: who started it, `set_name`: the set that it is about."""
    return RunView(
        id=run.id,
        kind=run.kind,
        state=run.state,
        step=run.step,
        done=run.done,
        total=run.total,
        about=run.about,
        report=json.loads(run.report) if run.report else None,
        error_code=run.error_code,
        error_facts=json.loads(run.error_facts),
        started_by=name,
        acted_as=run.acted_as,
        set_name=set_name,
        row=run,
    )


def sweep(ring: Callable[[UUID], None]) -> int:
    """Find runs whose worker or doorbell was lost, queue them again (three times at most) and ring for them."""
    with transaction() as session:
        stale = session.scalars(
            select(SyncRun).where(SyncRun.state.in_(OPEN), SyncRun.heartbeat_at < now() - STALE_AFTER)
        ).all()
        again = []
        for run in stale:
            run.heartbeat_at = now()
            if run.attempts >= MAX_ATTEMPTS:
                run.state, run.error_code, run.finished_at = "failed", "run_interrupted", now()
            else:
                run.state = "queued"
                again.append(run.id)
    for run_id in again:
        ring(run_id)
    return len(stale)
