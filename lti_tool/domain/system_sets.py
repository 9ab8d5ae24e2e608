"""The two sets that belong to the roster, Individual Students and Staff: what they hold, and what changes them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from lti_tool.domain.naming import name_each

INDIVIDUALS = "Individual Students"
STAFF = "Staff"
# Ids are made from those of course and member: a student who comes back finds the same group.
NAMESPACE = UUID("6f1f0c0e-55a4-4a53-9d0b-5f1f35f3a6d1")


@dataclass(frozen=True)
class SystemPerson:
    """A person who belongs in groups, as far as the system sets need them."""

    id: UUID
    name: str
    is_student: bool


@dataclass(frozen=True)
class SystemGroup:
    """A group of the roster: its id, its name, and who is in it."""

    id: UUID
    name: str
    member_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class SystemSet:
    """A set of the roster with its groups."""

    id: UUID
    name: str
    groups: tuple[SystemGroup, ...]


@dataclass(frozen=True)
class StoredSystem:
    """What the store has: the sets, the groups by id, and each set's groups with their places."""

    set_ids: Collection[UUID] = ()
    groups: Mapping[UUID, SystemGroup] = field(default_factory=dict)
    places: Mapping[UUID, Mapping[UUID, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemPlan:
    """What brings the store in step with the roster; pairs are (group, member), entries (set, group, place)."""

    add_sets: tuple[SystemSet, ...] = ()
    add_groups: tuple[SystemGroup, ...] = ()
    rename_groups: tuple[tuple[UUID, str], ...] = ()
    remove_groups: tuple[UUID, ...] = ()
    add_entries: tuple[tuple[UUID, UUID, int], ...] = ()
    add_members: tuple[tuple[UUID, UUID], ...] = ()
    remove_members: tuple[tuple[UUID, UUID], ...] = ()


def system_sets(course_id: UUID, people: Sequence[SystemPerson]) -> tuple[SystemSet, SystemSet]:
    """Return the two sets of a course; `people`: who belongs in groups, in roster order."""
    students = [(person.id, person.name) for person in people if person.is_student]
    staff = tuple(person.id for person in people if not person.is_student)
    names = name_each(students)
    return (
        SystemSet(
            uuid5(NAMESPACE, f"individuals {course_id}"),
            INDIVIDUALS,
            tuple(SystemGroup(individual_group_id(i), names[i], (i,)) for i, _ in students),
        ),
        SystemSet(
            uuid5(NAMESPACE, f"staff set {course_id}"),
            STAFF,
            (SystemGroup(uuid5(NAMESPACE, f"staff {course_id}"), STAFF, staff),),
        ),
    )


def individual_group_id(member_id: UUID) -> UUID:
    """Return the id of a student's own group, the home group of seed 004 (ruling C11)."""
    return uuid5(NAMESPACE, f"student {member_id}")


def plan_system_sets(wanted: Sequence[SystemSet], stored: StoredSystem) -> SystemPlan:
    """Plan the fewest changes that make the store hold what is wanted; who is there keeps their place."""
    groups = {group.id: group for group_set in wanted for group in group_set.groups}
    entries: list[tuple[UUID, UUID, int]] = []
    for group_set in wanted:
        places = stored.places.get(group_set.id, {})
        newcomers = [group.id for group in group_set.groups if group.id not in places]
        end = max(places.values(), default=-1) + 1
        entries += [(group_set.id, group_id, end + n) for n, group_id in enumerate(newcomers)]
    there = {(group.id, member) for group in stored.groups.values() for member in group.member_ids}
    shall = {(group.id, member): None for group in groups.values() for member in group.member_ids}
    return SystemPlan(
        add_sets=tuple(s for s in wanted if s.id not in stored.set_ids),
        add_groups=tuple(group for group in groups.values() if group.id not in stored.groups),
        rename_groups=tuple(
            (group.id, group.name)
            for group in groups.values()
            if group.id in stored.groups and stored.groups[group.id].name != group.name
        ),
        remove_groups=tuple(group_id for group_id in stored.groups if group_id not in groups),
        add_entries=tuple(entries),
        add_members=tuple(pair for pair in shall if pair not in there),
        remove_members=tuple(sorted(pair for pair in there if pair not in shall and pair[0] in groups)),
    )
