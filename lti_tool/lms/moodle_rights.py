"""Sees which of Moodle's rights are missing by what they keep back, also where Moodle is silent (moodle.md 2.2)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from lti_tool.domain.errors import LmsRefused
from lti_tool.domain.gateway import Precondition
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.roster import RemoteRoster
from lti_tool.lms.presence import require_most

T = TypeVar("T")
MANAGE_GROUPS = "moodle/course:managegroups"
SEE_GROUPS = "moodle/course:viewhiddengroups"
SEE_PEOPLE = "moodle/user:viewdetails, moodle/site:accessallgroups"
SEE_EMAILS = "moodle/site:viewuseridentity"
SEE_NUMBERS = "moodle/user:viewalldetails"
SEE_MANAGERS = "moodle/role:review"


@dataclass(frozen=True)
class Course:
    """How a course is read, and the people that are known of it from elsewhere."""

    read_groups: Callable[[], RemoteGroups]
    read_people: Callable[[], RemoteRoster]
    known_people: Collection[str]


def functions(needed: Collection[str], optional: str, held: Collection[str]) -> list[Precondition]:
    """Return a line for each function that the service has to have."""
    return [_function(name, held) for name in sorted(needed)] + [_function(optional, held, optional=True)]


def _function(name: str, held: Collection[str], *, optional: bool = False) -> Precondition:
    error = None if name in held else LmsRefused("function_missing", function=name)
    return Precondition(name, error, optional=optional)


def nothing_seen() -> list[Precondition]:
    """Return the rights while not all functions are there by which their absence would be seen."""
    return [_unseen(MANAGE_GROUPS), _unseen(SEE_GROUPS), _unseen(SEE_PEOPLE), *_told_of(None)]


def rights(course: Course) -> list[Precondition]:
    """Read a course once and return a line for each right; raise what is no matter of rights."""
    groups, problem = _tried(course.read_groups)
    people, hidden = _tried(course.read_people)
    if people:
        members = {user for group in groups.groups for user in group.member_ids} if groups else set()
        hidden = _few(people, members) or _few(people, set(course.known_people))
    withheld = problem if problem and problem.code == "groups_hidden" else None
    return [
        Precondition(MANAGE_GROUPS, None if withheld else problem),
        _unseen(SEE_GROUPS) if problem and not withheld else Precondition(SEE_GROUPS, withheld, by_traces=True),
        Precondition(SEE_PEOPLE, hidden, by_traces=True),
        *_told_of(people),
    ]


def _unseen(name: str, *, optional: bool = False) -> Precondition:
    return Precondition(name, optional=optional, by_traces=True, seen=False)


def _tried(read: Callable[[], T]) -> tuple[T | None, LmsRefused | None]:
    """Return what was read, or why Moodle refused; raise what is no matter of rights."""
    try:
        return read(), None
    except LmsRefused as error:
        if error.code not in ("right_missing", "groups_hidden", "people_hidden"):
            raise
        return None, error


def _few(people: RemoteRoster, expected: set[str]) -> LmsRefused | None:
    """Say that a right is missing when most of those are not shown who are in groups, or in the roster that is kept."""
    shown = {person.lms_user_id for person in people.people}
    return _tried(lambda: require_most(len(expected & shown), len(expected)))[1]


def _told_of(people: RemoteRoster | None) -> list[Precondition]:
    """Return the rights whose absence leaves fields out: e-mail addresses, student numbers, who manages groups."""
    if people is None:
        return [_unseen(name, optional=True) for name in (SEE_EMAILS, SEE_NUMBERS, SEE_MANAGERS)]
    told = (
        (SEE_EMAILS, any(person.email for person in people.people), "emails_hidden"),
        (SEE_NUMBERS, any(person.student_number for person in people.people), "numbers_hidden"),
        (SEE_MANAGERS, any(person.manages_groups is not None for person in people.people), "managers_hidden"),
    )
    return [Precondition(name, None if is_told else LmsRefused(code), optional=True) for name, is_told, code in told]
