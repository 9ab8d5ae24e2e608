"""Tables of people: what a file of students, or of git user names, changes on a roster, line by line.

Nobody is removed or dropped by a file. What the LMS says of its people stands; only their git user names are taken.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.git_usernames import checked_status
from lti_tool.domain.groups import clean_text
from lti_tool.domain.members import MemberValues, tidy_email, tidy_name, tidy_number, tidy_username
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.tables import Table, TableRow

EXPORT_COLUMNS = (
    "id",
    "name",
    "email",
    "student_number",
    "git_username",
    "git_username_status",
    "status",
    "enrollment_type",
    "department",
    "institution",
    "source",
    "sections",
)
TIDY: Mapping[str, Callable[[str], object]] = {
    "name": tidy_name,
    "email": tidy_email,
    "student_number": tidy_number,
    "git_username": tidy_username,
}


@dataclass(frozen=True)
class ListedMember:
    """A member as the roster has them."""

    id: UUID
    is_local: bool
    values: MemberValues


@dataclass(frozen=True)
class Addition:
    """A line that adds a student."""

    line: int
    values: MemberValues


@dataclass(frozen=True)
class Alteration:
    """A line that changes a member: the new values, and which of them differ."""

    line: int
    member_id: UUID
    values: MemberValues
    fields: tuple[str, ...]

    @property
    def leaves_groups(self) -> bool:
        """Say whether the person is active no more by this line."""
        return "status" in self.fields and self.values.status is not MemberStatus.ACTIVE


@dataclass(frozen=True)
class Contradiction:
    """A line that says of one of the LMS's people what the LMS does not: those values are ignored, and told."""

    line: int
    member_id: UUID
    values: MemberValues
    fields: tuple[str, ...]


