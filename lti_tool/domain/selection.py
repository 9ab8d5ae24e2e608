"""Which groups of its set an assignment uses, and which people they leave out or hold twice (seed 003)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.globs import compile_glob


@dataclass(frozen=True)
class Selection:
    """All groups of a set (`pattern` None) or those whose name a pattern fits, but never the excluded ones."""

    pattern: str | None = None
    excluded: frozenset[UUID] = frozenset()

    @property
    def kind(self) -> str:
        """Return "all" or "pattern"."""
        return "all" if self.pattern is None else "pattern"


@dataclass(frozen=True)
class SelectableGroup:
    """A group of a set, as far as selecting needs it."""

    id: UUID
    name: str
    member_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What a selection comes to; for a pattern that is not understood `error` says why and nothing is selected.

    `matched_ids` are the groups before exclusions, `group_ids` those that stay; both in the set's order.
    """

    error: RuleViolation | None = None
    group_ids: tuple[UUID, ...] = ()
    total: int = 0
    matched_ids: tuple[UUID, ...] = ()
    member_counts: Mapping[UUID, int] = field(default_factory=dict)
    empty_group_ids: tuple[UUID, ...] = ()

    @property
    def valid(self) -> bool:
        """Say whether the selection can be stored."""
        return self.error is None


@dataclass(frozen=True)
class Coverage:
    """Who is in none of the selected groups, and who is in several, each in the order given."""

    in_none: tuple[UUID, ...]
    in_several: tuple[UUID, ...]


def match(pattern: str | None, groups: Iterable[SelectableGroup]) -> list[SelectableGroup]:
    """Return the groups that a mode selects before exclusions; raise RuleViolation for a pattern not understood."""
    if pattern is None:
        return list(groups)
    fits = compile_glob(pattern).matches
    return [group for group in groups if fits(group.name)]


def resolve(selection: Selection, groups: Iterable[SelectableGroup]) -> list[SelectableGroup]:
    """Return the selected groups in the order of their set.

    Empty groups are selected like others, and an excluded id that no group bears any more is ignored.
    """
    return [group for group in match(selection.pattern, groups) if group.id not in selection.excluded]


def preview(selection: Selection, groups: Sequence[SelectableGroup]) -> Preview:
    """Return what a selection would come to; a pattern that is not understood is an answer, no exception."""
    try:
        matched = match(selection.pattern, groups)
    except RuleViolation as error:
        return Preview(error=error, total=len(groups))
    chosen = [group for group in matched if group.id not in selection.excluded]
    return Preview(
        group_ids=tuple(group.id for group in chosen),
        total=len(groups),
        matched_ids=tuple(group.id for group in matched),
        member_counts={group.id: len(group.member_ids) for group in chosen},
        empty_group_ids=tuple(group.id for group in chosen if not group.member_ids),
    )


def coverage(selected: Iterable[SelectableGroup], student_ids: Iterable[UUID]) -> Coverage:
    """Return which students are in none of the groups; whoever is in several is named, students first."""
    places = Counter(member for group in selected for member in group.member_ids)
    students = dict.fromkeys(student_ids)
    several = dict.fromkeys(person for person in (*students, *places) if places[person] > 1)
    return Coverage(
        in_none=tuple(person for person in students if not places[person]),
        in_several=tuple(several),
    )
