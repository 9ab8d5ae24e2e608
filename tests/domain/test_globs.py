"""Patterns over names: what each sign means, what is refused and why, and that no pattern takes long."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.globs import MOST_KNOWN, PATTERN_LENGTH, CharSet, Places, Text, compile_glob, matching, validate


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        pytest.param("Team", ["Team"], ["Team 1", "A Team", "team", ""], marks=pytest.mark.shows("MODEL-93")),
        pytest.param("a/*", ["a/", "a/b", "a/b/c"], ["a", "b/a"], marks=pytest.mark.shows("MODEL-93")),
        pytest.param("*", ["", "x", "a b\nc"], [], marks=pytest.mark.shows("MODEL-94")),
        pytest.param("A*", ["A", "Ab", "A A"], ["", "a", "bA"], marks=pytest.mark.shows("MODEL-94")),
        pytest.param("*-lab-*", ["a-lab-b", "-lab-", "a-lab-lab-"], ["lab"], marks=pytest.mark.shows("MODEL-94")),
        pytest.param("ab*ba", ["abba", "ab-ba"], ["aba", "ab"], marks=pytest.mark.shows("MODEL-94")),
        pytest.param("Team ?", ["Team 1", "Team é", "Team *"], ["Team 10"], marks=pytest.mark.shows("MODEL-95")),
        pytest.param("??", ["ab", "李明"], ["a", "abc", ""], marks=pytest.mark.shows("MODEL-95")),
        pytest.param("[A-C]1", ["A1", "B1", "C1"], ["D1", "a1", "1"], marks=pytest.mark.shows("MODEL-96")),
        pytest.param("[A-Cx_-]", ["B", "x", "_", "-"], ["D", "X", ""], marks=pytest.mark.shows("MODEL-96")),
        pytest.param("*[0-9]", ["Team 7", "7"], ["Team", "7a"], marks=pytest.mark.shows("MODEL-96")),
        pytest.param("[!A-C]1", ["D1", "a1", "!1"], ["A1", "1"], marks=pytest.mark.shows("MODEL-97")),
        pytest.param("[^a]", ["^", "a"], ["b", "!"], marks=pytest.mark.shows("MODEL-97", "MODEL-99")),
        pytest.param("[a!]", ["a", "!"], ["b"], marks=pytest.mark.shows("MODEL-97")),
        pytest.param("[!^]", ["a", "!"], ["^"], marks=pytest.mark.shows("MODEL-97")),
        pytest.param(r"\*\?\[\]\\", [r"*?[]\\"[:-1]], ["a", r"\*\?"], marks=pytest.mark.shows("MODEL-98")),
        pytest.param(r"[\]\-\\]", ["]", "-", "\\"], ["["], marks=pytest.mark.shows("MODEL-98")),
        pytest.param(r"\a\{\(", ["a{("], [r"\a"], marks=pytest.mark.shows("MODEL-98")),
        pytest.param(r"*\*", ["*", "a*"], ["a", ""], marks=pytest.mark.shows("MODEL-98")),
        ("a]}(b)", ["a]}(b)"], ["ab"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[-a]", ["a", "-"], ["b"]),
        ("[[]", ["["], ["]"]),
        (".+$^|", [".+$^|"], ["x"]),
    ],
)  # fmt: skip
def test_what_a_pattern_fits(pattern: str, fits: list[str], not_: list[str]) -> None:
    assert matching(pattern, [*fits, *not_]) == fits


@pytest.mark.shows("MODEL-99")
@pytest.mark.parametrize(
    ("pattern", "code", "position"),
    [
        ("a**", "pattern_double_star", 2),
        ("**", "pattern_double_star", 1),
        *((f"x{sign}(a|b)", "pattern_extended", 2) for sign in "@!+?*"),
        ("Team {1,2}", "pattern_braces", 6),
        ("ab[c", "pattern_bracket_open", 3),
        ("[", "pattern_bracket_open", 1),
        ("[!", "pattern_bracket_open", 1),
        (r"[a\]", "pattern_bracket_open", 1),
        ("a[]", "pattern_bracket_empty", 2),
        ("[]a]", "pattern_bracket_empty", 1),
        ("[!]", "pattern_bracket_empty", 1),
        ("ab\\", "pattern_ends_in_backslash", 3),
        ("[a\\", "pattern_ends_in_backslash", 3),
        ("a[xz-a]", "pattern_range_reversed", 4),
        ("a\0", "pattern_unseen_character", 2),
        ("[\n]", "pattern_unseen_character", 2),
    ],
)
def test_what_is_not_understood_is_refused_with_reason_and_place(pattern: str, code: str, position: int) -> None:
    error = validate(pattern)
    assert error is not None
    assert (error.code, error.facts["position"]) == (code, position)
    with pytest.raises(RuleViolation, match=code):
        compile_glob(pattern)


@pytest.mark.parametrize(
    ("pattern", "code"), [("", "pattern_required"), ("a" * (PATTERN_LENGTH + 1), "pattern_too_long")]
)
def test_a_pattern_has_a_length(pattern: str, code: str) -> None:
    error = validate(pattern)
    assert error is not None
    assert error.code == code
    assert validate("a" * PATTERN_LENGTH) is None


TOKENS = st.one_of(
    st.just("*"),
    st.just(CharSet(negated=True)),
    st.sampled_from("ab*[]\\^!-(é"),
    st.builds(
        CharSet,
        st.lists(st.sampled_from([("a", "a"), ("a", "c"), ("^", "^"), ("-", "-"), ("]", "]")]), min_size=1).map(tuple),
        st.booleans(),
    ),
)


def written(tokens: list[str | CharSet], star: str) -> str:
    """Write tokens as a pattern; `star` is the one text among them that means any text."""
    parts = []
    for token in tokens:
        if token is star:
            parts.append("*")
        elif isinstance(token, str):
            parts.append(f"\\{token}")
        elif not token.ranges:
            parts.append("?")
        else:
            inside = "".join(f"\\{a}" if a == b else f"\\{a}-\\{b}" for a, b in token.ranges)
            parts.append(f"[{'!' if token.negated else ''}{inside}]")
    return "".join(parts)


def naive(tokens: list[str | CharSet], name: str, star: str) -> bool:
    """Match by the definition alone: a star is nothing, or one character and itself again."""
    if not tokens:
        return not name
    first, rest = tokens[0], tokens[1:]
    if first is star:
        return naive(rest, name, star) or (bool(name) and naive(tokens, name[1:], star))
    return (
        bool(name)
        and (name[0] == first if isinstance(first, str) else name[0] in first)
        and naive(rest, name[1:], star)
    )


@pytest.mark.shows("MODEL-93", "MODEL-94", "MODEL-95", "MODEL-96", "MODEL-97", "MODEL-98")
@given(
    st.lists(st.one_of(st.none(), TOKENS.filter(lambda t: t != "*")), min_size=1, max_size=7),
    st.text("ab]^-é", max_size=8),
)
def test_it_agrees_with_the_definition(tokens: list[str | CharSet | None], name: str) -> None:
    star = "star"
    single = [t for n, t in enumerate(tokens) if not (t is None and n and tokens[n - 1] is None)]
    meant: list[str | CharSet] = [star if t is None else t for t in single]
    assert compile_glob(written(meant, star)).matches(name) is naive(meant, name, star)


# So many that a pattern with most of them is matched the other way.
KINDS = tuple(CharSet((("a", "b"), (other, other))) for other in "cdefghijklmnopqrstuvwxyz")


def every_way(tokens: list[str | CharSet], name: str, star: str) -> bool:
    """Match by all ways at once: how much of the name each token can have come to."""
    ways = {0}
    for token in tokens:
        if token is star:
            ways = set(range(min(ways), len(name) + 1)) if ways else ways
        else:
            ways = {
                way + 1
                for way in ways
                if way < len(name) and (name[way] == token if isinstance(token, str) else name[way] in token)
            }
    return len(name) in ways


@pytest.mark.shows("MODEL-94", "MODEL-95", "MODEL-96", "MODEL-97", "MODEL-101")
@settings(max_examples=500)
@given(
    st.lists(
        st.sampled_from(
            [None, None, *KINDS, CharSet(negated=True), "a", CharSet((("a", "b"),)), CharSet((("a", "a"),), True)]
        ),
        min_size=1,
        max_size=60,
    ),
    st.text("ab", max_size=60),
)
def test_long_patterns_agree_with_all_ways_at_once(tokens: list[str | CharSet | None], name: str) -> None:
    star = "star"
    single = [t for n, t in enumerate(tokens) if not (t is None and n and tokens[n - 1] is None)]
    meant: list[str | CharSet] = [star if t is None else t for t in single]
    assert compile_glob(written(meant, star)).matches(name) is every_way(meant, name, star)


@given(
    st.lists(TOKENS.filter(lambda token: isinstance(token, CharSet)), min_size=1, max_size=6).map(tuple),
    st.text("abc]^-\né", max_size=30),
    st.integers(0, 10),
    st.integers(0, 30),
)
def test_a_segment_is_found_where_it_first_fits(sets: tuple[CharSet, ...], name: str, start: int, end: int) -> None:
    fits = (
        place
        for place in range(start, min(end, len(name)) - len(sets) + 1)
        if all(character in allowed for character, allowed in zip(name[place:], sets, strict=False))
    )
    first = next(fits, -1)
    segment = Places(sets)
    assert segment.find(name, start, end) == first
    assert segment.find(name, start, end) == first  # by the steps that are remembered now
    segment.known |= {-number: segment.begin for number in range(1, MOST_KNOWN + 1)}
    assert segment.find(name, start, end) == first  # and with too many to remember more


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_text_is_a_pattern_or_refused_with_a_code(pattern: str, name: str) -> None:
    error = validate(pattern)
    if error:
        assert error.code.startswith("pattern_")
    else:
        compile_glob(pattern).matches(name)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters each search passed over."""
    passed: list[int] = []
    for kind in (Text, Places):

        def find(self: Any, name: str, start: int, end: int, original: Any = kind.find) -> int:
            place = original(self, name, start, end)
            passed.append((end if place < 0 else place + self.length) - start)
            return int(place)

        monkeypatch.setattr(kind, "find", find)
    return passed


