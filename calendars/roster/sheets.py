"""From cells to wishes: whose day says what. Pure; faults are noted with sheet and cell, none is raised alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import cached_property
from math import isfinite
from typing import Any

from calendars.roster import signs
from calendars.roster.faults import BadRoster, Fault
from calendars.roster.reading import Formula, Sheet, is_filled
from scheduler.roster.plan import DayPlan

CODE_HEADS = frozenset({"工号", "代码", "编号", "STAFFCODE", "CODE", "ID"})
NAME_HEADS = frozenset({"姓名", "名字", "人员", "NAME"})
NOTES = frozenset({"说明", "备注", "NOTES"})
"""Sheets of these names are for people to read."""
WEEKDAYS = frozenset({*"一二三四五六日天", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"})

HEADER_WITHIN = 10
"""Rows from the top among which the one with the days is looked for."""
FARTHEST = timedelta(days=400)
"""A day further from today is a slip of the pen (a year too many)."""

_DAY_TEXT = re.compile(r"(?=.*\d)[\d年月日号./\-]+(\(?(周|星期)?[一二三四五六日天]\)?)?")
_MONTH_ONLY = re.compile(r"\d{4}[年./\-]\d{1,2}月?份?|\d{1,2}月份?")
_MONTH = re.compile(r"(\d{4})[年./\-](\d{1,2})(?!\d)")
_RANGE = re.compile(r"([A-Z]+)(\d+)(?::([A-Z]+)(\d+))?")


@dataclass(frozen=True, slots=True)
class Known:
    """Whom and what the department has: (code, name_zh, name_en) of people, rooms by plain code and name."""

    people: tuple[tuple[str, str, str], ...]
    rooms: Mapping[str, str]
    today: date


def wishes_of(sheets: Iterable[Sheet], known: Known) -> dict[tuple[str, date], DayPlan]:
    """Return what every filled cell asks for, by person and day. Raises BadRoster with every fault of every sheet."""
    faults: list[Fault] = []
    names = _Names(known.people)
    wishes: dict[tuple[str, date], DayPlan] = {}
    places: dict[tuple[str, date], str] = {}
    for sheet in sheets:
        if signs.plain(sheet.name) in NOTES:
            continue
        page = _Page(sheet, known, names, faults)
        for person, day, plan, cell in page.wishes():
            place = f"{sheet.name}!{cell}"
            if places.setdefault((person, day), place) != place:
                faults.append(Fault("roster-cell-twice", sheet.name, cell, {"other": places[person, day]}))
            wishes[person, day] = plan
    if faults:
        raise BadRoster.of(sorted(faults, key=lambda fault: (fault.sheet, *_place(fault.cell))))
    return wishes


def _place(cell: str) -> tuple[int, int, str]:
    """Return a key that sorts cells by rows, then by columns."""
    found = _RANGE.fullmatch(cell)
    return (int(found[2]), len(found[1]), found[1]) if found else (0, 0, cell)


class _Names:
    """Finds people by their code or by one of their names."""

    def __init__(self, people: Iterable[tuple[str, str, str]]) -> None:
        self.codes = {signs.plain(code): code for code, _, _ in people}
        self.names: dict[str, list[str]] = {}
        self.written: dict[str, str] = {}
        for code, *names in people:
            for name in names:
                self.written[signs.plain(name)] = name
                bearers = self.names.setdefault(signs.plain(name), [])
                if code not in bearers:
                    bearers.append(code)

    def bearers(self, text: str) -> list[str]:
        """Return the codes a text may mean: a code means one, a name everybody called so."""
        plain = signs.plain(text)
        return [self.codes[plain]] if plain in self.codes else self.names.get(plain, [])

    def nearest(self, text: str) -> str:
        """Return the name or code most like a text, "–" when nothing is."""
        known = {**self.written, **self.codes}
        near = get_close_matches(signs.plain(text), known, 1)
        return known[near[0]] if near else "–"


@dataclass(slots=True)
class _Columns:
    """Which columns say who (one of code and name, or `either`), and which day each of the others is."""

    code: int | None = None
    name: int | None = None
    either: int | None = None
    first: int = 0
    """The first that heads a day, or was to."""
    days: dict[int, date | None] = field(default_factory=dict)
    """None: a column whose head has a fault; what stands below it is judged all the same."""


class _Page:
    """Reads one sheet; every reader notes what it cannot take and goes on."""

    def __init__(self, sheet: Sheet, known: Known, names: _Names, faults: list[Fault]) -> None:
        self.sheet, self.known, self.names, self.faults = sheet, known, names, faults

    def wishes(self) -> Iterator[tuple[str, date, DayPlan, str]]:
        """Yield (person, day, plan, cell)."""
        if self.header is None:
            self.fault("roster-no-dates", 0, 0)
            return
        columns = self._columns()
        self._refuse_merged(columns)
        seen: dict[str, str] = {}
        for number in range(self.header + 1, len(self.sheet.rows)):
            row = self.sheet.rows[number]
            filled = [column for column in columns.days if is_filled(row[column])]
            if not filled or _is_weekdays(row[column] for column in filled):
                continue
            person = self._person(number, columns)
            if person is None:
                self._signs(number, filled)  # noted all the same
                continue
            here = self._cell(number, 0)
            if seen.setdefault(person, here) != here:
                self.fault("roster-person-twice", number, 0, other=seen[person])
            for column, plan in self._signs(number, filled):
                day = columns.days[column]
                if day is not None:
                    yield person, day, plan, self._cell(number, column)

    def fault(self, code: str, row: int, column: int, /, **facts: Any) -> None:
        self.faults.append(Fault(code, self.sheet.name, self._cell(row, column), facts))

    def _cell(self, row: int, column: int) -> str:
        return f"{letters(column)}{row + 1}"

    # --- the days

    @cached_property
    def header(self) -> int | None:
        """The row with most days in it, None for a sheet without any."""
        counts = [sum(_is_day(cell) for cell in row[1:]) for row in self.sheet.rows[:HEADER_WITHIN]]
        most = max(counts, default=0)
        return counts.index(most) if most else None

    def _columns(self) -> _Columns:
        assert self.header is not None
        heads = self.sheet.rows[self.header]
        days = [column for column, cell in enumerate(heads) if column and _is_day(cell)]
        columns = _Columns(first=days[0])
        for column in range(days[0]):
            head = signs.plain(str(heads[column] or ""))
            if head in CODE_HEADS and columns.code is None:
                columns.code = column
            elif head in NAME_HEADS and columns.name is None:
                columns.name = column
        if columns.code is None and columns.name is None:
            columns.either = 0
        for column in range(days[0], len(heads)):
            day = self._day(column, heads[column], days[-1])
            if day is not None:
                self._take_day(columns, column, day)
            elif _is_day(heads[column]):
                columns.days[column] = None
        return columns

    def _take_day(self, columns: _Columns, column: int, day: date) -> None:
        assert self.header is not None
        columns.days[column] = None
        twin = next((other for other, known in columns.days.items() if known == day), None)
        if twin is not None:
            self.fault("roster-day-twice", self.header, column, date=day, other=self._cell(self.header, twin))
        elif abs(day - self.known.today) > FARTHEST:
            self.fault("roster-day-far", self.header, column, date=day.isoformat(), days=FARTHEST.days)
        else:
            columns.days[column] = day

    def _day(self, column: int, head: Any, last: int) -> date | None:
        """Return the day a column stands for; None where it is none, noted unless it may well be none."""
        assert self.header is not None
        if isinstance(head, datetime):
            return head.date()
        if isinstance(head, date):
            return head
        number = _number(head)
        if number is not None:
            return self._day_of_month(column, number)
        if isinstance(head, Formula):
            self.fault("roster-formula", self.header, column)
        elif isinstance(head, str) and _is_day_text(head):
            self.fault("roster-date-text", self.header, column, value=shown(head))
        elif column < last if is_filled(head) else self._is_used(column):
            self.fault("roster-not-a-date", self.header, column, value=shown(head))
        return None

    def _is_used(self, column: int) -> bool:
        assert self.header is not None
        return any(is_filled(row[column]) for row in self.sheet.rows[self.header + 1 :])

    def _day_of_month(self, column: int, number: int) -> date | None:
        assert self.header is not None
        if self.month is None:
            self.fault("roster-no-month", self.header, column, value=str(number))
            return None
        try:
            return date(*self.month, number)
        except (ValueError, OverflowError):
            month = "-".join(f"{part:02d}" for part in self.month)
            self.fault("roster-no-such-day", self.header, column, value=str(number), month=month)
            return None

    @cached_property
    def month(self) -> tuple[int, int] | None:
        """Year and month from the cells above the days, else from the sheet's name."""
        above = [cell for row in self.sheet.rows[: self.header] for cell in row if is_filled(cell)]
        for cell in (*above, self.sheet.name):
            if isinstance(cell, date):
                return cell.year, cell.month
            found = _MONTH.search(signs.plain(str(cell)))
            if found and 1 <= int(found[2]) <= 12:
                return int(found[1]), int(found[2])
        return None

    # --- the people and what their cells say

    def _person(self, number: int, columns: _Columns) -> str | None:
        row = self.sheet.rows[number]
        given = [(column, row[column]) for column in (columns.code, columns.name, columns.either) if column is not None]
        given = [(column, cell) for column, cell in given if is_filled(cell)]
        if not given:
            self.fault("roster-no-person", number, 0)
            return None
        found = [self._bearers(number, column, cell) for column, cell in given]
        if len(found) == 2 and found[0] and found[1] and not set(found[0]) & set(found[1]):
            self.fault("roster-code-and-name", number, given[0][0], number=shown(given[0][1]), name=shown(given[1][1]))
            return None
        bearers = found[0]
        if len(bearers) > 1:
            self.fault("roster-two-people", number, given[0][0], value=shown(given[0][1]), people=bearers)
        return bearers[0] if len(bearers) == 1 else None

    def _bearers(self, number: int, column: int, cell: Any) -> list[str]:
        if isinstance(cell, Formula):
            self.fault("roster-formula", number, column)
            return []
        text = str(_number(cell) if _number(cell) is not None else cell)
        found = self.names.bearers(text)
        if not found:
            self.fault("roster-unknown-person", number, column, value=shown(text), nearest=self.names.nearest(text))
        return found

    def _signs(self, number: int, filled: Iterable[int]) -> list[tuple[int, DayPlan]]:
        row, found = self.sheet.rows[number], []
        for column in filled:
            cell = row[column]
            if isinstance(cell, Formula):
                self.fault("roster-formula", number, column)
                continue
            try:
                plan = signs.meant(str(cell), self.known.rooms)
            except signs.UnknownSign:
                self.fault("roster-unknown-sign", number, column, value=shown(cell))
                continue
            if plan is not None:
                found.append((column, plan))
        return found

    def _refuse_merged(self, columns: _Columns) -> None:
        """Refuse what is merged between the row of days and the last person: nobody knows which cell is meant."""
        assert self.header is not None
        rows = self.sheet.rows
        used = (number for number, row in enumerate(rows) if any(map(is_filled, row[columns.first :])))
        last = max(used, default=self.header)
        for merged in self.sheet.merged:
            found = _RANGE.fullmatch(merged)
            first_row, last_row = (int(found[2]), int(found[4] or found[2])) if found else (1, last + 1)
            if last_row > self.header and first_row <= last + 1:
                self.faults.append(Fault("roster-merged", self.sheet.name, merged))


