"""Group sets as tables: rows read into groups with numbered problems, and groups written as rows (seed 003).

The columns are `group_set_id,group_id,group_name,name,email`. Only `group_name` is mandatory; `name` is for people and
never read; the ids are base58.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from lti_tool.domain import base58
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.groups import NAME_LENGTH, clean_text, first_unseen, is_blank
from lti_tool.domain.tables import Table, TableRow

COLUMNS = ("group_set_id", "group_id", "group_name", "name", "email")
NAMELESS = "Imported groups"
NO_GROUPS: Mapping[UUID, str] = MappingProxyType({})


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a file, as a code and the facts of its sentence."""

    code: str
    facts: dict[str, object] = field(default_factory=dict)


class BadSpreadsheet(RuleViolation):
    """The file breaks rules, so that nothing of it may be imported; `problems` are all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("csv_problems")
        self.problems = tuple(problems)


@dataclass
class SheetGroup:
    """A group as a file has it: its name as it stands there, and (line, e-mail) of its people in order."""

    name: str
    line: int
    group_id: UUID | None
    emails: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Sheet:
    """What a file says: groups in order of first appearance. With a problem nothing of it may be imported.

    `merged`: names that stand for several group ids, whose groups become one, with how many they were.
    """

    groups: tuple[SheetGroup, ...] = ()
    problems: tuple[Problem, ...] = ()
    merged: tuple[tuple[str, int], ...] = ()
    has_emails: bool = True


@dataclass(frozen=True)
class WrittenPerson:
    """A person as a row of an export names them."""

    name: str
    email: str | None


@dataclass(frozen=True)
class _Row:
    line: int
    group_id: UUID | None
    name: str
    email: str


class _Names:
    """The names of groups that there are: whatever the LMS put into one, a row that bears it is no new name."""

    def __init__(self, known: Mapping[UUID, str], others: Mapping[UUID, str]) -> None:
        self._by_id = {**others, **known}
        self._exact: set[str] = set()
        self._bare: dict[str, str] = {}
        for name in known.values():
            self._learn(name)

    def find(self, cell: str, group_id: UUID | None) -> str | None:
        """Return the name that a cell repeats: its row's own group's, else that of a group of the set or the file.

        Blanks around a name are lost easily on the way, and tell it from another only where nothing else does.
        """
        own = self._by_id.get(group_id) if group_id else None
        if own is not None and own.strip() == cell.strip():
            self._learn(own)
            return own
        return cell if cell in self._exact else self._bare.get(cell.strip())

    def _learn(self, name: str) -> None:
        self._exact.add(name)
        self._bare.setdefault(name.strip(), name)


def read_sheet(
    table: Table,
    target: UUID | None = None,
    known: Mapping[UUID, str] = NO_GROUPS,
    others: Mapping[UUID, str] = NO_GROUPS,
) -> Sheet:
    """Read the rows of a file into groups, and list everything that is wrong with it.

    `target`: the set that shall be overwritten, which a group_set_id has to name; None: the groups become a new set.
    `known`: the names of the target's groups by id; a row with such an id belongs to that group, every other by its
    name. `others`: those of other groups, which rows with their ids may repeat. Only new names obey the rules of names.
    """
    if "group_name" not in table.columns:
        return Sheet(problems=(Problem("csv_no_group_name"),))
    if not table.rows:
        return Sheet(problems=(Problem("csv_no_rows"),))
    rows: list[_Row] = []
    problems: list[Problem] = []
    names = _Names(known, others)
    for row in table.rows:
        found, wrong = _read_row(row, target, names)
        problems += wrong
        if found:
            rows.append(found)
    problems += _renamed_twice(rows)
    problems += _named_alike(rows, known)
    groups, doubled = _collect(rows, known)
    problems += doubled
    merged = tuple(_merged(rows, known))
    return Sheet(tuple(groups), _in_order(problems), merged, "email" in table.columns)


def _in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return problems by line; that the file belongs to another set, which all its rows say, once for each set."""
    kept: dict[tuple[object, ...], Problem] = {}
    for problem in sorted(problems, key=lambda problem: int(str(problem.facts["line"]))):
        place = "" if problem.code == "csv_other_set" else problem.facts["line"]
        kept.setdefault((problem.code, place, problem.facts.get("id")), problem)
    return tuple(kept.values())


def _read_row(row: TableRow, target: UUID | None, names: _Names) -> tuple[_Row | None, list[Problem]]:
    problems: list[Problem] = []
    ids: dict[str, UUID | None] = {}
    for column in ("group_set_id", "group_id"):
        text = clean_text(row.cells.get(column, ""))
        try:
            ids[column] = base58.decode(text) if text else None
        except ValueError:
            problems.append(Problem("csv_bad_id", {"line": row.line, "column": column, "id": text[:40]}))
    other = ids.get("group_set_id")
    if target and other and other != target:
        problems.append(Problem("csv_other_set", {"line": row.line, "id": base58.encode(other)}))
    name = names.find(row.cells["group_name"], ids.get("group_id"))
    if name is None:
        name = row.cells["group_name"].strip()
        problems += _problems_of_name(name, row.line)
    if problems:
        return None, problems
    return _Row(row.line, ids["group_id"], name, clean_text(row.cells.get("email", ""))), []


