"""Small workbooks for tests: rows of cells, what is merged, and what a spreadsheet keeps of a formula."""

from collections.abc import Iterable, Sequence
from datetime import date
from io import BytesIO
from typing import Any

from openpyxl import Workbook

TUESDAY = date(2026, 12, 1)


def book(
    *sheets: Sequence[Sequence[Any]], merged: Iterable[str] = (), names: Sequence[str] = (), hidden: int = -1
) -> bytes:
    """Return an XLSX of these sheets of rows; `merged` are ranges of the first."""
    made = Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets):
        sheet = made.create_sheet(names[number] if number < len(names) else f"S{number + 1}")
        for row in rows:
            sheet.append(list(row))
        sheet.sheet_state = "hidden" if number == hidden else "visible"
    for each in merged:
        made.worksheets[0].merge_cells(each)
    kept = BytesIO()
    made.save(kept)
    return kept.getvalue()


def month(
    *rows: Sequence[Any], days: Sequence[Any] = (TUESDAY, date(2026, 12, 2), date(2026, 12, 3)), **more: Any
) -> bytes:
    """Return a workbook of one sheet: a header of days, and a row for each person."""
    return book([["姓名", *days], *rows], **more)
