"""People of a course: their values, what an LMS's states mean, and how a fetched roster merges into ours."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from lti_tool.domain.errors import LmsChanged
from lti_tool.domain.roles import EnrollmentType

T = TypeVar("T")


class MemberStatus(StrEnum):
    """Whether a person is in the course now, not yet or not any more."""

    ACTIVE = "active"
    INCOMPLETE = "incomplete"
    DROPPED = "dropped"


class MemberSource(StrEnum):
    """Who put a person on the roster."""

    LMS = "lms"
    LOCAL = "local"


CANVAS_STATES = {
    "active": ("Active", MemberStatus.ACTIVE),
    "invited": ("Invited", MemberStatus.INCOMPLETE),
    "creation_pending": ("Pending", MemberStatus.INCOMPLETE),
    "inactive": ("Inactive", MemberStatus.DROPPED),
    "completed": ("Completed", MemberStatus.DROPPED),
    "deleted": ("Deleted", MemberStatus.DROPPED),
}
CANVAS_TYPES = {
    "StudentEnrollment": EnrollmentType.STUDENT,
    "TeacherEnrollment": EnrollmentType.TEACHER,
    "TaEnrollment": EnrollmentType.TA,
    "DesignerEnrollment": EnrollmentType.DESIGNER,
    "ObserverEnrollment": EnrollmentType.OBSERVER,
}
MOODLE_ROLES = {
    "student": EnrollmentType.STUDENT,
    "teacher": EnrollmentType.TEACHER,
    "editingteacher": EnrollmentType.TEACHER,
    "manager": EnrollmentType.TEACHER,
}
DROPPED_LABEL = "Dropped"
MOODLE_SUSPENDED = 1
LENGTHS = {
    "name": 255,
    "enrollment_display": 64,
    "lms_user_id": 255,
    "lti_user_id": 255,
    "email": 320,
    "student_number": 255,
    "department": 255,
    "institution": 255,
}
# The order in which one person's several enrolments are weighed: a staff role wins over student.
TYPE_ORDER = (
    EnrollmentType.TEACHER,
    EnrollmentType.TA,
    EnrollmentType.DESIGNER,
    EnrollmentType.OTHER,
    EnrollmentType.OBSERVER,
    EnrollmentType.STUDENT,
)
# What no two people of a course share, and why somebody is left out who would.
IDENTITIES = ("lms_user_id", "lti_user_id")
LISTED_TWICE, ANOTHERS_ID = "listed_twice", "anothers_id"
# Of fewer than these most may leave at once, and nobody is asked whether it is meant.
FEW_STUDENTS = 5
STATUS_ORDER = (MemberStatus.ACTIVE, MemberStatus.INCOMPLETE, MemberStatus.DROPPED)


def storable(text: str, length: int = 255) -> str:
    """Return an LMS's text as a column can keep it: no longer, and without the NUL that PostgreSQL refuses."""
    return text.replace("\0", "")[:length]


@dataclass(frozen=True)
class RemotePerson:
    """A person as an LMS names them; what the LMS did not tell is None and is left as it was.

    Texts are verbatim as far as the store can keep them: one person of whom an LMS says something impossible must
    not stop the roster of all.
    """

    name: str
    enrollment_type: EnrollmentType
    status: MemberStatus = MemberStatus.ACTIVE
    enrollment_display: str | None = None
    lms_user_id: str | None = None
    lti_user_id: str | None = None
    email: str | None = None
    student_number: str | None = None
    department: str | None = None
    institution: str | None = None
    manages_groups: bool | None = None

    def __post_init__(self) -> None:
        """Make each text fit its column."""
        for name, length in LENGTHS.items():
            text = getattr(self, name)
            if text and (len(text) > length or "\0" in text):
                object.__setattr__(self, name, storable(text, length))


