"""What a file would do to a course: whom its e-mails mean, and how its groups differ from those of a set."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from lti_tool.domain.groups import clean_text
from lti_tool.domain.spreadsheet import Sheet, SheetGroup


class Missing(StrEnum):
    """Why somebody whom the file names will be in no group."""

    UNKNOWN = "unknown"  # nobody has this e-mail
    AMBIGUOUS = "ambiguous"  # several people have it
    NOT_ACTIVE = "not_active"


@dataclass(frozen=True)
class Person:
    """A member of the roster, student or staff of any kind (seed 003), as far as files need them."""

    id: UUID
    name: str
    email: str | None
    active: bool  # belongs in groups: active, or staff who have not left


@dataclass(frozen=True)
class MissingPerson:
    """A row of the file that names nobody who can be in a group."""

    line: int
    email: str
    group: str
    reason: Missing


@dataclass(frozen=True)
class ChosenPerson:
    """A row whose e-mail several people have, of whom one only is active and can be meant."""

    line: int
    email: str
    member: UUID


@dataclass(frozen=True)
class ProposedGroup:
    """A group as it would be: `id` None for a new one."""

    name: str
    members: tuple[UUID, ...]
    id: UUID | None = None
    missing: int = 0


@dataclass(frozen=True)
class PresentGroup:
    """A group as the set has it now; `editable`: it is local, so that a file may change it."""

    id: UUID
    name: str
    members: tuple[UUID, ...]
    editable: bool = True


@dataclass(frozen=True)
class UpdatedGroup:
    """A group that stays, with who comes in and who goes out."""

    name: str
    added: tuple[UUID, ...]
    removed: tuple[UUID, ...]


@dataclass(frozen=True)
class Proposal:
    """The groups of a file with the people found, and everything that is worth a word before it is stored."""

    groups: tuple[ProposedGroup, ...]
    missing: tuple[MissingPerson, ...] = ()
    chosen: tuple[ChosenPerson, ...] = ()
    look_alikes: tuple[tuple[str, ...], ...] = ()
    in_several: tuple[tuple[UUID, tuple[str, ...]], ...] = ()

    @property
    def people(self) -> int:
        """Return how many different people the groups have."""
        return len({member for group in self.groups for member in group.members})


@dataclass(frozen=True)
class Comparison:
    """How a proposal would change a set: its groups, matched, and what is added, gone, renamed and filled anew.

    `staying`: people of the matched groups whom no file can name, and who therefore stay in them.
    """

    groups: tuple[ProposedGroup, ...]
    added: tuple[str, ...] = ()
    removed: tuple[PresentGroup, ...] = ()
    updated: tuple[UpdatedGroup, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    staying: tuple[UUID, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether the set has these groups and people already."""
        return not (self.added or self.removed or self.updated or self.renamed)


def found_by_email(people: Iterable[Person]) -> frozenset[UUID]:
    """Return whom a file can name: everybody whom their e-mail means, because no other person in groups has it."""
    found = (_whom(candidates) for candidates in _by_email(people).values())
    return frozenset(person.id for person in found if isinstance(person, Person))


def _by_email(people: Iterable[Person]) -> dict[str, list[Person]]:
    found: dict[str, list[Person]] = {}
    for person in people:
        if key := _key(person.email or ""):
            found.setdefault(key, []).append(person)
    return found


def propose(sheet: Sheet, people: Sequence[Person]) -> Proposal:
    """Find the people of a file by their e-mails, without case; who cannot be in a group is left out and listed."""
    by_email = _by_email(people)
    groups, missing, chosen = [], [], []
    for group in sheet.groups:
        members, absent, told = _find(group, by_email)
        groups.append(ProposedGroup(group.name, tuple(members), group.group_id, len(absent)))
        missing += absent
        chosen += told
    return Proposal(
        tuple(groups),
        tuple(sorted(missing, key=lambda person: person.line)),
        tuple(sorted(chosen, key=lambda person: person.line)),
        tuple(_look_alikes([group.name for group in groups])),
        tuple(_in_several(groups)),
    )


def _key(email: str) -> str:
    return clean_text(email).casefold()


