"""Placing people by lot: even, repeatable, nobody lost and nobody doubled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.allocation import SizeRule, count_groups, draw
from lti_tool.domain.errors import RuleViolation

sizes = st.dictionaries(st.integers(0, 9), st.integers(0, 5), min_size=1, max_size=6)


@given(st.integers(0, 60), sizes, st.integers())
def test_everybody_is_placed_once_and_the_sizes_end_as_even_as_they_can(
    people: int, start: dict[int, int], seed: int
) -> None:
    placed, left = draw(list(range(people)), start, seed=seed)
    assert left == []
    assert sorted(placed) == list(range(people))
    end = {group: size + sum(target == group for target in placed.values()) for group, size in start.items()}
    grown = [size for group, size in end.items() if size > start[group]]
    assert not grown or max(grown) - min(end.values()) <= 1


@given(st.integers(0, 60), sizes, st.integers(), st.integers(1, 6))
def test_a_maximum_holds_and_nobody_is_lost(people: int, start: dict[int, int], seed: int, maximum: int) -> None:
    placed, left = draw(list(range(people)), start, seed=seed, maximum=maximum)
    assert sorted([*placed, *left]) == list(range(people))
    for group, size in start.items():
        came = sum(target == group for target in placed.values())
        assert came == 0 or size + came <= maximum


def test_the_same_seed_gives_the_same_draw_and_another_one_another() -> None:
    start = dict.fromkeys(range(5), 0)
    first, again, other = (draw(list(range(40)), start, seed=seed)[0] for seed in (1, 1, 2))
    assert first == again != other


def test_without_groups_there_is_nothing_to_draw() -> None:
    with pytest.raises(RuleViolation, match="no_groups"):
        draw([1], {}, seed=1)


@given(st.integers(2, 3000), st.integers(2, 60), st.sampled_from(SizeRule))
def test_a_size_gives_even_groups_in_which_nobody_is_alone(people: int, size: int, rule: SizeRule) -> None:
    count = count_groups(people, size, rule)
    smallest, largest = people // count, -(-people // count)
    assert count >= 1
    assert smallest >= 2
    if rule is SizeRule.AT_MOST:
        assert largest <= size or (size, largest, count) == (2, 3, people // 2)
        assert -(-people // (count - 1)) > size if count > 1 else people <= size or people == 3
    else:
        assert smallest >= size or count == 1
        assert people // (count + 1) < size


@pytest.mark.parametrize(
    ("people", "size", "rule", "count"),
    [
        (27, 4, SizeRule.AT_MOST, 7),
        (27, 4, SizeRule.AT_LEAST, 6),
        (5, 2, SizeRule.AT_MOST, 2),
        (3, 2, SizeRule.AT_MOST, 1),
        (9, 4, SizeRule.AT_MOST, 3),
        (3, 4, SizeRule.AT_LEAST, 1),
    ],
)
def test_how_many_groups_a_size_needs(people: int, size: int, rule: SizeRule, count: int) -> None:
    assert count_groups(people, size, rule) == count


@pytest.mark.parametrize("people", [0, 1])
def test_one_person_makes_no_group(people: int) -> None:
    with pytest.raises(RuleViolation, match="too_few_for_groups"):
        count_groups(people, 4, SizeRule.AT_MOST)
