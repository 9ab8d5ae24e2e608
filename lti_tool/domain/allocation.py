"""Places people into groups by lot: even sizes, who is placed already stays, and the same seed gives the same draw."""

import heapq
import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from lti_tool.domain.errors import RuleViolation

P = TypeVar("P")
G = TypeVar("G")


class SizeRule(StrEnum):
    """How the size that was asked for is meant when the people do not divide evenly."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"


def count_groups(people: int, size: int, rule: SizeRule) -> int:
    """Return how many even groups to make of so many people, so that the rule holds and nobody is alone.

    Where both cannot be, nobody being alone comes first: five people in groups of at most two make a group of three.
    Fewer people than one group of at least `size` needs make one group. Raise RuleViolation("too_few_for_groups").
    """
    if people < 2:
        raise RuleViolation("too_few_for_groups")
    count = -(-people // size) if rule is SizeRule.AT_MOST else people // size
    return max(1, min(count, people // 2))


def draw(
    people: Sequence[P], sizes: Mapping[G, int], *, seed: int, maximum: int | None = None
) -> tuple[dict[P, G], list[P]]:
    """Place each person into the smallest group, in an order drawn from `seed`.

    `sizes`: how many are in each group already, in the set's order. Return who goes where, and who is left because
    every group has `maximum` members. Raise RuleViolation("no_groups") without groups.
    """
    if not sizes:
        raise RuleViolation("no_groups")
    order = list(people)
    random.Random(seed).shuffle(order)  # noqa: S311 - a draw that can be repeated is wanted, not a secret
    groups = list(sizes)
    filled = [(size, rank) for rank, size in enumerate(sizes.values())]
    heapq.heapify(filled)  # the smallest group first, of equals the first in the set's order
    placed: dict[P, G] = {}
    for place, person in enumerate(order):
        size, rank = filled[0]
        if maximum is not None and size >= maximum:
            return placed, order[place:]
        placed[person] = groups[rank]
        heapq.heapreplace(filled, (size + 1, rank))
    return placed, []
