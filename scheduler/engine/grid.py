"""The only place where clock time becomes a cell number, and where a local day gets its two ends."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scheduler.engine import bitmap

CELL_SECONDS = 300
"""The grid: 5 minutes (DESIGN §3)."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open [starts, ends) in epoch seconds; an empty or reversed one cannot be built."""

    starts: int
    ends: int

    def __post_init__(self) -> None:
        if self.starts >= self.ends:
            raise ValueError(f"a span must end after it starts: {self.starts}..{self.ends}")

    def overlaps(self, other: "Span") -> bool:
        return self.starts < other.ends and other.starts < self.ends

    def contains(self, other: "Span") -> bool:
        return self.starts <= other.starts and other.ends <= self.ends


@lru_cache(maxsize=4096)
def day_start(day: date, zone: str) -> int:
    """Return the epoch second at which a local day begins. A day ends where the next one starts, never 23:59.

    Where midnight itself is skipped by a clock change the day begins at the first instant after the gap.
    """
    midnight = datetime.combine(day, time(), ZoneInfo(zone))
    return int(midnight.astimezone(UTC).timestamp())


def local_date(instant: int, zone: str) -> date:
    """Return the local calendar day an instant falls on."""
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).date()


def at_minute(day: date, minute: int, zone: str) -> int:
    """Return the instant of a wall-clock minute of a local day (0 = midnight; 1440 = the next midnight)."""
    if minute >= 24 * 60:
        return at_minute(day + timedelta(days=1), minute - 24 * 60, zone)
    wall = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(zone))
    return int(wall.astimezone(UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of 5 minutes over whole local days from `first` up to, not including, `last`.

    Bit i of every mask is the cell that begins at `origin + 300 i`. Days of a zone with summer time have
    276 or 300 cells; nothing here assumes 288.
    """

    first: date
    last: date
    zone: str

    def __post_init__(self) -> None:
        if self.first >= self.last:
            raise ValueError(f"a grid needs at least one day: {self.first}..{self.last}")

    @property
    def origin(self) -> int:
        return day_start(self.first, self.zone)

    @property
    def end(self) -> int:
        return day_start(self.last, self.zone)

    @property
    def cells(self) -> int:
        return (self.end - self.origin) // CELL_SECONDS

    def instant(self, cell: int) -> int:
        """Return the instant at which a cell begins."""
        return self.origin + cell * CELL_SECONDS

    def floor(self, instant: int) -> int:
        """Return the cell an instant lies in (may be outside the grid)."""
        return (instant - self.origin) // CELL_SECONDS

    def ceil(self, instant: int) -> int:
        """Return the first cell that begins at or after an instant (may be outside the grid)."""
        return -((self.origin - instant) // CELL_SECONDS)

    def days(self) -> Iterator[date]:
        day = self.first
        while day < self.last:
            yield day
            day += timedelta(days=1)

    def day_of(self, cell: int) -> int:
        """Return the number of the grid's day a cell lies in; the number of days when it lies at or past the end."""
        return bisect_right(day_edges(self), cell) - 1

    def busy_bits(self, starts: int, ends: int) -> int:
        """Return the cells a busy span touches: rounded outward, clipped to the grid."""
        return bitmap.cells(self.floor(starts), min(self.ceil(ends), self.cells))

    def free_bits(self, starts: int, ends: int) -> int:
        """Return the cells that lie wholly in an open span: rounded inward, clipped to the grid."""
        return bitmap.cells(self.ceil(starts), min(self.floor(ends), self.cells))

    def busy_mask(self, spans: Iterable[tuple[int, int]]) -> int:
        """Return the cells that any of the (starts, ends) touches, as `busy_bits`, many at once."""
        origin = self.origin
        touched = [((a - origin) // CELL_SECONDS, -((origin - b) // CELL_SECONDS)) for a, b in spans]
        return bitmap.filled(self.cells, touched)

    def free_mask(self, spans: Iterable[tuple[int, int]]) -> int:
        """Return the cells that lie wholly in one of the (starts, ends), as `free_bits`, many at once."""
        origin = self.origin
        whole = [(-((origin - a) // CELL_SECONDS), (b - origin) // CELL_SECONDS) for a, b in spans]
        return bitmap.filled(self.cells, whole)


@lru_cache(maxsize=64)
def day_edges(grid: Grid) -> tuple[int, ...]:
    """Return the cell at which each day begins, and the end of the last: one more than there are days."""
    edges = [grid.floor(day_start(day, grid.zone)) for day in grid.days()]
    return (*edges, grid.cells)
