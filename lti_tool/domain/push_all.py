"""Plans a push of all memberships: what brings the groups of the LMS to the people whom the store has in them."""

from collections.abc import Collection, Iterable

from lti_tool.domain.group_push import GroupChange
from lti_tool.domain.remote import RemoteGroup


def plan_memberships(
    wanted: Iterable[RemoteGroup], found: Iterable[RemoteGroup], people: Collection[str]
) -> list[GroupChange]:
    """Plan what brings the people of groups that the LMS has to the wanted ones, each person once.

    Of those who are too many only such `people` are taken out as we know: strangers stay. A group that the LMS has
    no more is left out.
    """
    present = {group.lms_group_id: group for group in found}
    changes = []
    for group in wanted:
        there = present.get(group.lms_group_id)
        if there is None:
            continue
        add = tuple(sorted(set(group.member_ids) - set(there.member_ids)))
        remove = tuple(sorted((set(there.member_ids) & set(people)) - set(group.member_ids)))
        if add or remove:
            changes.append(GroupChange(group.lms_group_id, None, add, remove, there))
    return changes


def parts_of(changes: Iterable[GroupChange]) -> list[list[GroupChange]]:
    """Return the changes in parts that have nobody in common, each in its order."""
    parts: list[tuple[set[str], list[GroupChange]]] = []
    for change in changes:
        people, some = {*change.add, *change.remove}, [change]
        apart = [part for part in parts if not part[0] & people]
        for others, earlier in reversed([part for part in parts if part[0] & people]):
            people, some = people | others, [*earlier, *some]
        parts = [*apart, (people, some)]
    return [some for _, some in parts]
