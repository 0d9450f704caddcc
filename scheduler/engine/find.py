"""Finds where a pathway fits: the earliest starts of its first step, and for each the whole placement."""

from collections.abc import Iterator

from scheduler.engine import bitmap
from scheduler.engine.board import CELL_MINUTES, Board
from scheduler.engine.grid import local_date
from scheduler.engine.pathway import Pathway, Starts, free_at
from scheduler.engine.protocol import Step
from scheduler.engine.rules import beds, window
from scheduler.engine.rules.distinct import assign
from scheduler.engine.rules.reading import MINUTE, need_span, patient_span
from scheduler.engine.world import Placement, Problem, SlotPlan, StepPlan


def find(problem: Problem, *, limit: int = 5, spread_minutes: int = 0) -> tuple[Placement, ...]:
    """Return up to `limit` placements, earliest start of the first step first, each of which `check` accepts.

    Exact on the 5-minute grid: no start between earliest and latest at which everything fits is passed over.
    With `spread_minutes` each next proposal starts at least that much later than the one before. Later steps may
    lie anywhere in the grid; on its days only, since nothing is known outside.
    """
    return tuple(placements(problem, limit=limit, spread_minutes=spread_minutes))


def placements(problem: Problem, *, limit: int, spread_minutes: int) -> Iterator[Placement]:
    board = Board(problem)
    pathway = Pathway(board)
    left, apart = pathway.first & window.mask(problem), max(1, -(-spread_minutes // CELL_MINUTES))
    while left and limit > 0:
        cell = bitmap.lowest(left)
        starts = pathway.at(cell)
        left = left >> cell + 1 << cell + 1
        if starts is not None:
            yield Placement(tuple(_plan(pathway, step, starts) for step in pathway.steps))
            left, limit = left >> cell + apart << cell + apart, limit - 1


def _plan(pathway: Pathway, step: Step, starts: Starts) -> StepPlan:
    cell = starts.cells[step.code]
    return plan(pathway.board.problem, step, pathway.grid.instant(cell), _filled(pathway, step, starts, cell))


def _filled(pathway: Pathway, step: Step, starts: Starts, cell: int) -> dict[str, list[str]]:
    """Choose the resources of a step: for each role its codes. Asks with a wish choose first."""
    units: list[tuple[int, str, list[str]]] = []
    for place, ask in enumerate(pathway.asks[step.code]):
        chosen = starts.shared.get((step.code, place))
        for number in range(ask.count):
            options = [chosen[number]] if chosen else free_at(ask, cell)
            units.append((ask.rank, ask.role, options))
    units.sort(key=lambda unit: unit[0])
    codes = assign([options for _, _, options in units])
    if codes is None:
        raise AssertionError(f"the masks promised a start that matching cannot fill: {step.code} at cell {cell}")
    filled: dict[str, list[str]] = {}
    for (_, role, _), code in zip(units, codes, strict=True):
        filled.setdefault(role, []).append(code)
    return filled


def plan(problem: Problem, step: Step, starts: int, filled: dict[str, list[str]]) -> StepPlan:
    """Return a step placed at an instant with the given codes by role; the patient's own slot is added."""
    slots = [
        SlotPlan(code, need.role, *need_span(step, need, starts))
        for need in step.needs
        for code in filled.get(need.role, ())
    ]
    if step.stay is not None:
        zone = problem.world.grid.zone
        span = beds.span(step.stay, local_date(starts, zone), problem.world.ward, zone)
        slots += [SlotPlan(code, "bed", *span) for code in filled.get("bed", ())]
    if problem.patient is not None:
        slots.append(SlotPlan(problem.patient, "patient", *patient_span(step, starts)))
    return StepPlan(step.code, starts, starts + step.span_minutes * MINUTE, tuple(slots))
