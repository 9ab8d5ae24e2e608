"""Tables in files: whatever Excel and people send is read or refused with its line, and nothing of ours is run."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.tables import MOST_BYTES, MOST_ROWS, decode, harmless, read_rows, read_table, restored, write_table

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
awkward = st.text(st.sampled_from("'=+-@\t\r\n ,;\"aé"), max_size=6) | texts
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


@pytest.mark.shows("CSV-9")
@pytest.mark.parametrize(
    "data",
    [
        "name\nZoë".encode(),
        "name\nZoë".encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + "name\nZoë".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "name\nZoë".encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16 le", "utf-16 be"],
)
def test_text_is_read_as_excel_writes_it(data: bytes) -> None:
    assert decode(data) == "name\nZoë"


@pytest.mark.shows("CSV-9")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("Zoë".encode("latin-1"), "table_not_text"),
        (b"PK\x03\x04\x00\x00", "table_not_text"),
        (b"a\0b", "table_not_text"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "table_not_text"),
        (b"x" * (MOST_BYTES + 1), "table_too_large"),
    ],
    ids=["latin-1", "a workbook", "nul", "half a pair", "too large"],
)
def test_what_is_no_table_of_text_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(RuleViolation, match=code):
        decode(data)


@pytest.mark.shows("CSV-9")
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_is_understood(delimiter: str, end: str) -> None:
    lines = ["Group_Name , Email".replace(",", delimiter), "A,a@x".replace(",", delimiter), "", '"B","b,;@x"']
    lines[3] = f'"B"{delimiter}"b,;@x"'
    table = read_table(end.join(lines))
    assert table.columns == ("group_name", "email")
    assert [(row.line, dict(row.cells)) for row in table.rows] == [
        (2, {"group_name": "A", "email": "a@x"}),
        (4, {"group_name": "B", "email": "b,;@x"}),
    ]


@pytest.mark.shows("CSV-9")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("first", "sign"), [("sep=;", ";"), ("SEP=,", ","), ("sep=\t", "\t"), ("sep=|", "|"), ('"sep=;"', ";")]
)
def test_the_first_line_may_say_what_separates(first: str, sign: str, end: str) -> None:
    text = end.join([first, f"a{sign}b", f"1,;{sign}2" if sign not in ",;" else f'"1,;"{sign}2', "", "x"])
    table = read_table(text)
    assert table.columns == ("a", "b")
    assert [(row.line, dict(row.cells)) for row in table.rows] == [
        (3, {"a": "1,;", "b": "2"}),
        (5, {"a": "x", "b": ""}),
    ]
    assert [line for line, _ in read_rows(text)] == [2, 3, 5]


def test_a_column_may_be_called_like_that_line() -> None:
    assert read_table("sep=a;b\n1;2").columns == ("sep=a", "b")
    with pytest.raises(RuleViolation, match="table_quote") as refused:
        read_table('sep=;\na\n"2')
    assert refused.value.facts == {"line": 3}


@pytest.mark.shows("CSV-9")
def test_a_row_bears_the_line_on_which_it_begins() -> None:
    text = '\n\na,b\n"one\ntwo",1\r\n\r\n   \n,\n"x\r\ry",2\nz\n'
    rows = read_table(text).rows
    assert [(row.line, row.cells["a"]) for row in rows] == [(4, "one\ntwo"), (9, "x\r\ry"), (12, "z")]
    assert rows[2].cells == {"a": "z", "b": ""}


def test_a_line_separator_of_unicode_is_a_letter_like_others() -> None:
    assert read_table("a\none\u2028two\x0bthree").rows[0].cells["a"] == "one\u2028two\x0bthree"


def test_columns_without_a_name_are_left_out() -> None:
    table = read_table("a,,b,,\n1,2,3,,\n")
    assert table.columns == ("a", "b")
    assert table.rows[0].cells == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    ("text", "code", "facts"),
    [
        ("", "table_empty", {}),
        ("\n \n", "table_empty", {}),
        ("Email,email\n", "table_column_twice", {"name": "email"}),
        ("a,b\n1,2,3\n1,2\n\n1,2,3,4", "table_row_too_long", {"lines": "2, 5"}),
        ('a\n1\n"2\n3', "table_quote", {"line": 3}),
        ('a\n1\n"2"2\n3', "table_quote", {"line": 3}),
        ("a\n" + "1\n" * (MOST_ROWS + 1), "table_too_many_rows", {"limit": "10,000"}),
        ("a" + "," * 500_000 + "b\n" + "1\n" * 5000, "table_too_many_columns", {"limit": 200}),
        (",".join(map(str, range(100_000))), "table_too_many_columns", {"limit": 200}),
    ],
    ids=["empty", "blank", "twice", "too long", "open quote", "quote amid", "too many", "commas", "wide"],
)
@pytest.mark.shows("CSV-9")
def test_a_table_that_cannot_be_read_says_where(text: str, code: str, facts: dict[str, object]) -> None:
    with pytest.raises(RuleViolation, match=code) as refused:
        read_table(text)
    assert refused.value.facts == facts


def test_the_largest_table_is_read() -> None:
    assert len(read_table("a\n" + "1\n" * MOST_ROWS).rows) == MOST_ROWS


@pytest.mark.shows("CSV-9")
@given(awkward)
def test_no_cell_is_a_formula_and_every_cell_comes_back(cell: str) -> None:
    assert not harmless(cell).lstrip(" ").startswith(DANGEROUS)
    assert restored(harmless(cell)) == cell


@pytest.mark.shows("CSV-9")
@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("'=1", "''=1"), (" @x", "' @x"), ("'s-Hertogenbosch", "'s-Hertogenbosch"), ("a=b", "a=b")],
)
def test_an_apostrophe_goes_before_formulas_only(cell: str, written: str) -> None:
    assert harmless(cell) == written


@given(st.lists(st.tuples(awkward, awkward).filter(lambda row: any(cell.strip() for cell in row))))
def test_what_is_written_is_read_again(rows: list[tuple[str, str]]) -> None:
    table = read_table(decode(write_table(["one", "two"], rows)))
    assert table.columns == ("one", "two")
    assert [tuple(row.cells.values()) for row in table.rows] == rows


def test_a_table_is_written_for_excel() -> None:
    assert write_table(["a", "b"], [["Zoë", "x, y"]]) == codecs.BOM_UTF8 + 'a,b\r\nZoë,"x, y"\r\n'.encode()
