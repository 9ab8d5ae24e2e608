"""What a pull changes, by name: the first of each kind, for a page to read before and after."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

NAMED = 50  # of each kind; the report's counts tell how many there are


@dataclass
class GroupTraffic:
    """How many people come into a group and leave it; `moved_…` of them from and to another group of its set."""

    group: str
    added: int = 0
    removed: int = 0
    moved_in: int = 0
    moved_out: int = 0


@dataclass
class NamedChanges:
    """Names of what is made, renamed (old, new) and removed, and of the people who come and go."""

    sets_created: list[str] = field(default_factory=list)
    sets_renamed: list[tuple[str, str]] = field(default_factory=list)
    sets_removed: list[str] = field(default_factory=list)
    groups_created: list[str] = field(default_factory=list)
    groups_renamed: list[tuple[str, str]] = field(default_factory=list)
    groups_removed: list[str] = field(default_factory=list)
    traffic: list[GroupTraffic] = field(default_factory=list)
    traffic_groups: int = 0  # groups whose people change
    people_added: list[str] = field(default_factory=list)
    people_dropped: list[str] = field(default_factory=list)
    people_left: int = 0  # dropped by absence, or by the LMS's own word
    people_refused: list[dict[str, str]] = field(default_factory=list)  # person, lms_user_id, reason


def group_label(group_set: str | None, group: str, lms_group_id: str, *, alone: bool = False) -> str:
    """Return what tells a group from every other: its set and name, and its LMS id unless the set has the name once.

    Groups of different sets share names ("Team 1"), and an LMS allows it within one set too (ruling C18).
    """
    label = f"{group_set} / {group}" if group_set else group
    return label if group_set and alone else f"{label} (id {lms_group_id})"


def first(found: Iterable[T]) -> list[T]:
    """Return as many as a report names."""
    return list(islice(found, NAMED))
