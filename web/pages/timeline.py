"""A placement as a small picture: one day by its hours, or several days with their visits and bed nights.

Only geometry leaves this file (SVG attributes, no styles), in a box 320 wide; base classes give colour and pattern.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models import from_seconds
from scheduler.engine.protocol import Protocol
from scheduler.engine.world import Placement, StepPlan
from web.i18n import clock, local

WIDTH = 320
HOURS = (8, 18)
"""The hours a day is drawn with, unless a visit lies outside them."""
LABEL = 34
"""The room a label such as 12-01 needs."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle: what it shows is its class (setup, procedure, cleanup, recovery, bed, weekend, visit)."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    soft: bool = False
    """Provisional: drawn with a dashed edge."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A label under the axis; `anchor` is SVG's text-anchor."""

    x: float
    text: str
    anchor: str = "middle"
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars over an axis of marks. `lines` are the x of thin upright lines."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    lines: tuple[float, ...]
    height: int
    width: int = WIDTH


def draw(placement: Placement, protocol: Protocol) -> Timeline:
    """Return the picture of a placement: by hours when all of it lies on one day, else by days."""
    moments = [instant for step in placement.steps for instant in _ends(step, protocol)]
    first, last = local(min(moments)).date(), local(max(moments) - 1).date()
    if first == last:
        return _by_hours(placement.steps, protocol, first)
    return _by_days(placement.steps, first, last)


def _ends(step: StepPlan, protocol: Protocol) -> list[int]:
    beds = [slot for slot in step.slots if slot.role == "bed"]
    return [step.starts, _away(step, protocol), *(slot.starts for slot in beds), *(slot.ends for slot in beds)]


def _away(step: StepPlan, protocol: Protocol) -> int:
    """Return when the patient is free again: the end of recovery."""
    return step.starts + protocol.step(step.step).patient_minutes * 60


def _by_hours(steps: Sequence[StepPlan], protocol: Protocol, day: date) -> Timeline:
    first = min([HOURS[0], *(local(step.starts).hour for step in steps)])
    last = max([HOURS[1], *(_hour_after(_away(step, protocol), day) for step in steps)])
    scale = WIDTH / ((last - first) * 60)

    def x(minute_of_day: float) -> float:
        return round((minute_of_day - first * 60) * scale, 1)

    bars: list[Bar] = []
    for step in steps:
        at = _minute(local(step.starts), day)
        for phase, minutes in protocol.step(step.step).minutes:
            thin = phase == "recovery"
            soft = protocol.step(step.step).provisional
            bars.append(Bar(phase, x(at), 10 if thin else 4, round(minutes * scale, 1), 6 if thin else 18, soft))
            at += minutes
    hours = range(first + first % 2, last + 1, 2)
    marks = tuple(Mark(x(hour * 60), f"{hour:02d}", _anchor(x(hour * 60))) for hour in hours)
    return Timeline(tuple(bars), marks, tuple(x(hour * 60) for hour in hours), height=40)


def _hour_after(instant: int, day: date) -> int:
    return min(-(-_minute(local(instant), day) // 60), 24)


def _minute(moment: datetime, day: date) -> int:
    return (moment.date() - day).days * 1440 + moment.hour * 60 + moment.minute


def _anchor(x: float) -> str:
    return "start" if x < LABEL / 2 else "end" if x > WIDTH - LABEL / 2 else "middle"


def _by_days(steps: Sequence[StepPlan], first: date, last: date) -> Timeline:
    count = (last - first).days + 1
    column = WIDTH / count
    bars = [
        Bar("weekend", round(number * column, 1), 0, round(column, 1), 30)
        for number in range(count)
        if (first + timedelta(days=number)).weekday() >= 5
    ]
    for step in steps:
        for slot in step.slots:
            if slot.role == "bed":
                left, right = _days(slot.starts, first) * column, _days(slot.ends, first) * column
                bars.append(Bar("bed", round(left, 1), 19, round(right - left, 1), 8))
    for number, step in enumerate(steps):
        middle = _days(step.starts, first) * column
        width = max((step.ends - step.starts) / 86400 * column, 7)
        bars.append(
            Bar("visit", round(min(max(middle - width / 2, 0), WIDTH - width), 1), 3, round(width, 1), 14, number > 0)
        )
    lines = tuple(round(number * column, 1) for number in range(1, count)) if count <= 31 else ()
    return Timeline(tuple(bars), _day_marks(steps, first, last, column), lines, height=46)


def _day_marks(steps: Sequence[StepPlan], first: date, last: date, column: float) -> tuple[Mark, ...]:
    """Label the days of visits, then the two ends where there is still room."""
    visits = [local(step.starts) for step in steps]
    wanted = [(visit.date(), f"{visit:%m-%d} {clock(visit)}", True) for visit in visits]
    wanted += [(first, f"{first:%m-%d}", False), (last, f"{last:%m-%d}", False)]
    marks: list[Mark] = []
    taken: list[tuple[float, float]] = []
    for day, text, strong in wanted:
        width = len(text) * 5.6
        left = min(max(((day - first).days + 0.5) * column - width / 2, 0), WIDTH - width)
        if all(left + width + 6 <= low or left >= high + 6 for low, high in taken):
            taken.append((left, left + width))
            marks.append(Mark(round(left, 1), text, "start", strong))
    return tuple(marks)


def _days(instant: int, first: date) -> float:
    """Return local days since midnight of the first day, with its fraction."""
    moment = local(from_seconds(instant))
    return (moment.date() - first).days + (moment.hour * 60 + moment.minute) / 1440
