"""Sets and groups: who owns what, and which names are free."""

import pytest

from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.groups import (
    Connection,
    Origin,
    clean_name,
    clean_text,
    copy_name,
    free_name,
    group_is_editable,
    numbered_names,
    require_editable_group,
    require_editable_set,
    require_free_name,
    set_is_editable,
)


@pytest.mark.shows("MODEL-11", "MODEL-12", "MODEL-13", "MODEL-14")
@pytest.mark.parametrize(
    ("connection", "editable"),
    [
        (None, True),
        (Connection.IMPORT, True),
        (Connection.CANVAS, False),
        (Connection.MOODLE, False),
        (Connection.SYSTEM, False),
    ],
)
def test_only_local_and_imported_sets_are_ours_to_change(connection: Connection | None, editable: bool) -> None:
    assert set_is_editable(connection) is editable
    if editable:
        require_editable_set(connection)
    else:
        with pytest.raises(Forbidden, match="set_not_editable"):
            require_editable_set(connection)


@pytest.mark.shows("MODEL-6")
@pytest.mark.parametrize(("origin", "editable"), [(Origin.LOCAL, True), (Origin.LMS, False), (Origin.SYSTEM, False)])
def test_a_group_is_ours_to_change_only_if_it_is_local(origin: Origin, editable: bool) -> None:
    assert group_is_editable(origin) is editable
    if not editable:
        with pytest.raises(Forbidden, match="group_not_editable"):
            require_editable_group(origin)


def test_a_typed_name_is_tidied() -> None:
    assert clean_name("  Team \t 1\n") == "Team 1"


@pytest.mark.parametrize(
    ("name", "code"), [("", "name_required"), (" \t", "name_required"), ("x" * 256, "name_too_long")]
)
def test_a_bad_name_is_refused(name: str, code: str) -> None:
    with pytest.raises(RuleViolation, match=code):
        clean_name(name)


@pytest.mark.shows("MODEL-146", "MODEL-155")
def test_a_taken_name_is_refused_whatever_its_case() -> None:
    require_free_name("Team 2", ["Team 1"])
    with pytest.raises(RuleViolation, match="name_taken"):
        require_free_name("team 1", ["Team 1"])


def test_numbered_names_skip_the_numbers_in_use() -> None:
    assert numbered_names("team", 3, ["Team-2", "other"]) == ["team-1", "team-3", "team-4"]


def test_one_group_keeps_its_plain_name() -> None:
    assert numbered_names("team", 1, ["team-1"]) == ["team"]
    with pytest.raises(RuleViolation, match="name_taken"):
        numbered_names("team-1", 1, ["team-1"])


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a\0b", "ab"),
        ("\x01\x02Team", "Team"),
        ("\u202eTeam", "Team"),
        ("Cafe\u0301", "Café"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("one\ntwo", "one\ntwo"),
    ],
)
def test_characters_that_nobody_sees_are_taken_out_of_typed_texts(typed: str, kept: str) -> None:
    assert clean_text(typed) == kept


@pytest.mark.parametrize("invisible", ["\u200b", "\u200d\u200c", "\0"])
def test_a_name_of_invisible_characters_is_none(invisible: str) -> None:
    with pytest.raises(RuleViolation, match="name_required"):
        clean_name(invisible)


@pytest.mark.shows("MODEL-103")
def test_a_copy_has_a_name_that_is_free() -> None:
    assert copy_name("Labs", ["Labs"]) == "Labs (copy)"
    assert copy_name("Labs", ["Labs", "labs (Copy)"]) == "Labs (copy 2)"
    assert copy_name("Labs", ["Labs (copy)", "Labs (copy 2)"]) == "Labs (copy 3)"
    assert copy_name("x" * 255, []) == "x" * 248 + " (copy)"


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert free_name("Labs", ["Other"]) == "Labs"
    assert free_name("Labs", ["labs", "Labs (2)"]) == "Labs (3)"
    assert free_name("x" * 255, ["x" * 255]) == "x" * 251 + " (2)"
