"""What the present access to a course's LMS allows: asked at every pull of groups, and kept for the pages."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsRefused
from lti_tool.domain.gateway import Capabilities, LmsGateway, Precondition, Right
from lti_tool.models import Course, db, release, transaction
from lti_tool.services import gateways, runs
from lti_tool.services.pulled_groups import read_known_ids
from lti_tool.services.roster import read_known_people
from lti_tool.services.tool import Tool

# The access may not even ask; whether it may read, reading itself tells.
UNASKABLE = ("scope_missing", "function_missing")
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


def store_rights(tool: Tool, course_id: UUID, write_problem: str | None) -> None:
    """Keep what the LMS said of writing groups: it is true of the access whether or not the pull succeeds.

    People lend accesses of different rights. One that lacks the right takes nothing from those who work with another
    that has it: to whoever uses the lesser one the LMS says so at the change itself, which the page Changes shows.
    """
    run = runs.at_work()
    lender = run.lender if run else None
    course = db.session.get_one(Course, course_id)
    has_other = course.rights_asked_at is not None and course.write_problem is None and course.rights_asked_of != lender
    if write_problem and has_other and gateways.is_usable(tool, course, course.rights_asked_of):
        release()
        return
    with transaction() as session:
        told = {"write_problem": write_problem, "rights_asked_at": now(), "rights_asked_of": lender}
        session.execute(update(Course).where(Course.id == course_id).values(**told))


def keep_nothing(_course_id: UUID, _write_problem: str | None) -> None:
    """Hear what may be written and store nothing, for a preview."""


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
