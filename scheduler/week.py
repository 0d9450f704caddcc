"""A week of rooms by hours: how much of what is open is planned, in minutes, for the overview that shows it as heat."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from sqlalchemy import BigInteger, select, type_coerce
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Resource, Slot, Step, from_seconds
from scheduler import availability
from scheduler.department_file import IMPORTED
from scheduler.engine.grid import Span, day_start
from scheduler.taken import LONGEST_STEP
from scheduler.working_days import Calendar, SpecialDay

DAYS = 7
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Cell:
    """Minutes that are open and minutes that are planned to be used; use outside opening counts as used."""

    used: int = 0
    open: int = 0

    def __add__(self, other: "Cell") -> "Cell":
        return Cell(self.used + other.used, self.open + other.open)

    @property
    def share(self) -> int | None:
        """Used of open in whole percent, rounded down; None where nothing is open."""
        return self.used * 100 // self.open if self.open else None


@dataclass(frozen=True, slots=True)
class Row:
    """One room, or the sum of a group: `days` holds for each day the cells of its hours."""

    code: str
    name_zh: str
    name_en: str
    days: tuple[tuple[Cell, ...], ...]

    def day(self, number: int) -> Cell:
        return total(self.days[number])

    @property
    def week(self) -> Cell:
        return total(cell for hours in self.days for cell in hours)


@dataclass(frozen=True, slots=True)
class Group:
    """Rooms of one name (`Puncture room 01`, `02` …) and their sum; its code is for addresses."""

    sum: Row
    rooms: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the week: the first hour shown and how many; `special` names a holiday or a make-up day."""

    date: date
    first_hour: int
    hours: int
    special: SpecialDay | None


@dataclass(frozen=True, slots=True)
class Week:
    days: tuple[Day, ...]
    groups: tuple[Group, ...]
    sum: Row


def week(session: Session, monday: date, *, now: datetime) -> Week:
    """Return the seven days from `monday`, in the same few queries whatever the number of rooms and bookings.

    `now` tells which holds have lapsed. Hours are those between the first and last that any room is open or used on
    that day; a day on which nothing is open or used has none.
    """
    chosen = availability.settings(session)
    calendar = availability.facts(session, chosen.revision).calendar
    origins = [day_start(monday + timedelta(days=number), chosen.zone) for number in range(DAYS + 1)]
    starts, ends = from_seconds(origins[0]), from_seconds(origins[-1])
    rooms = _rooms(session)
    opening = availability.opening_spans(session, [room.code for room in rooms], starts, ends)
    used = _used(session, starts, ends, now)
    whole = [
        Row(room.code, room.name_zh, room.name_en, hours_of(opening.get(room.code, ()), used.get(room.id, ()), origins))
        for room in rooms
    ]
    kept = [row for row, room in zip(whole, rooms, strict=True) if row.week.used or IMPORTED not in room.attributes]
    days = tuple(_day(monday + timedelta(days=number), number, kept, calendar) for number in range(DAYS))
    cut = [_cut(row, days) for row in kept]
    return Week(days, tuple(_groups(cut)), _sum("", "", "", cut, days))


@dataclass(frozen=True, slots=True)
class _Room:
    id: int
    code: str
    name_zh: str
    name_en: str
    attributes: list[str]


def _rooms(session: Session) -> list[_Room]:
    query = (
        select(Resource.id, Resource.code, Resource.name_zh, Resource.name_en, Resource.attributes)
        .where(Resource.active, Resource.kind == "room")
        .order_by(Resource.ordinal, Resource.code)
    )
    return [_Room(*row) for row in session.execute(query)]


def _used(session: Session, first: datetime, last: datetime, now: datetime) -> dict[int, list[Span]]:
    """Return the planned spans of rooms by resource id, as integers: a week has thousands."""
    begins, finishes = type_coerce(Slot.starts, BigInteger), type_coerce(Slot.ends, BigInteger)
    query = (
        select(Slot.resource_id, begins, finishes)
        .join(Resource, Resource.id == Slot.resource_id)
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(Resource.kind == "room", Slot.status.in_(ACTIVE_STATUSES), availability.counts(now))
        .where(Slot.starts < last, Slot.ends > first, Slot.starts > first - LONGEST_STEP)
    )
    found: dict[int, list[Span]] = {}
    for room, starts, ends in session.execute(query):
        found.setdefault(room, []).append(Span(starts, ends))
    return found


def hours_of(opening: Iterable[Span], used: Iterable[Span], origins: Sequence[int]) -> tuple[tuple[Cell, ...], ...]:
    """Return for each day its hours' cells; `origins` are the starts of the days and the end of the last one.

    Minutes are whole and rounded down in each hour.
    """
    opened, taken = _spread(opening, origins), _spread(used, origins)
    return tuple(
        tuple(Cell(used // 60, open_ // 60) for used, open_ in zip(taken_day, open_day, strict=True))
        for taken_day, open_day in zip(taken, opened, strict=True)
    )


def _spread(spans: Iterable[Span], origins: Sequence[int]) -> list[list[int]]:
    """Return the seconds that spans cover of each hour of each day."""
    found = [[0] * -(-(end - start) // HOUR) for start, end in pairwise(origins)]
    for span in spans:
        for day, (start, end) in enumerate(pairwise(origins)):
            at, last = max(span.starts, start) - start, min(span.ends, end) - start
            while at < last:
                until = min((at // HOUR + 1) * HOUR, last)
                found[day][at // HOUR] += until - at
                at = until
    return found


def _day(day: date, number: int, rows: Iterable[Row], calendar: Calendar) -> Day:
    lively = {hour for row in rows for hour, cell in enumerate(row.days[number]) if cell.used or _says_hours(row, cell)}
    first = min(lively, default=0)
    return Day(day, first, max(lively, default=-1) + 1 - first if lively else 0, calendar.day(day))


def _says_hours(row: Row, cell: Cell) -> bool:
    """A room that is open round the clock (imported ones are) says nothing about a day's hours."""
    return cell.open > 0 and not all(each.open for hours in row.days for each in hours)


def _cut(row: Row, days: Sequence[Day]) -> Row:
    hours = tuple(cells[day.first_hour : day.first_hour + day.hours] for cells, day in zip(row.days, days, strict=True))
    return Row(row.code, row.name_zh, row.name_en, hours)


def _groups(rows: Iterable[Row]) -> Iterator[Group]:
    by_name: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_name.setdefault((unnumbered(row.name_zh), unnumbered(row.name_en)), []).append(row)
    for (zh, en), members in by_name.items():
        yield Group(_sum(slug(en), zh, en, members), tuple(members))


def _sum(code: str, zh: str, en: str, rows: Sequence[Row], days: Sequence[Day] = ()) -> Row:
    if not rows:
        return Row(code, zh, en, tuple((Cell(),) * day.hours for day in days))
    columns = zip(*(row.days for row in rows), strict=True)
    return Row(code, zh, en, tuple(tuple(map(total, zip(*day, strict=True))) for day in columns))


def total(cells: Iterable[Cell]) -> Cell:
    """Return the sum of cells."""
    return sum(cells, Cell())


def unnumbered(name: str) -> str:
    """Return a room's name without its number: what rooms of one kind are called."""
    return re.sub(r"\s*\d+\s*", " ", name).strip().replace(" （", "（")


def slug(name: str) -> str:
    """Return a name as an address carries it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
