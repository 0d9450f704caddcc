"""Lags: a later step starts neither too soon nor too late after the one before it, and never before its end."""

from collections.abc import Iterator
from itertools import pairwise

from scheduler.engine import bitmap
from scheduler.engine.grid import CELL_SECONDS, Grid, day_edges, local_date
from scheduler.engine.protocol import Lag, Step
from scheduler.engine.rules.reading import MINUTE, Reading
from scheduler.engine.world import Violation

_CELL_MINUTES = CELL_SECONDS // MINUTE


def soonest(lag: Lag, first: Step, then: Step) -> int:
    """Return the least cells from start to start that order and the patient's own recovery leave, without bounds."""
    return max(first.patient_minutes, lag.leaves(first) - lag.enters(then)) // _CELL_MINUTES


def window(grid: Grid, lag: Lag, first: Step, then: Step, start: int) -> tuple[int, int]:
    """Return the cells [lo, hi) at which the next step may start when the first starts at a cell."""
    lo, hi = start + soonest(lag, first, then), grid.cells
    if lag.in_days:
        days = _days_after(grid, lag, first, then, start, lag.min_days or 0, lag.max_days)
        return max(lo, days[0]), min(hi, days[1])
    between = lag.leaves(first) - lag.enters(then)
    lo = max(lo, start - (-(between + (lag.min_minutes or 0)) // _CELL_MINUTES))
    if lag.max_minutes is not None:
        hi = min(hi, start + (between + lag.max_minutes) // _CELL_MINUTES + 1)
    return lo, hi


def target(grid: Grid, lag: Lag, first: Step, then: Step, start: int) -> tuple[int, int] | None:
    """Return the cells of the next step's preferred days, or None when the lag prefers none."""
    if lag.target_days is None:
        return None
    return _days_after(grid, lag, first, then, start, *lag.target_days)


def _days_after(
    grid: Grid, lag: Lag, first: Step, then: Step, start: int, least: int, most: int | None
) -> tuple[int, int]:
    edges = day_edges(grid)
    day = grid.day_of(start + lag.leaves(first) // _CELL_MINUTES)
    enters = lag.enters(then) // _CELL_MINUTES
    lo = edges[min(day + least, len(edges) - 1)]
    hi = edges[-1] if most is None else edges[min(day + most + 1, len(edges) - 1)]
    return lo - enters, hi - enters


def sweep(grid: Grid, lag: Lag, first: Step, then: Step, starts: int) -> int:
    """Return the starts of the first step after which at least one of the next step's starts is within the lag."""
    if lag.in_days:
        return _sweep_days(grid, lag, first, then, starts)
    lo, hi = window(grid, lag, first, then, 0)
    if lag.max_minutes is None:
        return bitmap.cells(0, starts.bit_length() - lo)
    return bitmap.reach(starts >> lo, hi - lo)


def _sweep_days(grid: Grid, lag: Lag, first: Step, then: Step, starts: int) -> int:
    """Go day by day: from all starts whose end lies on a day the same days are reached, so only the last counts."""
    edges, found = day_edges(grid), 0
    leaves, least = lag.leaves(first) // _CELL_MINUTES, soonest(lag, first, then)
    for begins, ends in pairwise(edges):
        begins, ends = begins - leaves, ends - leaves
        lo, hi = _days_after(grid, lag, first, then, begins, lag.min_days or 0, lag.max_days)
        lo = max(lo, 0)
        last = lo + ((starts >> lo) & bitmap.cells(0, hi - lo)).bit_length() - 1
        if last >= lo:
            found |= bitmap.cells(begins, min(ends, last - least + 1))
    return found


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield lag-too-short and lag-too-long with the gap, the bound and its unit (minutes or days)."""
    for lag in reading.problem.protocol.lags:
        if lag.first in reading.plans and lag.then in reading.plans:
            yield from _judged(reading, lag)


def _judged(reading: Reading, lag: Lag) -> Iterator[Violation]:
    protocol, zone = reading.problem.protocol, reading.problem.world.grid.zone
    ended = reading.plans[lag.first].starts + lag.leaves(protocol.step(lag.first)) * MINUTE
    begins = reading.plans[lag.then].starts + lag.enters(protocol.step(lag.then)) * MINUTE
    seconds = begins - ended
    facts = {"step": lag.then, "after": lag.first, "ends": ended, "starts": begins}
    if lag.in_days:
        unit, least, most = "days", lag.min_days or 0, lag.max_days
        gap = (local_date(begins, zone) - local_date(ended, zone)).days
    else:
        unit, least, most = "minutes", lag.min_minutes or 0, lag.max_minutes
        gap = seconds // MINUTE
    if seconds < 0 or gap < least:
        yield Violation("lag-too-short", {**facts, "gap": gap, "bound": least, "unit": unit})
    elif most is not None and (gap > most or (unit == "minutes" and seconds > most * MINUTE)):
        yield Violation("lag-too-long", {**facts, "gap": gap, "bound": most, "unit": unit})
