"""Window: the pathway starts between earliest and latest, and lies within the days that the world knows."""

from collections.abc import Iterator

from scheduler.engine import bitmap
from scheduler.engine.rules.reading import Reading, broken
from scheduler.engine.world import Problem, Violation


def mask(problem: Problem) -> int:
    """Return the grid starts in [earliest, latest]: earliest rounded up, latest down."""
    grid = problem.world.grid
    return bitmap.cells(grid.ceil(problem.earliest), min(grid.floor(problem.latest) + 1, grid.cells))


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield outside-window for the first step and outside-horizon for slots on days the world does not know."""
    problem = reading.problem
    first = reading.plans.get(problem.protocol.steps[0].code)
    if first is not None and not problem.earliest <= first.starts <= problem.latest:
        facts = {"step": first.step, "starts": first.starts, "earliest": problem.earliest, "latest": problem.latest}
        yield Violation("outside-window", facts)
    grid = problem.world.grid
    for step, slot in reading.slots():
        if slot.starts < grid.origin or slot.ends > grid.end:
            yield broken("outside-horizon", step, slot, first=grid.origin, last=grid.end)
