"""Placing links in the LMS: keeps what a platform asked for, lists what can be placed, and answers it once chosen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.groups import Connection
from lti_tool.domain.signup import Signup
from lti_tool.lti.addresses import tool_addresses
from lti_tool.lti.deep_linking import Link, sign_response
from lti_tool.lti.facts import LINK_PARAMETER, LaunchFacts
from lti_tool.lti.once import insert_once
from lti_tool.lti.platform import active, find_registration
from lti_tool.lti.tool_config import TITLE
from lti_tool.models import Assignment, Course, CourseAccess, GroupSet, PlacingRequest, db, transaction
from lti_tool.services.access import Viewer
from lti_tool.services.held_groups import signup_of
from lti_tool.services.tool import Tool

GOOD_FOR = timedelta(hours=1)
COURSE_PAGE = "course"


@dataclass(frozen=True)
class Placeable:
    """A page that a link can open; `key` chooses it: the id, or one word for the course's own page."""

    key: str
    kind: str  # course | assignment | set
    name: str
    description: str = ""
    by_students: bool = False  # they form the groups, or may make some
    is_open: bool = False  # students may do something there now


@dataclass(frozen=True)
class Placed:
    """The answer to a platform: where the browser posts it, and what it says."""

    return_url: str
    token: str


def begin_placing(facts: LaunchFacts, course_id: UUID) -> UUID:
    """Keep what a verified request asks for, for the person who launched; the same launch keeps it once."""
    asked = facts.placing
    assert asked is not None
    at = now()
    with transaction() as session:
        of_person = (CourseAccess.course_id == course_id, CourseAccess.lti_user_id == facts.lti_user_id)
        access_id = session.scalar(select(CourseAccess.id).where(*of_person))
        session.execute(delete(PlacingRequest).where(PlacingRequest.expires_at <= at))
        insert_once(
            session.connection(),
            PlacingRequest,
            id=uuid4(),
            access_id=access_id,
            nonce_hash=facts.nonce_hash,
            lms_deployment_id=facts.lms_deployment_id,
            return_url=asked.return_url,
            data=asked.data,
            accept_multiple=asked.accept_multiple,
            accepts_links=asked.accepts_links,
            created_at=at,
            expires_at=at + GOOD_FOR,
        )
        of_launch = (PlacingRequest.nonce_hash == facts.nonce_hash, PlacingRequest.access_id == access_id)
        return session.scalars(select(PlacingRequest.id).where(*of_launch)).one()


def get_placing(viewer: Viewer, placing_id: UUID) -> PlacingRequest:
    """Return a request of this person in this course; raise NotFound for any other, and for one that has run out."""
    row = db.session.scalar(
        select(PlacingRequest).where(
            PlacingRequest.id == placing_id,
            PlacingRequest.access_id == viewer.access_id,
            PlacingRequest.expires_at > now(),
        )
    )
    if row is None:
        raise NotFound("placing_not_found")
    return row


def list_placeable(course_id: UUID) -> list[Placeable]:
    """Return what can be placed: the course's page, its assignments, and the tool's own sets to sign up in."""
    assignments = db.session.scalars(
        select(Assignment).where(Assignment.course_id == course_id).order_by(Assignment.name, Assignment.id)
    )
    formed = exists().where(Assignment.group_set_id == GroupSet.id, Assignment.formed_by == "students")
    ours = GroupSet.connection.is_(None) | (GroupSet.connection == Connection.IMPORT)
    sets = db.session.scalars(
        # The groups that students form for an assignment are reached by the assignment.
        select(GroupSet).where(GroupSet.course_id == course_id, ours, ~formed).order_by(GroupSet.position, GroupSet.id)
    )
    return [
        Placeable(COURSE_PAGE, "course", TITLE),
        *(_of_assignment(row) for row in assignments),
        *(_of_set(row) for row in sets),
    ]


def _of_assignment(row: Assignment) -> Placeable:
    by_students = row.formed_by == "students"
    return Placeable(str(row.id), "assignment", row.name, row.description or "", by_students, by_students)


def _of_set(row: GroupSet) -> Placeable:
    rules = signup_of(row)
    return Placeable(
        str(row.id), "set", row.name, by_students=rules.signup is Signup.CREATE, is_open=rules.is_open(now())
    )


def place(tool: Tool, viewer: Viewer, placing_id: UUID, chosen: Sequence[str]) -> Placed:
    """Answer a platform with links to what was chosen.

    Raise NotFound for a request of somebody else, RuleViolation("placing_nothing") or ("placing_one") for a number that
    it does not take, ("placing_unwanted") when it takes no links, and ("placing_unknown") for what is not here.
    """
    row = get_placing(viewer, placing_id)
    if not row.accepts_links:
        raise RuleViolation("placing_unwanted")
    keys = list(dict.fromkeys(chosen))
    if not keys:
        raise RuleViolation("placing_nothing")
    if len(keys) > 1 and not row.accept_multiple:
        raise RuleViolation("placing_one")
    offered = {found.key: found for found in list_placeable(viewer.course.id)}
    if not offered.keys() >= set(keys):
        raise RuleViolation("placing_unknown")
    return _answer(tool, viewer, row, [offered[key] for key in keys])


def cancel(tool: Tool, viewer: Viewer, placing_id: UUID) -> Placed:
    """Answer a platform with no link at all; raise NotFound."""
    return _answer(tool, viewer, get_placing(viewer, placing_id), ())


def _answer(tool: Tool, viewer: Viewer, row: PlacingRequest, chosen: Collection[Placeable]) -> Placed:
    registration = find_registration(db.session.get_one(Course, viewer.course.id).registration_id)
    platform, base = active(registration), tool.settings.base_url.rstrip("/")
    links = [
        Link(found.name, tool_addresses(tool.settings, registration.id).launch)
        if found.kind == "course"
        else Link(found.name, f"{base}/open/{found.key}", found.description, {LINK_PARAMETER: found.key})
        for found in chosen
    ]
    return Placed(row.return_url, sign_response(tool.key_ring, platform, row.lms_deployment_id, row.data, links))
