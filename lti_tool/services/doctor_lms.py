"""The doctor's checks of the LMS's own API: developer key, each scope, each function, each right that can be asked."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.errors import LmsError, LmsRefused
from lti_tool.domain.gateway import Capabilities, Precondition, Right
from lti_tool.models import Course, db
from lti_tool.services import oauth_clients
from lti_tool.services.findings import Finding, Verdict
from lti_tool.services.registrations import get_registration
from lti_tool.services.rights import read_capabilities, read_preconditions
from lti_tool.services.tool import Tool

MOST_COURSES = 50  # among which one with access is looked for
GIVEN_IN = {
    "canvas": "Admin → Permissions: Manage Groups (add, manage, delete) for the role of the token's user",
    "moodle": "Define roles: moodle/course:managegroups for the token's user; External services: the functions",
}
# Where each single thing is given, by the code of its absence.
MENDED_IN = {
    "right_missing": "give it to the role of the token's account",
    "function_missing": "add it to the service: Site administration → Server → External services → Functions",
    "include_parameters_off": "tick Allow Include Parameters in the developer key",
    "groups_hidden": "give the role of the token's account moodle/course:viewhiddengroups",
    "people_hidden": "give both to the role of the token's account",
    "emails_hidden": "give it to the role of the token's account, and list email in Show user identity",
    "numbers_hidden": "give it to the role of the token's account (where Moodle has student numbers)",
    "managers_hidden": "give it to the role of the token's account, and add the function *_with_capability",
}


def examine_lms(tool: Tool, registration_id: UUID) -> Iterator[Finding]:
    """Ask the LMS, through any course that was launched, what a sync may do there; nothing is changed by asking."""
    family = get_registration(registration_id).family
    if family == "canvas":
        yield from _developer_key(tool, registration_id)
    if family == "other":
        yield _nothing_written()
    launched = select(Course.id, Course.title).where(Course.registration_id == registration_id)
    if family != "other":
        launched = launched.where(Course.lms_course_id.is_not(None))
    courses = db.session.execute(launched.order_by(Course.created_at.desc()).limit(MOST_COURSES)).all()
    if not courses:
        yield Finding("LMS access", Verdict.WARNING, "no course was launched yet", "launch once, then ask again")
        return
    try:
        title, capabilities, preconditions = _ask(tool, {course.id: course.title for course in courses})
    except LmsError as error:
        yield _no_access(error, registration_id)
        return
    yield Finding("LMS access", Verdict.OK, f"asked through the course {title}")
    for right in Right:
        if not (right is Right.WRITE_GROUPS and family == "other"):
            yield _right(capabilities, right, family)
    for precondition in preconditions:
        yield _precondition(precondition)


def _ask(tool: Tool, titles: Mapping[UUID, str]) -> tuple[str, Capabilities, Sequence[Precondition]]:
    """Ask through the first course that can be reached; raise what stands in the way of the last.

    Where no token serves all courses, the newest may have nobody yet who lent access.
    """
    for course_id, title in titles.items():
        try:
            return title, read_capabilities(tool, course_id), read_preconditions(tool, course_id)
        except LmsRefused as error:
            missing = error
            if error.code != "grant_missing":
                raise
    raise missing


def _nothing_written() -> Finding:
    """Tell of the right to write on a platform of another make, which no launch and no token can give."""
    advice = "keep groups in this tool, or change them on the platform: no set can be published there"
    return Finding("write groups", Verdict.WARNING, "", advice, LmsRefused("groups_read_only"))


def _no_access(error: LmsError, registration_id: UUID) -> Finding:
    advice = f"lti-tool token set {registration_id}"
    if error.code == "grant_missing":  # no instructor has connected yet, which is no fault of the installation
        return Finding("LMS access", Verdict.WARNING, "", f"connect in a course, or {advice}", error, place="access")
    return Finding("LMS access", Verdict.FAILED, "", advice, error, place="access")


def _right(capabilities: Capabilities, right: Right, family: str) -> Finding:
    """Tell of one right; without the right to write, all else still works."""
    check = right.replace("_", " ")
    if capabilities.allows(right):
        return Finding(check, Verdict.OK)
    refusal = LmsRefused(capabilities.missing.get(right, "right_missing"), call=check)
    if refusal.code == "groups_unsupported":
        return Finding(
            check, Verdict.WARNING, "", "keep groups in this tool; no platform of this kind gives more", refusal
        )
    advice = f"given in {GIVEN_IN[family]}" if family in GIVEN_IN else "ask the platform's administrator"
    if right is Right.WRITE_GROUPS and capabilities.allows(Right.READ_GROUPS):
        return Finding(check, Verdict.WARNING, "read-only", advice, refusal)
    return Finding(check, Verdict.FAILED, "", advice, refusal)


def _precondition(found: Precondition) -> Finding:
    if not found.seen:
        advice = "give what is named above first, then ask again"
        return Finding(found.name, Verdict.WARNING, "not seen: nothing could be read that would show it", advice)
    if found.error is None:
        return Finding(found.name, Verdict.OK, "as far as that course shows" if found.by_traces else "")
    verdict = Verdict.WARNING if found.optional else Verdict.FAILED
    advice = MENDED_IN.get(found.error.code, "ask the LMS's administrator")
    return Finding(found.name, verdict, "", advice, found.error)


def _developer_key(tool: Tool, registration_id: UUID) -> Iterator[Finding]:
    """Ask Canvas whether it knows the key with which instructors connect, and for each scope that they need."""
    check, address = "OAuth client", oauth_clients.redirect_uri(tool.settings)
    setting = f"lti-tool oauth-client set {registration_id} --client-id …"
    if oauth_clients.find_client_id(registration_id) is None:
        what = "none: instructors cannot connect with their own access"
        yield Finding(check, Verdict.WARNING, what, setting, place="access")
        return
    try:
        oauth_clients.check_client(tool, registration_id)
        missing = oauth_clients.missing_scopes(tool, registration_id)
    except LmsError as error:
        advice = f"check the API developer key (redirect URI {address}), then: {setting}"
        yield Finding(check, Verdict.FAILED, "", advice, error, place="access")
        return
    yield Finding(check, Verdict.OK, f"Canvas knows it, with {address} as redirect URI")
    for scope in oauth_clients.SCOPES:
        if scope in missing:
            yield Finding(scope, Verdict.FAILED, "the developer key lacks this scope", "tick it in the developer key")
        else:
            yield Finding(scope, Verdict.OK)
