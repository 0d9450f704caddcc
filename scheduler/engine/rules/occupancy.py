"""Occupancy: nobody and nothing is in two places: not where a booking holds it, nor on leave, closed or repaired."""

from collections.abc import Iterator, Set

from scheduler.engine.rules.reading import Reading, broken, real_span
from scheduler.engine.world import Busy, Violation, World

CLOSURES = ("leave", "closure", "maintenance")


def reason(busy: Busy) -> str:
    """Return why a span is taken: leave, closure, maintenance, or `occupied` by another appointment."""
    return busy.kind if busy.kind in CLOSURES else "occupied"


def reasons(world: World, code: str) -> frozenset[str]:
    """Return all the reasons for which a resource is ever taken."""
    return frozenset(
        "occupied" if kind not in CLOSURES else kind for kind in {b.kind for b in world.busy.get(code, ())}
    )


def mask(world: World, code: str, ignored: Set[str] = frozenset()) -> int:
    """Return the cells at which a resource is taken, for other reasons than the ignored ones."""
    spans = [busy for busy in world.busy.get(code, ()) if not ignored or reason(busy) not in ignored]
    return world.grid.busy_mask([(busy.starts, busy.ends) for busy in spans])


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
