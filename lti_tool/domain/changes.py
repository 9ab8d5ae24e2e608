"""What a change did to group sets and groups, so that every open page can follow it."""

from dataclasses import dataclass
from uuid import UUID

NONE: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Changes:
    """The sets, groups and assignments that one change made or altered, and those that it deleted (seed 003).

    A set is altered when its name or the list of its groups is, a group when its name, description or people are.
    `asked`: rows of the ledger, for what only an answer of the LMS will change here. `count`: how many things the
    change was about, for the sentence that tells of it.
    """

    group_sets: frozenset[UUID] = NONE
    groups: frozenset[UUID] = NONE
    deleted_group_sets: frozenset[UUID] = NONE
    deleted_groups: frozenset[UUID] = NONE
    assignments: frozenset[UUID] = NONE
    deleted_assignments: frozenset[UUID] = NONE
    asked: frozenset[UUID] = NONE
    count: int = 0

    @property
    def group_set(self) -> UUID:
        """Return the one set that a change made or altered."""
        (only,) = self.group_sets
        return only

    @property
    def assignment(self) -> UUID:
        """Return the one assignment that a change made or altered."""
        (only,) = self.assignments
        return only
