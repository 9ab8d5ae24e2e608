"""Drift of a published set: what others changed in the LMS since it was last known, compared three ways.

The base is what the LMS was last known to hold, ours is what the tool wants it to hold, theirs is what it holds now.
Only what they changed and we did not change alike is an item; where we changed the same thing too, it is a conflict.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

from lti_tool.domain.descriptions import plain, same_text
from lti_tool.domain.remote import RemoteGroup
from lti_tool.domain.sync import MirroredState, WantedGroup

Place = str  # a group by its LMS id; one of ours that the LMS does not have yet by NEW and our id
NEW = "new:"
NOWHERE: frozenset[Place] = frozenset()


class DriftKind(StrEnum):
    """What somebody did in the LMS."""

    SET_GONE = "set_gone"
    SET_RENAMED = "set_renamed"
    GROUP_RENAMED = "group_renamed"
    GROUP_DESCRIBED = "group_described"
    GROUP_GONE = "group_gone"
    GROUP_ADDED = "group_added"
    GROUP_CHANGED = "group_changed"  # a group that we deleted and the LMS still has
    PERSON_ADDED = "person_added"
    PERSON_REMOVED = "person_removed"
    PERSON_MOVED = "person_moved"
    PERSON_DOUBLED = "person_doubled"  # in two groups of the set, which no published set has here
    STRANGER_ADDED = "stranger_added"


class Choice(StrEnum):
    """Whose side counts for one difference."""

    OURS = "ours"
    THEIRS = "theirs"


BOTH = frozenset(Choice)
ONLY_OURS = frozenset({Choice.OURS})
ONLY_THEIRS = frozenset({Choice.THEIRS})


@dataclass(frozen=True)
class DriftItem:
    """One difference: what was (base), what we want and what the LMS has, as names or as the groups of a person.

    A description is told as its text, and `group_name` says whose it is.
    `people` come and go with a group that they made; `strangers` are not on the roster: they are named and left alone.
    """

    kind: DriftKind
    lms_group_id: str = ""
    lms_user_id: str = ""
    base: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    conflict: bool = False
    choices: frozenset[Choice] = BOTH
    group_name: str = ""
    came: tuple[tuple[str, tuple[str, ...]], ...] = ()  # who was put into it, and the groups that they were known in
    described: bool = False  # its description is another one

    @property
    def key(self) -> str:
        """Return what names this difference among the others of its set."""
        return f"{self.kind}:{self.lms_group_id}:{self.lms_user_id}"


@dataclass(frozen=True)
class Sides:
    """The three states of one published set; `known`: LMS ids of the people who may be in groups here."""

    base_name: str
    base: Sequence[MirroredState]
    our_name: str
    ours: Sequence[WantedGroup]
    their_name: str
    theirs: Sequence[RemoteGroup]
    known: Collection[str]

    @cached_property
    def ours_of(self) -> dict[Place, WantedGroup]:
        """Our groups that the LMS was known to have, by its ids."""
        wanted = {group.id: group for group in self.ours}
        return {
            s.lms_group_id: wanted[s.group_id] for s in self.base if s.group_id is not None and s.group_id in wanted
        }

    @cached_property
    def their_groups(self) -> dict[str, RemoteGroup]:
        """The LMS's groups by its ids."""
        return {group.lms_group_id: group for group in self.theirs}

    @cached_property
    def awaited(self) -> dict[str, Place]:
        """Groups of the LMS that a push of ours made, as far as their names tell: its answer never reached us."""
        mirrored = {group.id for group in self.ours_of.values()}
        names = {group.name: f"{NEW}{group.id}" for group in self.ours if group.id not in mirrored}
        held = {state.lms_group_id for state in self.base}
        return {g.lms_group_id: names[g.name] for g in self.theirs if g.lms_group_id not in held and g.name in names}

    @cached_property
    def base_places(self) -> dict[str, frozenset[Place]]:
        """Where the LMS was known to have each person."""
        return _places((state.lms_group_id, state.member_ids) for state in self.base)

    @cached_property
    def our_places(self) -> dict[str, frozenset[Place]]:
        """Where we want each person."""
        lms_ids = {group.id: lms_id for lms_id, group in self.ours_of.items()}
        return _places((lms_ids.get(group.id, f"{NEW}{group.id}"), group.member_ids) for group in self.ours)

    @cached_property
    def their_places(self) -> dict[str, frozenset[Place]]:
        """Where the LMS has each person."""
        return _places((self.awaited.get(g.lms_group_id, g.lms_group_id), g.member_ids) for g in self.theirs)

    @cached_property
    def mark(self) -> str:
        """Return a text that differs when any of the three sides does: it tells a stale page."""
        base = sorted((str(s.group_id), s.lms_group_id, s.name, s.description, sorted(s.member_ids)) for s in self.base)
        ours = sorted((str(g.id), g.name, g.description, sorted(g.member_ids)) for g in self.ours)
        theirs = sorted((g.lms_group_id, g.name, g.description, sorted(g.member_ids)) for g in self.theirs)
        state = (self.base_name, base, self.our_name, ours, self.their_name, theirs)
        return sha256(json.dumps(state).encode()).hexdigest()[:32]

    def group_name(self, place: Place) -> str:
        """Return what a group is called, in the LMS if it has it."""
        if found := self.their_groups.get(place):
            return found.name
        names = {state.lms_group_id: state.name for state in self.base}
        return names.get(place) or next((g.name for g in self.ours if f"{NEW}{g.id}" == place), place)

    def group_names(self, places: Iterable[Place]) -> tuple[str, ...]:
        """Return what these groups are called, by their names."""
        return tuple(sorted(map(self.group_name, places)))

    def moved_by_them(self, person: str) -> tuple[frozenset[Place], frozenset[Place]]:
        """Return the groups that they put a person into and took a person out of, less what we did alike.

        A group that is gone took nobody out: it is a difference of its own. Whom they took out of every group while we
        put the person into another one is no such likeness.
        """
        base, ours, theirs = (p.get(person, NOWHERE) for p in (self.base_places, self.our_places, self.their_places))
        left = (base - theirs) & ours if theirs else base if ours else NOWHERE
        return theirs - base - ours, frozenset(one for one in left if one in self.their_groups)


