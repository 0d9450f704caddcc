"""Figures of a period from its days' facts: the value, its trend, its spread and what weekdays have to do with it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from scheduler.indicators.facts import DayFacts, Ratio, on_time
from scheduler.indicators.periods import Period

GRACE_MINUTES = 30
"""How late a first case may be and still be on time: the default of Chinese hospital systems (CLINICAL O20)."""

Measure = Callable[[Sequence[DayFacts]], Ratio]


@dataclass(frozen=True, slots=True)
class Kind:
    """One figure: what it counts, in which unit (percent, days, a-day) and where it should be."""

    code: str
    unit: str
    target: float | None = None
    """In the figure's own unit; the source stands in its definition."""
    low_is_good: bool = False


FIGURES = {
    kind.code: kind
    for kind in (
        Kind("occupancy", "percent"),
        Kind("theatre", "percent", target=85),
        Kind("capped", "percent", target=85),
        Kind("first-case", "percent"),
        Kind("cancelled", "percent", low_is_good=True),
        Kind("no-show", "percent", low_is_good=True),
        Kind("waiting", "days", target=14, low_is_good=True),
        Kind("exams", "a-day"),
        Kind("lodgers", "a-day"),
    )
}

WAITING_CLASS = "4a"
"""The urgency whose median wait is the big figure: elective, cancer."""
TARGET_DAYS = {"4a": 14, "4b": 90}
"""Days from request to procedure that each class should not exceed (est, CLINICAL §11)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One part of a trend; `low` and `high` are the least and greatest of its days, for parts of several days."""

    part: Period
    ratio: Ratio
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over a period, beside the period before."""

    kind: Kind
    ratio: Ratio
    value: float | None
    before: float | None
    points: tuple[Point, ...]
    weekdays: tuple[float | None, ...]
    """Monday to Sunday."""
    classes: Mapping[str, "Waits"]
    """Only for waiting: by urgency."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Days waited in one urgency class."""

    count: int
    median: float
    p90: float
    over: int | None
    """How many waited longer than the class's target; None where it has none."""


def figure(
    code: str, period: Period, days: Iterable[DayFacts], before: Iterable[DayFacts], *, grace: int = GRACE_MINUTES
) -> Figure:
    """Return one figure of FIGURES over a period; `days` and `before` are its days' facts and those before it."""
    kind, facts = FIGURES[code], list(days)
    by_day = {each.day: each for each in facts}

    def value(chosen: Sequence[DayFacts]) -> float | None:
        return _value(kind, chosen, grace)

    def point(part: Period) -> Point:
        chosen = [by_day[day] for day in part.days if day in by_day]
        singly = [each for each in (value([day]) for day in chosen) if each is not None] if len(chosen) > 1 else []
        return Point(
            part,
            _ratio(code, chosen, grace),
            value(chosen),
            min(singly, default=None),
            max(singly, default=None),
        )

    return Figure(
        kind,
        _ratio(code, facts, grace),
        value(facts),
        value(list(before)),
        tuple(point(part) for part in period.parts()),
        tuple(value([each for each in facts if each.day.weekday() == weekday]) for weekday in range(7)),
        waiting_classes(facts) if code == "waiting" else {},
    )


def _value(kind: Kind, facts: Sequence[DayFacts], grace: int) -> float | None:
    if kind.code == "waiting":
        return quantile(sorted(_all_waits(facts).get(WAITING_CLASS, ())), 0.5)
    value = _ratio(kind.code, facts, grace).value
    return value * 100 if value is not None and kind.unit == "percent" else value


_MEASURES: dict[str, Callable[[DayFacts, int], Ratio]] = {
    "occupancy": lambda day, _: day.beds,
    "theatre": lambda day, _: day.touch,
    "capped": lambda day, _: day.capped,
    "first-case": lambda day, grace: on_time(day.late, grace),
    "cancelled": lambda day, _: day.cancelled,
    "no-show": lambda day, _: day.missed,
    "waiting": lambda day, _: Ratio(0, len(day.waits.get(WAITING_CLASS, ()))),
    "exams": lambda day, _: Ratio(day.exams, int(day.working)),
    "lodgers": lambda day, _: Ratio(day.lodgers, int(day.beds.den > 0)),
}
"""By figure, what one day (and the minutes of grace) adds to it."""


def _ratio(code: str, facts: Sequence[DayFacts], grace: int) -> Ratio:
    measured = [_MEASURES[code](day, grace) for day in facts]
    return Ratio(sum(each.num for each in measured), sum(each.den for each in measured))


def waiting_classes(facts: Iterable[DayFacts]) -> dict[str, Waits]:
    """Return how long each urgency class waited, in the order of urgency."""
    found = {}
    for urgency, days in sorted(_all_waits(facts).items()):
        ordered, target = sorted(days), TARGET_DAYS.get(urgency)
        over = sum(each > target for each in ordered) if target is not None else None
        found[urgency] = Waits(len(ordered), quantile(ordered, 0.5) or 0, quantile(ordered, 0.9) or 0, over)
    return found


def _all_waits(facts: Iterable[DayFacts]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for day in facts:
        for urgency, days in day.waits.items():
            found.setdefault(urgency, []).extend(days)
    return found


def quantile(ordered: Sequence[int], share: float) -> float | None:
    """Return the value that `share` of an ordered list does not exceed, between neighbours; None of an empty one."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (place - low)


def days_of(period: Period, facts: Mapping[date, DayFacts]) -> list[DayFacts]:
    """Return the facts of a period's days, in order, those that are there."""
    return [facts[day] for day in period.days if day in facts]
