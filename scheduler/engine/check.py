"""Judges a placement: every rule it breaks, on exact seconds. Knows nothing of how proposals are found."""

from collections.abc import Callable, Iterator

from scheduler.engine.rules import (
    beds,
    distinct,
    eligibility,
    lags,
    occupancy,
    opening,
    privilege,
    shape,
    window,
    wishes,
)
from scheduler.engine.rules.reading import Reading
from scheduler.engine.world import Placement, Problem, Violation

RULES: tuple[Callable[[Reading], Iterator[Violation]], ...] = (
    shape.violations,
    window.violations,
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
    reading = Reading(problem, placement)
    return [violation for rule in RULES for violation in rule(reading)]