def compare(sides: Sides) -> tuple[DriftItem, ...]:
    """Return everything that others changed in the LMS and that we did not change alike."""
    return (*_of_set(sides), *_of_groups(sides), *_of_people(sides))


def decidable(items: Iterable[DriftItem]) -> list[DriftItem]:
    """Return the differences about which somebody can decide: strangers are only named."""
    return [item for item in items if item.choices]


def own_part(sides: Sides) -> list[MirroredState]:
    """Return the base with what a push of ours that broke off may have done by then, which is no drift.

    A change that we still want and find made was made by us, and so was a group of the name of one that was to be made,
    and the second group of somebody whom we were moving; what we cannot have done stays for `compare`: a push puts
    people only where we want them.
    """
    rows: list[MirroredState] = []
    for state in sides.base:
        remote, ours = sides.their_groups.get(state.lms_group_id), sides.ours_of.get(state.lms_group_id)
        if remote is None and ours is None:
            continue
        name = remote.name if remote and ours and remote.name == ours.name else state.name
        text = ours.description if remote and ours and _reads_as(remote, ours.description) else state.description
        rows.append(replace(state, name=name, description=text, member_ids=frozenset()))
    made = {place: lms_id for lms_id, place in reversed(sides.awaited.items())}  # of equal names the first
    wanted = {f"{NEW}{group.id}": group for group in sides.ours}
    for place, lms_id in made.items():
        rows.append(MirroredState(wanted[place].id, lms_id, wanted[place].name, frozenset(), wanted[place].description))
    people = sides.base_places.keys() | sides.our_places.keys()
    return with_people(rows, {p: {made.get(one, one) for one in _own_places(sides, p)} for p in people})


def with_people(rows: Iterable[MirroredState], places: Mapping[str, Collection[Place]]) -> list[MirroredState]:
    """Return the rows with the people whose places they are."""
    held: dict[Place, set[str]] = {}
    for person, ids in places.items():
        for lms_group_id in ids:
            held.setdefault(lms_group_id, set()).add(person)
    return [replace(row, member_ids=frozenset(held.get(row.lms_group_id, ()))) for row in rows]


def _own_places(sides: Sides, person: str) -> frozenset[Place]:
    base, theirs = sides.base_places.get(person, NOWHERE), sides.their_places.get(person, NOWHERE)
    lost = frozenset(one for one in base if one not in sides.their_groups)
    if not any(sides.moved_by_them(person)) or (base and theirs > base):
        return theirs | lost
    return base


def _places(groups: Iterable[tuple[Place, Iterable[str]]]) -> dict[str, frozenset[Place]]:
    found: dict[str, set[Place]] = {}
    for place, people in groups:
        for person in people:
            found.setdefault(person, set()).add(place)
    return {person: frozenset(places) for person, places in found.items()}


def _of_set(sides: Sides) -> Iterator[DriftItem]:
    if sides.their_name not in (sides.base_name, sides.our_name):
        names = ((sides.base_name,), (sides.our_name,), (sides.their_name,))
        yield DriftItem(DriftKind.SET_RENAMED, "", "", *names, conflict=sides.our_name != sides.base_name)


