"""An open length: the placement says how long the procedure takes, and every rule judges that length."""

from datetime import date, timedelta

import pytest

from scheduler.engine.check import check
from scheduler.engine.document import parse
from scheduler.engine.entry import BadProtocol
from scheduler.engine.find import find
from scheduler.engine.grid import Grid, Span, day_start
from scheduler.engine.world import Busy, Placement, Problem, Resource, SlotPlan, StepPlan, World

DAY = date(2026, 12, 1)
ZONE = "Asia/Shanghai"
MIDNIGHT = day_start(DAY, ZONE)
MINUTE = 60


def document(**changed: object) -> dict[str, object]:
    step = {
        "code": "case",
        "name": {"zh": "病例", "en": "Case"},
        "phases": {"procedure": 60},
        "open_length": True,
        "need": [{"role": "room", "kind": "room"}],
    }
    return {
        "code": "OPEN",
        "name": {"zh": "导入", "en": "Imported"},
        "version": 1,
        "effective_from": DAY,
        "family": "imported",
        "urgency": "4b",
        "step": [step | changed],
    }


def problem(busy: tuple[Busy, ...] = (), **changed: object) -> Problem:
    grid = Grid(DAY - timedelta(days=1), DAY + timedelta(days=2), ZONE)
    world = World(
        grid,
        {"R": Resource("R", "room"), "patient:x": Resource("patient:x", "patient")},
        {"R": (Span(grid.origin, grid.end),)},
        {"R": busy},
    )
    return Problem(parse(document(**changed)), world, "patient:x", grid.origin, grid.end)


def placed(minutes: float, room_minutes: float | None = None, at: int = MIDNIGHT) -> Placement:
    ends, room_ends = at + int(minutes * MINUTE), at + int((room_minutes or minutes) * MINUTE)
    slots = (SlotPlan("R", "room", at, room_ends), SlotPlan("patient:x", "patient", at, ends))
    return Placement((StepPlan("case", at, ends, slots),))


@pytest.mark.parametrize("minutes", [1, 13, 60, 157, 24 * 60])
def test_any_whole_length_up_to_a_day_is_taken_to_the_minute(minutes: int) -> None:
    assert check(problem(), placed(minutes)) == []


@pytest.mark.parametrize("minutes", [0.5, 24 * 60 + 1])
def test_a_length_that_is_no_whole_minute_or_longer_than_a_day_is_the_wrong_length(minutes: float) -> None:
    assert "wrong-length" in [each.code for each in check(problem(), placed(minutes))]


def test_the_room_is_needed_for_all_of_the_placed_length() -> None:
    assert [each.code for each in check(problem(), placed(90, room_minutes=60))] == ["slot-span-wrong"]


def test_the_placed_length_is_judged_against_what_occupies_the_room() -> None:
    # Taken from minute 13 on: 13 minutes touch it, 14 reach into it.
    busy = (Busy(MIDNIGHT + 13 * MINUTE, MIDNIGHT + 60 * MINUTE),)
    assert check(problem(busy), placed(13)) == []
    assert [each.code for each in check(problem(busy), placed(14))] == ["occupied"]


def test_the_procedure_takes_what_set_up_and_clean_up_leave() -> None:
    step = parse(document(phases={"setup": 10, "procedure": 60, "cleanup": 5})).steps[0].lasting(47)
    assert step.minutes == (("setup", 10), ("procedure", 32), ("cleanup", 5))
    assert step.lasting(15).minutes == step.minutes  # nothing would be left of the procedure


def test_a_fixed_length_stays_fixed() -> None:
    assert "wrong-length" in [each.code for each in check(problem(open_length=False), placed(61))]


def test_a_search_proposes_the_usual_length() -> None:
    proposal = find(problem(), limit=1)[0]
    assert proposal.steps[0].ends - proposal.steps[0].starts == 60 * MINUTE
    assert check(problem(), proposal) == []


def test_an_open_length_is_true_or_false() -> None:
    with pytest.raises(BadProtocol, match="open_length: wrong-type"):
        parse(document(open_length="yes"))
