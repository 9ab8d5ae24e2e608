"""Delimited tables (CSV and its kin): decoded, read with line numbers, and written so that spreadsheets run nothing."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.groups import clean_text

MEGABYTES = 5
MOST_BYTES = MEGABYTES * 1024 * 1024
MOST_ROWS = 10_000
MOST_COLUMNS = 200
DELIMITERS = ",;\t"  # in this order when a header has none, or as many of each
QUOTED = re.compile('"[^"]*"?')
SEPARATOR = re.compile(r'"?sep=(?P<sign>[^\w\s"]|\t)"?[\r\n]', re.IGNORECASE)  # Excel's own first line
# What a spreadsheet would take for a formula, or would skip to find one.
FORMULA = re.compile(r"'* *(\s*[=+\-@]|[\t\r\n])")


@dataclass(frozen=True)
class TableRow:
    """One row of data: the line of the file on which it begins (1 is the first), and its cells by column."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table: its columns, trimmed and in lower case, and its rows of data in order."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def decode(data: bytes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with its mark, as Excel writes them.

    Raise RuleViolation("table_too_large") or RuleViolation("table_not_text").
    """
    if len(data) > MOST_BYTES:
        raise RuleViolation("table_too_large", limit=MEGABYTES)
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise RuleViolation("table_not_text") from None
    if "\0" in text:
        raise RuleViolation("table_not_text")
    return text


def read_table(text: str) -> Table:
    """Read a table whose first line names the columns; comma, semicolon or tab, as that line has them.

    A line `sep=;` before it, as Excel writes and reads it, says which sign it is, and is no row.

    Cells come back as they were before `write_table` made them harmless; blank lines, and rows of empty cells, are
    left out; short rows are filled up. Raise RuleViolation "table_empty", "table_column_twice" (name),
    "table_too_many_rows" or "table_too_many_columns" (limit), "table_row_too_long" (lines) or "table_quote" (line).
    """
    rows = _rows(text)
    _, header = next(rows, (0, []))
    names = [clean_text(name).lower() for name in header]
    while names and not names[-1]:
        names.pop()
    if not any(names):
        raise RuleViolation("table_empty")
    if len(names) > MOST_COLUMNS:  # each row is filled up to as many cells: a header of commas would be a bomb
        raise RuleViolation("table_too_many_columns", limit=MOST_COLUMNS)
    for name in names:
        if name and names.count(name) > 1:
            raise RuleViolation("table_column_twice", name=name)
    found: list[TableRow] = []
    too_long: list[int] = []
    for line, cells in rows:
        if any(cells[len(names) :]):
            too_long.append(line)
        if len(found) == MOST_ROWS:
            raise RuleViolation("table_too_many_rows", limit=f"{MOST_ROWS:,}")
        filled = cells + [""] * (len(names) - len(cells))
        found.append(TableRow(line, {name: restored(cell) for name, cell in zip(names, filled, strict=False) if name}))
    if too_long:
        raise RuleViolation("table_row_too_long", lines=_some(too_long))
    return Table(tuple(name for name in names if name), tuple(found))


def read_rows(text: str) -> list[tuple[int, list[str]]]:
    """Read a table without a line of column names: (line, cells) of each row that is not blank.

    Raise RuleViolation "table_quote" (line), "table_too_many_rows" or "table_too_many_columns" (limit).
    """
    found: list[tuple[int, list[str]]] = []
    for line, cells in _rows(text):
        if len(found) == MOST_ROWS:
            raise RuleViolation("table_too_many_rows", limit=f"{MOST_ROWS:,}")
        if len(cells) > MOST_COLUMNS:
            raise RuleViolation("table_too_many_columns", limit=MOST_COLUMNS)
        found.append((line, [restored(cell.strip()) for cell in cells]))
    return found


def write_rows(rows: Iterable[Iterable[str]]) -> bytes:
    """Return a table without column names, as `write_table` writes one."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def write_table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> bytes:
    """Return a table as Excel reads it without asking: UTF-8 with its mark, commas, CRLF; every cell harmless."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: with an apostrophe first where it needs one."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """Return a cell as it was before `harmless`."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each row that is not blank, with the line on which it begins."""
    # newline="": CR, LF and CRLF all end a line, and stay as they are inside quotes.
    lines = io.StringIO(text, newline="")
    begins = 1
    if said := SEPARATOR.match(text):
        next(lines)
        begins = 2
    delimiter = said["sign"] if said else _delimiter(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    above = begins - 1  # lines that the reader does not count
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            raise RuleViolation("table_quote", line=begins) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield begins, cells
        begins = above + reader.line_num + 1


def _delimiter(text: str) -> str:
    header = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    bare = QUOTED.sub("", header)
    return max(DELIMITERS, key=bare.count)


def _some(lines: Sequence[int], shown: int = 20) -> str:
    """Return line numbers as text, only the first of many."""
    listed = ", ".join(str(line) for line in lines[:shown])
    return f"{listed} …" if len(lines) > shown else listed
