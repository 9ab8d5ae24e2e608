"""Patterns over group names: a restricted glob, checked with readable reasons and matched in linear time (seed 003)."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from lti_tool.domain.errors import RuleViolation

PATTERN_LENGTH = 255
FEW_SETS = 16  # for more, seeing where each of them fits would take longer than comparing
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


class _Bits(dict[int, str]):
    """For each character, by its number, "1" where it is in the set; worked out when it is first met."""

    def __init__(self, allowed: CharSet) -> None:
        super().__init__()
        self.allowed = allowed

    def __missing__(self, number: int) -> str:
        self[number] = bit = "1" if chr(number) in self.allowed else "0"
        return bit


class Places:
    """A segment with places that several characters fit, found at all places of a name at once.

    A number has a bit for each place of the name: one step for each place of the segment, and for each of its
    different sets one to see where it fits.
    """

    def __init__(self, sets: tuple[CharSet, ...]) -> None:
        self.length = len(sets)
        offsets: dict[CharSet, list[int]] = {}
        for offset, allowed in enumerate(sets):
            if allowed != ANY:
                offsets.setdefault(allowed, []).append(offset)
        self.fitting = [(_Bits(allowed), held) for allowed, held in offsets.items()]

    def find(self, name: str, start: int, end: int) -> int:
        """Return the first place where every character fits its set, -1 for none."""
        text = name[start:end]
        size = len(text)
        if size < self.length:
            return -1
        # The first place is the highest bit; the lowest ones are too near to the end.
        begins = (1 << size) - (1 << (self.length - 1))
        for bits, offsets in self.fitting:
            stands = int(text.translate(bits), 2)
            for offset in offsets:
                begins &= stands << offset
            if not begins:
                return -1
        return start + size - begins.bit_length()


class ManySets:
    """The same for patterns with many different sets: compared set by set at each place in turn.

    The regular expression has one length and no choices, so it never tries a second way.
    """

    def __init__(self, sets: tuple[CharSet, ...]) -> None:
        self.length = len(sets)
        self.compiled = re.compile("".join(map(_expression, sets)), re.DOTALL)

    def find(self, name: str, start: int, end: int) -> int:
        """Return the first place where every character fits its set, -1 for none."""
        found = self.compiled.search(name, start, end)
        return found.start() if found else -1


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
    different = sum(len(set(part) - {ANY}) for part in parts if _has_sets(part))
    kind = Places if different <= FEW_SETS else ManySets
    return tuple(kind(tuple(map(_set, part))) if _has_sets(part) else Text("".join(map(str, part))) for part in parts)


def _has_sets(part: list[str | CharSet]) -> bool:
    return any(isinstance(token, CharSet) for token in part)


def _set(token: str | CharSet) -> CharSet:
    return CharSet(((token, token),)) if isinstance(token, str) else token


def _expression(allowed: CharSet) -> str:
    """Return a set as a regular expression of one character."""
    if allowed == ANY:
        return "."
    ranges = (re.escape(low) + (f"-{re.escape(high)}" if low < high else "") for low, high in allowed.ranges)
    return f"[{'^' if allowed.negated else ''}{''.join(ranges)}]"
