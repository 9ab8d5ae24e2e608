"""Decisions about drift: what the store takes over, and what the LMS is known to hold once they are made."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from lti_tool.domain.descriptions import same_text
from lti_tool.domain.drift import NEW, NOWHERE, Choice, DriftItem, DriftKind, Place, Sides, with_people
from lti_tool.domain.remote import RemoteGroup
from lti_tool.domain.sync import MirroredState

Choices = Mapping[str, Choice]  # by the key of the item; what is not in it stays undecided
WITH_PEOPLE = (DriftKind.GROUP_ADDED, DriftKind.GROUP_CHANGED)


@dataclass(frozen=True)
class Taken:
    """What our set takes from the LMS: groups by our ids, new ones by the LMS's; people by the LMS's ids."""

    set_name: str | None
    renamed: Mapping[UUID, str]
    described: Mapping[UUID, str]  # as the LMS has it, with its markup
    dropped: Sequence[UUID]
    added: Mapping[str, str]  # LMS group id → name
    placed: Mapping[str, Place]
    taken_out: Sequence[str]


def offered(items: Sequence[DriftItem], choices: Choices) -> dict[str, Choice]:
    """Return those choices that the items offer; others are as good as none."""
    return {i.key: choices[i.key] for i in items if i.key in choices and choices[i.key] in i.choices}


def all_of(items: Sequence[DriftItem], side: Choice) -> dict[str, Choice]:
    """Return one side for every item that offers it."""
    return {item.key: side for item in items if side in item.choices}


def take(sides: Sides, items: Sequence[DriftItem], choices: Choices) -> Taken:
    """Return what our set takes over for the items that were decided for theirs."""
    taken = [item for item in items if choices.get(item.key) is Choice.THEIRS]
    renamed = {sides.ours_of[i.lms_group_id].id: i.theirs[0] for i in taken if i.kind is DriftKind.GROUP_RENAMED}
    described = {
        sides.ours_of[i.lms_group_id].id: sides.their_groups[i.lms_group_id].description
        for i in taken
        if i.kind is DriftKind.GROUP_DESCRIBED
    }
    dropped = [sides.ours_of[item.lms_group_id].id for item in taken if item.kind is DriftKind.GROUP_GONE]
    added = {item.lms_group_id: item.theirs[0] for item in taken if item.kind in WITH_PEOPLE}
    placed = {person: item.lms_group_id for item in taken for person in item.people}
    movers = [item.lms_user_id for item in taken if item.lms_user_id]
    targets = {person: sides.their_places.get(person, NOWHERE) for person in movers}
    placed |= {person: place for person, places in targets.items() for place in places}
    return Taken(
        set_name=next((item.theirs[0] for item in taken if item.kind is DriftKind.SET_RENAMED), None),
        renamed=renamed,
        described=described,
        dropped=dropped,
        added=added,
        placed=placed,
        taken_out=[person for person, places in targets.items() if not places],
    )


def base_after(
    sides: Sides, items: Sequence[DriftItem], choices: Choices, made: Mapping[str, UUID]
) -> tuple[str, list[MirroredState]]:
    """Return the name and the groups that the LMS is known to hold once these decisions are made.

    What was decided either way is known as it is there, so that a push sends what we want otherwise; what was not
    stays as it was known, so that it is found again. `made`: our new groups by the LMS's ids.
    """
    undecided = [item for item in items if item.key not in choices]
    kept = {(item.lms_group_id, item.kind) for item in undecided}
    rows = [row for state in sides.base if (row := _row_after(sides, state, kept, made))]
    rows += [
        MirroredState(
            made.get(item.lms_group_id),
            item.lms_group_id,
            item.theirs[0],
            NOWHERE,
            sides.their_groups[item.lms_group_id].description if item.lms_group_id in made else "",
        )
        for item in items
        if item.kind is DriftKind.GROUP_ADDED and item.key in choices
    ]
    open_people = {item.lms_user_id for item in undecided} | {person for item in undecided for person in item.people}
    places: dict[str, frozenset[Place]] = {}
    for person in sides.base_places.keys() | (sides.their_places.keys() & set(sides.known)):
        base, theirs = sides.base_places.get(person, NOWHERE), sides.their_places.get(person, NOWHERE)
        gone = frozenset(one for one in base if one not in sides.their_groups)
        places[person] = base if person in open_people else theirs | gone
    keeps_name = any(item.kind is DriftKind.SET_RENAMED for item in undecided)
    return sides.base_name if keeps_name else sides.their_name, with_people(rows, places)


def _row_after(
    sides: Sides, state: MirroredState, kept: Collection[tuple[str, DriftKind]], made: Mapping[str, UUID]
) -> MirroredState | None:
    lms_id = state.lms_group_id
    remote = sides.their_groups.get(lms_id)
    if {(lms_id, DriftKind.GROUP_GONE), (lms_id, DriftKind.GROUP_CHANGED)} & set(kept):
        return state
    if remote is None:
        return None
    if lms_id in made:  # with the LMS's description, which our new group takes
        return MirroredState(made[lms_id], lms_id, remote.name, NOWHERE, remote.description)
    name = state.name if (lms_id, DriftKind.GROUP_RENAMED) in kept else remote.name
    text = state.description if (lms_id, DriftKind.GROUP_DESCRIBED) in kept else _text_after(sides, state, remote)
    return replace(state, name=name, description=text, member_ids=NOWHERE)


def _text_after(sides: Sides, state: MirroredState, remote: RemoteGroup) -> str:
    """Return the description that counts as sent: one that reads as ours or as the last sent one is that one."""
    ours = sides.ours_of.get(state.lms_group_id)
    known = (*((ours.description,) if ours else ()), state.description)
    return next((text for text in known if same_text(remote.description, text)), remote.description)


def our_id(sides: Sides, place: Place, made: Mapping[str, UUID]) -> UUID:
    """Return our group of a place that people are put into."""
    if place.startswith(NEW):
        return UUID(place.removeprefix(NEW))
    return made[place] if place in made else sides.ours_of[place].id
