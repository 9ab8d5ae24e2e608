"""The plan of the roster's two sets: what they hold, which names and places stay, and nothing done twice."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.system_sets import (
    INDIVIDUALS,
    STAFF,
    StoredSystem,
    SystemGroup,
    SystemPerson,
    SystemPlan,
    plan_system_sets,
    system_sets,
)

COURSE = UUID(int=1)
ANA, BO, CHI = (SystemPerson(UUID(int=n), name, True) for n, name in ((2, "Ana Ek"), (3, "Bo Ek"), (4, "Chi Ho")))
TIM = SystemPerson(UUID(int=5), "Tim Teacher", False)
PEOPLE = st.lists(
    st.builds(SystemPerson, st.uuids(), st.sampled_from(["Ana Ek", "Bo Ek", "李明", "Ana Ek_0001"]), st.booleans()),
    max_size=8,
    unique_by=lambda person: person.id,
)


def applied(stored: StoredSystem, plan: SystemPlan) -> StoredSystem:
    """Return what the store has after a plan."""
    renamed = dict(plan.rename_groups)
    groups: dict[UUID, SystemGroup] = {}
    for group in (*stored.groups.values(), *(replace(group, member_ids=()) for group in plan.add_groups)):
        if group.id in plan.remove_groups:
            continue
        kept = [m for m in group.member_ids if (group.id, m) not in plan.remove_members]
        new = [m for g, m in plan.add_members if g == group.id]
        groups[group.id] = SystemGroup(group.id, renamed.get(group.id, group.name), (*kept, *new))
    places: dict[UUID, dict[UUID, int]] = {s: {} for s in (*stored.set_ids, *(new.id for new in plan.add_sets))}
    for set_id, held in stored.places.items():
        places[set_id] |= {group_id: place for group_id, place in held.items() if group_id in groups}
    for set_id, group_id, place in plan.add_entries:
        assert place not in places[set_id].values()
        places[set_id][group_id] = place
    return StoredSystem(places.keys(), groups, places)


def after(*rosters: Sequence[SystemPerson]) -> StoredSystem:
    """Return what the store has after these rosters, one after the other."""
    stored = StoredSystem()
    for people in rosters:
        stored = applied(stored, plan_system_sets(system_sets(COURSE, people), stored))
    return stored


def individuals(stored: StoredSystem) -> list[str]:
    """Return the names of the students' groups in the order of their set."""
    places = stored.places[system_sets(COURSE, [])[0].id]
    return [stored.groups[group_id].name for group_id in sorted(places, key=places.__getitem__)]


@pytest.mark.shows("MODEL-113", "MODEL-119")
def test_each_student_has_a_group_and_staff_have_one() -> None:
    students, staff = system_sets(COURSE, [ANA, TIM, BO])
    assert (students.name, staff.name) == (INDIVIDUALS, STAFF)
    assert [(group.name, group.member_ids) for group in students.groups] == [("ana_ek", (ANA.id,)), ("bo_ek", (BO.id,))]
    assert [(group.name, group.member_ids) for group in staff.groups] == [("Staff", (TIM.id,))]


@pytest.mark.shows("MODEL-80")
def test_the_staff_group_is_there_without_staff() -> None:
    stored = after([ANA, TIM], [])
    assert [(group.name, group.member_ids) for group in stored.groups.values()] == [("Staff", ())]


@pytest.mark.shows("MODEL-38", "MODEL-39")
def test_the_order_stays_and_who_comes_stands_last() -> None:
    assert individuals(after([BO, CHI], [ANA, BO, CHI], [CHI, ANA, BO], [BO, ANA, CHI])) == [
        "bo_ek",
        "chi_ho",
        "ana_ek",
    ]


@pytest.mark.shows("MODEL-114", "MODEL-148")
def test_a_renamed_students_group_is_renamed_in_its_place_with_its_id() -> None:
    before, now = after([ANA, BO]), after([ANA, BO], [replace(ANA, name="Ana Zorn"), BO])
    assert individuals(now) == ["ana_zorn", "bo_ek"]
    assert now.groups.keys() == before.groups.keys()


@pytest.mark.shows("MODEL-147")
def test_when_a_namesake_leaves_the_suffix_leaves_too() -> None:
    twin = SystemPerson(UUID(int=0xA1B2), "Ana Ek", True)
    assert individuals(after([ANA, twin])) == ["ana_ek", "ana_ek_a1b2"]
    assert individuals(after([ANA, twin], [replace(ANA, name="Ana Zorn"), twin])) == ["ana_zorn", "ana_ek"]


@pytest.mark.shows("MODEL-77")
def test_who_comes_back_finds_the_same_group_at_the_end() -> None:
    first, back = after([ANA, BO]), after([ANA, BO], [BO], [ANA, BO])
    assert back.groups == first.groups
    assert individuals(back) == ["bo_ek", "ana_ek"]


@pytest.mark.shows("MODEL-63", "MODEL-120", "MODEL-121")
def test_who_becomes_staff_leaves_their_group_for_that_of_staff() -> None:
    promoted = replace(ANA, is_student=False, name="Ana Zorn")
    stored = after([ANA, BO, TIM], [promoted, BO, TIM])
    assert individuals(stored) == ["bo_ek"]
    assert [g.member_ids for g in stored.groups.values() if g.name == "Staff"] == [(TIM.id, ANA.id)]


def test_two_courses_share_no_id() -> None:
    ids = [
        {set_.id for set_ in sets} | {group.id for group in sets[1].groups}
        for sets in (system_sets(COURSE, []), system_sets(uuid4(), []))
    ]
    assert not ids[0] & ids[1]


@pytest.mark.shows("MODEL-65")
@given(st.lists(PEOPLE, min_size=1, max_size=4))
def test_the_store_ends_as_wanted_and_a_second_plan_is_empty(rosters: list[list[SystemPerson]]) -> None:
    stored = after(*rosters)
    wanted = system_sets(COURSE, rosters[-1])
    assert plan_system_sets(wanted, stored) == SystemPlan()
    held = {group.id: group for group_set in wanted for group in group_set.groups}
    assert {i: (g.name, set(g.member_ids)) for i, g in stored.groups.items()} == {
        i: (g.name, set(g.member_ids)) for i, g in held.items()
    }
    assert {s: set(places) for s, places in stored.places.items()} == {s.id: {g.id for g in s.groups} for s in wanted}
