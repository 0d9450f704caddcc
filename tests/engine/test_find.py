"""Proposals: their order, their bounds, and who is chosen."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from scheduler.engine.check import check
from scheduler.engine.document import parse
from scheduler.engine.find import find
from scheduler.engine.grid import Grid, Span, local_date
from scheduler.engine.world import Busy, Licence, Placement, Problem, Resource, WardHours, World
from scheduler.errors import Invalid
from tests.strategies import instant

ZONE = "Asia/Shanghai"
MONDAY = date(2026, 11, 30)


def at(day: int, hour: float) -> int:
    return instant(MONDAY, day * 1440 + int(hour * 60), ZONE)


def step(code: str = "s", needs: Iterable[Mapping[str, Any]] = (), **more: Any) -> dict[str, Any]:
    phases = {"procedure": 60}
    return {"code": code, "name": {"zh": "步", "en": "Step"}, "phases": phases, "need": list(needs), **more}


def problem(
    steps: list[dict[str, Any]], resources: Iterable[Resource], lags: Iterable[dict[str, Any]] = (), **more: Any
) -> Problem:
    """Return a problem over 40 days with every resource open daily from 08:00 to 12:00."""
    grid = Grid(MONDAY, MONDAY + timedelta(days=40), ZONE)
    document = {
        "code": "T",
        "name": {"zh": "测", "en": "Test"},
        "version": 1,
        "effective_from": "2026-01-01",
        "family": "f",
        "urgency": "4a",
        "step": steps,
        "lag": list(lags),
    }
    known = {each.code: each for each in resources}
    hours = tuple(Span(at(day, 8), at(day, 12)) for day in range(40))
    opening = {code: hours for code, each in known.items() if each.kind != "bed"}
    world = World(grid, known, opening, more.pop("busy", {}))
    bounds = {"patient": None, "earliest": grid.origin, "latest": grid.end}
    return Problem(parse(document), world, **{**bounds, **more})


def who(placement: Placement, step: int = 0) -> dict[str, str]:
    return {slot.role: slot.resource for slot in placement.steps[step].slots}


ROOM = {"role": "room", "kind": "room"}
OPERATOR = {"role": "operator", "kind": "physician", "privilege": "f", "level": 2}
ASSISTANT = {"role": "assistant", "kind": "physician"}


def physician(code: str, level: int = 0, *attributes: str) -> Resource:
    licences = (Licence("f", level, date(2020, 1, 1), date.max),) if level else ()
    return Resource(code, "physician", frozenset(attributes), licences)


def test_proposals_come_earliest_first_a_cell_apart() -> None:
    found = find(problem([step(needs=[ROOM])], [Resource("A", "room")]), limit=3)
    assert [each.steps[0].starts for each in found] == [at(0, 8), at(0, 8) + 300, at(0, 8) + 600]


def test_spread_keeps_proposals_apart() -> None:
    found = find(problem([step(needs=[ROOM])], [Resource("A", "room")]), limit=4, spread_minutes=90)
    # 08:00, 09:30, 11:00, and 12:30 is closed, so the next morning
    assert [each.steps[0].starts for each in found] == [at(0, 8), at(0, 9.5), at(0, 11), at(1, 8)]


def test_earliest_is_rounded_up_and_latest_is_included() -> None:
    asked = problem([step(needs=[ROOM])], [Resource("A", "room")], earliest=at(0, 9) + 1, latest=at(0, 9) + 600)
    assert [each.steps[0].starts for each in find(asked)] == [at(0, 9) + 300, at(0, 9) + 600]


def test_nothing_is_found_when_latest_lies_before_earliest() -> None:
    assert find(problem([step(needs=[ROOM])], [Resource("A", "room")], earliest=at(1, 8), latest=at(0, 8))) == ()


def test_a_busy_minute_takes_its_whole_cell() -> None:
    # 09:02 to 09:03 is busy: 08:00 ends in time, the next start is 09:05
    asked = problem([step(needs=[ROOM])], [Resource("A", "room")], busy={"A": (Busy(at(0, 9) + 120, at(0, 9) + 180),)})
    assert [each.steps[0].starts for each in find(asked, limit=2)] == [at(0, 8), at(0, 9) + 300]


def test_the_least_general_resource_is_taken_first() -> None:
    people = [physician("P1", 4), physician("P2", 2), physician("P3", 2, "ga"), physician("P4", 1)]
    assert who(find(problem([step(needs=[OPERATOR])], people))[0]) == {"operator": "P2"}


def test_a_preferred_resource_is_taken_where_it_is_free_and_moves_no_start() -> None:
    rooms = [Resource("A", "room"), Resource("B", "room")]
    asked = problem([step(needs=[ROOM])], rooms, prefer={"room": "B"}, busy={"B": (Busy(at(0, 0), at(0, 11)),)})
    found = find(asked, limit=2, spread_minutes=180)
    assert [(each.steps[0].starts, who(each)["room"]) for each in found] == [(at(0, 8), "A"), (at(0, 11), "B")]


def test_a_required_resource_moves_the_start() -> None:
    rooms = [Resource("A", "room"), Resource("B", "room")]
    asked = problem([step(needs=[ROOM])], rooms, require={"s.room": "B"}, busy={"B": (Busy(at(0, 0), at(0, 11)),)})
    assert (find(asked)[0].steps[0].starts, who(find(asked)[0])["room"]) == (at(0, 11), "B")


def test_one_person_never_fills_two_roles() -> None:
    assert find(problem([step(needs=[OPERATOR, ASSISTANT])], [physician("P1", 2)])) == ()


def test_the_only_licensed_person_is_kept_for_the_role_that_needs_it() -> None:
    people = [physician("P1", 2), physician("P2")]
    asked = problem([step(needs=[ASSISTANT, OPERATOR])], people, prefer={"assistant": "P1"})
    assert who(find(asked)[0]) == {"assistant": "P2", "operator": "P1"}


def test_a_wish_for_a_role_that_no_step_has_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        problem([step(needs=[ROOM])], [Resource("A", "room")], require={"s.chair": "A"})
    assert refused.value.code == "unknown-role"


def test_a_later_step_prefers_its_target_days() -> None:
    steps = [step("a", [ROOM]), step("b", [ROOM])]
    lag = {"from": "a", "to": "b", "min_days": 5, "max_days": 28, "target_days": [7, 14]}
    found = find(problem(steps, [Resource("A", "room")], [lag]))[0]
    assert [plan.starts for plan in found.steps] == [at(0, 8), at(7, 8)]


def test_a_later_step_falls_back_to_the_earliest_day_when_its_target_days_are_full() -> None:
    steps = [step("a", [ROOM]), step("b", [ROOM])]
    lag = {"from": "a", "to": "b", "min_days": 5, "max_days": 28, "target_days": [7, 14]}
    full = {"A": (Busy(at(7, 0), at(15, 0)),)}
    found = find(problem(steps, [Resource("A", "room")], [lag], busy=full), limit=1)[0]
    assert [plan.starts for plan in found.steps] == [at(0, 8), at(5, 8)]


def test_the_first_step_waits_until_the_whole_pathway_fits() -> None:
    steps = [step("a", [ROOM]), step("b", [{"role": "suite", "kind": "room", "codes": ["B"]}])]
    lag = {"from": "a", "to": "b", "max_minutes": 120}
    asked = problem(
        steps,
        [Resource("A", "room"), Resource("B", "room")],
        [lag],
        require={"a.room": "A"},
        busy={"B": (Busy(at(0, 0), at(2, 11)),)},
    )
    # b can start on day 2 at 11:00, so a ends at 09:00 at the earliest
    found = find(asked, limit=1)[0]
    assert [plan.starts for plan in found.steps] == [at(2, 8), at(2, 11)]


def test_two_stays_that_overlap_take_two_beds() -> None:
    steps = [step("a", [ROOM], stay={"nights": 3}), step("b", [ROOM], stay={"nights": 1})]
    beds = [Resource("BED-1", "bed"), Resource("BED-2", "bed")]
    lag = {"from": "a", "to": "b", "min_days": 1, "max_days": 2}
    found = find(problem(steps, [Resource("A", "room"), *beds], [lag]))[0]
    assert {who(found, 0)["bed"], who(found, 1)["bed"]} == {"BED-1", "BED-2"}
    assert find(problem(steps, [Resource("A", "room"), beds[0]], [lag])) == ()


def test_a_later_step_waits_for_its_own_bed_to_be_left() -> None:
    steps = [step("a", [ROOM], stay={"nights": 3}), step("b", [ROOM], stay={"nights": 1})]
    lag = {"from": "a", "to": "b", "min_days": 1, "max_days": 9}
    found = find(problem(steps, [Resource("A", "room"), Resource("BED-1", "bed")], [lag]))[0]
    # left on day 3 at 11:00, taken again at 13:00
    assert [plan.starts for plan in found.steps] == [at(0, 8), at(3, 8)]


def test_a_start_that_leaves_no_bed_says_nothing_about_the_next_day() -> None:
    steps = [step("a", [{**ROOM, "codes": ["A"]}], stay={"nights": 1}), step("b", [{**ROOM, "codes": ["B"]}])]
    steps += [step("c", [{**ROOM, "codes": ["C"]}], stay={"nights": 1, "nights_before": 3})]
    rooms = [Resource(code, "room") for code in "ABC"]
    busy = {
        "B": (Busy(at(0, 0), at(2, 0)), Busy(at(3, 0), at(40, 0))),
        "C": (Busy(at(0, 0), at(3, 0)), Busy(at(4, 0), at(40, 0))),
        "BED-2": (Busy(at(0, 0), at(1, 12), "bed"),),
    }
    asked = problem(
        steps,
        [*rooms, Resource("BED-1", "bed"), Resource("BED-2", "bed")],
        [{"from": "a", "to": "b", "min_minutes": 0}, {"from": "b", "to": "c", "min_minutes": 0}],
        require={"c.bed": "BED-1"},
        busy=busy,
    )
    # c is on day 3 and holds BED-1 from day 0; a can have BED-2 only from day 1
    found = find(asked, limit=1)[0]
    assert [plan.starts for plan in found.steps] == [at(1, 8), at(2, 8), at(3, 8)]
    assert (who(found, 0)["bed"], who(found, 2)["bed"]) == ("BED-2", "BED-1")


@pytest.mark.parametrize(
    ("taken", "left", "day"),
    [
        (at(-1, 13), at(0, 13), 0),
        (at(-1, 13), at(0, 13) + 60, 1),
        (at(2, 11), at(3, 11), 0),
        (at(2, 11) - 60, at(3, 11), 3),
    ],
)
def test_a_bed_is_free_from_admission_to_discharge_to_the_minute(taken: int, left: int, day: int) -> None:
    # two nights from 13:00 on the day of the step to 11:00 on the day after the next
    asked = problem(
        [step(needs=[ROOM], stay={"nights": 2})],
        [Resource("A", "room"), Resource("BED-1", "bed")],
        busy={"BED-1": (Busy(taken, left, "bed"),)},
    )
    assert find(asked, limit=1)[0].steps[0].starts == at(day, 8)


def test_a_slot_may_run_across_the_seam_of_two_openings() -> None:
    asked = problem([step(needs=[ROOM])], [Resource("A", "room")], earliest=at(0, 9))
    seam = at(0, 9.5) + 120
    split = {"A": (Span(at(0, 8), seam), Span(seam, at(0, 12)))}
    asked = replace(asked, world=replace(asked.world, opening=split))
    found = find(asked, limit=1)[0]
    assert found.steps[0].starts == at(0, 9)
    assert check(asked, found) == []


def test_bookings_may_touch() -> None:
    full = (Busy(at(0, 0), at(0, 9)), Busy(at(0, 10), at(0, 12)))
    asked = problem([step(needs=[ROOM])], [Resource("A", "room")], busy={"A": full})
    found = find(asked, limit=1)[0]
    assert found.steps[0].starts == at(0, 9)
    assert check(asked, found) == []


def test_the_patient_may_be_unknown_and_is_still_one_person() -> None:
    steps = [step("a", [ROOM]), step("b", [ROOM]), step("c", [ROOM])]
    lags = [{"from": "a", "to": "b", "max_minutes": 60}, {"from": "a", "to": "c", "max_minutes": 60}]
    found = find(problem(steps, [Resource("A", "room"), Resource("B", "room")], lags))[0]
    assert [plan.starts for plan in found.steps] == [at(0, 8), at(0, 9), at(0, 10)]
    assert all(slot.role != "patient" for plan in found.steps for slot in plan.slots)


def test_the_slots_are_the_needs_the_bed_and_the_patient() -> None:
    phases = {"setup": 10, "procedure": 30, "cleanup": 20, "recovery": 60}
    needs = [ROOM, {**ASSISTANT, "phases": ["procedure"]}]
    steps = [step(needs=needs, phases=phases, stay={"nights": 2, "nights_before": 1})]
    people = [Resource("A", "room"), physician("P1"), Resource("B1", "bed"), Resource("patient:x", "patient")]
    found = find(problem(steps, people, patient="patient:x"))[0].steps[0]
    # the night before the first day lies outside the grid, so the first start is on day 1
    assert (found.starts, found.ends) == (at(1, 8), at(1, 9))
    assert {(slot.role, slot.resource, slot.starts, slot.ends) for slot in found.slots} == {
        ("room", "A", at(1, 8), at(1, 9)),
        ("assistant", "P1", at(1, 8) + 600, at(1, 8) + 2400),
        ("bed", "B1", at(0, 13), at(3, 11)),
        ("patient", "patient:x", at(1, 8), at(1, 10)),
    }


def test_a_licence_that_ends_is_good_on_its_last_day() -> None:
    held = (Licence("f", 2, MONDAY, MONDAY),)
    asked = problem([step(needs=[OPERATOR])], [Resource("P1", "physician", licences=held)], earliest=at(0, 11))
    assert [local_date(each.steps[0].starts, ZONE) for each in find(asked)] == [MONDAY]


def test_ready_masks_are_used_and_missing_ones_are_left_behind() -> None:
    asked = problem([step(needs=[ROOM])], [Resource("A", "room"), Resource("B", "room")])
    closed = replace(asked.world, masks={"A": 0})
    found = find(replace(asked, world=closed))[0]
    assert who(found)["room"] == "B"
    assert set(closed.masks) == {"A", "B"}


def test_a_placement_off_the_grid_is_judged_by_the_minute() -> None:
    asked = problem([step(needs=[ROOM])], [Resource("A", "room")], busy={"A": (Busy(at(0, 9), at(0, 9) + 120),)})
    placed = find(replace(asked, earliest=at(0, 9)))[0].steps[0]
    moved = replace(
        placed,
        starts=at(0, 9) + 120,
        ends=at(0, 10) + 120,
        slots=tuple(replace(slot, starts=at(0, 9) + 120, ends=at(0, 10) + 120) for slot in placed.slots),
    )
    assert check(asked, Placement((moved,))) == []
    sooner = replace(
        moved,
        starts=moved.starts - 60,
        ends=moved.ends - 60,
        slots=tuple(replace(slot, starts=slot.starts - 60, ends=slot.ends - 60) for slot in moved.slots),
    )
    (broken,) = check(asked, Placement((sooner,)))
    assert (broken.code, broken.facts["resource"], broken.facts["until"]) == ("occupied", "A", at(0, 9) + 120)


@pytest.mark.parametrize("minute", [-5, 1440, 7])
def test_ward_hours_off_the_grid_cannot_be_built(minute: int) -> None:
    with pytest.raises(ValueError, match="ward hours"):
        WardHours(admit_minute=minute)