@pytest.mark.shows("MODEL-101")
@pytest.mark.parametrize(
    "pattern",
    [
        "*a*a*a*a*a*b",
        "*?a*?a*?a*?a*?a*b*",
        "*" + "[ab]*" * 50 + "b*",
        "*" + "?" * 200 + "b*",
        "*[ab]" * 50,
        "*" + "".join(f"[a{other}]" for other in "bcdefghijklmnopqrstuvwxyz") + "*",
    ],
)
@pytest.mark.parametrize("length", [255, 5000])
def test_a_hostile_pattern_passes_each_character_only_so_often(pattern: str, length: int, steps: list[int]) -> None:
    compile_glob(pattern).matches("a" * length)
    # Each character once, and the first and the last segment.
    assert sum(steps) <= length + 2 * len(pattern)


@pytest.mark.shows("MODEL-101")
@pytest.mark.parametrize("pattern", ["*?" * 100 + "[!a]*", "*" + "?" * 200 + "[!a]*", "*?a*?*?*?"])
def test_single_characters_between_stars_cost_no_search_each(pattern: str, steps: list[int]) -> None:
    compile_glob(pattern).matches("a" * 255)
    assert len(steps) <= 2


def test_a_segment_is_found_where_it_first_stands() -> None:
    segment = Places((CharSet((("a", "b"),)), CharSet((("b", "b"),))))
    assert [segment.find(name, 0, len(name)) for name in ("ab", "xab", "aab", "aba", "", "b", "bb")] == [
        0,
        1,
        1,
        0,
        -1,
        -1,
        0,
    ]
    assert segment.find("abab", 1, 3) == -1
