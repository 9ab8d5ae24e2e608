"""Checks everything that a launch and a sync need, one line each: ok, warning or failed, with what to do."""

import email.utils
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from lti_tool.domain.clock import from_store, now
from lti_tool.domain.errors import LmsError, LmsRefused, RuleViolation, ToolError
from lti_tool.domain.gateway import Capabilities, Right
from lti_tool.mail import MailUnavailableError, open_post
from lti_tool.models import Course, Registration, db, release
from lti_tool.services import gateways, oauth_clients
from lti_tool.services.registrations import get_registration, list_registrations
from lti_tool.services.rights import read_capabilities
from lti_tool.services.tool import Tool

MOST_CLOCK_SECONDS = 30
GIVEN_IN = {
    "canvas": "Admin → Permissions: Manage Groups (add, manage, delete) for the role of the token's user",
    "moodle": "Define roles: moodle/course:managegroups for the token's user; External services: the functions",
}


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was checked, how it is, and what to do about it (empty when well).

    `error` is what went wrong, where something was tried: its code chooses the words.
    """

    check: str
    verdict: Verdict
    detail: str = ""
    advice: str = ""
    error: ToolError | None = None


def database_answers() -> bool:
    """Say whether the database answers a query."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def database_revision() -> tuple[str | None, str | None]:
    """Return the revision that the database has and the newest there is."""
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    directory = current_app.extensions["migrate"].directory
    return present, ScriptDirectory(directory).get_current_head()


def examine(tool: Tool, registration_id: UUID | None = None) -> Iterator[Finding]:
    """Check the installation, and then each registration (or the named one)."""
    database = _database()
    yield database
    yield _keys(tool)
    yield _base_url(tool)
    yield _mail(tool)
    if database.verdict is Verdict.FAILED:
        return
    registrations = [get_registration(registration_id)] if registration_id else list(list_registrations())
    if not registrations:
        yield Finding("registrations", Verdict.WARNING, "none", "register a platform: lti-tool registration add --help")
    for registration in registrations:
        yield from _registration(tool, registration.id)


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


def _mail(tool: Tool) -> Finding:
    if not tool.settings.smtp_url:
        return Finding("e-mail", Verdict.OK, "not set up: notices are shown in the tool only")
    try:
        with open_post(tool.settings.smtp_url, tool.settings.mail_from):
            return Finding("e-mail", Verdict.OK, f"from {tool.settings.mail_from}")
    except MailUnavailableError as error:
        advice = "check LTI_TOOL_SMTP_URL: host, port, encryption, user and password"
        return Finding("e-mail", Verdict.FAILED, str(error), advice)


def _registration(tool: Tool, registration_id: UUID) -> Iterator[Finding]:
    registration = get_registration(registration_id)
    label = f"{registration.name} ({registration.family})"
    if not registration.confirmed:
        yield Finding(
            f"{label}: registration",
            Verdict.FAILED,
            f"unconfirmed: {registration.issuer} registered itself by a link for nobody certain",
            f"if you know it: lti-tool registration confirm {registration.id}",
        )
        return
    if not registration.is_active:
        yield Finding(
            f"{label}: registration",
            Verdict.FAILED,
            "pending: a client id or an address is missing",
            f"lti-tool registration update {registration.id} --client-id …",
        )
        return
    if not any(deployment.active for deployment in registration.deployments):
        yield Finding(
            f"{label}: deployments",
            Verdict.WARNING,
            "none is allowed yet",
            f"launch once, then: lti-tool registration deployment add {registration.id} DEPLOYMENT_ID",
        )
    yield _platform_keys(tool, registration, label)
    yield _service_token(tool, get_registration(registration_id), label)
    if get_registration(registration_id).family == "canvas":
        yield _developer_key(tool, registration_id, label)
    yield from _lms_access(tool, registration_id, label)


def _platform_keys(tool: Tool, registration: Registration, label: str) -> Finding:
    url = registration.key_set_url or ""
    release()
    check, advice = f"{label}: platform's keys", f"check the key set address: {url}"
    try:
        answer = tool.outbound.request("GET", url)
        body = answer.json() if answer.ok else None
    except LmsError as error:
        return Finding(check, Verdict.FAILED, "", advice, error)
    keys = body.get("keys") if isinstance(body, dict) else None
    if not keys:
        return Finding(check, Verdict.FAILED, f"status {answer.status}, no keys in the answer", advice)
    skew = _clock_skew(answer.headers.get("Date", ""))
    if skew > MOST_CLOCK_SECONDS:
        return Finding(f"{label}: clocks", Verdict.WARNING, f"{skew:.0f} s apart", "set this machine's clock by NTP")
    return Finding(check, Verdict.OK, f"{len(keys)} published, clocks agree")


