"""Codes and links: how they look, how what was typed is read, and when a link still works (seed 002)."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.invites import InviteState, InviteStatus, find_token, link_code, new_code, read_code

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAST, AHEAD = AT - timedelta(minutes=1), AT + timedelta(minutes=1)


@pytest.mark.shows("TEAM-37", "TEAM-38")
def test_codes_are_twelve_capitals_and_digits_and_differ() -> None:
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(len(code) == 12 and code.isascii() and code.isalnum() and code == code.upper() for code in codes)
    assert {letter for code in codes for letter in code} == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@pytest.mark.shows("TEAM-42", "TEAM-43")
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "code_length"),
        ("ABC123", "code_length"),
        ("ABC123XYZ7890", "code_length"),
        ("abc123xyz789", "code_letters"),
    ],
)
def test_what_cannot_be_a_code_is_told_apart(typed: str, code: str) -> None:
    with pytest.raises(RuleViolation, match=code):
        read_code(typed)


@pytest.mark.shows("TEAM-43")
@given(st.sampled_from(["", " ", "\t", " \n "]), st.sampled_from(["", " ", "\r\n"]))
def test_blanks_around_a_code_do_not_matter(before: str, after: str) -> None:
    assert read_code(f"{before}ABC123XYZ789{after}") == "ABC123XYZ789"


@pytest.mark.shows("TEAM-53", "TEAM-59")
@pytest.mark.parametrize(
    ("state", "status"),
    [
        (InviteState(True), InviteStatus.ACTIVE),
        (InviteState(True, AHEAD, 2, 1), InviteStatus.ACTIVE),
        (InviteState(True, None, 2, 2), InviteStatus.USED_UP),
        (InviteState(True, AT), InviteStatus.EXPIRED),
        (InviteState(True, PAST, 1, 1), InviteStatus.EXPIRED),
        (InviteState(False, PAST, 1, 1), InviteStatus.INACTIVE),
    ],
)
def test_a_link_is_asked_whether_it_is_active_then_for_its_end_then_for_its_limit(
    state: InviteState, status: InviteStatus
) -> None:
    assert state.status(AT) is status
    assert state.can_be_used(AT) is (status is InviteStatus.ACTIVE)


def test_a_pasted_link_is_found_in_whatever_stands_around_it() -> None:
    token = uuid4()
    assert find_token(f" https://groups.example.edu/invite/{token}?x=1 ") == token
    assert find_token(f"/courses/{uuid4()}/invite/{token}") == token
    assert find_token("ABC123XYZ789") is None
    assert find_token("https://groups.example.edu/invite/nothing") is None
    code = link_code(token)
    assert len(code) == 26
    assert set(code) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert find_token(f" {code} ") == token
    for wrong in (code.lower(), code[:-1], f"{code}A", f"{code[:-1]}1", f"{code[:-1]}Z", "É" * 26):
        assert find_token(wrong) is None
