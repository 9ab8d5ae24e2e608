"""Git user names: GitHub's rule, and what is known of a name after a change."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.git_usernames import GitUsernameStatus, checked_status, is_well_formed

UNKNOWN, VALID, INVALID = GitUsernameStatus


@pytest.mark.parametrize("name", ["a", "octocat", "octo-cat", "A-1-b", "0", "x" * 39])
def test_names_that_github_could_have(name: str) -> None:
    assert is_well_formed(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "a_b", "a.b", "a b", "ä", "x" * 40, "a\n", "٣"])
def test_names_that_github_could_not_have(name: str) -> None:
    assert not is_well_formed(name)


@given(st.text("ab1-_", max_size=45))
def test_the_rule_in_other_words(name: str) -> None:
    simple = bool(re.fullmatch("[ab1-]{1,39}", name)) and "--" not in name and not (name[0] + name[-1]).count("-")
    assert is_well_formed(name) is simple


@pytest.mark.parametrize(
    ("name", "chosen", "before", "expected"),
    [
        (None, VALID, (None, UNKNOWN), UNKNOWN),
        ("a--b", VALID, (None, UNKNOWN), INVALID),
        ("ok", UNKNOWN, (None, UNKNOWN), UNKNOWN),
        ("ok", VALID, (None, UNKNOWN), VALID),
        ("ok", INVALID, ("ok", UNKNOWN), INVALID),
        ("ok", VALID, ("ok", VALID), VALID),
        ("new", VALID, ("old", VALID), UNKNOWN),
        ("new", INVALID, ("o--d", INVALID), UNKNOWN),
        ("new", VALID, ("old", INVALID), VALID),
    ],
)
def test_what_is_known_of_a_name(
    name: str | None,
    chosen: GitUsernameStatus,
    before: tuple[str | None, GitUsernameStatus],
    expected: GitUsernameStatus,
) -> None:
    assert checked_status(name, chosen, before) is expected
