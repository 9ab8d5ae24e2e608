"""The rules of documents: names that are safe, kinds that are taken, room that is left, addresses that are genuine."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.clock import now
from lti_tool.domain.documents import (
    FILENAME_LENGTH,
    MEDIA_TYPES,
    MEGABYTE,
    MOST_DOCUMENTS,
    DocumentAddress,
    DocumentLimits,
    clean_filename,
    media_type,
)
from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.groups import UNSEEN

START = now()  # of this module; the tests may run much later
AT = int((START + timedelta(minutes=5)).timestamp())


@given(st.text(max_size=400), st.sampled_from(sorted(MEDIA_TYPES)))
def test_a_kept_name_is_short_visible_and_no_path(stem: str, ending: str) -> None:
    import unicodedata

    try:
        kept = clean_filename(f"{stem}.{ending}")
    except RuleViolation:
        return  # nothing but blanks, dots and what nobody sees before the ending
    assert len(kept) <= FILENAME_LENGTH
    assert not set("/\\\0\n\r\t") & set(kept)
    assert not kept.startswith((".", " "))
    assert kept.endswith(f".{ending}")
    assert all(unicodedata.category(c) not in UNSEEN or c in "\u200c\u200d" for c in kept)
    assert clean_filename(kept) == kept


def test_nothing_is_handed_out_as_what_a_browser_runs() -> None:
    dangerous = ("html", "svg", "xml", "script", "css", "x-sh")
    assert not [
        kind for kind in MEDIA_TYPES.values() if any(word in kind for word in dangerous) and "openxml" not in kind
    ]
    assert media_type("a.HTML") == media_type("a.svg") == media_type("unknown.xyz") == "application/octet-stream"
    assert media_type("Plan.PDF") == "application/pdf"


@pytest.mark.parametrize(
    ("used", "count", "size", "code"),
    [
        (0, 0, 2 * MEGABYTE, None),
        (0, 0, 2 * MEGABYTE + 1, "documents_full"),
        (MEGABYTE, 1, MEGABYTE + 1, "documents_full"),
        (0, MOST_DOCUMENTS - 1, 1, None),
        (0, MOST_DOCUMENTS, 1, "documents_many"),
    ],
)
def test_a_group_has_room_for_so_much(used: int, count: int, size: int, code: str | None) -> None:
    limits = DocumentLimits(1, 2)
    if code is None:
        limits.require_room(used, count, size)
        return
    with pytest.raises(RuleViolation, match=code):
        limits.require_room(used, count, size)


@given(st.text(max_size=80))
def test_no_made_up_signature_opens_a_document(signature: str) -> None:
    with pytest.raises(Forbidden):
        DocumentAddress("ana", "plan", AT).require("secret", signature, START)


def test_an_address_is_for_one_person_one_document_and_a_time() -> None:
    address = DocumentAddress("ana", "plan", AT)
    signature = address.signature("secret")
    address.require("secret", signature, START)
    others = (
        DocumentAddress("bo", "plan", AT),
        DocumentAddress("ana", "map", AT),
        DocumentAddress("ana", "plan", AT + 1),
    )
    for other in others:
        with pytest.raises(Forbidden):
            other.require("secret", signature, START)
    with pytest.raises(Forbidden):
        address.require("another secret", signature, START)
    with pytest.raises(Forbidden):
        address.require("secret", signature, START + timedelta(minutes=5, seconds=1))
