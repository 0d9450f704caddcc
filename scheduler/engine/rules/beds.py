"""Beds: the stay of a step holds one bed from the admission hour before it to the discharge hour after it."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from scheduler.engine import bitmap
from scheduler.engine.grid import Grid, at_minute, day_edges, local_date
from scheduler.engine.protocol import Stay
from scheduler.engine.rules.reading import Reading, broken
from scheduler.engine.world import Violation, WardHours


def span(stay: Stay, day: date, ward: WardHours, zone: str) -> tuple[int, int]:
    """Return the instants at which the bed of a step on a local day is taken and left."""
    taken = at_minute(day - timedelta(days=stay.nights_before), ward.admit_minute, zone)
    return taken, at_minute(day + timedelta(days=stay.nights), ward.discharge_minute, zone)


@lru_cache(maxsize=256)
def _by_length(grid: Grid, ward: WardHours, stay: Stay) -> tuple[tuple[int, int, int, int], ...]:
    """Return (cells of the stay, cells from admission back to the day's start, cells of the day, admissions).

    Days of one kind share a row, so that all of them are tried at once; only clock changes make other kinds.
    Stays that reach outside the grid are left out: nothing is known there.
    """
    rows: dict[tuple[int, int, int], int] = defaultdict(int)
    edges = day_edges(grid)
    for number, day in enumerate(grid.days()):
        taken, left = (grid.floor(instant) for instant in span(stay, day, ward, grid.zone))
        if taken >= 0 and left <= grid.cells:
            rows[left - taken, taken - edges[number], edges[number + 1] - edges[number]] |= 1 << taken
    return tuple((*row, admissions) for row, admissions in rows.items())


def starts(free: int, grid: Grid, ward: WardHours, stay: Stay) -> int:
    """Return the cells at which a step could start as far as one bed is concerned, from that bed's free cells."""
    found = 0
    for length, back, day_cells, admissions in _by_length(grid, ward, stay):
        nights = bitmap.runs(free, length) & admissions
        found |= bitmap.spread(bitmap.earlier(nights, back), day_cells)
    return found


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield no-bed and bed-span-wrong for steps with a stay."""
    world = reading.problem.world
    for step, plan in reading.steps:
        if step.stay is None:
            continue
        expected = span(step.stay, local_date(plan.starts, world.grid.zone), world.ward, world.grid.zone)
        slots = [slot for slot in plan.slots if slot.role == "bed"]
        if not slots:
            yield Violation("no-bed", {"step": step.code, "starts": expected[0], "ends": expected[1]})
        for slot in slots:
            if (slot.starts, slot.ends) != expected:
                facts = {"expected_starts": expected[0], "expected_ends": expected[1]}
                yield broken("bed-span-wrong", step, slot, **facts)
