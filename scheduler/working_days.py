"""Working days in China: official days off and make-up days (调休) where the list is known, else the fixed ones.

The State Council names each year's days in the November before. Until a year's list is loaded its days are
provisional: Monday to Friday less what the law fixes (from the `holidays` library).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import CalendarDay, Department, Schedule
from scheduler.errors import Invalid

OFFICIAL, STATUTORY = "official", "statutory"
FRIDAY, SATURDAY = 4, 5

NAMES = {
    "元旦": "New Year's Day",
    "春节": "Spring Festival",
    "清明节": "Qingming Festival",
    "劳动节": "Labour Day",
    "端午节": "Dragon Boat Festival",
    "中秋节": "Mid-Autumn Festival",
    "国庆节": "National Day",
}
"""The seven statutory holidays; holiday-cn names them in Chinese only."""


@dataclass(frozen=True, slots=True, order=True)
class SpecialDay:
    """A day that is not what its weekday says. `kind` is off or work; `source` official or statutory."""

    date: date
    kind: str
    name_zh: str
    name_en: str
    source: str = OFFICIAL


@dataclass(frozen=True, slots=True)
class HolidayList:
    """The official days of one year, at most one entry a date, in order. An empty list is not out yet."""

    year: int
    days: tuple[SpecialDay, ...]


class Calendar:
    """Which days are worked. Answers for every date; `is_provisional` tells how sure it is."""

    def __init__(self, days: Iterable[SpecialDay] = ()) -> None:
        self._days = {day.date: day for day in days}
        # A neighbour's list can reach over the turn of the year (2022-12-31 is in the list of 2023), so only a
        # day between February and November says that the year's own list is loaded.
        self._official = {
            day.year for day, special in self._days.items() if special.source == OFFICIAL and 2 <= day.month <= 11
        }

    @classmethod
    def load(cls, session: Session) -> "Calendar":
        columns = CalendarDay.__table__.c
        rows = session.execute(
            select(columns.date, columns.kind, columns.name_zh, columns.name_en, columns.source).order_by(columns.date)
        )
        return cls(SpecialDay(*row) for row in rows)

    @cached_property
    def digest(self) -> str:
        """A key for caches: equal for calendars that answer alike."""
        known = json.dumps([[str(day.date), day.kind, day.source] for day in sorted(self._days.values())])
        return hashlib.sha256(known.encode()).hexdigest()

    def day(self, day: date) -> SpecialDay | None:
        """Return what is special about a date, or None for an ordinary day of the week."""
        if day in self._days or day.year in self._official:
            return self._days.get(day)
        return _statutory(day.year).get(day)

    def kind(self, day: date) -> str | None:
        """Return off, work or None for an ordinary day of the week."""
        special = self.day(day)
        return special.kind if special else None

    def is_working(self, day: date) -> bool:
        special = self.day(day)
        return special.kind == "work" if special else day.weekday() < SATURDAY

    def is_provisional(self, day: date) -> bool:
        """Tell whether the year's official list is still missing, so that the day may yet change."""
        return day.year not in self._official

    def working_days(self, first: date, last: date) -> Iterator[date]:
        """Yield the working days from `first` up to, not including, `last`."""
        day = first
        while day < last:
            if self.is_working(day):
                yield day
            day += timedelta(days=1)


@lru_cache(maxsize=64)
def _statutory(year: int) -> Mapping[date, SpecialDay]:
    import holidays  # lazy: half a second that most commands need not spend

    zh = holidays.country_holidays("CN", years=year, language="zh_CN")
    en = holidays.country_holidays("CN", years=year, language="en_US")
    return {
        day: SpecialDay(day, "off", name, en.get(day, name), STATUTORY)
        for day, name in zh.items()
        if day.year == year and not zh.is_working_day(day)
    }


@dataclass(frozen=True, slots=True)
class Hours:
    """One open span of one weekday, in minutes after local midnight."""

    weekday: int
    start_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True)
class Timetable:
    """A schedule without its rows, so that it outlives the session that read it."""

    observes_holidays: bool
    sessions: tuple[Hours, ...]


def sessions_on(schedule: Schedule | Timetable, day: date, calendar: Calendar) -> list[tuple[int, int]]:
    """Return a schedule's open minutes of one local day as half-open (start, end) pairs, in order.

    A day off closes every schedule that observes holidays; a make-up day at a weekend has Friday's sessions.
    """
    weekday = day.weekday()
    if schedule.observes_holidays:
        kind = calendar.kind(day)
        if kind == "off":
            return []
        if kind == "work" and weekday >= SATURDAY:
            weekday = FRIDAY
    return sorted((held.start_minute, held.end_minute) for held in schedule.sessions if held.weekday == weekday)


