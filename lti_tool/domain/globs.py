"""Patterns over group names: a restricted glob, checked with readable reasons and matched in linear time (seed 003)."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import length_hint
from typing import Protocol

from lti_tool.domain.errors import RuleViolation

PATTERN_LENGTH = 255
MOST_KNOWN = 256  # steps of one segment; names that need more make new ones without end
EXTENDED = frozenset("@!+?*")  # before an opening bracket they begin what other globs know, and this one does not


@dataclass(frozen=True)
class CharSet:
    """The characters that may stand in one place: ranges of them, or all but these; `?` leaves out none."""

    ranges: tuple[tuple[str, str], ...] = ()
    negated: bool = False

    def __contains__(self, character: str) -> bool:
        """Say whether the character may stand here."""
        return any(low <= character <= high for low, high in self.ranges) != self.negated


ANY = CharSet(negated=True)


class Segment(Protocol):
    """A part of a pattern between two stars; it fits so many characters in a row."""

    @property
    def length(self) -> int:
        """Return how many characters it fits."""

    def find(self, name: str, start: int, end: int) -> int:
        """Return the first place in [start, end) where all of it fits, -1 for none."""


@dataclass(frozen=True)
class Text:
    """A segment of plain characters."""

    text: str

    @property
    def length(self) -> int:
        """Return how many characters it fits."""
        return len(self.text)

    def find(self, name: str, start: int, end: int) -> int:
        """Return the first place where the text stands."""
        return name.find(self.text, start, end)


class _Fitting(dict[str, int]):
    """For each character a number with a bit for each set that it fits, from bit 1; worked out when it is first met."""

    def __init__(self, sets: tuple[CharSet, ...]) -> None:
        super().__init__()
        self.sets = sets

    def __missing__(self, character: str) -> int:
        fits = sum(2 << place for place, allowed in enumerate(self.sets) if character in allowed)
        self[character] = fits
        return fits


class _Reached(dict[str, "_Reached"]):
    """Up to which places of a segment the last characters fit, and what the next one makes of it.

    There is a bit for each place, and bit 0, which is always set, for the beginning.
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits


class Places:
    """A segment with places that several characters fit, all of its places followed at once (the shift-and method).

    It takes one step for each character of the name, however many sets there are and whatever fits them. Steps are
    remembered while there are few different ones, as there are in hostile patterns too.
    """

    def __init__(self, sets: tuple[CharSet, ...]) -> None:
        self.length = len(sets)
        self.fitting = _Fitting(sets)
        self.whole = 1 << self.length
        self.begin, self.end = _Reached(1), _Reached(self.whole)
        self.known = {1: self.begin}

    def find(self, name: str, start: int, end: int) -> int:
        """Return the first place where every character fits its set, -1 for none."""
        text = name[start:end]
        characters = iter(text)
        fits = self._recall(characters) if len(self.known) < MOST_KNOWN else self._follow(characters)
        return start + len(text) - length_hint(characters) - self.length if fits else -1

    def _follow(self, characters: Iterator[str]) -> bool:
        """Read up to the end of the first place that fits; say whether there is one."""
        reached, whole = 1, self.whole
        for fits in map(self.fitting.__getitem__, characters):
            if (reached := (reached + reached & fits) + 1) > whole:  # sums, for they are faster than shifts
                return True
        return False

    def _recall(self, characters: Iterator[str]) -> bool:
        """Do the same by the steps that are remembered, and remember new ones."""
        reached, end = self.begin, self.end
        for character in characters:
            try:
                reached = reached[character]
            except KeyError:
                reached = self._learn(reached, character)
            if reached is end:
                return True
        return False

    def _learn(self, reached: _Reached, character: str) -> _Reached:
        bits = (2 * reached.bits & self.fitting[character]) + 1
        after = self.end if bits > self.whole else self.known.setdefault(bits, _Reached(bits))
        reached[character] = after
        return after


@dataclass(frozen=True)
class Glob:
    """A valid pattern: the segments before, between and after its stars (one segment: it has no star)."""

    segments: tuple[Segment, ...]

    def matches(self, name: str) -> bool:
        """Say whether the whole name fits, letter case and all.

        No step is ever taken back: a star may swallow as little as it can, so the first place where the next
        segment fits is as good as any later one. The work grows with the name's length times a segment's, at most,
        and never explodes.
        """
        first, *between = self.segments
        if not between:
            return first.length == len(name) and self._stands(first, name, 0)
        *between, last = between
        start, end = first.length, len(name) - last.length
        if start > end or not self._stands(first, name, 0) or not self._stands(last, name, end):
            return False
        for segment in between:
            place = segment.find(name, start, end)
            if place < 0:
                return False
            start = place + segment.length
        return True

    @staticmethod
    def _stands(segment: Segment, name: str, place: int) -> bool:
        return not segment.length or segment.find(name, place, place + segment.length) == place


