"""From rows to cases: times in the log's zone, booked spans, derived rooms. Pure; a row that is no case is named."""

import heapq
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from calendars.caselog.mapping import Mapping
from calendars.caselog.reading import Formula, Line
from models import MILESTONES
from scheduler.errors import DomainError, Invalid

LONGEST_MINUTES = 24 * 60
"""A booking of more than a day is a slip of the pen: 75,090 minutes stood in a real log."""

UNKNOWN_BIRTH = date(1900, 1, 1)
"""A placeholder that looks like one."""

OLDEST = 125
LONGEST_REF = 100


@dataclass(frozen=True, slots=True)
class Patient:
    """A stand-in for the person: no log gives a name."""

    record_number: str
    name: str
    sex: str
    birth_date: date


@dataclass(frozen=True, slots=True)
class Case:
    """One row as it was planned and as it happened. `starts`..`ends` is the booked span, in whole minutes."""

    row: int
    ref: str
    """The case's own number in the log."""
    room: str | None
    """A resource's code; None when no room was left over."""
    starts: datetime
    ends: datetime
    happened: dict[str, datetime]
    patient: Patient
    procedure: tuple[str, str]
    """Code and name as they stand in the log; blank where it has none."""
    note: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is no case, and why. `case` is its number where that could be read."""

    row: int
    case: str | None
    refusal: DomainError


@dataclass(frozen=True, slots=True)
class Log:
    """A file as read: its cases by booked start, and the rows that are none."""

    rows: int
    cases: tuple[Case, ...]
    refused: tuple[Refused, ...]


def cases_of(lines: Iterable[Line], mapping: Mapping) -> Log:
    """Read every row as a case, in the order of booked starts (then rows), and give each its room.

    Codes of refused rows: case-row-shape, case-cell-empty, case-cell-formula, case-bad-date, case-no-such-time,
    case-bad-minutes, case-bad-duration, case-order, case-unknown-room, case-bad-sex, case-bad-age,
    case-bad-reference, case-duplicate.
    """
    cases: list[Case] = []
    refused: list[Refused] = []
    rows = 0
    for line in lines:
        rows += 1
        row = _Row(line, mapping)
        try:
            cases.append(row.case())
        except DomainError as refusal:
            refused.append(Refused(line.number, row.reference(), refusal))
    unique, twice = _without_duplicates(cases)
    ordered = sorted(unique, key=lambda case: (case.starts, case.row))
    if mapping.derived.get("room") == "colouring":
        ordered = coloured(ordered, mapping.rooms.codes)
    return Log(rows, tuple(ordered), tuple(sorted(refused + twice, key=lambda each: each.row)))


def _without_duplicates(cases: list[Case]) -> tuple[list[Case], list[Refused]]:
    first: dict[str, Case] = {}
    twice = []
    for case in cases:
        held = first.setdefault(case.ref, case)
        if held is not case:
            twice.append(Refused(case.row, case.ref, Invalid("case-duplicate", case=case.ref, row=held.row)))
    return list(first.values()), twice


def coloured(cases: Iterable[Case], rooms: tuple[str, ...]) -> list[Case]:
    """Give each case, in order of start, the first room that is free by then; None where all are taken.

    Greedy by start uses no more rooms than run at once, so None means that the rooms truly do not suffice.
    """
    free = list(range(len(rooms)))
    running: list[tuple[datetime, int]] = []
    found = []
    for case in cases:
        while running and running[0][0] <= case.starts:
            heapq.heappush(free, heapq.heappop(running)[1])
        place = heapq.heappop(free) if free else None
        if place is not None:
            heapq.heappush(running, (case.ends, place))
        found.append(replace(case, room=None if place is None else rooms[place]))
    return found


class _Row:
    """Reads one row by the mapping; every reader raises the refusal that names its column."""

    def __init__(self, line: Line, mapping: Mapping) -> None:
        self.line, self.mapping = line, mapping
        self.zone = ZoneInfo(mapping.zone)

    def reference(self) -> str | None:
        """Return the case's number if it can be read, for the report."""
        try:
            return self._reference()
        except DomainError:
            return None

    def case(self) -> Case:
        if self.line.width is not None:
            raise Invalid("case-row-shape", cells=self.line.width, columns=len(self.line.cells))
        ref = self._reference()
        self._judge_order()
        happened = {kind: at for kind in MILESTONES if (at := self._instant(kind)) is not None}
        starts = self._minute("scheduled", happened)
        return Case(
            row=self.line.number,
            ref=ref,
            room=self._room(),
            starts=starts,
            ends=self._ends(starts, happened),
            happened=happened,
            patient=self._patient(ref, starts),
            procedure=self._procedure(),
            note=self._text("note") or None,
        )

    # --- cells

    def _cells(self, field: str) -> list[Any]:
        return [self._cell(column) for column in self.mapping.columns.get(field, ())]

    def _cell(self, column: str) -> Any:
        cell = self.line.cells.get(column)
        if isinstance(cell, Formula):
            raise Invalid("case-cell-formula", column=column)
        return cell

    def _column(self, field: str) -> str:
        return " + ".join(self.mapping.columns[field])

    def _text(self, field: str) -> str:
        """Return a field's text on one line, "" when it is blank."""
        return _one_line(" ".join(_written(cell) for cell in self._cells(field) if cell is not None))

    def _needed(self, field: str) -> str:
        found = self._text(field)
        if not found:
            raise Invalid("case-cell-empty", column=self._column(field))
        return found

    def _reference(self) -> str:
        found = str(self.line.number) if "case" in self.mapping.derived else self._needed("case")
        if len(found) > LONGEST_REF:
            raise Invalid("case-bad-reference", column=self._column("case"), longest=LONGEST_REF)
        return found

    # --- times

    def _instant(self, field: str) -> datetime | None:
        if field not in self.mapping.columns:
            return None
        return self._read_instant(self._cells(field), self._column(field))

    def _read_instant(self, cells: list[Any], column: str) -> datetime | None:
        """Return when that is, in UTC; None for a blank. The log's clock is shifted before its zone is applied."""
        cells = [cell for cell in cells if cell is not None and cell != ""]
        if not cells:
            return None
        local = _local(cells, self.mapping.dates)
        if local is None:
            raise Invalid("case-bad-date", column=column, value=_shown(cells))
        try:
            return self._zoned(local + timedelta(weeks=self.mapping.shift_weeks), column)
        except OverflowError:
            raise Invalid("case-bad-date", column=column, value=_shown(cells)) from None

    def _zoned(self, local: datetime, column: str) -> datetime:
        """Of the hour that comes twice the first is meant; the hour that a clock skips does not exist."""
        if not 1900 <= local.year <= 2199:
            raise Invalid("case-bad-date", column=column, value=str(local))
        instant = local.replace(tzinfo=self.zone).astimezone(UTC)
        if instant.astimezone(self.zone).replace(tzinfo=None) != local:
            raise Invalid("case-no-such-time", column=column, value=str(local), zone=self.mapping.zone)
        return instant

    def _minute(self, field: str, happened: dict[str, datetime]) -> datetime:
        """Return a booked instant in whole minutes: seconds are nobody's plan."""
        origin = self.mapping.derived.get(field, field)
        found = happened.get(origin) if field in self.mapping.derived else self._instant(field)
        if found is None:
            raise Invalid("case-cell-empty", column=self._column(origin))
        return found.replace(second=0, microsecond=0)

    def _ends(self, starts: datetime, happened: dict[str, datetime]) -> datetime:
        if "minutes" in self.mapping.columns:
            minutes = self._minutes()
        else:
            minutes = int((self._minute("ends", happened) - starts).total_seconds()) // 60
        if not 0 < minutes <= LONGEST_MINUTES:
            raise Invalid("case-bad-duration", minutes=minutes, longest=LONGEST_MINUTES)
        return starts + timedelta(minutes=minutes)

    def _minutes(self) -> int:
        text = self._needed("minutes")
        try:
            number = float(text)
            if number != int(number):
                raise ValueError
        except (ValueError, OverflowError):
            raise Invalid("case-bad-minutes", column=self._column("minutes"), value=text[:40]) from None
        return int(number)

    def _judge_order(self) -> None:
        """Refuse times that run backwards: first in the columns the mapping lists, then in the milestones."""
        listed = [(column, self._read_instant([self._cell(column)], column)) for column in self.mapping.order]
        marks = [(self._column(kind), self._instant(kind)) for kind in MILESTONES if kind in self.mapping.columns]
        for times in (listed, marks):
            known = [(column, at) for column, at in times if at is not None]
            for (column, at), (other, other_at) in pairwise(known):
                if at > other_at:
                    facts = {"at": at.astimezone(self.zone), "other_at": other_at.astimezone(self.zone)}
                    raise Invalid("case-order", column=column, other_column=other, **facts)

    # --- who, where, what

    def _room(self) -> str | None:
        if "room" in self.mapping.derived:
            return None
        value = self._needed("room")
        room = self.mapping.rooms.rooms.get(value)
        if room is None:
            raise Invalid("case-unknown-room", column=self._column("room"), value=value[:40])
        return room.code

    def _patient(self, ref: str, starts: datetime) -> Patient:
        named = (self._needed("patient") if "patient" in self.mapping.columns else ref)[:LONGEST_REF]
        return Patient(
            record_number=self.mapping.record.replace("{case}", named),
            name=self.mapping.name.replace("{case}", named),
            sex=self._sex(),
            birth_date=self._birth_date(starts),
        )

    def _sex(self) -> str:
        said = self._text("sex")
        if not said:
            return "unknown"
        found = self.mapping.sexes.get(said, said.lower())
        if found not in ("female", "male", "other", "unknown"):
            raise Invalid("case-bad-sex", column=self._column("sex"), value=said[:40])
        return found

    def _birth_date(self, starts: datetime) -> date:
        if "birth_date" in self.mapping.columns:
            cells = [cell for cell in self._cells("birth_date") if cell is not None and cell != ""]
            born = _local(cells, self.mapping.dates) if cells else None
            if cells and born is None:
                raise Invalid("case-bad-date", column=self._column("birth_date"), value=_shown(cells))
            return born.date() if born else UNKNOWN_BIRTH
        age = self._text("age")
        if not age:
            return UNKNOWN_BIRTH
        try:
            years = int(float(age))
        except (ValueError, OverflowError):
            years = -1
        if not 0 <= years <= OLDEST:
            raise Invalid("case-bad-age", column=self._column("age"), value=age[:40])
        return date(starts.year - years, 1, 1)

    def _procedure(self) -> tuple[str, str]:
        asked = self.mapping.procedure
        cells = (self._cell(column) if column else None for column in (asked.code, asked.name))
        code, name = ("" if cell is None else _one_line(_written(cell))[:100] for cell in cells)
        return code, name


