"""Hours: a step whose protocol says so lies, from set-up to clean-up, within these hours of one local day."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from scheduler.engine import bitmap
from scheduler.engine.grid import CELL_SECONDS, Grid, at_minute, local_date
from scheduler.engine.protocol import Hours, Step
from scheduler.engine.rules.reading import MINUTE, Reading
from scheduler.engine.world import Problem, Violation


def mask(problem: Problem, step: Step) -> int:
    """Return the starts that a step's hours allow; -1, which is every cell, where it has none."""
    return -1 if step.hours is None else _starts(problem.world.grid, step.hours, step.span_minutes)


@lru_cache(maxsize=256)
def _starts(grid: Grid, hours: Hours, minutes: int) -> int:
    cells = -(-minutes * MINUTE // CELL_SECONDS)
    spans = (_on(day, hours, grid.zone) for day in grid.days())
    return bitmap.filled(grid.cells, [(grid.ceil(first), grid.floor(last) - cells + 1) for first, last in spans])


def _on(day: date, hours: Hours, zone: str) -> tuple[int, int]:
    return at_minute(day, hours.first, zone), at_minute(day, hours.last, zone)


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield outside-hours with the step's span and the hours on the clock (from, to)."""
    zone = reading.problem.world.grid.zone
    for step, plan in reading.steps:
        if step.hours is None:
            continue
        first, last = _on(local_date(plan.starts, zone), step.hours, zone)
        if plan.starts < first or plan.ends > last:
            facts = {"step": step.code, "starts": plan.starts, "ends": plan.ends}
            yield Violation("outside-hours", {**facts, "from": clock(step.hours.first), "to": clock(step.hours.last)})


def clock(minute: int) -> str:
    """Write a minute of the day as on the clock."""
    return f"{minute // 60:02}:{minute % 60:02}"
