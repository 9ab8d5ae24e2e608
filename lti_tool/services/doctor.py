"""Checks everything that a launch and a sync need, one line each: ok, warning or failed, with what to do."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.lms.lanes import PLACES
from lti_tool.mail import MailUnavailableError, open_post
from lti_tool.models import db, release
from lti_tool.services.doctor_registration import examine_registration
from lti_tool.services.findings import Finding, Verdict
from lti_tool.services.registrations import get_registration, list_registrations
from lti_tool.services.tool import Tool
from lti_tool.services.worker_signs import last_sign

log = structlog.get_logger(__name__)

SILENT = timedelta(minutes=5)  # a worker gives a sign every minute
_examined: set[UUID] = set()  # whose platforms this process asks right now
_beginning = threading.Lock()


def database_answers() -> bool:
    """Say whether the database answers a query."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def queue_length(tool: Tool) -> int | None:
    """Return how many tasks wait in the queue of background jobs, None when it does not answer."""
    try:
        return tool.count_queued()
    except Exception as error:  # each kind of queue has its own
        log.warning("queue does not answer", error=type(error).__name__)
        return None


def database_revision() -> tuple[str | None, str | None]:
    """Return the revision that the database has and the newest there is."""
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    directory = current_app.extensions["migrate"].directory
    return present, ScriptDirectory(directory).get_current_head()


def examine(tool: Tool, registration_id: UUID | None = None) -> Iterator[Finding]:
    """Check the installation, and then each registration (or the named one)."""
    usable = True
    for finding in examine_installation(tool):
        usable = usable and not (finding.check == "database" and finding.verdict is Verdict.FAILED)
        yield finding
    if not usable:
        return
    registrations = [get_registration(registration_id)] if registration_id else list(list_registrations())
    if not registrations:
        yield Finding("registrations", Verdict.WARNING, "none", "register a platform: lti-tool registration add --help")
    for registration in registrations:
        yield from examine_registration(tool, registration.id)


def examine_installation(tool: Tool) -> Iterator[Finding]:
    """Check what all registrations share."""
    database = _database()
    yield database
    yield _keys(tool)
    yield _base_url(tool)
    yield _calls_at_once(tool)
    release()
    yield _mail(tool)
    if database.verdict is not Verdict.FAILED:
        yield _queue()


def examine_for(tool: Tool, registration_id: UUID, *, whole: bool) -> list[Finding]:
    """Check one registration for its administrators, and the installation: `whole`, or as one line.

    A slow platform keeps one thread of a process at most: raise Conflict("doctor_at_work") for the next.
    """
    with _alone(registration_id):
        installation = list(examine_installation(tool))
        shown = installation if whole else [sum_up(installation)]
        return [*shown, *examine_registration(tool, registration_id)]


@contextmanager
def _alone(registration_id: UUID) -> Iterator[None]:
    with _beginning:
        if registration_id in _examined:
            raise Conflict("doctor_at_work")
        _examined.add(registration_id)
    try:
        yield
    finally:
        _examined.discard(registration_id)


def sum_up(findings: Iterable[Finding]) -> Finding:
    """Return the installation's checks as one line, for those whom its parts do not concern."""
    bad = [finding for finding in findings if finding.verdict is Verdict.FAILED]
    if not bad:
        return Finding("this installation", Verdict.OK, "database, keys and background work")
    what = ", ".join(finding.check for finding in bad)
    return Finding("this installation", Verdict.FAILED, what, "tell who runs LTI Groups: lti-tool doctor says more")


def _database() -> Finding:
    if not database_answers():
        return Finding("database", Verdict.FAILED, "no answer", "check LTI_TOOL_DATABASE_URL and that the server runs")
    present, newest = database_revision()
    if present != newest:
        return Finding(
            "database", Verdict.FAILED, f"at {present or 'nothing'}, newest is {newest}", "lti-tool db upgrade"
        )
    return Finding("database", Verdict.OK, f"at {present}")


def _keys(tool: Tool) -> Finding:
    try:
        tool.key_ring.sign({"check": "doctor"})
    except RuleViolation as error:
        return Finding("signing key", Verdict.FAILED, str(tool.settings.keys_dir), "lti-tool keys new", error)
    count = len(tool.key_ring.public_key_set()["keys"])
    return Finding("signing key", Verdict.OK, f"{count} published, the newest signs")


def _base_url(tool: Tool) -> Finding:
    if tool.settings.is_local:
        return Finding(
            "base url", Verdict.WARNING, tool.settings.base_url, "reachable from this machine only: fine for a demo"
        )
    return Finding("base url", Verdict.OK, tool.settings.base_url)


def _calls_at_once(tool: Tool) -> Finding:
    places = tool.outbound.places
    if places and (problem := places.problem()):
        what = f"each process makes {PLACES} with one access to an LMS, as {places.folder} cannot be used: {problem}"
        return Finding("calls at once", Verdict.WARNING, what, "let the tool write to the folder of LTI_TOOL_DATA_DIR")
    return Finding("calls at once", Verdict.OK, f"{PLACES} at most from this machine with one access to an LMS")


def _mail(tool: Tool) -> Finding:
    if not tool.settings.smtp_url:
        return Finding("e-mail", Verdict.OK, "not set up: notices are shown in the tool only")
    try:
        with open_post(tool.settings.smtp_url, tool.settings.mail_from):
            return Finding("e-mail", Verdict.OK, f"from {tool.settings.mail_from}")
    except MailUnavailableError as error:
        advice = "check LTI_TOOL_SMTP_URL: host, port, encryption, user and password"
        return Finding("e-mail", Verdict.FAILED, str(error), advice)


def _queue() -> Finding:
    seen_at = last_sign()
    release()
    advice = "start lti-tool serve (embedded database), or lti-tool worker beside it; the first sign takes a minute"
    if seen_at is None:
        return Finding("queue", Verdict.WARNING, "no worker has given a sign of life yet", advice)
    silent = now() - seen_at
    if silent > SILENT:
        minutes = int(silent.total_seconds() // 60)
        return Finding("queue", Verdict.FAILED, f"no sign of life of a worker for {minutes} minutes", advice)
    return Finding("queue", Verdict.OK, "a worker is alive")