def _of_groups(sides: Sides) -> Iterator[DriftItem]:
    for state in sides.base:
        lms_id = state.lms_group_id
        remote, ours = sides.their_groups.get(lms_id), sides.ours_of.get(lms_id)
        if remote is None and ours is not None:
            wanted = (ours.name, ours.description, ours.member_ids)
            changed = wanted != (state.name, state.description, state.member_ids)
            yield DriftItem(DriftKind.GROUP_GONE, lms_id, "", (state.name,), (ours.name,), conflict=changed)
        elif remote is not None and ours is None:
            came = [p for p in remote.member_ids if p in sides.known and lms_id not in sides.base_places.get(p, ())]
            described = not _reads_as(remote, state.description)
            if came or remote.name != state.name or described:
                item = _with_its_people(sides, DriftKind.GROUP_CHANGED, remote, (state.name,), conflict=True)
                known_in = tuple((p, sides.group_names(sides.base_places.get(p, NOWHERE))) for p in came)
                yield replace(item, came=known_in, described=described)
        elif remote is not None and ours is not None:
            yield from _of_texts(state, ours, remote)
    held = {state.lms_group_id for state in sides.base}
    for remote in sides.theirs:
        if remote.lms_group_id not in held and remote.lms_group_id not in sides.awaited:
            yield _with_its_people(sides, DriftKind.GROUP_ADDED, remote)


def _of_texts(state: MirroredState, ours: WantedGroup, remote: RemoteGroup) -> Iterator[DriftItem]:
    """Compare the name and the description of a group that both sides have."""
    lms_id = state.lms_group_id
    if remote.name not in (state.name, ours.name):
        names = ((state.name,), (ours.name,), (remote.name,))
        yield DriftItem(DriftKind.GROUP_RENAMED, lms_id, "", *names, conflict=ours.name != state.name)
    if not (_reads_as(remote, state.description) or _reads_as(remote, ours.description)):
        texts = ((plain(state.description),), (plain(ours.description),), (plain(remote.description),))
        moved = ours.description != state.description
        yield DriftItem(DriftKind.GROUP_DESCRIBED, lms_id, "", *texts, conflict=moved, group_name=remote.name)


def _reads_as(remote: RemoteGroup, description: str) -> bool:
    return same_text(remote.description, description)


def _with_its_people(
    sides: Sides, kind: DriftKind, remote: RemoteGroup, base: tuple[str, ...] = (), *, conflict: bool = False
) -> DriftItem:
    only = frozenset({remote.lms_group_id})
    people = tuple(p for p in remote.member_ids if p in sides.known and sides.their_places[p] == only)
    strangers = tuple(p for p in remote.member_ids if p not in sides.known and p not in sides.base_places)
    moved_here = any(sides.our_places.get(p, NOWHERE) != sides.base_places.get(p, NOWHERE) for p in people)
    # Deleting a group that others made would put strangers out of it.
    choices = ONLY_THEIRS if strangers and kind is DriftKind.GROUP_ADDED else BOTH
    theirs = (remote.name,)
    return DriftItem(
        kind, remote.lms_group_id, "", base, (), theirs, people, strangers, conflict or moved_here, choices
    )


def _of_people(sides: Sides) -> Iterator[DriftItem]:
    explained = {p for item in _of_groups(sides) for p in (*item.people, *item.strangers)}
    people = dict.fromkeys(p for group in sides.theirs for p in group.member_ids)
    people |= dict.fromkeys(sorted(sides.base_places))
    for person in people:
        if person in explained or not any(sides.moved_by_them(person)):
            continue
        base, ours, theirs = (
            places.get(person, NOWHERE) for places in (sides.base_places, sides.our_places, sides.their_places)
        )
        was, here, there = map(sides.group_names, (base, ours, theirs))
        known = person in sides.known
        if not known and not base:
            yield DriftItem(DriftKind.STRANGER_ADDED, "", person, was, here, there, choices=frozenset())
            continue
        kind = _kind_of_move(base, theirs)
        takes = not theirs or (known and len(theirs) == 1)
        choices = BOTH if takes else ONLY_OURS
        yield DriftItem(kind, "", person, was, here, there, conflict=ours != base, choices=choices)


def _kind_of_move(base: frozenset[Place], theirs: frozenset[Place]) -> DriftKind:
    if len(theirs) > 1:
        return DriftKind.PERSON_DOUBLED
    if not theirs:
        return DriftKind.PERSON_REMOVED
    return DriftKind.PERSON_MOVED if base else DriftKind.PERSON_ADDED


def count_drifted(after: Sequence[MirroredState], answer: Iterable[RemoteGroup]) -> int:
    """Return how much of an answer the mirror after it keeps as it was known: names and people changed by others."""
    states = {state.lms_group_id: state for state in after}
    pairs = [(states[remote.lms_group_id], remote) for remote in answer if remote.lms_group_id in states]
    return sum((s.name != remote.name) + len(s.member_ids - frozenset(remote.member_ids)) for s, remote in pairs)


def newcomers(after: Sequence[MirroredState], answer: Iterable[RemoteGroup]) -> frozenset[str]:
    """Return the people of an answer whom the mirror after it has in no group: others put them there."""
    ours = {person for state in after for person in state.member_ids}
    return frozenset(person for remote in answer for person in remote.member_ids if person not in ours)