@dataclass(frozen=True)
class RemoteSection:
    """A subdivision of the course with the LMS user ids of its people."""

    lms_section_id: str
    name: str
    member_ids: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Make the name fit its column."""
        object.__setattr__(self, "name", storable(self.name))


@dataclass(frozen=True)
class RemoteRoster:
    """A whole roster: never a part of one.

    `lists_inactive`: people who are not active are in it too, so that who is absent has left; otherwise only an
    active member's absence tells anything. `types_are_hints`: the source cannot tell a teaching assistant from a
    student (Moodle's NRPS), so a type known from elsewhere stands. `sections` None: the source does not tell of them.
    """

    people: tuple[RemotePerson, ...]
    lists_inactive: bool = True
    types_are_hints: bool = False
    sections: tuple[RemoteSection, ...] | None = None


@dataclass(frozen=True)
class KnownMember:
    """A member as the store has them, as far as merging needs it."""

    id: UUID
    person: RemotePerson
    source: MemberSource = MemberSource.LMS


@dataclass(frozen=True)
class MatchConflict:
    """One fetched person who fits several members; nobody is merged, a person has to decide."""

    person: RemotePerson
    matched_by: str
    member_ids: tuple[UUID, ...]
    member_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """One fetched person who cannot be stored, and why; everybody else is."""

    person: RemotePerson
    reason: str  # a code of REFUSALS


@dataclass(frozen=True)
class MergePlan:
    """What a fetched roster changes: people to add, (member, new values) to update, members to drop.

    `left`: the names of everybody who was in the course and is dropped now, by absence or by the LMS's own word.
    `students`: how many students of the LMS were active, and `students_lost` how many of them are not any more.
    """

    add: tuple[RemotePerson, ...] = ()
    update: tuple[tuple[UUID, RemotePerson], ...] = ()
    drop: tuple[UUID, ...] = ()
    conflicts: tuple[MatchConflict, ...] = ()
    refused: tuple[Refusal, ...] = ()
    left: tuple[str, ...] = ()
    students: int = 0
    students_lost: int = 0

    @property
    def is_exodus(self) -> bool:
        """Say whether most students leave at once: so looks a course that has ended, and one that is cut off."""
        return self.students >= FEW_STUDENTS and self.students_lost * 2 > self.students

    def require_accepted(self, accepted: int) -> None:
        """Raise LmsChanged("most_students_left") for an exodus of more than a person has `accepted` beforehand."""
        if self.is_exodus and self.students_lost > accepted:
            raise LmsChanged("most_students_left", left=self.students_lost, students=self.students)


def with_managers(roster: RemoteRoster, managers: frozenset[str] | None) -> RemoteRoster:
    """Return a roster whose people bear the right to manage groups; None: nobody could say, and nothing is known."""
    if managers is None:
        return roster
    people = (replace(p, manages_groups=p.lms_user_id in managers) if p.lms_user_id else p for p in roster.people)
    return replace(roster, people=tuple(people))


def canvas_state(state: str) -> tuple[str, MemberStatus]:
    """Return label and status of a Canvas enrolment state; an unknown one is shown raw and not yet counted."""
    return CANVAS_STATES.get(state, (state, MemberStatus.INCOMPLETE))


def moodle_state(status: int, timestart: int, timeend: int, at: datetime) -> tuple[str, MemberStatus]:
    """Return label and status of a Moodle enrolment (seed 003, "Moodle enrollment states").

    Times are Unix seconds, 0 = no bound. A suspension wins over the times, and an end that is past over a start.
    """
    second = at.timestamp()
    if status == MOODLE_SUSPENDED:
        return "Suspended", MemberStatus.DROPPED
    if timeend and timeend <= second:
        return "Enrollment Ended", MemberStatus.DROPPED
    if timestart and timestart > second:
        return "Not Yet Started", MemberStatus.INCOMPLETE
    return "Active", MemberStatus.ACTIVE


def strongest(order: Sequence[T], values: Iterable[T]) -> T:
    """Return the value that stands first in `order`; `values` is not empty."""
    return min(values, key=order.index)


MATCH_STEPS: tuple[tuple[str, Callable[[RemotePerson], Hashable]], ...] = (
    ("lms_user_id", lambda person: person.lms_user_id),
    ("lti_user_id", lambda person: person.lti_user_id),
    ("email", lambda person: (person.email or "").strip().casefold()),
    ("student_number", lambda person: person.student_number),
)


def plan_merge(known: Sequence[KnownMember], roster: RemoteRoster) -> MergePlan:
    """Plan how a fetched roster changes the known members (seed 003, "Merge matching and conflicts").

    Match by LMS id, then LTI id, e-mail (any case) and student number; a person who fits several members at a
    step is a conflict and changes nobody. Somebody whose ids are another's already is refused; the others are not
    kept waiting. Local members are never dropped by absence.
    """
    people, refused = _without_twins(roster.people)
    matches, conflicts, strangers = _match(known, people)
    by_id = {member.id: member for member in known}
    holders = {key: member.id for member in known for key in _identities(member.person)}
    updates, added = [], []
    for member_id, person in matches.items():
        merged = _merged(by_id[member_id].person, person, hint=roster.types_are_hints)
        if any(holders.get(key, member_id) != member_id for key in _identities(merged)):
            refused.append(Refusal(person, ANOTHERS_ID))
        elif merged != by_id[member_id].person or by_id[member_id].source is MemberSource.LOCAL:
            updates.append((member_id, merged))
    for person in strangers:
        if holders.keys() & _identities(person):
            refused.append(Refusal(person, ANOTHERS_ID))
        else:
            added.append(person)
    undecided = {member_id for conflict in conflicts for member_id in conflict.member_ids}
    gone = [
        member
        for member in known
        if member.id not in matches and member.id not in undecided and _dropped_by_absence(member, roster)
    ]
    students = {member.id for member in known if member.source is MemberSource.LMS and _is_student(member.person)}
    staying = {m.id for m in known} - {m.id for m in gone}
    staying -= {member_id for member_id, merged in updates if merged.status is not MemberStatus.ACTIVE}
    left = [member.person.name for member in gone]
    left += [merged.name for member_id, merged in updates if _leaves(by_id[member_id].person, merged)]
    ids = tuple(member.id for member in gone)
    lost = len(students - staying)
    return MergePlan(
        tuple(added), tuple(updates), ids, tuple(conflicts), tuple(refused), tuple(left), len(students), lost
    )


def _is_student(person: RemotePerson) -> bool:
    return person.enrollment_type is EnrollmentType.STUDENT and person.status is MemberStatus.ACTIVE


def _leaves(before: RemotePerson, after: RemotePerson) -> bool:
    return after.status is MemberStatus.DROPPED and before.status is not MemberStatus.DROPPED


def _identities(person: RemotePerson) -> set[tuple[str, str]]:
    return {(name, value) for name in IDENTITIES if (value := getattr(person, name))}


def _without_twins(people: Iterable[RemotePerson]) -> tuple[list[RemotePerson], list[Refusal]]:
    """Return everybody whose ids nobody before them on the list has, and the others refused."""
    seen: set[tuple[str, str]] = set()
    kept: list[RemotePerson] = []
    refused: list[Refusal] = []
    for person in people:
        if seen & _identities(person):
            refused.append(Refusal(person, LISTED_TWICE))
        else:
            seen |= _identities(person)
            kept.append(person)
    return kept, refused


def _match(
    known: Sequence[KnownMember], people: Sequence[RemotePerson]
) -> tuple[dict[UUID, RemotePerson], list[MatchConflict], list[RemotePerson]]:
    matches: dict[UUID, RemotePerson] = {}
    conflicts: list[MatchConflict] = []
    waiting = list(people)
    names = {member.id: member.person.name for member in known}
    for step, key_of in MATCH_STEPS:
        index: dict[Hashable, list[UUID]] = defaultdict(list)
        for member in known:
            if member.id not in matches and (key := key_of(member.person)):
                index[key].append(member.id)
        still_waiting = []
        for person in waiting:
            candidates = [m for m in index.get(key_of(person), ()) if m not in matches]
            if len(candidates) == 1:
                matches[candidates[0]] = person
            elif candidates:
                named = tuple(names[member_id] for member_id in candidates)
                conflicts.append(MatchConflict(person, step, tuple(candidates), named))
            else:
                still_waiting.append(person)
        waiting = still_waiting
    return matches, conflicts, waiting


def _merged(ours: RemotePerson, theirs: RemotePerson, *, hint: bool) -> RemotePerson:
    """Take what the LMS told; what it did not tell (None) stays as we know it."""
    told = {name: value for name, value in vars(theirs).items() if value is not None}
    if hint and ours.enrollment_type is not EnrollmentType.STUDENT:
        told["enrollment_type"] = ours.enrollment_type
    if theirs.status is not ours.status:
        told["enrollment_display"] = theirs.enrollment_display  # the old label spoke of the old status
    return replace(ours, **told)


def _dropped_by_absence(member: KnownMember, roster: RemoteRoster) -> bool:
    if member.source is MemberSource.LOCAL or member.person.status is MemberStatus.DROPPED:
        return False
    return roster.lists_inactive or member.person.status is MemberStatus.ACTIVE
