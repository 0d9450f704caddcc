"""Eligibility: a need is filled by a resource of its kind, with every attribute, among the codes it names."""

from collections.abc import Iterator

from scheduler.engine.protocol import Need, Stay
from scheduler.engine.rules.reading import Reading, broken, need_of
from scheduler.engine.world import Resource, Violation, World


def candidates(need: Need, world: World) -> list[Resource]:
    """Return the resources that could fill a need, whether free and licensed or not."""
    return [
        resource
        for resource in world.resources.values()
        if resource.kind == need.kind
        and need.attributes <= resource.attributes
        and (not need.codes or resource.code in need.codes)
    ]


def as_need(stay: Stay) -> Need:
    """Return the need for a bed that a stay is."""
    return Need(role="bed", kind="bed", phases=(), attributes=stay.attributes)


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield unknown-resource, wrong-kind, lacks-attribute (which), not-eligible (codes) and wrong-patient."""
    for step, slot in reading.slots():
        if slot.role == "patient":
            if slot.resource != reading.problem.patient:
                yield broken("wrong-patient", step, slot)
            continue
        resource = reading.problem.world.resources.get(slot.resource)
        if resource is None:
            yield broken("unknown-resource", step, slot)
            continue
        need = as_need(step.stay) if slot.role == "bed" and step.stay else need_of(step, slot.role)
        if need is None:
            continue
        if resource.kind != need.kind:
            yield broken("wrong-kind", step, slot, kind=resource.kind, needed=need.kind)
        if lacking := need.attributes - resource.attributes:
            yield broken("lacks-attribute", step, slot, attributes=sorted(lacking))
        if need.codes and resource.code not in need.codes:
            yield broken("not-eligible", step, slot, codes=sorted(need.codes))
