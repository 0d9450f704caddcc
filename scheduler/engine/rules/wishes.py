"""Wishes: a required resource fills its role; a preferred one comes first where there is a choice."""

from collections.abc import Iterator

from scheduler.engine.protocol import Need
from scheduler.engine.rules.privilege import lowest_level
from scheduler.engine.rules.reading import Reading
from scheduler.engine.world import Resource, Violation


def order(need: Need, preferred: str | None, resource: Resource) -> tuple[bool, int, int, int, str]:
    """Return a sort key: the preferred, then the least general (so that the general stay free), then by code."""
    return (
        resource.code != preferred,
        len(resource.attributes),
        lowest_level(need, resource),
        len(resource.licences),
        resource.code,
    )


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield require-not-met for roles that the required resource does not fill."""
    for step, plan in reading.steps:
        roles = [need.role for need in step.needs] + (["bed"] if step.stay else [])
        for role in roles:
            required = reading.problem.required(step.code, role)
            if required and all(slot.resource != required for slot in plan.slots if slot.role == role):
                facts = {"step": step.code, "role": role, "resource": required}
                yield Violation("require-not-met", facts)
