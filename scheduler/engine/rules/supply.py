"""Supply: what was ordered for a step's day keeps for so long; a step moved beyond that has nothing to use."""

from collections.abc import Iterator
from datetime import timedelta

from scheduler.engine import bitmap
from scheduler.engine.grid import day_start, local_date
from scheduler.engine.protocol import Step
from scheduler.engine.rules.reading import Reading
from scheduler.engine.world import Problem, Violation


def mask(problem: Problem, step: Step) -> int:
    """Return the starts until the last day of what was ordered; -1, which is every cell, where nothing was."""
    last, grid = problem.terms.use_by.get(step.code), problem.world.grid
    if last is None or last >= grid.last:
        return -1
    return bitmap.cells(0, grid.floor(day_start(last + timedelta(days=1), grid.zone)))


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield supply-past-use-by with the last day of what was ordered."""
    terms, zone = reading.problem.terms, reading.problem.world.grid.zone
    for step, plan in reading.steps:
        last = terms.use_by.get(step.code)
        if last is not None and local_date(plan.starts, zone) > last:
            facts = {"step": step.code, "starts": plan.starts, "use_by": last.isoformat()}
            yield Violation("supply-past-use-by", facts)
