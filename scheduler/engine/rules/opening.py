"""Opening: a slot lies within the hours its resource is open. Beds and patients are always open."""

from collections.abc import Iterable, Iterator

from scheduler.engine.grid import Span
from scheduler.engine.rules.reading import Reading, broken, real_span
from scheduler.engine.world import Violation, World

ALWAYS_OPEN = ("bed", "patient")


def always_open(world: World, code: str) -> bool:
    resource = world.resources.get(code)
    return resource is not None and resource.kind in ALWAYS_OPEN


def mask(world: World, code: str) -> int:
    """Return the open cells of a resource over the grid."""
    if always_open(world, code):
        return (1 << world.grid.cells) - 1
    return world.grid.free_mask((span.starts, span.ends) for span in _joined(world.opening.get(code, ())))


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans with touching ones made one: a slot may run across the seam."""
    current: Span | None = None
    for span in sorted(spans):
        if current is None or span.starts > current.ends:
            if current is not None:
                yield current
            current = span
        else:
            current = Span(current.starts, max(current.ends, span.ends))
    if current is not None:
        yield current


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield outside-opening for slots not wholly within one open span."""
    world = reading.problem.world
    for step, slot in reading.slots():
        span = real_span(slot)
        if span is None or slot.role == "patient" or slot.resource not in world.resources:
            continue
        if always_open(world, slot.resource):
            continue
        if not any(open_.contains(span) for open_ in _joined(world.opening.get(slot.resource, ()))):
            yield broken("outside-opening", step, slot)
