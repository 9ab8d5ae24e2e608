"""Asks the LMS what an access to a course allows: when it is lent, at every pull of groups, and after a refusal."""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from lti_tool.domain.errors import LmsError, LmsRefused
from lti_tool.domain.gateway import Capabilities, LmsGateway, Precondition, Right
from lti_tool.models import Course, db, release
from lti_tool.services import gateways, runs
from lti_tool.services.asked_rights import NOT_ASKED, right_of, store_answer
from lti_tool.services.pulled_groups import read_known_ids
from lti_tool.services.roster import read_known_people
from lti_tool.services.tool import Tool

# The access may not even ask; whether it may read, reading itself tells.
UNASKABLE = ("scope_missing", "function_missing")
# What a refused change says of the access, and not of what was to be changed.
WANT_OF_RIGHT = (*UNASKABLE, "right_missing", "token_rejected", "web_services_off", "course_not_open")
Hear = Callable[[UUID, str | None], None]


def ask_rights(gateway: LmsGateway, course_id: UUID, needed: tuple[Right, ...], hear: Hear) -> None:
    """Ask what the access may (Canvas 1 call, Moodle 2), and tell `hear` why groups cannot be written, if so.

    Raise what asking raises, and LmsRefused when one of the needed rights is missing; a missing right to write is no
    error.
    """
    try:
        capabilities = gateway.capabilities()
    except LmsRefused as error:
        hear(course_id, error.code)
        if error.code in UNASKABLE:
            return
        raise
    hear(course_id, capabilities.missing.get(Right.WRITE_GROUPS))
    for right in needed:
        if not capabilities.allows(right):
            raise LmsRefused(capabilities.missing.get(right, "right_missing"), call=right.replace("_", " "))


def store_rights(course_id: UUID, write_problem: str | None) -> None:
    """Keep what the LMS said of writing groups with the access that the run at work here uses.

    It is true of that access whether or not the run succeeds, and of nobody else's.
    """
    run = runs.at_work()
    store_answer(course_id, run.lender if run else None, write_problem)


def keep_nothing(_course_id: UUID, _write_problem: str | None) -> None:
    """Hear what may be written and store nothing, for a preview."""


def ask_once(gateway: LmsGateway, course_id: UUID) -> None:
    """Ask what the access may that the run at work here uses, unless the LMS has said so already.

    Raise as `ask_rights`.
    """
    run = runs.at_work()
    known = right_of(course_id, run.lender if run else None)
    release()
    if known.problem == NOT_ASKED:
        ask_rights(gateway, course_id, (), store_rights)


def heed_refusal(gateway: LmsGateway | None, course_id: UUID, error: LmsError) -> None:
    """Correct what is kept of an access when the LMS refused a change for want of a right.

    A refusal may be about one group only, so the LMS is asked once more what the access may (1 or 2 calls); but not
    where it would not say. Nothing is raised for what that brings.
    """
    if gateway is None or error.code not in WANT_OF_RIGHT:
        return
    if error.code in UNASKABLE:
        store_rights(course_id, error.code)
        return
    release()
    with suppress(LmsError):
        ask_rights(gateway, course_id, (), store_rights)


def heed_arrival(gateway: LmsGateway, course_id: UUID) -> None:
    """Ask again what an access may that was known not to write, now that a change by it has arrived."""
    run = runs.at_work()
    refused = right_of(course_id, run.lender if run else None).refused
    release()
    if refused:
        with suppress(LmsError):
            ask_rights(gateway, course_id, (), store_rights)


def ask_of_lender(tool: Tool, course_id: UUID, access_id: UUID) -> Capabilities:
    """Ask what somebody's changes could do in a course, by the access that these would use, and keep the answer.

    Raise LmsError when the LMS refuses or does not answer; a refusal is kept too.
    """
    gateway = gateways.open_gateway(tool, course_id, access_id=access_id)
    lender = gateways.lender_of(tool, course_id, access_id)
    release()
    try:
        found = gateway.capabilities()
    except LmsRefused as error:
        store_answer(course_id, lender, error.code)
        raise
    store_answer(course_id, lender, found.missing.get(Right.WRITE_GROUPS))
    return found


def read_capabilities(tool: Tool, course_id: UUID) -> Capabilities:
    """Ask what a sync of a course may do; where the LMS has no API for groups, people are all that there is.

    Raise an LmsError when the LMS refuses or does not answer.
    """
    try:
        gateway = gateways.open_gateway(tool, course_id)
    except LmsRefused as error:
        if error.code != "groups_unsupported":
            raise
        return _advantage_only(course_id, error.code)
    release()
    return gateway.capabilities()


def read_preconditions(tool: Tool, course_id: UUID) -> tuple[Precondition, ...]:
    """Ask for each single thing that a sync of a course needs of its LMS; raise as `read_capabilities`."""
    try:
        gateway = gateways.open_gateway(tool, course_id)
    except LmsRefused as error:
        if error.code != "groups_unsupported":
            raise
        return ()
    known_ids, known_people = read_known_ids(course_id), read_known_people(course_id)
    release()
    return gateway.preconditions(known_ids, known_people)


def _advantage_only(course_id: UUID, code: str) -> Capabilities:
    """Names and roles come with the launch, if its platform has that service; groups do not."""
    missing = {Right.READ_GROUPS: code, Right.WRITE_GROUPS: code}
    if not db.session.get_one(Course, course_id).memberships_url:
        missing[Right.READ_ROSTER] = "roster_service_off"
    return Capabilities(frozenset(Right) - frozenset(missing), missing)
