"""Takes a bulk change of a group set back: what a set was like before and after it, and what is to be restored now."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

Pair = tuple[UUID, UUID]  # (group, person)
T = TypeVar("T")


@dataclass(frozen=True)
class GroupState:
    """One group at one moment; `local`: it can be made anew when it is gone, because it is ours or was made by us."""

    id: UUID
    name: str
    description: str
    name_generated: bool
    local: bool
    members: tuple[UUID, ...]


@dataclass(frozen=True)
class SetState:
    """A set at one moment: its groups in order, and `others` that it held at the other moment and that still exist.

    `filename` and `read_at` (ISO 8601) tell of an imported set which file it shows.
    """

    groups: tuple[GroupState, ...] = ()
    others: tuple[GroupState, ...] = ()
    filename: str | None = None
    read_at: str | None = None

    @property
    def known(self) -> dict[UUID, GroupState]:
        """Return every group of the state by its id."""
        return {group.id: group for group in (*self.groups, *self.others)}

    @property
    def ids(self) -> frozenset[UUID]:
        """Return the ids of the groups that the set holds."""
        return frozenset(group.id for group in self.groups)


@dataclass(frozen=True)
class UndoPlan:
    """What takes a change back.

    `order`: the groups that the set shall hold; `bring_back`: those of them to be made anew under their old ids;
    `drop`: those that leave the set, and go when no other set holds them; `texts`: names and descriptions to be
    restored; `members`: the people of each group that changes. `left_out` are people who could not be put back.
    """

    order: tuple[UUID, ...]
    bring_back: tuple[GroupState, ...]
    drop: tuple[UUID, ...]
    texts: tuple[GroupState, ...]
    members: Mapping[UUID, tuple[UUID, ...]]
    left_out: frozenset[UUID]
    filename: str | None
    read_at: str | None

    @property
    def touched(self) -> frozenset[UUID]:
        """Return the ids of the groups that are other ones afterwards."""
        return frozenset((*self.members, *(group.id for group in (*self.texts, *self.bring_back))))


def plan_undo(before: SetState, after: SetState, present: SetState, active: Collection[UUID]) -> UndoPlan:
    """Plan how to take back what led from `before` to `after`, in a set that is `present` now.

    Only what the change did is taken back, so that what happened since stays: through other sets that hold the same
    groups, or because the roster changed. Whoever is not `active` is left out, and so is whoever was put into yet
    another group of the set since. When `present` is `after` and all are active, the plan gives `before`.
    """
    then, done, here = before.known, after.known, present.known
    bring_back = tuple(g for g in before.groups if g.local and g.id not in done and g.id not in here)
    alive = here.keys() | {group.id for group in bring_back}
    held = before.ids | after.ids
    order = [group.id for group in before.groups if group.id in alive]
    order += [group.id for group in present.groups if group.id not in held]
    pairs, left_out = _plan_people(before, after, present, frozenset(order), set(active))
    return UndoPlan(
        order=tuple(order),
        bring_back=bring_back,
        drop=tuple(group.id for group in present.groups if group.id not in order),
        texts=tuple(
            text
            for key, old in then.items()
            if key in done and key in here and (text := _texts(old, done[key], here[key])) != here[key]
        ),
        members=_in_order(before, after, present, pairs),
        left_out=left_out,
        filename=_restored(before.filename, after.filename, present.filename),
        read_at=_restored(before.read_at, after.read_at, present.read_at),
    )


def rewound(after: SetState, places: Mapping[UUID, Collection[UUID]], made: Collection[UUID] = ()) -> SetState:
    """Return what a set was like before a change that did nothing but move people and make groups.

    `places`: the groups that each of the people was in; `made`: the groups that were not there. Whatever else is as
    it is `after`: others may have changed it at the same time, and that is none of what is taken back.
    """
    groups = []
    for group in after.groups:
        if group.id not in made:
            stayed = [person for person in group.members if person not in places]
            came = [person for person, held in places.items() if group.id in held]
            groups.append(replace(group, members=(*stayed, *came)))
    return replace(after, groups=tuple(groups))


def moved_since(after: SetState, present: SetState) -> set[UUID]:
    """Return the people who are in other groups now than a change left them in."""
    done, now = _places(after), _places(present)
    return {person for person in done.keys() | now.keys() if done.get(person) != now.get(person)}


def _places(state: SetState) -> dict[UUID, set[UUID]]:
    places: dict[UUID, set[UUID]] = {}
    for group in state.groups:
        for person in group.members:
            places.setdefault(person, set()).add(group.id)
    return places


def _plan_people(
    before: SetState, after: SetState, present: SetState, order: frozenset[UUID], active: set[UUID]
) -> tuple[set[Pair], frozenset[UUID]]:
    """Return who shall be in which group, and who could not be put back.

    A group that the change brought into the set keeps its people: it leaves the set as it is.
    """
    then, now = _pairs(before.known.values()), _pairs(present.known.values())
    done = {(group, person) for group, person in _pairs(after.known.values()) if group in before.known}
    # Who was put into a third group since would be in two: that later decision stands.
    elsewhere = {person for group, person in now - then - done if group in order}
    taken, given = then - done, done - then
    moved_on = {person for _, person in taken | given} & elsewhere
    back = {(group, person) for group, person in taken if person in active - moved_on and group in order}
    away = {(group, person) for group, person in given if person not in moved_on}
    missed = {person for _, person in taken - back - now} | moved_on
    return (now - away) | back, frozenset(missed)


def _in_order(before: SetState, after: SetState, present: SetState, pairs: set[Pair]) -> dict[UUID, tuple[UUID, ...]]:
    """Return the people of every group that changes, those of before first and in their order."""
    done, here = after.known, present.known
    wanted: dict[UUID, set[UUID]] = {}
    for group, person in pairs:
        wanted.setdefault(group, set()).add(person)
    changed: dict[UUID, tuple[UUID, ...]] = {}
    for key, old in before.known.items():
        if key in done and done[key].members == old.members:
            continue
        there = here[key].members if key in here else ()
        people = tuple(p for p in dict.fromkeys((*old.members, *there)) if p in wanted.get(key, ()))
        if people != there:
            changed[key] = people
    return changed


def _pairs(groups: Iterable[GroupState]) -> set[Pair]:
    return {(group.id, person) for group in groups for person in group.members}


def _texts(old: GroupState, done: GroupState, here: GroupState) -> GroupState:
    """Return a group as it is now, with the texts that the change gave it taken back."""
    return GroupState(
        here.id,
        _restored(old.name, done.name, here.name),
        _restored(old.description, done.description, here.description),
        _restored(old.name_generated, done.name_generated, here.name_generated),
        here.local,
        here.members,
    )


def _restored(old: T, done: T, here: T) -> T:
    return old if here == done else here


def to_json(state: SetState) -> str:
    """Return a state as text for the store."""
    return json.dumps(
        {
            "groups": [_packed(group) for group in state.groups],
            "others": [_packed(group) for group in state.others],
            "filename": state.filename,
            "read_at": state.read_at,
        },
        separators=(",", ":"),
    )


def from_json(text: str) -> SetState:
    """Return the state that `to_json` made a text of."""
    held = json.loads(text)
    return SetState(
        tuple(_unpacked(group) for group in held["groups"]),
        tuple(_unpacked(group) for group in held["others"]),
        held["filename"],
        held["read_at"],
    )


def _packed(group: GroupState) -> list[Any]:
    people = [person.hex for person in group.members]
    return [group.id.hex, group.name, group.description, group.name_generated, group.local, people]


def _unpacked(held: list[Any]) -> GroupState:
    key, name, description, generated, local, people = held
    return GroupState(UUID(key), name, description, generated, local, tuple(UUID(person) for person in people))
