"""What a local set lets students do by themselves."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.signup import Signup, SignupRules, require_open, require_room, require_section

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(seconds=1)


def test_a_set_is_open_to_its_last_moment() -> None:
    join, over = SignupRules(Signup.JOIN, until=AT), SignupRules(Signup.CREATE, until=AT)
    assert join.is_open(AT)
    assert not join.is_open(LATER)
    assert over.may_create(AT)
    assert not over.may_create(LATER)
    assert not join.may_create(AT)
    assert require_open([join, SignupRules(Signup.CLOSED)], AT) == [join]
    with pytest.raises(RuleViolation, match="signup_over"):
        require_open([join, SignupRules(Signup.CLOSED)], LATER)
    with pytest.raises(RuleViolation, match="signup_closed"):
        require_open([SignupRules(Signup.CLOSED)], AT)


def test_the_smallest_limit_counts() -> None:
    require_room(2, None, 3)
    with pytest.raises(RuleViolation, match="group_full") as refused:
        require_room(3, 5, None, 3)
    assert refused.value.facts == {"limit": 3}


def test_a_newcomer_shares_a_section_with_who_was_first() -> None:
    one, other = uuid4(), uuid4()
    require_section(None, [])
    require_section([one, other], [other])
    with pytest.raises(RuleViolation, match="other_section"):
        require_section([one], [other])
    with pytest.raises(RuleViolation, match="other_section"):
        require_section([], [])
