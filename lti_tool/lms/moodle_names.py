"""Moodle's rules for names of groups: what it refuses, and in which order renames can be made."""

import re
from collections import Counter
from collections.abc import Mapping

from lti_tool.domain.errors import LmsRefused
from lti_tool.domain.group_push import MOST_NAMED, require_free

LONGEST_NAME = 254
# Moodle takes "a < b" but sees a tag wherever a character follows the sign (moodle.md 2.3).
LIKE_A_TAG = re.compile(r"<\S")


def checked(name: str) -> str:
    """Return a name without outer spaces; raise LmsRefused("value_refused") for one that Moodle would not take.

    Moodle compares before it trims, so an untrimmed name could become a twin.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or LIKE_A_TAG.search(name):
        raise LmsRefused("value_refused", fields=["name"], names=[name[:LONGEST_NAME]])
    return name


def ordered_renames(current: Mapping[str, str], wanted: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (group id, name) steps after each of which all names differ.

    `current` has every group of the course. Moodle checks entry by entry, so two groups cannot swap names
    directly: a ring of renames begins with a name in between. Raise LmsRefused("group_names_taken") when a group
    that keeps its name has one of the wanted ones.
    """
    require_free(wanted.values(), (name for group_id, name in current.items() if group_id not in wanted))
    if doubles := [name for name, count in Counter(wanted.values()).items() if count > 1]:
        raise LmsRefused("group_names_taken", names=sorted(doubles)[:MOST_NAMED], count=len(doubles))
    names = dict(current)
    open_ids = [group_id for group_id, name in wanted.items() if names.get(group_id) != name]
    steps: list[tuple[str, str]] = []
    while open_ids:
        held = {name: group_id for group_id, name in names.items()}
        free = [group_id for group_id in open_ids if wanted[group_id] not in held]
        if free:
            steps += [(group_id, wanted[group_id]) for group_id in free]
            names |= {group_id: wanted[group_id] for group_id in free}
            open_ids = [group_id for group_id in open_ids if group_id not in free]
            continue
        first = open_ids[0]
        between = _unused(wanted[first], held)
        steps.append((first, between))
        names[first] = between
    return steps


def _unused(name: str, held: Mapping[str, str]) -> str:
    number = 2
    while (candidate := f"{name[: LONGEST_NAME - 8]} ({number})") in held:
        number += 1
    return candidate
