"""The free time of every resource as masks, and what each need of a step asks of them; each worked out once."""

from collections.abc import Iterable, Iterator, Set
from typing import Any

from scheduler.engine import bitmap
from scheduler.engine.grid import CELL_SECONDS
from scheduler.engine.protocol import Need, Step
from scheduler.engine.rules import (
    beds,
    eligibility,
    hours,
    lead,
    occupancy,
    opening,
    patient_sex,
    privilege,
    supply,
    wishes,
)
from scheduler.engine.rules.distinct import Ask, connected, enough_in
from scheduler.engine.world import Problem, Resource

CELL_MINUTES = CELL_SECONDS // 60

CONDITIONS = {"patient-sex": patient_sex.mask, "hours": hours.mask, "lead": lead.mask, "supply": supply.mask}
"""What a step as a whole may have to keep to, whoever fills its roles; by the code of the blocker it is."""

NOTHING: frozenset[str] = frozenset()
DROPPED = "dropped"
"""The relaxation under which a role need not be filled at all. The others are the codes of blockers."""


class Board:
    """One problem's masks. `relaxed` is what explain sets aside for a role: codes of blockers, or DROPPED."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.world, self.grid = problem, problem.world, problem.world.grid
        self.shared_kinds = frozenset(_shared_kinds(problem.protocol.steps))
        self._cache: dict[Any, Any] = {}

    def free(self, code: str, relaxed: Set[str] = NOTHING) -> int:
        """Return the cells at which a resource is open and not taken. What the world lacked is left in it."""
        if relaxed:
            relaxed = relaxed & (occupancy.by_reason(self.world, code).keys() | {"closed"})
        if relaxed:
            return self.cached(("free", code, relaxed), self._without, code, relaxed)
        ready = self.world.masks.get(code)
        if ready is None:
            ready = self.world.masks[code] = self._without(code, NOTHING)
        return ready

    def _without(self, code: str, relaxed: Set[str]) -> int:
        free = (1 << self.grid.cells) - 1 if "closed" in relaxed else self._opened(code)
        for reason, cells in occupancy.by_reason(self.world, code).items():
            if reason not in relaxed:
                free &= ~cells
        return free

    def _opened(self, code: str) -> int:
        """Return the open cells; resources that share a schedule share its spans and therefore the work."""
        if opening.always_open(self.world, code):
            return (1 << self.grid.cells) - 1
        key = ("opened", id(self.world.opening.get(code)))
        return self.cached(key, opening.mask, self.world, code)

    def patient(self, step: Step, relaxed: Set[str] = NOTHING) -> int:
        """Return the starts at which the patient is free for the whole step, recovery included."""
        return self.cached(("patient", step.code, relaxed), self._patient, step, relaxed)

    def _patient(self, step: Step, relaxed: Set[str]) -> int:
        free, code = (1 << self.grid.cells) - 1, self.problem.patient
        if code is not None and not relaxed:
            free &= ~occupancy.mask(self.world, code)
        return bitmap.runs(free, step.patient_minutes // CELL_MINUTES)

    def conditions(self, step: Step) -> dict[str, int]:
        """Return the conditions a step must keep to, each with the starts it allows."""
        return self.cached(("conditions", step.code), self._conditions, step)

    def _conditions(self, step: Step) -> dict[str, int]:
        masks = {code: mask(self.problem, step) for code, mask in CONDITIONS.items()}
        return {code: starts for code, starts in masks.items() if starts != -1}

    def asks(self, step: Step, role: str, relaxed: Set[str] = NOTHING) -> tuple[Ask, ...]:
        """Return what one role of a step asks for: two asks where one of several resources is required."""
        return self.cached(("asks", step.code, role, relaxed), self._asks, step, role, relaxed)

    def _asks(self, step: Step, role: str, relaxed: Set[str]) -> tuple[Ask, ...]:
        if DROPPED in relaxed:
            return ()
        need, preferred = self.need(step, role), self.problem.preferred(step.code, role)
        required = None if "required-resource" in relaxed else self.problem.required(step.code, role)
        able = sorted(self.candidates(need), key=lambda resource: wishes.order(need, preferred, resource))
        starts = {resource.code: self._starts(step, need, resource, relaxed) for resource in able}
        rank = 1 if preferred in starts else 2
        shared = need.kind in self.shared_kinds
        if required is None:
            return (Ask(role, need.count, starts, rank, shared),)
        fixed = Ask(role, 1, {required: starts.pop(required, 0)}, 0, shared)
        return (fixed, Ask(role, need.count - 1, starts, rank, shared)) if need.count > 1 else (fixed,)

    def need(self, step: Step, role: str) -> Need:
        if role == "bed" and step.stay is not None:
            return eligibility.as_need(step.stay)
        return next(need for need in step.needs if need.role == role)

    def candidates(self, need: Need) -> list[Resource]:
        return self.cached(("able", need), eligibility.candidates, need, self.world)

    def _starts(self, step: Step, need: Need, resource: Resource, relaxed: Set[str]) -> int:
        free_relaxed = relaxed - {"required-resource", "no-licence"}
        if need.role == "bed" and step.stay is not None:
            return beds.starts(self.free(resource.code, free_relaxed), self.grid, self.world.ward, step.stay)
        licensed = -1 if "no-licence" in relaxed else privilege.mask(self.grid, need, resource)
        offset, minutes = step.taken(need)
        begins = self._runs(resource.code, free_relaxed, licensed, minutes // CELL_MINUTES)
        return bitmap.earlier(begins, offset // CELL_MINUTES)

    def _runs(self, code: str, relaxed: Set[str], licensed: int, cells: int) -> int:
        if licensed != -1:
            return bitmap.runs(self.free(code, relaxed) & licensed, cells)
        key = ("runs", code, relaxed, cells)
        return self.cached(key, lambda: bitmap.runs(self.free(code, relaxed), cells))

    def feasible(self, asks: Iterable[Ask]) -> int:
        """Return the starts at which all asks can be filled at once, no resource twice; -1 when nothing is asked."""
        found = -1
        for group in connected(asks):
            found &= self.cached(("group", *map(id, group)), enough_in, group)
        return found

    def cached(self, key: Any, work: Any, *arguments: Any) -> Any:
        if key not in self._cache:
            self._cache[key] = work(*arguments)
        return self._cache[key]


def _shared_kinds(steps: Iterable[Step]) -> Iterator[str]:
    """Yield the kinds of resources that two steps may want at one time, although the patient is in only one of them.

    Beds, because stays outlast their step; and whatever is taken before the patient comes or after the patient left.
    """
    yield "bed"
    for step in steps:
        for need in step.needs:
            begins, minutes = step.taken(need)
            if begins < 0 or begins + minutes > step.patient_minutes:
                yield need.kind
