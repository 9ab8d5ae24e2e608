"""Places people into groups by lot: even sizes, who is placed already stays, and the same seed gives the same draw."""

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

from lti_tool.domain.errors import RuleViolation

P = TypeVar("P")
G = TypeVar("G")


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
    filled = dict(sizes)
    rank = {group: place for place, group in enumerate(filled)}
    placed: dict[P, G] = {}
    left: list[P] = []
    for person in order:
        group = min(filled, key=lambda g: (filled[g], rank[g]))
        if maximum is not None and filled[group] >= maximum:
            left.append(person)
            continue
        placed[person] = group
        filled[group] += 1
    return placed, left
