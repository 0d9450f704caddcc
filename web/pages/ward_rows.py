"""The ward as it is drawn: each bed with the one thing it waits for, today's moves, and bars over 28 nights.

Pure: a census, stays and the present in, frozen rows out. Positions are in pixels of an SVG row, DAY wide a day.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.patients.flags import Flag
from scheduler.ward import BedState, Census, Expected, Lying, OccupancyDay, Stay

DAY = 44
"""Pixels of one day."""
NIGHTS_BACK, NIGHTS_AHEAD = 14, 14

Label = Callable[[str], str]
"""Writes a patient's name as far as the reader may see it."""


@dataclass(frozen=True, slots=True)
class Card:
    """One bed. `waits`: overdue, leaves, arrives, expected, closed, stays, free."""

    bed: BedState
    waits: str
    next: Expected | None
    """Whom the bed is planned for next, whoever lies there now left out."""

    @property
    def lying(self) -> Lying | None:
        return self.bed.lying


@dataclass(frozen=True, slots=True)
class Arrival:
    """A planned stay that should begin today, or should have begun and has not."""

    expected: Expected
    bed: BedState
    free: bool
    """Whether its bed can be taken now."""
    late: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a bed's row. Kinds: actual, open, estimate, overdue, planned, provisional."""

    kind: str
    x: float
    width: float
    label: str
    starts: datetime
    ends: datetime
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    bed: BedState
    bars: tuple[Bar, ...]


def cards(census: Census, zone: ZoneInfo) -> tuple[Card, ...]:
    lying = {bed.lying.patient for bed in census.beds if bed.lying}
    return tuple(_card(bed, census.at, zone, lying) for bed in census.beds)


def _card(bed: BedState, now: datetime, zone: ZoneInfo, lying: set[str]) -> Card:
    following = [each for each in bed.expected if each.patient not in lying]
    coming = following[0] if following else None
    return Card(bed, _waits(bed, coming, now, zone), coming)


def _waits(bed: BedState, coming: Expected | None, now: datetime, zone: ZoneInfo) -> str:
    today = now.astimezone(zone).date()
    if bed.lying is not None:
        if bed.lying.expected_end <= now:
            return "overdue"
        return "leaves" if bed.lying.expected_end.astimezone(zone).date() == today else "stays"
    if bed.closed_until is not None:
        return "closed"
    if coming is not None and coming.starts.astimezone(zone).date() <= today:
        return "arrives"
    return "expected" if coming is not None else "free"


def arrivals(census: Census, zone: ZoneInfo) -> tuple[Arrival, ...]:
    """Return who should come today and who should have come already, by time."""
    today = census.at.astimezone(zone).date()
    lying = {bed.lying.patient for bed in census.beds if bed.lying}
    found = [
        Arrival(each, bed, bed.lying is None and bed.closed_until is None, each.starts <= census.at)
        for bed in census.beds
        for each in bed.expected
        if each.patient not in lying and each.starts.astimezone(zone).date() <= today
    ]
    return tuple(sorted(found, key=lambda each: each.expected.starts))


def departures(census: Census, zone: ZoneInfo) -> tuple[BedState, ...]:
    """Return the beds whose patient should leave today or should have left."""
    today = census.at.astimezone(zone).date()
    due = [bed for bed in census.beds if bed.lying and bed.lying.expected_end.astimezone(zone).date() <= today]
    return tuple(sorted(due, key=lambda bed: bed.lying.expected_end if bed.lying else census.at))


def bays(cards: Iterable[Card]) -> list[tuple[str, list[Card]]]:
    """Return the cards by bay, in the department's order; single rooms of one bed each come together, last."""
    found: dict[str, list[Card]] = {}
    for card in cards:
        found.setdefault(card.bed.bay or "", []).append(card)
    shared = [(bay, beds) for bay, beds in found.items() if len(beds) > 1]
    single = [card for beds in found.values() if len(beds) == 1 for card in beds]
    return shared + ([("", single)] if single else [])


class Axis:
    """28 days around today, in pixels from the first local midnight."""

    def __init__(self, today: date, zone: ZoneInfo) -> None:
        self.days = tuple(today + timedelta(days=offset) for offset in range(-NIGHTS_BACK, NIGHTS_AHEAD))
        self.zone = zone
        self.starts = datetime.combine(self.days[0], datetime.min.time(), zone)
        self.ends = datetime.combine(self.days[-1] + timedelta(days=1), datetime.min.time(), zone)
        self.width = DAY * len(self.days)

    def x(self, instant: datetime) -> float:
        """Return the pixel of an instant, kept inside the picture."""
        share = (instant - self.starts) / (self.ends - self.starts)
        return round(min(max(share, 0), 1) * self.width, 1)


def rows(census: Census, stays: Iterable[Stay], axis: Axis, label: Label) -> tuple[Row, ...]:
    """Return each bed's bars: what was, what is and how long it may be, what is planned."""
    by_bed: dict[str, list[Stay]] = {}
    for stay in stays:
        by_bed.setdefault(stay.bed, []).append(stay)
    lying = {bed.lying.patient for bed in census.beds if bed.lying}
    return tuple(
        Row(bed, (*_lived(by_bed.get(bed.code, ()), census.at, axis, label), *_planned(bed, lying, axis, label)))
        for bed in census.beds
    )


def _lived(stays: Sequence[Stay], now: datetime, axis: Axis, label: Label) -> list[Bar]:
    found = []
    for stay in stays:
        if stay.ends is not None:
            found.append(_bar("actual", stay.starts, stay.ends, stay.name, axis, label, stay.flags))
            continue
        overdue = stay.expected_end <= now
        found.append(_bar("overdue" if overdue else "open", stay.starts, now, stay.name, axis, label, stay.flags))
        if not overdue:
            found.append(_bar("estimate", now, stay.expected_end, "", axis, label))
    return found


def _planned(bed: BedState, lying: set[str], axis: Axis, label: Label) -> list[Bar]:
    return [
        _bar(
            "provisional" if each.provisional else "planned", each.starts, each.ends, each.name, axis, label, each.flags
        )
        for each in bed.expected
        if each.patient not in lying and each.starts < axis.ends
    ]


def _bar(
    kind: str, starts: datetime, ends: datetime, name: str, axis: Axis, label: Label, flags: tuple[Flag, ...] = ()
) -> Bar:
    x = axis.x(starts)
    return Bar(kind, x, max(axis.x(ends) - x, 2), label(name) if name else "", starts, ends, flags)


@dataclass(frozen=True, slots=True)
class Column:
    """One day of the occupancy picture: `beds` at its midnight (lived where known, else planned)."""

    day: OccupancyDay
    x: int
    beds: int
    lived: bool
    height: float
    over: bool


HEIGHT = 96
"""Pixels of the occupancy picture; its top is 20 % above the open beds."""


def columns(days: Sequence[OccupancyDay], beds: int) -> tuple[tuple[Column, ...], float]:
    """Return the columns and the height of the line of all beds."""
    top = max([beds, *(max(day.occupied_midnight or 0, day.planned) for day in days)]) * 1.15 or 1
    found = []
    for number, day in enumerate(days):
        lived = day.occupied_midnight is not None
        count = day.occupied_midnight if day.occupied_midnight is not None else day.planned
        found.append(
            Column(day, number * DAY, count, lived, round(count / top * HEIGHT, 1), over=count > day.open_beds)
        )
    return tuple(found), round(HEIGHT - beds / top * HEIGHT, 1)
