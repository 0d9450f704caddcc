"""Occupancy: nobody and nothing is in two places: not where a booking holds it, nor on leave, closed or repaired."""

from collections.abc import Iterator, Mapping

from scheduler.engine.rules.reading import Reading, broken, real_span
from scheduler.engine.world import Busy, Violation, World

CLOSURES = ("leave", "closure", "maintenance")


def reason(busy: Busy) -> str:
    """Return why a span is taken: leave, closure, maintenance, or `occupied` by another appointment."""
    return busy.kind if busy.kind in CLOSURES else "occupied"


def mask(world: World, code: str) -> int:
    """Return the cells at which a resource is taken."""
    return world.grid.busy_mask([(busy.starts, busy.ends) for busy in world.busy.get(code, ())])


def by_reason(world: World, code: str) -> Mapping[str, int]:
    """Return for each reason for which a resource is ever taken the cells it is taken for it, kept with the world."""
    found = world.taken.setdefault(code, {})
    if not found and world.busy.get(code):
        spans: dict[str, list[tuple[int, int]]] = {}
        for busy in world.busy[code]:
            spans.setdefault(reason(busy), []).append((busy.starts, busy.ends))
        # All at once: another thread that reads the same entry sees none of it or the whole.
        found.update({each: world.grid.busy_mask(own) for each, own in spans.items()})
    return found


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield, for each span in the way, in-closure (kind), occupied or patient-elsewhere (until, holder)."""
    for step, slot in reading.slots():
        span = real_span(slot)
        for busy in reading.problem.world.busy.get(slot.resource, ()):
            if span is None or busy.starts >= span.ends or busy.ends <= span.starts:
                continue
            facts = {"since": busy.starts, "until": busy.ends, "kind": busy.kind}
            if slot.role == "patient":
                yield broken("patient-elsewhere", step, slot, **facts, holder=busy.holder)
            elif busy.kind in CLOSURES:
                yield broken("in-closure", step, slot, **facts)
            else:
                yield broken("occupied", step, slot, **facts, holder=busy.holder, status=busy.status)
