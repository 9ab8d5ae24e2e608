"""Background work: huey is the doorbell, our rows are the truth; each task is a thin wrapper around a service."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from flask import Flask
from huey import Huey, PostgresHuey, SqliteHuey, crontab
from huey.consumer import Consumer
from huey.exceptions import ConfigurationError

from lti_tool.domain.errors import LmsError
from lti_tool.domain.sync import Report
from lti_tool.lti.session import purge_expired
from lti_tool.services import (
    consents,
    deadlines,
    documents,
    drafts,
    lms_changes,
    mails,
    proof,
    publication,
    pull,
    push,
    push_all,
    refresh,
    refusals,
    runs,
    undo,
    worker_signs,
)
from lti_tool.services.tool import Tool
from lti_tool.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

MAX_DELAY = 1.0  # seconds after which an idle worker looks again; somebody waits for the job

RUNNERS: dict[str, Callable[..., object]] = {
    "roster": pull.run_pull,
    "groups": pull.run_pull,
    "pull": pull.run_pull,
    "preview": pull.run_preview,
    "refresh": refresh.run_refresh,
    "publish": push.run_push,
    "push": push.run_push,
    "push_all": push_all.run_push_all,
    "change": lms_changes.run_changes,
    "proof": proof.run_proof,
}


class Doorbell:
    """The queue of one installation: rung by web processes, answered by workers."""

    def __init__(self, settings: Settings) -> None:
        self.huey = build_huey(settings)
        self._app: Flask | None = None
        self._run = self.huey.task(name="run")(self._work)
        self.huey.periodic_task(crontab(minute="*"), name="sweep")(self._sweep)
        self.huey.periodic_task(crontab(minute="7"), name="purge")(self._purge)
        self.huey.periodic_task(crontab(minute="23"), name="warn")(self._warn)
        self.huey.periodic_task(crontab(minute="*"), name="mail")(self._mail)

    def serve(self, app: Flask) -> None:
        """Do the rung jobs with this application."""
        self._app = app

    def ring(self, run_id: UUID) -> None:
        """Tell a worker that a run is queued; a lost ring is found by the sweep, so it is no error of the caller."""
        try:
            self._run(str(run_id))
        except Exception as error:  # each kind of queue has its own
            log.warning("doorbell lost", run=str(run_id), error=type(error).__name__)

    def count(self) -> int:
        """Return how many tasks wait; raise what the queue's own kind raises when it does not answer."""
        return int(self.huey.pending_count())

    def work_off(self) -> int:
        """Do what is queued, here and now, and return how many tasks that were."""
        done = 0
        while (task := self.huey.dequeue()) is not None:
            self.huey.execute(task)
            done += 1
        return done

    def start_in_process(self, workers: int = 1) -> "InProcessConsumer":
        """Start threads of this process that do the queued work."""
        consumer = InProcessConsumer(
            self.huey, workers=workers, periodic=True, check_worker_health=False, max_delay=MAX_DELAY
        )
        consumer.start()
        return consumer

    def _context(self) -> Any:
        assert self._app is not None, "the doorbell was never given its application"
        return self._app.app_context()

    def _work(self, run_id: str) -> None:
        with self._context():
            do_run(self._app.extensions["lti_tool"], UUID(run_id))  # type: ignore[union-attr] # checked above

    def _sweep(self) -> None:
        with self._context():
            worker_signs.give_sign()
            runs.sweep(self.ring)
            publication.sweep(self.ring)
            lms_changes.sweep(self.ring)
            proof.sweep(self.ring)

    def _purge(self) -> None:
        with self._context():
            purge_expired()
            drafts.sweep()
            undo.sweep()
            consents.forget_expired()
            refusals.purge()
            store = self._app.extensions["lti_tool"].documents  # type: ignore[union-attr] # checked in _context
            documents.clear_documents(store)
            documents.clear_left_behind(store)

    def _warn(self) -> None:
        with self._context():
            deadlines.tell_deadlines()

    def _mail(self) -> None:
        with self._context():
            mails.send_waiting(self._app.extensions["lti_tool"])  # type: ignore[union-attr] # checked above


class InProcessConsumer(Consumer):  # type: ignore[misc] # huey is untyped
    """A consumer in threads of a web process, which keeps its own signal handlers."""

    def _set_signal_handlers(self) -> None:
        """Leave the signals to the process."""


def build_huey(settings: Settings) -> Huey:
    """Return the queue that the settings name: a file beside the embedded database, PostgreSQL or Redis."""
    url = settings.queue_url or settings.database_url
    scheme = urlsplit(url).scheme
    if scheme.startswith("redis"):
        from huey import RedisHuey

        try:
            return RedisHuey("lti-tool", url=url, results=False)
        except ConfigurationError:
            raise SettingsError('LTI_TOOL_QUEUE_URL: Redis needs pip install "lti-groups[redis]"') from None
    if scheme.startswith("postgresql"):
        dsn = url.replace("postgresql+psycopg://", "postgresql://")
        return PostgresHuey("lti-tool", dsn=dsn, results=False)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteHuey("lti-tool", filename=str(settings.data_dir / "queue.db"), results=False)


def do_run(tool: Tool, run_id: UUID) -> None:
    """Do one queued run; its own row says how it ended."""
    run = runs.claim(run_id)
    if run is None:
        return
    with structlog.contextvars.bound_contextvars(run=str(run_id), kind=run.kind):
        try:
            RUNNERS[run.kind](tool, run, Report())
        except LmsError:
            log.info("run failed")  # code and facts are in the row
