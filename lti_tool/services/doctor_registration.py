"""The doctor's checks of one registration: whether it may launch, its launches arrive, and its platform answers."""

import email.utils
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from lti_tool.domain.clock import from_store, now
from lti_tool.domain.errors import LmsError, ToolError
from lti_tool.domain.platform_hosts import MOST_HOSTS, host_in
from lti_tool.lti.jwks import usable_keys
from lti_tool.lti.platform_keys import FETCH_SECONDS, KEY_SET_BYTES
from lti_tool.models import Course, CourseAccess, LaunchRefusal, Registration, db, release
from lti_tool.services import gateways
from lti_tool.services.doctor_lms import examine_lms
from lti_tool.services.findings import Finding, Verdict
from lti_tool.services.registrations import get_registration, hosts_of
from lti_tool.services.tool import Tool

MOST_CLOCK_SECONDS = 30
# What only a launch that the platform signed can be refused for: anybody may have sent the others.
SIGNED = frozenset({"token_expired", "token_not_yet_valid", "token_times"})
MOST_COURSES = 1000  # whose addresses are looked at, the newest first
# What refused launches tell of a registration: the check, its codes, what they mean, what to do.
SIGNS = (
    (
        "issuer",
        ("login_issuer", "issuer_mismatch"),
        "a launch came from another issuer than {issuer}",
        "correct the issuer: it is the iss of the platform's tokens, letter by letter",
    ),
    (
        "client id",
        ("login_client", "audience_mismatch"),
        "a launch named another client id than {client_id}",
        "correct the client id, or remove the second placement in the LMS",
    ),
    (
        "clocks at launches",
        ("token_expired", "token_not_yet_valid", "token_times"),
        "a launch was too old or from the future",
        "set the clocks of both machines by NTP",
    ),
    (
        "signatures",
        ("key_unknown", "signature_invalid", "platform_keys_unavailable"),
        "a launch was signed by a key that is not in {key_set_url}",
        "check the key set address",
    ),
)


def examine_registration(tool: Tool, registration_id: UUID) -> Iterator[Finding]:
    """Check one registration; each finding says whose it is. The LMS is asked outside of any transaction."""
    registration = get_registration(registration_id)
    about = f"{registration.name} ({registration.family})"
    for finding in _findings(tool, registration_id):
        yield replace(finding, about=about)


def _findings(tool: Tool, registration_id: UUID) -> Iterator[Finding]:
    registration = get_registration(registration_id)
    if not registration.is_active:
        yield _unfinished(registration)
        return
    yield from _deployments(registration)
    yield from _launches(registration)
    yield from _service_addresses(registration)
    keys = list(_platform_keys(tool, registration.key_set_url or ""))
    yield from keys
    if any(finding.error and finding.error.code == "lms_timeout" for finding in keys):
        # Somebody waits for this page, and each of the other questions would take as long.
        yield Finding("the platform's services", Verdict.WARNING, "not asked, as it was silent", "ask again later")
        return
    yield from _lti_services(tool, registration_id)
    yield from examine_lms(tool, registration_id)


def _unfinished(registration: Registration) -> Finding:
    if not registration.confirmed:
        what = f"unconfirmed: {registration.issuer} registered itself by a link for nobody certain"
        advice = f"if you know it: lti-tool registration confirm {registration.id}"
        return Finding("registration", Verdict.FAILED, what, advice, place="show")
    advice = f"lti-tool registration update {registration.id} --client-id …"
    what = "pending: a client id or an address is missing"
    return Finding("registration", Verdict.FAILED, what, advice, place="edit")


def _deployments(registration: Registration) -> Iterator[Finding]:
    rows = registration.deployments
    waiting = sum(not row.active and row.refused_at is None for row in rows)
    active = sum(row.active for row in rows)
    if not active and not registration.accepts_deployments:
        advice = f"launch once, then: lti-tool registration deployment add {registration.id} DEPLOYMENT_ID"
        yield Finding("deployments", Verdict.WARNING, "none is allowed yet", advice, place="deployments")
    elif waiting:
        what = f"{active} active, {waiting} waiting"
        yield Finding("deployments", Verdict.WARNING, what, "accept or refuse them", place="deployments")
    else:
        what = f"{active} active" + (", unknown ones are accepted at once" if registration.accepts_deployments else "")
        yield Finding("deployments", Verdict.OK, what)


