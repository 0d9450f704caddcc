"""Judges a placement: every rule it breaks, on exact seconds. Knows nothing of how proposals are found."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from scheduler.engine.rules import (
    beds,
    distinct,
    eligibility,
    hours,
    lags,
    lead,
    occupancy,
    opening,
    patient_sex,
    privilege,
    shape,
    supply,
    window,
    wishes,
)
from scheduler.engine.rules.reading import MINUTE, Reading
from scheduler.engine.world import Placement, Problem, Violation

RULES: tuple[Callable[[Reading], Iterator[Violation]], ...] = (
    shape.violations,
    window.violations,
    patient_sex.violations,
    hours.violations,
    lead.violations,
    supply.violations,
    eligibility.violations,
    privilege.violations,
    opening.violations,
    occupancy.violations,
    distinct.violations,
    beds.violations,
    lags.violations,
    wishes.violations,
)
"""In the order in which violations are told: what it is, when, who, and how it hangs together."""


def check(problem: Problem, placement: Placement) -> list[Violation]:
    """Return every violation of a placement; an empty list means that it fits.

    Starts need not lie on the grid. A rule that cannot be judged because another one is broken (the licence of an
    unknown resource) stays silent.
    """
    reading = Reading(_as_long_as_placed(problem, placement), placement)
    return [violation for rule in RULES for violation in rule(reading)]


def _as_long_as_placed(problem: Problem, placement: Placement) -> Problem:
    """Return the problem with every open length as the placement has it, so that each rule judges that one."""
    steps = problem.protocol.steps
    if not any(step.open_length for step in steps):
        return problem
    spans = {plan.step: (plan.ends - plan.starts) // MINUTE for plan in placement.steps}
    placed = tuple(step.lasting(spans.get(step.code, step.span_minutes)) for step in steps)
    return replace(problem, protocol=replace(problem.protocol, steps=placed))
