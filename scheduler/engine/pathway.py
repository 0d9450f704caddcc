"""All steps of a protocol together: from which starts of the first step the whole pathway can be placed, and how."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from scheduler.engine import bitmap
from scheduler.engine.board import CELL_MINUTES, NOTHING, Board
from scheduler.engine.grid import day_edges
from scheduler.engine.protocol import Lag, Step
from scheduler.engine.rules import beds, lags
from scheduler.engine.rules.distinct import Ask

Relaxed = Mapping[tuple[str, str], frozenset[str]]
"""What is set aside, by (step, role); a lag by (later step, ""), a condition by (step, condition(code))."""


def condition(code: str) -> str:
    """Return what stands in the place of a role for a condition of the whole step. No role has such a name."""
    return f"@{code}"


@dataclass(frozen=True, slots=True)
class Unit:
    """One shared resource to be chosen: for which ask of which step, over which cells, and what is free then."""

    step: str
    ask: Ask
    starts: int
    ends: int
    options: tuple[str, ...]

    def excludes(self, other: "Unit") -> bool:
        """Return whether one resource cannot serve both."""
        return self.step == other.step or (self.starts < other.ends and other.starts < self.ends)


@dataclass(frozen=True, slots=True)
class Starts:
    """A pathway placed in time: the start cell of each step, and what was chosen where two steps contend for it."""

    cells: dict[str, int]
    shared: dict[tuple[str, int], tuple[str, ...]]
    """Codes by (step, place of the ask in the step's asks)."""


class Pathway:
    """The start masks of every step, swept backwards through the lags.

    `own[step]` holds the starts at which the step alone can be placed, exactly; `whole[step]` those after which
    every later step has a start within its lag. Where steps contend (branches of the tree for the patient, stays
    for a bed, devices that are prepared before the patient comes or
    cleaned after) `whole` may promise too much, and `at` looks closer.
    """

    def __init__(self, board: Board, relaxed: Relaxed | None = None) -> None:
        self.board, self.grid, self.relaxed = board, board.grid, relaxed or {}
        self.steps = board.problem.protocol.steps
        self.by_code = {step.code: step for step in self.steps}
        self.lags = {lag.then: self._lag(lag) for lag in board.problem.protocol.lags}
        self.asks = {step.code: self._asks(step) for step in self.steps}
        self.own = {step.code: self._own(step) for step in self.steps}
        self.whole = self._swept()
        self.sharing = [step.code for step in self.steps if any(ask.shared for ask in self.asks[step.code])]
        self.branching = len({lag.first for lag in self.lags.values()}) < len(self.lags)
        self._tangled = self.branching or len(self.sharing) > 1
        self._by_the_minute = {
            step.code for step in self.steps if any(ask.shared and ask.role != "bed" for ask in self.asks[step.code])
        }
        self._dead_ends: set[tuple[object, ...]] = set()
        self._shares_known: dict[tuple[tuple[str, int], ...], list[tuple[Unit, str]] | None] = {}

    @property
    def first(self) -> int:
        """The starts of the first step from which the masks promise the whole pathway."""
        return self.whole[self.steps[0].code]

    def possible(self, among: int) -> bool:
        """Return whether the pathway can start at any of some cells."""
        promised = self.first & among
        if not self._tangled:
            return promised != 0
        return any(self.at(cell) is not None for cell in bitmap.bits(promised))

    def at(self, cell: int) -> Starts | None:
        """Return the best starts of all steps when the first starts at a cell of `first`; None when there are none.

        A later step stands as early as it can within the lag's target days, else as early as it can.
        """
        cells = self._place(1, {self.steps[0].code: cell})
        return None if cells is None else Starts(cells, self._chosen(cells))

    def _lag(self, lag: Lag) -> Lag:
        if (lag.then, "") not in self.relaxed:
            return lag
        return replace(lag, min_minutes=0, max_minutes=None, min_days=None, max_days=None, target_days=None)

    def _asks(self, step: Step) -> tuple[Ask, ...]:
        roles = [need.role for need in step.needs] + (["bed"] if step.stay else [])
        return tuple(ask for role in roles for ask in self.board.asks(step, role, self._of(step, role)))

    def _of(self, step: Step, role: str) -> frozenset[str]:
        return self.relaxed.get((step.code, role), NOTHING)

    def _own(self, step: Step) -> int:
        return self.board.cached(("own", step.code, self._aside_in(step)), self._worked_out, step)

    def _aside_in(self, step: Step) -> frozenset[object]:
        """Return what is set aside in a step; variants that agree in it share the step's masks."""
        return frozenset(item for item in self.relaxed.items() if item[0][0] == step.code)

    def _worked_out(self, step: Step) -> int:
        found = self.board.patient(step, self._of(step, "patient")) & self.board.feasible(self.asks[step.code])
        for code, starts in self.board.conditions(step).items():
            if not self._of(step, condition(code)):
                found &= starts
        return found

    def _swept(self) -> dict[str, int]:
        """Go from the last step to the first: a start stays when each step after it still finds one."""
        whole, aside = dict(self.own), {step.code: self._aside_in(step) for step in self.steps}
        for step in reversed(self.steps[1:]):
            lag = self.lags[step.code]
            before, key = self.by_code[lag.first], ("sweep", step.code, aside[step.code])
            whole[lag.first] &= self.board.cached(key, lags.sweep, self.grid, lag, before, step, whole[step.code])
            aside[lag.first] |= aside[step.code]
        return whole

    def _place(self, number: int, cells: dict[str, int]) -> dict[str, int] | None:
        """Place the steps from a number on after those already placed; backtrack where a choice spoils a later one."""
        if number == len(self.steps):
            return cells
        key = self._future(number, cells)
        if self._tangled and (key in self._dead_ends or not self._all_alive(number, cells)):
            return None
        step = self.steps[number]
        for cell in self._in_order(step, self._candidates(step, cells), cells):
            found = self._place(number + 1, {**cells, step.code: cell})
            if found is not None:
                return found
        self._dead_ends.add(key)
        return None

    def _future(self, number: int, cells: dict[str, int]) -> tuple[object, ...]:
        """Return all that the steps from a number on can know of those already placed."""
        reached = self._reached(number, cells)
        candidates = [self._candidates(step, cells) for step in reached]
        whole = cells.values() if self.branching and len(reached) < len(self.steps) - number else ()
        return (number, *candidates, *self._share_key(cells), *whole)

    def _reached(self, number: int, cells: dict[str, int]) -> list[Step]:
        """Return the steps still to be placed whose lag runs from a step already placed."""
        return [step for step in self.steps[number:] if self.lags[step.code].first in cells]

    def _all_alive(self, number: int, cells: dict[str, int]) -> bool:
        """Return whether each step that can be looked at has a start left, so that a dead branch is left early."""
        return all(
            next(self._in_order(step, self._candidates(step, cells), cells), None) is not None
            for step in self._reached(number, cells)
        )

    def _candidates(self, step: Step, cells: dict[str, int]) -> int:
        """Return the starts within the step's lag at which the patient is in no step placed before."""
        lag = self.lags[step.code]
        before = self.by_code[lag.first]
        found = self.whole[step.code] & bitmap.cells(*lags.window(self.grid, lag, before, step, cells[before.code]))
        if self.branching:
            for code, cell in cells.items():
                found &= ~bitmap.cells(cell - _patient_cells(step) + 1, cell + _patient_cells(self.by_code[code]))
        return found

    def _in_order(self, step: Step, candidates: int, cells: dict[str, int]) -> Iterator[int]:
        """Yield the candidates on the target days, then the others, skipping those that leave too little to share."""
        lag = self.lags[step.code]
        target = lags.target(self.grid, lag, self.by_code[lag.first], step, cells[lag.first])
        aimed = bitmap.cells(*target) if target else 0
        for mask in (candidates & aimed, candidates & ~aimed):
            while mask:
                cell = bitmap.lowest(mask)
                mask ^= 1 << cell
                if self._shares({**cells, step.code: cell}) is not None:
                    yield cell
                elif step.code not in self._by_the_minute:
                    mask &= ~self._day(cell)

    def _day(self, cell: int) -> int:
        edges, day = day_edges(self.grid), self.grid.day_of(cell)
        return bitmap.cells(edges[day], edges[day + 1])

    def _share_key(self, cells: dict[str, int]) -> tuple[tuple[str, int], ...]:
        """Return what decides who gets what: the day of a stay, the start cell of what is needed by the minute."""
        return tuple(
            (code, cells[code] if code in self._by_the_minute else self.grid.day_of(cells[code]))
            for code in self.sharing
            if code in cells
        )

    def _shares(self, cells: dict[str, int]) -> list[tuple[Unit, str]] | None:
        """Return a resource for each unit of the placed steps; none at all when fewer than two steps contend."""
        key = self._share_key(cells)
        if len(key) < 2:
            return []
        if key not in self._shares_known:
            units = [unit for code, _ in key for unit in self._units(self.by_code[code], cells[code])]
            self._shares_known[key] = _fill(units, [])
        return self._shares_known[key]

    def _units(self, step: Step, cell: int) -> Iterator[Unit]:
        for ask in sorted(self.asks[step.code], key=lambda ask: ask.rank):
            if ask.shared:
                options = tuple(free_at(ask, cell))
                starts, ends = self._unit_cells(step, ask, cell)
                for _ in range(ask.count):
                    yield Unit(step.code, ask, starts, ends, options)

    def _unit_cells(self, step: Step, ask: Ask, cell: int) -> tuple[int, int]:
        if ask.role == "bed" and step.stay is not None:
            day = self.grid.first + timedelta(days=self.grid.day_of(cell))
            taken, left = beds.span(step.stay, day, self.board.world.ward, self.grid.zone)
            return self.grid.floor(taken), self.grid.ceil(left)
        need = self.board.need(step, ask.role)
        offset, minutes = step.taken(need)
        begins = cell + offset // CELL_MINUTES
        return begins, begins + minutes // CELL_MINUTES

    def _chosen(self, cells: dict[str, int]) -> dict[tuple[str, int], tuple[str, ...]]:
        chosen: dict[tuple[str, int], tuple[str, ...]] = {}
        for unit, code in self._shares(cells) or ():
            key = (unit.step, self.asks[unit.step].index(unit.ask))
            chosen[key] = (*chosen.get(key, ()), code)
        return chosen


def free_at(ask: Ask, cell: int) -> list[str]:
    """Return who could fill an ask when the step starts at a cell, the most wanted first."""
    return [code for code, starts in ask.starts.items() if starts >> cell & 1]


def _patient_cells(step: Step) -> int:
    return step.patient_minutes // CELL_MINUTES


def _fill(units: list[Unit], filled: list[tuple[Unit, str]]) -> list[tuple[Unit, str]] | None:
    """Give each unit its most wanted resource that no excluded unit has; depth first, since few are shared."""
    if len(filled) == len(units):
        return filled
    unit = units[len(filled)]
    for code in unit.options:
        if not any(code == taken and unit.excludes(other) for other, taken in filled):
            found = _fill(units, [*filled, (unit, code)])
            if found is not None:
                return found
    return None