def parse_holidays(document: Any) -> HolidayList:
    """Read a year's official days: our own shape (docs/protocols.md) or holiday-cn's (`days`, `isOffDay`).

    Raises Invalid with code holiday-list-shape, holiday-list-date, holiday-list-span or holiday-list-twice.
    """
    if not isinstance(document, Mapping) or document.get("year") not in range(1949, 2200):
        raise Invalid("holiday-list-shape", key="year")
    days = list(_holiday_cn(document)) if "days" in document else list(_compact(document))
    _refuse_twice(days)
    _refuse_other_years(document["year"], days)
    return HolidayList(document["year"], tuple(sorted(days)))


def _holiday_cn(document: Mapping[str, Any]) -> Iterator[SpecialDay]:
    for entry in _entries(document, "days"):
        name, off = entry.get("name"), entry.get("isOffDay")
        if not isinstance(name, str) or not isinstance(off, bool):
            raise Invalid("holiday-list-shape", key="days")
        yield SpecialDay(_date(entry, "date"), "off" if off else "work", name, _english(name))


def _english(name: str) -> str:
    return " and ".join(NAMES.get(part, part) for part in name.split("、"))


def _compact(document: Mapping[str, Any]) -> Iterator[SpecialDay]:
    for entry in _entries(document, "off"):
        first, last = _date(entry, "first"), _date(entry, "last")
        if not 0 <= (last - first).days < 31:
            raise Invalid("holiday-list-span", first=str(first), last=str(last))
        for offset in range((last - first).days + 1):
            yield SpecialDay(first + timedelta(days=offset), "off", *_name(entry))
    for entry in _entries(document, "work"):
        yield SpecialDay(_date(entry, "date"), "work", *_name(entry))


def _entries(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise Invalid("holiday-list-shape", key=key)
    return entries


def _date(entry: Mapping[str, Any], key: str) -> date:
    try:
        return date.fromisoformat(entry[key])
    except (KeyError, TypeError, ValueError):
        raise Invalid("holiday-list-date", key=key, value=str(entry.get(key))) from None


def _name(entry: Mapping[str, Any]) -> tuple[str, str]:
    name = entry.get("name")
    if not isinstance(name, Mapping) or not all(isinstance(name.get(language), str) for language in ("zh", "en")):
        raise Invalid("holiday-list-shape", key="name")
    return name["zh"], name["en"]


def _refuse_twice(days: list[SpecialDay]) -> None:
    seen: set[date] = set()
    for day in days:
        if day.date in seen:
            raise Invalid("holiday-list-twice", date=str(day.date))
        seen.add(day.date)


def _refuse_other_years(year: int, days: list[SpecialDay]) -> None:
    for day in days:
        if abs((day.date - date(year, 7, 1)).days) > 200:  # a few days over the turn of the year are usual
            raise Invalid("holiday-list-span", first=str(day.date), last=str(day.date))


def load_holidays(session: Session, listed: HolidayList) -> int:
    """Make a year's official days those of the list and return how many there are; an empty list changes nothing.

    Days of the year that a corrected list no longer names become ordinary again.
    """
    if not listed.days:
        return 0
    session.execute(update(Department).values(revision=Department.revision + 1))
    first, last = date(listed.year, 1, 1), date(listed.year, 12, 31)
    dates = [day.date for day in listed.days]
    # The last days of December belong to the next year's list where that one named them.
    session.execute(delete(CalendarDay).where(CalendarDay.date.between(first, last - timedelta(days=7))))
    session.execute(delete(CalendarDay).where(CalendarDay.date.in_(dates)))
    session.add_all(
        CalendarDay(date=day.date, kind=day.kind, name_zh=day.name_zh, name_en=day.name_en, source=day.source)
        for day in listed.days
    )
    session.flush()
    return len(dates)


def load_holiday_cn(session: Session, document: Any) -> int:
    """Load one year in the shape of holiday-cn (a mapping or its JSON text); return the number of days.

    Raises Invalid as parse_holidays does, and holiday-list-shape for text that is not JSON.
    """
    if isinstance(document, str | bytes):
        try:
            document = json.loads(document)
        except ValueError:
            raise Invalid("holiday-list-shape", key="json") from None
    return load_holidays(session, parse_holidays(document))