def _find(
    group: SheetGroup, by_email: Mapping[str, Sequence[Person]]
) -> tuple[list[UUID], list[MissingPerson], list[ChosenPerson]]:
    members: list[UUID] = []
    absent, chosen = [], []
    for line, email in group.emails:
        candidates = by_email.get(_key(email), ())
        found = _whom(candidates)
        if isinstance(found, Missing):
            absent.append(MissingPerson(line, email, group.name, found))
            continue
        members.append(found.id)
        if len(candidates) > 1:
            chosen.append(ChosenPerson(line, email, found.id))
    return members, absent, chosen


def _whom(candidates: Sequence[Person]) -> Person | Missing:
    """Return whom an e-mail means; of several people the only one who belongs in groups (seed 003)."""
    if not candidates:
        return Missing.UNKNOWN
    active = [person for person in candidates if person.active]
    if len(active) == 1:
        return active[0]
    return Missing.AMBIGUOUS if len(candidates) > 1 else Missing.NOT_ACTIVE


def _look_alikes(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return names that differ in case or blanks only, together."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(" ".join(name.split()).casefold(), []).append(name)
    return [tuple(held) for held in alike.values() if len(held) > 1]


def _in_several(groups: Sequence[ProposedGroup]) -> list[tuple[UUID, tuple[str, ...]]]:
    held: dict[UUID, list[str]] = {}
    for group in groups:
        for member in group.members:
            held.setdefault(member, []).append(group.name)
    return [(member, tuple(names)) for member, names in held.items() if len(names) > 1]


def compare(
    groups: Sequence[ProposedGroup], present: Sequence[PresentGroup], unnamed: Collection[UUID] = ()
) -> Comparison:
    """Match a file's groups with those of a set, by id, then by name, and say what would change (seed 003).

    A group that is not ours to change stays only if the file leaves it as it is; else a new one takes its place.
    `unnamed`: people whom no file can name. That it does not name them says nothing, so they stay in their groups.
    """
    matched = _match(groups, present)
    staying: dict[UUID, None] = {}
    planned: list[ProposedGroup] = []
    added: list[str] = []
    updated: list[UpdatedGroup] = []
    renamed: list[tuple[str, str]] = []
    kept: set[UUID] = set()
    for named, old in zip(groups, matched, strict=True):
        group = _with_unnamed(named, old, unnamed) if old else named
        if old is None or not (old.editable or _same(group, old)):
            planned.append(replace(group, id=None))
            added.append(group.name)
            continue
        planned.append(replace(group, id=old.id))
        kept.add(old.id)
        staying |= dict.fromkeys(member for member in old.members if member in unnamed)
        if group.name != old.name:
            renamed.append((old.name, group.name))
        if set(group.members) != set(old.members):
            incoming = tuple(m for m in group.members if m not in old.members)
            updated.append(UpdatedGroup(group.name, incoming, tuple(m for m in old.members if m not in group.members)))
    removed = tuple(old for old in present if old.id not in kept)
    return Comparison(tuple(planned), tuple(added), removed, tuple(updated), tuple(renamed), tuple(staying))


def _with_unnamed(group: ProposedGroup, old: PresentGroup, unnamed: Collection[UUID]) -> ProposedGroup:
    """Return a group with the people of the present one whom no file can name; in its order where it stays the same."""
    named = tuple(member for member in old.members if member not in unnamed)
    if named == group.members:
        return replace(group, members=old.members)
    return replace(group, members=(*group.members, *(member for member in old.members if member in unnamed)))


def _match(groups: Sequence[ProposedGroup], present: Sequence[PresentGroup]) -> list[PresentGroup | None]:
    by_id = {group.id: group for group in present}
    claimed = {group.id for group in groups if group.id in by_id}
    by_name: dict[str, list[PresentGroup]] = {}
    for old in reversed(present):
        if old.id not in claimed:
            by_name.setdefault(old.name, []).append(old)
    found: list[PresentGroup | None] = []
    for group in groups:
        same_name = by_name.get(group.name)
        if group.id in by_id and group.id:
            found.append(by_id[group.id])
        else:
            found.append(same_name.pop() if same_name else None)
    return found


def _same(group: ProposedGroup, old: PresentGroup) -> bool:
    return group.name == old.name and set(group.members) == set(old.members)