def _clock_skew(date: str) -> float:
    """Return how many seconds an answer's Date is from our clock; 0 when it tells no time."""
    try:
        return abs((now() - from_store(email.utils.parsedate_to_datetime(date))).total_seconds())
    except ValueError:
        return 0


def _service_token(tool: Tool, registration: Registration, label: str) -> Finding:
    """Ask for an LTI service token: it works only if the platform accepts our client id and reads our key set."""
    try:
        advantage = gateways.open_advantage(tool, registration)
        release()
        advantage.check_access()
    except ToolError as error:
        return Finding(
            f"{label}: LTI services",
            Verdict.FAILED,
            "",
            f"the platform must reach {tool.settings.base_url}/lti/{registration.id}/jwks.json and know the client id",
            error,
        )
    return Finding(f"{label}: LTI services", Verdict.OK, "the platform accepts our key")


def _developer_key(tool: Tool, registration_id: UUID, label: str) -> Finding:
    """Ask Canvas whether it knows the key with which instructors connect; only its scopes cannot be asked."""
    check, address = f"{label}: OAuth client", oauth_clients.redirect_uri(tool.settings)
    if oauth_clients.find_client_id(registration_id) is None:
        return Finding(
            check,
            Verdict.WARNING,
            "none: instructors cannot connect with their own access",
            f"lti-tool oauth-client set {registration_id} --client-id …",
        )
    try:
        oauth_clients.check_client(tool, registration_id)
    except LmsError as error:
        advice = f"check the API developer key, then: lti-tool oauth-client set {registration_id} --client-id …"
        return Finding(check, Verdict.FAILED, "", advice, error)
    needed = f"it needs {address} as redirect URI and {len(oauth_clients.SCOPES)} scopes"
    return Finding(check, Verdict.OK, f"Canvas knows it; {needed} (lti-tool registration show {registration_id})")


def _lms_access(tool: Tool, registration_id: UUID, label: str) -> Iterator[Finding]:
    """Ask the LMS, through any course that was launched, what a sync may do there."""
    family = get_registration(registration_id).family
    if family == "other":
        yield _nothing_written(label)
    launched = select(Course.id).where(Course.registration_id == registration_id).limit(1)
    if family != "other":
        launched = launched.where(Course.lms_course_id.is_not(None))
    course_id = db.session.scalar(launched)
    if course_id is None:
        yield Finding(
            f"{label}: LMS access", Verdict.WARNING, "no course was launched yet", "launch once, then ask again"
        )
        return
    try:
        capabilities = read_capabilities(tool, course_id)
    except LmsError as error:
        advice = f"lti-tool token set {registration_id}"
        if error.code == "grant_missing":  # no instructor has connected yet, which is no fault of the installation
            yield Finding(f"{label}: LMS access", Verdict.WARNING, "", f"connect in a course, or {advice}", error)
        else:
            yield Finding(f"{label}: LMS access", Verdict.FAILED, "", advice, error)
        return
    for right in Right:
        if not (right is Right.WRITE_GROUPS and family == "other"):
            yield _right(capabilities, right, f"{label}: {right.replace('_', ' ')}", family)


def _nothing_written(label: str) -> Finding:
    """Tell of the right to write on a platform of another make, which no launch and no token can give."""
    advice = "keep groups in this tool, or change them on the platform: no set can be published there"
    return Finding(f"{label}: write groups", Verdict.WARNING, "", advice, LmsRefused("groups_read_only"))


def _right(capabilities: Capabilities, right: Right, check: str, family: str) -> Finding:
    """Tell of one right; without the right to write, all else still works."""
    if capabilities.allows(right):
        return Finding(check, Verdict.OK)
    refusal = LmsRefused(capabilities.missing.get(right, "right_missing"), call=right.replace("_", " "))
    if refusal.code == "groups_unsupported":
        return Finding(
            check, Verdict.WARNING, "", "keep groups in this tool; no platform of this kind gives more", refusal
        )
    advice = f"given in {GIVEN_IN[family]}" if family in GIVEN_IN else "ask the platform's administrator"
    if right is Right.WRITE_GROUPS and capabilities.allows(Right.READ_GROUPS):
        return Finding(check, Verdict.WARNING, "read-only", advice, refusal)
    return Finding(check, Verdict.FAILED, "", advice, refusal)
