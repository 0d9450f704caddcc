"""The half days of a roster: a local day is cut at noon, so that leave of a half leaves no gap and no overlap."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from scheduler.engine.grid import Span, at_minute, day_start

AM, PM = "am", "pm"
HALVES = (AM, PM)

NOON_MINUTE = 12 * 60
"""Morning sessions end at 12:00 (CLINICAL §11); what runs through lunch touches both halves."""


@dataclass(frozen=True, slots=True, order=True)
class HalfDay:
    """One half (am or pm) of one local day; they sort by time."""

    date: date
    half: str

    def span(self, zone: str) -> Span:
        """Return it in epoch seconds: midnight to noon, or noon to the next midnight."""
        noon = at_minute(self.date, NOON_MINUTE, zone)
        if self.half == AM:
            return Span(day_start(self.date, zone), noon)
        return Span(noon, day_start(self.date + timedelta(days=1), zone))


def halves_of(first: date, last: date) -> Iterator[HalfDay]:
    """Yield every half day from a local day to another, both included."""
    for number in range((last - first).days + 1):
        for half in HALVES:
            yield HalfDay(first + timedelta(days=number), half)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that touch or overlap made one."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.starts <= found[-1].ends:
            found[-1] = Span(found[-1].starts, max(found[-1].ends, span.ends))
        else:
            found.append(span)
    return found


def clipped(spans: Iterable[Span], window: Span) -> tuple[Span, ...]:
    """Return what lies of each span within a window."""
    return tuple(
        Span(max(span.starts, window.starts), min(span.ends, window.ends)) for span in spans if span.overlaps(window)
    )


def seconds(spans: Iterable[Span]) -> int:
    return sum(span.ends - span.starts for span in spans)