def _launches(registration: Registration) -> Iterator[Finding]:
    """Tell what launches have shown: a refusal counts until a launch has succeeded after it.

    Where launches did succeed, one that nobody signed is no more than a hint: a stranger may have sent it.
    """
    launched_at = db.session.scalar(
        select(func.max(CourseAccess.launched_at))
        .join(Course, Course.id == CourseAccess.course_id)
        .where(Course.registration_id == registration.id)
    )
    refused = _refused_since(registration.id, launched_at)
    facts = {name: getattr(registration, name) for name in ("issuer", "client_id", "key_set_url")}
    for check, codes, what, advice in SIGNS:
        if found := refused & set(codes):
            is_sure = launched_at is None or found & SIGNED
            verdict = Verdict.FAILED if is_sure else Verdict.WARNING
            yield Finding(check, verdict, what.format(**facts), advice, place="launches")
        elif launched_at:
            yield Finding(check, Verdict.OK, "right at the last launch")
        else:
            yield Finding(
                check, Verdict.WARNING, "nobody has launched yet", "open LTI Groups from a course: then it shows"
            )


def _refused_since(registration_id: UUID, since: datetime | None) -> set[str]:
    refused = select(LaunchRefusal.code).where(LaunchRefusal.registration_id == registration_id).distinct()
    if since is not None:
        refused = refused.where(LaunchRefusal.created_at > since)
    return set(db.session.scalars(refused))


def _platform_keys(tool: Tool, url: str) -> Iterator[Finding]:
    release()
    check, advice = "platform's keys", f"check the key set address: {url}"
    try:
        answer = tool.outbound.request("GET", url, max_bytes=KEY_SET_BYTES, total_seconds=FETCH_SECONDS)
        body = answer.json() if answer.ok else None
    except LmsError as error:
        yield Finding(check, Verdict.FAILED, "", advice, error, place="edit")
        return
    keys = usable_keys(body)
    if not keys:
        what = f"status {answer.status}, no RSA key for signatures in the answer"
        yield Finding(check, Verdict.FAILED, what, advice, place="edit")
        return
    yield Finding(check, Verdict.OK, f"{sum(map(len, keys.values()))} published")
    skew = _clock_skew(answer.headers.get("Date", ""))
    if skew is None:
        yield Finding("clocks", Verdict.WARNING, "the platform tells no time", "see that both machines are set by NTP")
    elif skew > MOST_CLOCK_SECONDS:
        yield Finding("clocks", Verdict.WARNING, f"{skew:.0f} s apart", "set this machine's clock by NTP")
    else:
        yield Finding("clocks", Verdict.OK, "they agree")


def _clock_skew(date: str) -> float | None:
    """Return how many seconds an answer's Date is from our clock, None when it tells no time."""
    try:
        return abs((now() - from_store(email.utils.parsedate_to_datetime(date))).total_seconds())
    except ValueError:
        return None


def _lti_services(tool: Tool, registration_id: UUID) -> Iterator[Finding]:
    """Ask for an LTI service token: given only if the platform accepts our client id and has read our key set."""
    keys = f"{tool.settings.base_url}/lti/{registration_id}/jwks.json"
    scope = "scope of names and roles"
    try:
        advantage = gateways.open_advantage(tool, get_registration(registration_id))
        release()
        advantage.check_access()
    except ToolError as error:
        if error.code == "roster_service_off":  # the key was accepted before the scope was looked at
            yield Finding("LTI services", Verdict.OK, "the platform reads our keys and accepts them")
            yield Finding(scope, Verdict.FAILED, "", "allow Names and Role Provisioning for the tool in the LMS", error)
            return
        advice = f"the platform must reach {keys} and know the client id"
        yield Finding("LTI services", Verdict.FAILED, "", advice, error)
        return
    yield Finding("LTI services", Verdict.OK, "the platform reads our keys and accepts them")
    yield Finding(scope, Verdict.OK)


def _service_addresses(registration: Registration) -> Iterator[Finding]:
    """Say whether the services that launches named stand at hosts of the registration: else no token goes there.

    The platform wrote the addresses, and the advice is a command: nothing but the form of a host gets into it.
    """
    rows = db.session.execute(
        select(Course.memberships_url, Course.groups_url, Course.group_sets_url)
        .where(Course.registration_id == registration.id)
        .order_by(Course.created_at.desc())
        .limit(MOST_COURSES)
    )
    named = {address for row in rows for address in row if address}
    own = hosts_of(registration)
    foreign = {host_in(address) or "" for address in named if not own.has(address)}
    if foreign:
        hosts = sorted(foreign - {""})[:MOST_HOSTS]
        what = f"launches named {', '.join(hosts) or 'no readable host'}, none of its hosts: nothing is asked there"
        all_hosts = " ".join([*(registration.other_hosts or "").split(), *hosts])
        advice = f'if it is its own: lti-tool registration update {registration.id} --other-hosts "{all_hosts}"'
        yield Finding("service addresses", Verdict.FAILED, what, advice, place="edit")
    elif named:
        yield Finding("service addresses", Verdict.OK, "at the platform's own hosts")
