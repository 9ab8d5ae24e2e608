"""Says a plan of a pull by name: which sets and groups change, and who goes from which group to which."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from uuid import UUID

from lti_tool.domain.named_changes import GroupTraffic, NamedChanges, first, group_label
from lti_tool.domain.sync import PullPlan


@dataclass(frozen=True)
class Place:
    """One person's change within a set, by the LMS ids of the groups; None: in no group before, or afterwards."""

    member_id: UUID
    old: str | None
    new: str | None

    @property
    def is_move(self) -> bool:
        """Say whether the person goes from one group of the set to another."""
        return self.old is not None and self.new is not None


def find_places(plan: PullPlan) -> list[Place]:
    """Return who changes the group within a set (ruling C1), in the order of the sets and groups, each change once.

    A group that leaves the LMS takes its people out of it; one that only leaves a set does not.
    """
    leaving = {group.lms_group_id: group.remove for group in plan.groups}
    removed = frozenset(plan.remove_groups)
    leaving |= {g.lms_group_id: tuple(sorted(g.member_ids)) for g in plan.known_groups if g.id in removed}
    coming = {group.lms_group_id: group.add for group in plan.groups}
    found: dict[Place, None] = {}
    for group_ids in _groups_by_set(plan):
        left = _by_member((group_id, leaving.get(group_id, ())) for group_id in group_ids)
        joined = _by_member((group_id, coming.get(group_id, ())) for group_id in group_ids)
        for member_id in joined | left:
            pairs = zip_longest(left.get(member_id, ()), joined.get(member_id, ()))
            found |= dict.fromkeys(Place(member_id, old, new) for old, new in pairs)
    return list(found)


def _groups_by_set(plan: PullPlan) -> list[list[str]]:
    """Return the LMS ids of the groups that each set has or had."""
    had = {known.lms_group_set_id: known.group_ids for known in plan.known_sets}
    kept = [[*planned.group_ids, *had.get(planned.lms_group_set_id, ())] for planned in plan.group_sets]
    gone = [list(known.group_ids) for known in plan.known_sets if known.id in plan.remove_group_sets]
    return [list(dict.fromkeys(group_ids)) for group_ids in kept + gone]


def _by_member(groups: Iterable[tuple[str, Sequence[UUID]]]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for group_id, members in groups:
        for member_id in members:
            found.setdefault(member_id, []).append(group_id)
    return found


def names_of(plan: PullPlan) -> dict[str, str]:
    """Return the names of all groups of a plan by their LMS ids, as they are afterwards."""
    before = {group.lms_group_id: group.name for group in plan.known_groups}
    return before | {group.lms_group_id: group.name for group in plan.groups}


def labels_of(plan: PullPlan) -> dict[str, str]:
    """Return what tells each group of a plan from all others, by their LMS ids: set and name."""
    names = names_of(plan)
    sets = {group_id: s.name for s in reversed(plan.group_sets) for group_id in s.group_ids}
    pairs = {group_id: (sets.get(group_id), name) for group_id, name in names.items()}
    often = Counter(pairs.values())
    return {key: group_label(*pair, key, alone=often[pair] == 1) for key, pair in pairs.items()}


def name_changes(plan: PullPlan, places: Sequence[Place], named: NamedChanges) -> None:
    """Write into a report's names what a plan changes; `places`: as `find_places` gives them."""
    set_names = {known.id: known.name for known in plan.known_sets}
    group_names = {known.id: known.name for known in plan.known_groups}
    named.sets_created = first(planned.name for planned in plan.group_sets if planned.id is None)
    named.sets_renamed = first((set_names[p.id], p.name) for p in plan.group_sets if p.id and p.renamed)
    named.sets_removed = first(set_names[set_id] for set_id in plan.remove_group_sets)
    named.groups_created = first(group.name for group in plan.groups if group.id is None)
    named.groups_renamed = first((group_names[g.id], g.name) for g in plan.groups if g.id and g.renamed)
    named.groups_removed = first(group_names[group_id] for group_id in plan.remove_groups)
    moves = {(place.member_id, place.old, place.new) for place in places if place.is_move}
    came, went = Counter(new for _, _, new in moves), Counter(old for _, old, _ in moves)
    traffic = [group for group in plan.groups if group.add or group.remove]
    named.traffic_groups = len(traffic)
    named.traffic = first(
        GroupTraffic(g.name, len(g.add), len(g.remove), came[g.lms_group_id], went[g.lms_group_id]) for g in traffic
    )


def count_memberships(plan: PullPlan) -> tuple[int, int]:
    """Return how many memberships a plan adds and how many it removes, those of groups that leave too."""
    removed = frozenset(plan.remove_groups)
    gone = sum(len(group.member_ids) for group in plan.known_groups if group.id in removed)
    return sum(len(group.add) for group in plan.groups), gone + sum(len(group.remove) for group in plan.groups)
