"""Ids in files: every UUID has one writing, and nothing else is taken for one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.base58 import ALPHABET, decode, encode


@pytest.mark.shows("CSV-1")
@given(st.uuids())
def test_an_id_comes_back_from_its_writing(value: UUID) -> None:
    text = encode(value)
    assert decode(text) == value
    assert set(text) <= set(ALPHABET)
    assert len(text) <= 22


def test_the_alphabet_is_that_of_bitcoin() -> None:
    assert encode(UUID(int=57)) == "1" * 15 + "z"
    assert encode(UUID(int=2**128 - 1)) == "YcVfxkQb6JRzqk5kF2tNLv"
    assert not set("0OIl") & set(ALPHABET)


@pytest.mark.shows("CSV-5")
@pytest.mark.parametrize(
    "text", ["", "0", "abc", "z" * 22, "1" * 17, "YcVfxkQb6JRzqk5kF2tNLv1", "é" * 16, "z" * 100_000]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base58"):
        decode(text)
