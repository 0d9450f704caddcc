"""The roster of some days as a workbook in the shape that the import reads, filled with what stands there."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from sqlalchemy.orm import Session

from calendars.roster import signs
from calendars.roster.importing import known
from scheduler import roster
from scheduler.roster import Line, plan

Say = Callable[[str], str]
"""Turns an English message into the reader's language."""


def N_(message: str) -> str:
    """Mark a message id for the catalogue."""
    return message


NOTES = (
    N_("One row for each person, one column for each day. The code or the name says who; where both stand, both fit."),
    N_("A cell says what the whole day is. An empty cell says nothing and changes nothing."),
    N_("Two halves are parted by /, a duty follows with +, for instance Y/D+N."),
    N_("A room's code in the place of D says where somebody works, for instance OR-1/US-03."),
    N_("Days are real dates, or their numbers with year and month in a cell above. Merge no cells."),
)

HEAD = (N_("Staff code"), N_("Name"))
SHEET_OF_NOTES = {"zh": "说明", "en": "Notes"}
GREY = "FFE8EBEE"


def month_book(session: Session, first: date, last: date, *, today: date, language: str, say: Say) -> bytes:
    """Return an XLSX of the days from `first` to `last`; `language` is zh or en, for signs and names."""
    from openpyxl import Workbook  # lazy: only a spreadsheet needs it

    found = roster.read(session, first, last, today=today)
    rooms = known(session, today).rooms
    book = Workbook()
    sheet = book.active
    sheet.title = f"{first:%Y-%m}" if first.month == last.month else f"{first:%Y-%m-%d}"
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    _row(sheet, 1, [say(text) for text in HEAD], days)
    for number, line in enumerate(found.lines, start=2):
        name = line.person.name_zh if language == "zh" else line.person.name_en
        _row(sheet, number, [line.person.code, name], [_cell(line, day, rooms, language) for day in days])
    _dress(sheet, days, len(found.lines) + 1)
    _notes(book.create_sheet(SHEET_OF_NOTES[language]), say)
    kept = BytesIO()
    book.save(kept)
    return kept.getvalue()


def _cell(line: Line, day: date, rooms: Mapping[str, str], language: str) -> str:
    am, pm = (half for half in line.halves if half.at.date == day)
    if any(half.place is not None and signs.plain(half.place) not in rooms for half in (am, pm)):
        return ""  # a place in words of their own: no cell says it, so none may wipe it
    return signs.written(plan.as_it_is(line, day), (am, pm), language=language)


def _row(sheet: Any, number: int, who: Iterable[str], cells: Iterable[Any]) -> None:
    for column, value in enumerate((*who, *cells), start=1):
        if value in ("", None):
            continue
        cell = sheet.cell(number, column, value)
        if isinstance(value, str):
            cell.data_type = "s"  # a name that begins with = is no formula


def _dress(sheet: Any, days: list[date], rows: int) -> None:
    """Freeze who and when, set widths, and grey the weekends."""
    from openpyxl.styles import Alignment, PatternFill

    sheet.freeze_panes = "C2"
    grey = PatternFill("solid", start_color=GREY)
    for letter, width in (("A", 18), ("B", 22)):
        sheet.column_dimensions[letter].width = width
    for column, day in enumerate(days, start=3):
        head = sheet.cell(1, column)
        head.number_format = "m-d ddd"
        sheet.column_dimensions[head.column_letter].width = 9
        for row in range(1, rows + 1):
            cell = sheet.cell(row, column)
            cell.alignment = Alignment(horizontal="center")
            if day.weekday() > 4:
                cell.fill = grey


def _notes(sheet: Any, say: Say) -> None:
    lines: list[tuple[str, ...]] = [(say(text),) for text in NOTES]
    lines += [(), *((sign.zh, sign.en, say(sign.means)) for sign in signs.ALL)]
    for number, line in enumerate(lines, start=1):
        for column, text in enumerate(line, start=1):
            sheet.cell(number, column, text).data_type = "s"
