"""Selections: all groups or those a pattern fits, less the excluded ones; and who is left out or counted twice."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.selection import Preview, SelectableGroup, Selection, coverage, preview, resolve

ANA, BO, CHI, TINA = (uuid4() for _ in range(4))


def group(name: str, *members: UUID) -> SelectableGroup:
    return SelectableGroup(uuid4(), name, members)


GROUPS = [group("Lab 2", ANA), group("Team 1", BO, CHI), group("Lab 1"), group("lab 3", ANA)]


def names(selection: Selection, groups: list[SelectableGroup] = GROUPS) -> list[str]:
    return [g.name for g in resolve(selection, groups)]


@pytest.mark.shows("MODEL-85", "MODEL-86", "MODEL-87")
def test_groups_are_selected_in_the_order_of_the_set_the_empty_ones_too() -> None:
    assert names(Selection()) == ["Lab 2", "Team 1", "Lab 1", "lab 3"]
    assert names(Selection("Lab *")) == ["Lab 2", "Lab 1"]
    assert names(Selection(None, frozenset({GROUPS[0].id}))) == ["Team 1", "Lab 1", "lab 3"]
    assert names(Selection("Lab *", frozenset({GROUPS[0].id, GROUPS[1].id}))) == ["Lab 1"]
    assert [Selection().kind, Selection("*").kind] == ["all", "pattern"]


@pytest.mark.shows("MODEL-88", "MODEL-89")
def test_exclusions_follow_the_id_and_new_groups_come_in_by_themselves() -> None:
    selection = Selection("Lab *", frozenset({GROUPS[0].id, uuid4()}))
    renamed = SelectableGroup(GROUPS[0].id, "Lab 9", (ANA,))
    came = group("Lab 4")
    fits_now = SelectableGroup(GROUPS[3].id, "Lab 3")
    assert names(selection, [renamed, *GROUPS[1:3], fits_now, came]) == ["Lab 1", "Lab 3", "Lab 4"]


@pytest.mark.shows("MODEL-102")
def test_a_preview_says_everything_before_anything_is_stored() -> None:
    shown = preview(Selection("[Ll]ab *", frozenset({GROUPS[3].id})), GROUPS)
    first, empty = GROUPS[0].id, GROUPS[2].id
    assert shown == Preview(
        error=None,
        group_ids=(first, empty),
        total=4,
        matched_ids=(first, empty, GROUPS[3].id),
        member_counts={first: 1, empty: 0},
        empty_group_ids=(empty,),
    )
    assert shown.valid


@pytest.mark.shows("MODEL-102")
def test_a_preview_of_a_bad_pattern_has_the_reason_and_no_groups() -> None:
    shown = preview(Selection("Lab ["), GROUPS)
    assert not shown.valid
    assert shown.error is not None
    assert (shown.error.code, shown.total, shown.group_ids) == ("pattern_bracket_open", 4, ())


def test_coverage_names_who_is_left_out_and_who_stands_twice() -> None:
    found = coverage([group("a", ANA, TINA), group("b", ANA, TINA)], [CHI, ANA, BO])
    assert (found.in_none, found.in_several) == ((CHI, BO), (ANA, TINA))
    assert coverage([], [CHI]).in_none == (CHI,)


@given(
    st.lists(st.text("ab", max_size=3), max_size=8),
    st.one_of(st.none(), st.sampled_from(["*", "a*", "?b", "[!a]*"])),
    st.sets(st.integers(0, 9)),
)
def test_a_selection_is_a_part_of_the_set_in_its_order(found: list[str], pattern: str | None, out: set[int]) -> None:
    groups = [group(name) for name in found]
    excluded = frozenset(groups[n].id for n in out if n < len(groups))
    shown = preview(Selection(pattern, excluded), groups)
    chosen = [g.id for g in resolve(Selection(pattern, excluded), groups)]
    assert (
        list(shown.group_ids) == chosen == [g.id for g in groups if g.id in shown.matched_ids and g.id not in excluded]
    )
