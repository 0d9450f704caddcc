"""A placement as the rules read it: each step of the protocol beside the plan for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scheduler.engine.grid import Span
from scheduler.engine.protocol import Need, Step
from scheduler.engine.world import Placement, Problem, SlotPlan, StepPlan, Violation

MINUTE = 60


@dataclass(frozen=True)
class Reading:
    """A problem and the placement that is judged against it. A step planned twice is judged once, the first time."""

    problem: Problem
    placement: Placement

    @cached_property
    def steps(self) -> tuple[tuple[Step, StepPlan], ...]:
        """The steps that are in both the protocol and the placement, in the protocol's order."""
        plans = {plan.step: plan for plan in reversed(self.placement.steps)}
        return tuple((step, plans[step.code]) for step in self.problem.protocol.steps if step.code in plans)

    @cached_property
    def plans(self) -> dict[str, StepPlan]:
        return {step.code: plan for step, plan in self.steps}

    def slots(self) -> Iterator[tuple[Step, SlotPlan]]:
        for step, plan in self.steps:
            for slot in plan.slots:
                yield step, slot


def need_of(step: Step, role: str) -> Need | None:
    return next((need for need in step.needs if need.role == role), None)


def need_span(step: Step, need: Need, starts: int) -> tuple[int, int]:
    """Return the instants a need occupies in a step that starts at an instant."""
    offset, minutes = step.taken(need)
    begins = starts + offset * MINUTE
    return begins, begins + minutes * MINUTE


def patient_span(step: Step, starts: int) -> tuple[int, int]:
    return starts, starts + step.patient_minutes * MINUTE


def real_span(slot: SlotPlan) -> Span | None:
    """Return a slot's span; None for an empty or reversed one, which the shape rule reports."""
    return Span(slot.starts, slot.ends) if slot.starts < slot.ends else None


def broken(code: str, step: Step, slot: SlotPlan, **facts: Any) -> Violation:
    """Return a violation about one slot: step, role, resource, starts, ends and what the rule adds."""
    return Violation(
        code,
        {
            "step": step.code,
            "role": slot.role,
            "resource": slot.resource,
            "starts": slot.starts,
            "ends": slot.ends,
            **facts,
        },
    )
