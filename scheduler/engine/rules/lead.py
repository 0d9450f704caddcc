"""Lead: the first step, and one for which something is ordered, come so many local days after the booking is made."""

from collections.abc import Iterator
from datetime import date, timedelta

from scheduler.engine import bitmap
from scheduler.engine.grid import day_start, local_date
from scheduler.engine.protocol import URGENT, Step
from scheduler.engine.rules.reading import Reading
from scheduler.engine.world import Problem, Violation


def days(problem: Problem, step: Step) -> int:
    """Return how many days a step comes after the booking at least.

    Urgency sets a lead aside, but never where something must be ordered: it cannot be there sooner.
    """
    protocol, found = problem.protocol, 0
    if step.code == protocol.steps[0].code and (problem.terms.urgency not in URGENT or protocol.supply is not None):
        found = protocol.lead_days
    if protocol.supply is not None and protocol.supply.step == step.code:
        found = max(found, protocol.supply.order_days)
    return found


def first_day(problem: Problem, step: Step) -> date | None:
    """Return the first local day a step may have; None where it may have any, or nobody knows when it was booked."""
    wait = days(problem, step)
    return problem.terms.booked_on + timedelta(days=wait) if wait and problem.terms.booked_on else None


def mask(problem: Problem, step: Step) -> int:
    """Return the starts from the first day on; -1, which is every cell, where a step need not wait."""
    first, grid = first_day(problem, step), problem.world.grid
    if first is None or first <= grid.first:
        return -1
    return bitmap.cells(grid.floor(day_start(min(first, grid.last), grid.zone)), grid.cells)


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield lead-too-short with the days, the day it was booked and the first day it may have."""
    problem = reading.problem
    for step, plan in reading.steps:
        first = first_day(problem, step)
        if first is not None and local_date(plan.starts, problem.world.grid.zone) < first:
            facts = {"step": step.code, "starts": plan.starts, "days": days(problem, step)}
            booked = (first - timedelta(days=days(problem, step))).isoformat()
            yield Violation("lead-too-short", {**facts, "booked_on": booked, "first_day": first.isoformat()})
