"""Writes tables as XLSX workbooks, in which every cell is text and nothing is run or linked."""

import io
from collections.abc import Iterable, Sequence

import xlsxwriter

MIMETYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDTH = 24


def workbook(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a workbook of one sheet: a header that stays in sight and filters, and cells that are text throughout.

    Numbers that begin with 0, dates that are none and names that begin with "=" stay as they are.
    """
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet(title)
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        last = 0
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name, bold)
        for last, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if cell:
                    sheet.write_string(last, column, cell)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, last, len(columns) - 1)
        sheet.set_column(0, len(columns) - 1, WIDTH)
    return out.getvalue()