def compile_glob(pattern: str) -> Glob:
    r"""Return a pattern ready to match.

    `*` is any text, `?` one character, `[a-z]` one of these, `[!a-z]` one that is none of these, `\` takes what
    follows as it is; everything else is itself, `/` and (in brackets) `^` too. Raise RuleViolation with the reason and
    its `position`, counted from 1, for what is not understood (seed 003, "Pattern Semantics").
    """
    if not pattern:
        raise RuleViolation("pattern_required")
    if len(pattern) > PATTERN_LENGTH:
        raise RuleViolation("pattern_too_long", limit=PATTERN_LENGTH)
    return _Reader(pattern).read()


def validate(pattern: str) -> RuleViolation | None:
    """Return what is wrong with a pattern, None for a good one."""
    try:
        compile_glob(pattern)
    except RuleViolation as error:
        return error
    return None


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern fits, in their order; raise RuleViolation as `compile_glob` does."""
    fits: Callable[[str], bool] = compile_glob(pattern).matches
    return [name for name in names if fits(name)]


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def read(self) -> Glob:
        parts: list[list[str | CharSet]] = [[]]
        while self.at < len(self.pattern):
            if self.pattern[self.at] == "*":
                self._refuse_extended()
                if self._next() == "*":
                    raise self._wrong("pattern_double_star")
                parts.append([])
                self.at += 1
            else:
                parts[-1].append(self._place())
        return Glob(_segments(_gathered(parts)))

    def _place(self) -> str | CharSet:
        self._refuse_extended()
        character = self.pattern[self.at]
        if character == "{":
            raise self._wrong("pattern_braces")
        if character == "[":
            return self._set()
        if character == "?":
            self.at += 1
            return ANY
        return self._character()

    def _character(self) -> str:
        """Read one character that stands for itself, a backslash before it or not."""
        if self.pattern[self.at] == "\\":
            if not self._next():
                raise self._wrong("pattern_ends_in_backslash")
            self.at += 1
        character = self.pattern[self.at]
        if unicodedata.category(character) == "Cc":
            raise self._wrong("pattern_unseen_character")
        self.at += 1
        return character

    def _set(self) -> CharSet:
        opened = self.at
        self.at += 1
        negated = self._here() == "!"
        self.at += negated
        ranges: list[tuple[str, str]] = []
        while self._here() != "]":
            if not self._here():
                raise self._wrong("pattern_bracket_open", opened)
            ranges.append(self._range())
        if not ranges:
            raise self._wrong("pattern_bracket_empty", opened)
        self.at += 1
        return CharSet(tuple(ranges), negated)

    def _range(self) -> tuple[str, str]:
        begins = self.at
        low = self._character()
        if self._here() != "-" or self._next() in ("", "]"):  # a hyphen at the end is a hyphen
            return low, low
        self.at += 1
        high = self._character()
        if low > high:
            raise self._wrong("pattern_range_reversed", begins, range=f"{low}-{high}")
        return low, high

    def _here(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _next(self) -> str:
        return self.pattern[self.at + 1 : self.at + 2]

    def _refuse_extended(self) -> None:
        if self._here() in EXTENDED and self._next() == "(":
            raise self._wrong("pattern_extended", found=f"{self._here()}(")

    def _wrong(self, code: str, place: int | None = None, **facts: str) -> RuleViolation:
        return RuleViolation(code, position=1 + (self.at if place is None else place), **facts)


def _gathered(parts: list[list[str | CharSet]]) -> list[list[str | CharSet]]:
    """Return the parts between stars with each `?` that follows a star before it: fewer searches."""
    for before, part in reversed(list(pairwise(parts))):
        while part and part[0] == ANY:
            before.append(part.pop(0))
    return [part for place, part in enumerate(parts) if part or place in (0, len(parts) - 1)]


def _segments(parts: list[list[str | CharSet]]) -> tuple[Segment, ...]:
    return tuple(Places(tuple(map(_set, part))) if _has_sets(part) else Text("".join(map(str, part))) for part in parts)


def _has_sets(part: list[str | CharSet]) -> bool:
    return any(isinstance(token, CharSet) for token in part)


def _set(token: str | CharSet) -> CharSet:
    return CharSet(((token, token),)) if isinstance(token, str) else token
