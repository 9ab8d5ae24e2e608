"""The two diffs between the store and an LMS: what a pull changes here, and what a push changes there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup
from lti_tool.domain.named_changes import NamedChanges
from lti_tool.domain.remote import RemoteGroup, RemoteGroups, RemoteGroupSet

# Moodle has groups outside every set; they are shown in one of their own instead of being lost.
UNGROUPED_SET_ID = "-"
UNGROUPED_SET_NAME = "Groups in no set"


@dataclass(frozen=True)
class KnownGroup:
    """A connected group as the store has it; `member_ids` are ours."""

    id: UUID
    lms_group_id: str
    name: str
    description: str
    member_ids: frozenset[UUID]


@dataclass(frozen=True)
class KnownGroupSet:
    """A connected set as the store has it, its groups by their LMS ids in order."""

    id: UUID
    lms_group_set_id: str
    name: str
    group_ids: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """What placing needs to know of a roster member: whether they may be in a group at all."""

    id: UUID
    belongs: bool  # domain.belonging


@dataclass(frozen=True)
class PlannedGroup:
    """A group as it shall be stored; `id` None: it is new."""

    id: UUID | None
    lms_group_id: str
    name: str
    description: str
    add: tuple[UUID, ...]
    remove: tuple[UUID, ...]
    renamed: bool = False
    described: bool = False
    strangers: tuple[str, ...] = ()  # LMS user ids of members who are not on the roster
    inactive: int = 0  # members who are on it and may be in no group

    @property
    def changes(self) -> bool:
        """Say whether storing this group writes anything."""
        return self.id is None or self.renamed or self.described or bool(self.add or self.remove)


@dataclass(frozen=True)
class PlannedGroupSet:
    """A set as it shall be stored: its name and the LMS ids of its groups in order; `id` None: it is new."""

    id: UUID | None
    lms_group_set_id: str
    name: str
    group_ids: tuple[str, ...]
    renamed: bool = False
    reordered: bool = False


@dataclass(frozen=True)
class PullPlan:
    """Everything that a pull of groups changes, whom it could not place, and what was there before."""

    groups: tuple[PlannedGroup, ...]
    group_sets: tuple[PlannedGroupSet, ...]
    remove_groups: tuple[UUID, ...]
    remove_group_sets: tuple[UUID, ...]
    known_sets: Sequence[KnownGroupSet] = ()
    known_groups: Sequence[KnownGroup] = ()


def sets_to_store(
    remote: RemoteGroups,
    *,
    mirrored_sets: frozenset[str] = frozenset(),
    mirrored_groups: frozenset[str] = frozenset(),
    left_out: frozenset[str] = frozenset(),
) -> list[RemoteGroupSet]:
    """Return the sets of a fetch that the store takes; those are neither mirrors of ours nor left out."""
    every = _with_ungrouped(remote, mirrored_sets, mirrored_groups)
    return [group_set for group_set in every if group_set.lms_group_set_id not in left_out]


def plan_pull(
    known_sets: Sequence[KnownGroupSet],
    known_groups: Sequence[KnownGroup],
    remote: RemoteGroups,
    people: Mapping[str, Person],
    *,
    mirrored_sets: frozenset[str] = frozenset(),
    mirrored_groups: frozenset[str] = frozenset(),
    left_out: frozenset[str] = frozenset(),
    held_here: frozenset[str] = frozenset(),
) -> PullPlan:
    """Plan how a complete fetch replaces the connected sets (seed 003, "Group sync behavior"; rulings C4, C14, C16).

    `people`: roster members by LMS user id. Mirrors of published sets are ours and are left alone; the sets of
    `left_out` were removed from this tool, so nothing of them is stored but the groups that other sets hold too, also
    our own (`held_here`). What a fetch does not have is removed: the caller passes complete fetches only.
    """
    every = sets_to_store(remote, mirrored_sets=mirrored_sets, mirrored_groups=mirrored_groups)
    group_sets = [group_set for group_set in every if group_set.lms_group_set_id not in left_out]
    held = {g for s in every for g in s.group_ids if s.lms_group_set_id not in left_out or g in held_here}
    known_by_lms_id = {group.lms_group_id: group for group in known_groups}
    groups = [
        _plan_group(group, known_by_lms_id.get(group.lms_group_id), people)
        for group in remote.groups
        if group.lms_group_id in held
    ]
    sets_by_lms_id = {group_set.lms_group_set_id: group_set for group_set in known_sets}
    remote_ids = {group_set.lms_group_set_id for group_set in group_sets}
    return PullPlan(
        groups=tuple(groups),
        group_sets=tuple(_plan_set(group_set, sets_by_lms_id) for group_set in group_sets),
        remove_groups=tuple(group.id for group in known_groups if group.lms_group_id not in held),
        remove_group_sets=tuple(s.id for s in known_sets if s.lms_group_set_id not in remote_ids),
        known_sets=known_sets,
        known_groups=known_groups,
    )


def _with_ungrouped(
    remote: RemoteGroups, mirrored_sets: frozenset[str], mirrored_groups: frozenset[str]
) -> list[RemoteGroupSet]:
    ours = [s for s in remote.group_sets if s.lms_group_set_id not in mirrored_sets]
    known_ids = {group.lms_group_id for group in remote.groups}
    sets = [RemoteGroupSet(s.lms_group_set_id, s.name, tuple(g for g in s.group_ids if g in known_ids)) for s in ours]
    held = {group_id for group_set in remote.group_sets for group_id in group_set.group_ids}
    loose = tuple(g.lms_group_id for g in remote.groups if g.lms_group_id not in held | mirrored_groups)
    if loose:
        sets.append(RemoteGroupSet(UNGROUPED_SET_ID, UNGROUPED_SET_NAME, loose))
    return sets


def _plan_group(group: RemoteGroup, known: KnownGroup | None, people: Mapping[str, Person]) -> PlannedGroup:
    found = [people[lms_user_id] for lms_user_id in group.member_ids if lms_user_id in people]
    wanted = list(dict.fromkeys(person.id for person in found if person.belongs))
    present = known.member_ids if known else frozenset()
    return PlannedGroup(
        id=known.id if known else None,
        lms_group_id=group.lms_group_id,
        name=group.name,
        description=group.description,
        add=tuple(member for member in wanted if member not in present),
        remove=tuple(sorted(present - set(wanted))),
        renamed=known is not None and known.name != group.name,
        described=known is not None and known.description != group.description,
        strangers=tuple(lms_user_id for lms_user_id in group.member_ids if lms_user_id not in people),
        inactive=sum(not person.belongs for person in found),
    )


def _plan_set(group_set: RemoteGroupSet, known_by_id: Mapping[str, KnownGroupSet]) -> PlannedGroupSet:
    known = known_by_id.get(group_set.lms_group_set_id)
    return PlannedGroupSet(
        id=known.id if known else None,
        lms_group_set_id=group_set.lms_group_set_id,
        name=group_set.name,
        group_ids=group_set.group_ids,
        renamed=known is not None and known.name != group_set.name,
        reordered=known is None or known.group_ids != group_set.group_ids,
    )


@dataclass(frozen=True)
class WantedGroup:
    """A group of a published set as we want the LMS to have it; `member_ids` are LMS user ids."""

    id: UUID
    name: str
    description: str
    member_ids: frozenset[str]


@dataclass(frozen=True)
class MirroredState:
    """A group as the LMS is known to have it; `group_id` None: ours is gone.

    `description` is what was sent last, or what the LMS had when somebody decided about it: an LMS gives it back in
    a form of its own, so only its text is compared.
    """

    group_id: UUID | None
    lms_group_id: str
    name: str
    member_ids: frozenset[str]
    description: str = ""


def plan_push(wanted: Sequence[WantedGroup], mirror: Sequence[MirroredState]) -> GroupSetPush:
    """Plan what brings the mirror to the wanted state; an equal mirror gives an empty (false) push.

    Only our own differences are sent, so what somebody else added to a mirrored group in the LMS is not undone.
    """
    mirrored = {state.group_id: state for state in mirror if state.group_id is not None}
    wanted_ids = {group.id for group in wanted}
    create = tuple(
        NewGroup(group.name, group.description, tuple(sorted(group.member_ids)))
        for group in wanted
        if group.id not in mirrored
    )
    change = tuple(
        planned for group in wanted if (state := mirrored.get(group.id)) and (planned := _group_change(group, state))
    )
    delete = tuple(state.lms_group_id for state in mirror if state.group_id not in wanted_ids)
    return GroupSetPush(create, change, delete)


def known_group(state: MirroredState) -> RemoteGroup:
    """Return a group of the mirror as the LMS would show it, if nobody had changed it."""
    return RemoteGroup(state.lms_group_id, state.name, state.description, tuple(sorted(state.member_ids)))


def _group_change(group: WantedGroup, state: MirroredState) -> GroupChange | None:
    name = group.name if group.name != state.name else None
    add = tuple(sorted(group.member_ids - state.member_ids))
    remove = tuple(sorted(state.member_ids - group.member_ids))
    described = group.description if group.description != state.description else None
    if not (name or add or remove or described is not None):
        return None
    known = known_group(state)
    # A text that others gave meanwhile is not overwritten: the gateway reads it right before it changes it.
    before, text_before = state.name if name else None, None if described is None else state.description
    return GroupChange(state.lms_group_id, name, add, remove, known, described, before, text_before)


def mirror_after(
    wanted: Sequence[WantedGroup], mirror: Sequence[MirroredState], answer: Iterable[RemoteGroup], push: GroupSetPush
) -> list[MirroredState]:
    """Return the mirror as the LMS's answer to a push proves it.

    A group is ours by its LMS id, a new one by its name. Of its members only those are kept whom we want or
    wanted before: strangers whom somebody put there in the LMS are not ours to remove later. What the answer shows
    changed although the push did not ask for it is drift: the mirror stays as it was known, so that it is found.
    """
    wanted_by_id = {group.id: group for group in wanted}
    new_ids = {group.name: group.id for group in wanted if group.name in {new.name for new in push.create}}
    states = {state.lms_group_id: state for state in mirror if state.lms_group_id not in push.delete}
    asked = {change.lms_group_id: change for change in push.change}
    for remote in answer:
        state, change = states.get(remote.lms_group_id), asked.get(remote.lms_group_id)
        group_id = state.group_id if state else new_ids.get(remote.name)
        if group_id is None:
            continue
        ours = wanted_by_id[group_id].member_ids if group_id in wanted_by_id else frozenset()
        before = state.member_ids if state else frozenset()
        drifted = (before & ours) - frozenset(remote.member_ids)
        name = state.name if state and not (change and change.name) else remote.name
        sent = change is not None and change.description is not None
        text = wanted_by_id[group_id].description if (sent or not state) and group_id in wanted_by_id else ""
        described = text if sent or not state else state.description
        people = (frozenset(remote.member_ids) & (ours | before)) | drifted
        states[remote.lms_group_id] = MirroredState(group_id, remote.lms_group_id, name, people, described)
    return list(states.values())


@dataclass
class Changes:
    """How many things of one kind a run made, renamed and removed."""

    created: int = 0
    renamed: int = 0
    removed: int = 0


@dataclass
class RosterChanges:
    """How many people a run added, updated and dropped, and how many fitted several members."""

    added: int = 0
    updated: int = 0
    dropped: int = 0
    conflicts: int = 0


@dataclass
class MembershipChanges:
    """How many memberships a run added and removed; who changed the group within a set is among both, and moved."""

    added: int = 0
    removed: int = 0
    moved: int = 0


@dataclass
class Report:
    """What a run did; the JSON of `sync` and `push` (design/interfaces.md)."""

    complete: bool = False
    calls: int = 0
    seconds: float = 0.0
    roster: RosterChanges = field(default_factory=RosterChanges)
    group_sets: Changes = field(default_factory=Changes)
    groups: Changes = field(default_factory=Changes)
    memberships: MembershipChanges = field(default_factory=MembershipChanges)
    not_in_roster: int = 0
    not_active: int = 0
    not_in_roster_by_group: dict[str, int] = field(default_factory=dict)
    not_active_by_group: dict[str, int] = field(default_factory=dict)
    exodus: dict[str, int] = field(default_factory=dict)  # left, students: when most of them leave at once
    roster_conflicts: list[dict[str, Any]] = field(default_factory=list)  # person, matched_by, members
    not_placed: list[dict[str, str]] = field(default_factory=list)
    pushed_groups: list[dict[str, str]] = field(default_factory=list)  # set, group, and the code of what failed
    reassigned: list[str] = field(default_factory=list)  # assignments whose set is gone
    named: NamedChanges = field(default_factory=NamedChanges)
    errors: list[dict[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return asdict(self)
