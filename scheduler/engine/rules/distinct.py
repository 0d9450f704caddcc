"""Distinct: one resource never fills two needs of a step, nor two steps at once; nor is the patient in two steps."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations
from operator import and_, or_

from scheduler.engine import bitmap
from scheduler.engine.grid import Span
from scheduler.engine.rules.reading import Reading, patient_span, real_span
from scheduler.engine.world import Violation


@dataclass(frozen=True, eq=False)
class Ask:
    """`count` different resources for one role of a step.

    `starts` gives each resource that may fill it, the most wanted first, with the cells at which the step could
    start as far as this resource is concerned. `rank` 0 is required, 1 preferred, 2 any. `shared` tells that
    another step of the pathway might want the same resource at the same time.
    """

    role: str
    count: int
    starts: dict[str, int]
    rank: int = 2
    shared: bool = False

    @cached_property
    def feasible(self) -> int:
        """The starts at which enough resources could fill this ask alone."""
        return bitmap.threshold(self.starts.values(), self.count)


def enough_in(group: Sequence[Ask]) -> int:
    """Return the starts at which every ask of a connected group can be filled, no resource twice.

    Exact by Hall's theorem: it can be done if and only if, for every set of asks, those asked for together
    are no more than the resources that could fill at least one of the set.
    """
    sets = (chosen for size in range(1, len(group) + 1) for chosen in combinations(group, size))
    return reduce(and_, map(_enough, sets))


def connected(asks: Iterable[Ask]) -> list[list[Ask]]:
    """Return the asks in groups that share no resource. A resource has one kind, so the groups stay small."""
    groups: list[list[Ask]] = []
    for ask in asks:
        touching = [group for group in groups if any(not ask.starts.keys().isdisjoint(other.starts) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([other for group in touching for other in group] + [ask])
    return groups


def _enough(asks: Sequence[Ask]) -> int:
    if len(asks) == 1:
        return asks[0].feasible
    codes = {code for ask in asks for code in ask.starts}
    at_any = (reduce(or_, (ask.starts.get(code, 0) for ask in asks)) for code in codes)
    return bitmap.threshold(at_any, sum(ask.count for ask in asks))


def assign(wanted: Sequence[Sequence[str]]) -> list[str] | None:
    """Return one different resource for each list of wanted ones, most wanted first; None when there is no way.

    The earlier a list stands the more its order counts: the result is the first in lexicographic order.
    """
    chosen: list[str] = []
    for place, codes in enumerate(wanted):
        rest = wanted[place + 1 :]
        best = next((code for code in codes if code not in chosen and _matchable(rest, {*chosen, code})), None)
        if best is None:
            return None
        chosen.append(best)
    return chosen


def _matchable(wanted: Sequence[Sequence[str]], taken: set[str]) -> bool:
    """Return whether each list can still have a resource of its own (Kuhn's augmenting paths)."""
    holder: dict[str, int] = {}

    def place(number: int, tried: set[str]) -> bool:
        for code in wanted[number]:
            if code in taken or code in tried:
                continue
            tried.add(code)
            if code not in holder or place(holder[code], tried):
                holder[code] = number
                return True
        return False

    return all(place(number, set()) for number in range(len(wanted)))


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield role-taken-twice within a step and self-overlap between two steps of the placement."""
    for step, plan in reading.steps:
        for one, other in combinations(plan.slots, 2):
            if one.resource == other.resource:
                facts = {"step": step.code, "resource": one.resource, "role": one.role, "other_role": other.role}
                yield Violation("role-taken-twice", facts)
    for (first, plan), (then, later) in combinations(reading.steps, 2):
        for one in plan.slots:
            for other in later.slots:
                if one.resource == other.resource and _overlap(real_span(one), real_span(other)):
                    yield _self_overlap(first.code, then.code, one.role, one.resource)
        if reading.problem.patient is None and _overlap(
            Span(*patient_span(first, plan.starts)), Span(*patient_span(then, later.starts))
        ):
            yield _self_overlap(first.code, then.code, "patient", None)


def _overlap(one: Span | None, other: Span | None) -> bool:
    return one is not None and other is not None and one.overlaps(other)


def _self_overlap(step: str, other: str, role: str, resource: str | None) -> Violation:
    return Violation("self-overlap", {"step": step, "other_step": other, "role": role, "resource": resource})