def letters(column: int) -> str:
    """Return a column's letters, from 0: A … Z, AA …"""
    above, rest = divmod(column, 26)
    return (letters(above - 1) if above else "") + chr(ord("A") + rest)


def shown(cell: Any) -> str:
    """Return a cell's text as a fault shows it: on one line, cut after 20 signs."""
    plain = "".join(sign if sign.isprintable() else " " for sign in str(cell if cell is not None else ""))
    text = " ".join(plain.split())
    return text if len(text) <= 20 else f"{text[:20]}…"


def _number(cell: Any) -> int | None:
    """Return a whole number; a spreadsheet keeps 7 as 7.0."""
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not isfinite(cell):
        return None
    return int(cell) if cell == int(cell) else None


def _is_day(cell: Any) -> bool:
    """Tell what heads a day: a date, a day's number, or a text that was to be one."""
    if isinstance(cell, date):
        return True
    number = _number(cell)
    return 1 <= number <= 31 if number is not None else isinstance(cell, str) and _is_day_text(cell)


def _is_day_text(text: str) -> bool:
    plain = signs.plain(text)
    return bool(_DAY_TEXT.fullmatch(plain)) and not _MONTH_ONLY.fullmatch(plain)


def _is_weekdays(cells: Iterable[Any]) -> bool:
    return all(isinstance(cell, str) and _weekday(signs.plain(cell)) in WEEKDAYS for cell in cells)


def _weekday(plain: str) -> str:
    return plain.removeprefix("星期").removeprefix("周")