def _one_line(text: str) -> str:
    """Return a text without control characters, blanks made single."""
    plain = "".join(" " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in text)
    return " ".join(unicodedata.normalize("NFC", plain).split())


def _written(cell: Any) -> str:
    """Return a cell as a person reads it: a spreadsheet keeps 10001 as 10001.0."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _shown(cells: list[Any]) -> str:
    return " ".join(_written(cell) for cell in cells)[:60]


def _local(cells: list[Any], formats: tuple[str, ...]) -> datetime | None:
    """Return the local time that one or two cells (date and time) mean; None when they mean none."""
    first, *rest = cells
    if isinstance(first, datetime | date) and len(rest) <= 1 and all(isinstance(cell, time) for cell in rest):
        whole = first if isinstance(first, datetime) else datetime.combine(first, time())
        if whole.tzinfo is not None:
            return None
        whole = datetime.combine(whole.date(), rest[0]) if rest else whole
        # A spreadsheet counts days in floating point: 09:00 can stand there as 08:59:59.999999.
        return (whole + timedelta(milliseconds=500)).replace(microsecond=0)
    text = " ".join(str(cell) for cell in cells)
    for each in formats:
        try:
            return datetime.strptime(text, each)  # noqa: DTZ007 - the mapping's zone is applied after the shift
        except ValueError:
            continue
    return None