def _problems_of_name(name: str, line: int) -> Iterator[Problem]:
    if is_blank(name):
        yield Problem("csv_empty_name", {"line": line})
    elif unseen := first_unseen(name):  # a typed name loses it; a file's name is stored as it is, or not at all
        yield Problem("csv_unseen", {"line": line, "character": unseen})
    elif len(name) > NAME_LENGTH:
        yield Problem("csv_name_too_long", {"line": line, "limit": NAME_LENGTH})


def _renamed_twice(rows: Sequence[_Row]) -> Iterator[Problem]:
    """Give the rows that call a group otherwise than an earlier row with the same id did."""
    names: dict[UUID, list[str]] = {}
    for row in rows:
        if row.group_id:
            seen = names.setdefault(row.group_id, [row.name])
            if row.name not in seen:
                seen.append(row.name)
                facts = {"line": row.line, "id": base58.encode(row.group_id), "name": seen[0], "other": row.name}
                yield Problem("csv_two_names", facts)


def _named_alike(rows: Sequence[_Row], known: Mapping[UUID, str]) -> Iterator[Problem]:
    """Give the row of each known group that comes to be called as an earlier row calls another.

    Names are unique in a set, but for what the LMS has doubled: groups that bear one name already keep it.
    """
    bearers: dict[str, dict[UUID, int]] = {}
    for row in rows:
        if row.group_id and row.group_id in known:
            lines = bearers.setdefault(row.name, {})
            if row.group_id not in lines and any(known[key] != row.name for key in (row.group_id, *lines)) and lines:
                first = next(iter(lines.values()))
                yield Problem("csv_one_name", {"line": row.line, "first": first, "name": row.name})
            lines.setdefault(row.group_id, row.line)


def _collect(rows: Sequence[_Row], known: Mapping[UUID, str]) -> tuple[list[SheetGroup], list[Problem]]:
    """Put rows of one id or one name together, and list people (and empty rows) that a group has twice."""
    owner: dict[str, UUID] = {}
    for row in rows:
        if row.group_id in known and row.group_id:
            owner.setdefault(row.name, row.group_id)
    groups: dict[UUID | str, SheetGroup] = {}
    seen: dict[tuple[UUID | str, str | UUID | None], int] = {}
    problems = []
    for row in rows:
        group_id = row.group_id if row.group_id in known else owner.get(row.name)
        key = group_id or row.name
        group = groups.setdefault(key, SheetGroup(row.name, row.line, group_id))
        # Groups of one name become one, and each of them may have been empty.
        first = seen.setdefault((key, row.email.casefold() or (None if group_id else row.group_id)), row.line)
        if first != row.line:
            code = "csv_twice" if row.email else "csv_empty_twice"
            problems.append(Problem(code, {"line": row.line, "first": first, "name": row.name, "email": row.email}))
        elif row.email:
            group.emails.append((row.line, row.email))
    return list(groups.values()), problems


def _merged(rows: Sequence[_Row], known: Mapping[UUID, str]) -> Iterator[tuple[str, int]]:
    ids: dict[str, set[UUID]] = {}
    for row in rows:
        if row.group_id and row.group_id not in known:
            ids.setdefault(row.name, set()).add(row.group_id)
    return ((name, len(held)) for name, held in ids.items() if len(held) > 1)


def set_name_of(filename: str) -> str:
    """Return the name that a file's set gets unless a person gives another: the file's, without its ending."""
    stem, _, ending = clean_text(filename).rpartition(".")
    return " ".join((stem or ending).split())[:NAME_LENGTH].strip() or NAMELESS


def write_rows(
    set_id: UUID, groups: Iterable[tuple[UUID, str, Sequence[WrittenPerson]]]
) -> Iterator[tuple[str, str, str, str, str]]:
    """Give the rows of a set's groups (id, name, people) in their order; a group without people is one row.

    People without an e-mail cannot be read again. They stand in one row of their group, together: a group may have
    one row without an e-mail and no second (seed 003).
    """
    set_text = base58.encode(set_id)
    for group_id, group_name, people in groups:
        group_text = base58.encode(group_id)
        nameless = [person.name for person in people if not person.email]
        if nameless or not people:
            yield set_text, group_text, group_name, "; ".join(nameless), ""
        for person in people:
            if person.email:
                yield set_text, group_text, group_name, person.name, person.email