@dataclass(frozen=True)
class LineConflict:
    """A line that fits several members; nobody is changed, a person has to decide."""

    line: int
    name: str
    matched_by: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class LineProblem:
    """A line that is left out, and why: the code of a sentence with its facts."""

    line: int
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TablePlan:
    """Everything that a file changes, and the lines that change nothing.

    The lines of `contradictions` are among those that change something, or nothing, else.
    """

    add: tuple[Addition, ...] = ()
    change: tuple[Alteration, ...] = ()
    unchanged: tuple[int, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    conflicts: tuple[LineConflict, ...] = ()
    problems: tuple[LineProblem, ...] = ()

    def __bool__(self) -> bool:
        """Say whether storing it writes anything."""
        return bool(self.add or self.change)


def plan_students(table: Table, members: Sequence[ListedMember]) -> TablePlan:
    """Plan what a file of students changes: matched by the id of an export, by e-mail in any case, by number, or added.

    An empty cell says nothing, nor does one that the export wrote so. A line with none of them is matched by its name
    among the students whom staff added without either. Raise RuleViolation("column_missing") without a column `name`.
    """
    _require_columns(table, "name")
    return _Reading(members, adds=True).of(table)


def plan_git_usernames(table: Table, members: Sequence[ListedMember]) -> TablePlan:
    """Plan which git user names a file with the columns `email` and `git_username` gives; nobody is added.

    Raise RuleViolation("column_missing").
    """
    _require_columns(table, "email", "git_username")
    return _Reading(members, adds=False).of(table)


def _require_columns(table: Table, *names: str) -> None:
    for name in names:
        if name not in table.columns:
            raise RuleViolation("column_missing", name=name)


class _Reading:
    """One file on its way through the roster, line by line."""

    def __init__(self, members: Sequence[ListedMember], *, adds: bool) -> None:
        self._by_id = {member.id: member for member in members}
        self._adds = adds
        self._index: dict[str, dict[Hashable, list[UUID]]] = {
            "email": defaultdict(list),
            "student_number": defaultdict(list),
            "name": defaultdict(list),
        }
        for member in members:
            for step, key in _keys(member.values):
                if step != "name" or member.is_local:
                    self._index[step][key].append(member.id)
        self._lines: dict[Hashable, int] = {}  # which line spoke of a member, or of a key, first
        self._found: dict[str, list[Any]] = defaultdict(list)

    def of(self, table: Table) -> TablePlan:
        for row in table.rows:
            try:
                self._read(row)
            except RuleViolation as error:
                self._found["problems"].append(LineProblem(row.line, error.code, error.facts))
        return TablePlan(**{kind: tuple(lines) for kind, lines in self._found.items()})

    def _read(self, row: TableRow) -> None:
        person = _id(row) if self._adds else None
        if person and person in self._by_id:
            self._match(row.line, self._by_id[person], _told(row, self._by_id[person].values))
            return
        told = _told(row) if self._adds else _told_git(row)
        given = MemberValues(**{"name": "", **told})
        candidates: list[UUID] = []
        for step, key in _keys(given):
            candidates = self._index[step].get(key, [])
            if len(candidates) > 1:
                names = tuple(self._by_id[member_id].values.name for member_id in candidates)
                self._found["conflicts"].append(LineConflict(row.line, given.name or names[0], step, names))
                return
            if candidates:
                break
        if candidates:
            self._match(row.line, self._by_id[candidates[0]], told)
        elif not self._adds:
            raise RuleViolation("email_unknown", email=given.email or "")
        elif row.cells.get("enrollment_type", "").strip().lower() not in ("", EnrollmentType.STUDENT):
            raise RuleViolation("staff_not_imported")
        else:
            for step_and_key in _keys(given):
                self._require_first(row.line, step_and_key)
            status = checked_status(given.git_username)
            self._found["add"].append(Addition(row.line, replace(given, git_username_status=status)))

    def _match(self, line: int, member: ListedMember, told: Mapping[str, Any]) -> None:
        self._require_first(line, member.id)
        ours = member.values
        said = replace(ours, **told)
        self._require_own(member.id, said)
        taken = dict(told) if member.is_local else {k: v for k, v in told.items() if k == "git_username"}
        if (taken.get("email") or "").casefold() == (ours.email or "").casefold():
            taken.pop("email", None)  # another way of writing the same address
        values = replace(ours, **taken)
        before = (ours.git_username, ours.git_username_status)
        values = replace(values, git_username_status=checked_status(values.git_username, before[1], before))
        self._claim(line, member.id, values)
        ignored = tuple(name for name in told if name not in taken and not _same(name, said, ours))
        if ignored and not member.is_local:
            self._found["contradictions"].append(Contradiction(line, member.id, said, ignored))
        fields = tuple(name for name in taken if getattr(values, name) != getattr(ours, name))
        if fields:
            self._found["change"].append(Alteration(line, member.id, values, fields))
        else:
            self._found["unchanged"].append(line)

    def _require_own(self, member_id: UUID, said: MemberValues) -> None:
        """Refuse a line whose e-mail or number, not the one that it was matched by, is another person's."""
        for step, key in _keys(said):
            holders = [other for other in self._index[step].get(key, ()) if other != member_id]
            if step != "name" and holders and member_id not in self._index[step][key]:
                code = "email_taken" if step == "email" else "number_taken"
                raise RuleViolation(code, person=self._by_id[holders[0]].values.name)

    def _claim(self, line: int, member_id: UUID, values: MemberValues) -> None:
        """Refuse a line that gives somebody an e-mail or number that an earlier line gave another person."""
        for step, key in _keys(values):
            if step != "name" and member_id not in self._index[step].get(key, ()):
                self._require_first(line, (step, key))

    def _require_first(self, line: int, key: Hashable) -> None:
        first = self._lines.setdefault(key, line)
        if first != line:
            raise RuleViolation("line_twice", line=first)


def _keys(values: MemberValues) -> Iterator[tuple[str, Hashable]]:
    """Give what somebody is recognised by, in the order of the seed; the name only where there is nothing else."""
    if values.email:
        yield "email", values.email.strip().casefold()
    if values.student_number:
        yield "student_number", values.student_number
    if not values.email and not values.student_number:
        yield "name", values.name


def _same(field_name: str, said: MemberValues, held: MemberValues) -> bool:
    """Say whether a line says what is held, as far as typed values can: these are tidied, the LMS's are not."""
    one, other = (" ".join(clean_text(getattr(values, field_name) or "").split()) for values in (said, held))
    return one.casefold() == other.casefold() if field_name == "email" else one == other


def _id(row: TableRow) -> UUID | None:
    """Return whom a line of an export is about, None for another's line."""
    try:
        return UUID(row.cells.get("id", "").strip())
    except ValueError:
        return None


def _told(row: TableRow, held: MemberValues | None = None) -> dict[str, Any]:
    """Return what a line says beyond what is held; raise RuleViolation for a cell that is not understood."""
    said = {name: row.cells.get(name, "").strip() for name in TIDY}
    if held:  # the LMS may hold what nobody may type, and it stands in the export
        said = {name: text for name, text in said.items() if text != (getattr(held, name) or "").strip()}
    if not said.get("name", held):
        raise RuleViolation("name_required")
    told: dict[str, Any] = {name: TIDY[name](text) for name, text in said.items() if text}
    if status := row.cells.get("status", "").strip().lower():
        if status not in set(MemberStatus):
            raise RuleViolation("status_unknown", name=status)
        told["status"] = MemberStatus(status)
    kind = row.cells.get("enrollment_type", "").strip().lower()
    if kind and kind not in set(EnrollmentType):
        raise RuleViolation("type_unknown", name=kind)
    return told


def _told_git(row: TableRow) -> dict[str, Any]:
    if not (email := tidy_email(row.cells["email"])):
        raise RuleViolation("email_required")
    username = tidy_username(row.cells["git_username"])
    return {"email": email, **({"git_username": username} if username else {})}
