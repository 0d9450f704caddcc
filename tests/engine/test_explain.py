"""What an explanation names is what would free the day, by plain enumeration."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler.engine.document import parse
from scheduler.engine.explain import explain
from scheduler.engine.find import find
from scheduler.engine.grid import Grid, Span, local_date
from scheduler.engine.protocol import Hours, Supply
from scheduler.engine.world import Blocker, Busy, Licence, Problem, Refusal, Resource, Terms, World
from tests import strategies
from tests.strategies import Oracle, instant

ZONE = "Asia/Shanghai"
MONDAY = date(2026, 11, 30)


def aside(problem: Problem, blockers: tuple[Blocker, ...]) -> dict[tuple[str, str], frozenset[str]]:
    """Return what the oracle has to set aside for blockers to be gone."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for blocker in blockers:
        whole = blocker.code in ("nobody", "unavailable", "no-bed", "patient-elsewhere")
        roles = [blocker.role]
        if blocker.code == "closed" and blocker.role == "":
            roles = [need.role for need in problem.protocol.step(blocker.step).needs]
        for role in roles:
            key = (blocker.step, role)
            found[key] = found.get(key, frozenset()) | ({"dropped"} if whole else {blocker.code})
    return found


def free_on(problem: Problem, day: date, set_aside: Mapping[tuple[str, str], frozenset[str]]) -> bool:
    zone = problem.world.grid.zone
    low, high = instant(day, 0, zone), instant(day, 1440, zone)
    narrowed = replace(problem, earliest=max(low, problem.earliest), latest=min(high - 1, problem.latest))
    oracle = Oracle(narrowed, set_aside)
    return any(oracle.possible(at) for at in oracle._grid() if narrowed.earliest <= at <= narrowed.latest)


def singles(problem: Problem) -> list[tuple[tuple[str, str], str]]:
    """Return everything that could be set aside by itself: a role of a step, or the lag into it or its conditions."""
    roles = [
        ((step.code, role), "dropped")
        for step in problem.protocol.steps
        for role in ["patient", *(need.role for need in step.needs), *(["bed"] if step.stay else [])]
    ]
    fixed = ("lag", *strategies.VIOLATION_OF)
    return roles + [((step.code, ""), code) for step in problem.protocol.steps for code in fixed]


def refusals_of(seed: int) -> tuple[Problem, int | None, tuple[Refusal, ...]]:
    problem = strategies.problem(seed)
    first = next(iter(find(problem, limit=1)), None)
    starts = None if first is None else first.steps[0].starts
    return problem, starts, explain(problem, starts)


@pytest.mark.parametrize("number", range(10))
def test_setting_aside_what_is_named_frees_the_day(number: int) -> None:
    judged = 0
    for seed in range(2000 + number * 25, 2025 + number * 25):
        problem, _, refusals = refusals_of(seed)
        for refusal in refusals[:2]:
            if refusal.blocked_by[-1].code != "combination":
                judged += 1
                assert free_on(problem, refusal.day, aside(problem, refusal.blocked_by)), f"{seed}: {refusal}"
    assert judged > 5


@pytest.mark.parametrize("number", range(5))
def test_more_than_one_blocker_is_named_only_when_no_single_one_would_do(number: int) -> None:
    for seed in range(3000 + number * 20, 3020 + number * 20):
        problem, _, refusals = refusals_of(seed)
        several = [each for each in refusals if len(each.blocked_by) > 1 or each.blocked_by[0].code == "combination"]
        for refusal in several[:1]:
            if any(blocker.code == "closed" and blocker.role == "" for blocker in refusal.blocked_by):
                continue
            for key, code in singles(problem):
                assert not free_on(problem, refusal.day, {key: frozenset({code})}), f"{seed}: {refusal} {key} {code}"


def test_every_day_before_the_first_proposal_is_explained_and_no_other() -> None:
    for seed in range(200):
        problem, starts, refusals = refusals_of(seed)
        zone, grid = problem.world.grid.zone, problem.world.grid
        found = grid.last if starts is None else local_date(starts, zone)
        days = [
            day
            for day in grid.days()
            if instant(day, 1440, zone) > problem.earliest and day < found and day <= local_date(problem.latest, zone)
        ]
        unexplained = [day for day in days if day not in [each.day for each in refusals]]
        assert all(not _has_cells(problem, day) for day in unexplained), seed
        assert [each.day for each in refusals] == [day for day in days if day not in unexplained]


def _has_cells(problem: Problem, day: date) -> bool:
    zone, grid = problem.world.grid.zone, problem.world.grid
    cells = range(max(instant(day, 0, zone), grid.origin), min(instant(day, 1440, zone), grid.end), 300)
    return any(problem.earliest <= cell <= problem.latest for cell in cells)


# --- one reason at a time


def department(
    busy: Mapping[str, tuple[Busy, ...]] | None = None,
    require: Mapping[str, str] | None = None,
    more: tuple[Resource, ...] = (),
    need: Mapping[str, object] | None = None,
    licences: tuple[Licence, ...] = (),
    beds: int = 1,
) -> Problem:
    """Return one room, one physician and a bed, open from Monday to Friday 08:00 to 12:00, over ten days."""
    grid = Grid(MONDAY, MONDAY + timedelta(days=10), ZONE)
    resources = [Resource("OR-1", "room"), Resource("P01", "physician", licences=licences), *more]
    resources += [Resource(f"BED-{number + 1:02}", "bed") for number in range(beds)]
    resources.append(Resource("patient:p1", "patient"))
    protocol = parse(
        {
            "code": "AB",
            "name": {"zh": "消融", "en": "Ablation"},
            "version": 1,
            "effective_from": "2026-01-01",
            "family": "ablation",
            "urgency": "4a",
            "step": [
                {
                    "code": "AB",
                    "name": {"zh": "消融", "en": "Ablation"},
                    "phases": {"setup": 30, "procedure": 60},
                    "need": [
                        {"role": "room", "kind": "room"},
                        {"role": "operator", "kind": "physician", "phases": ["procedure"], **(need or {})},
                    ],
                    "stay": {"nights": 1},
                }
            ],
        }
    )
    weekdays = [day for day in grid.days() if day.weekday() < 5]
    hours = tuple(Span(instant(day, 480, ZONE), instant(day, 720, ZONE)) for day in weekdays)
    opening = {each.code: hours for each in resources if each.kind in ("room", "physician")}
    world = World(grid, {each.code: each for each in resources}, opening, dict(busy or {}))
    return Problem(protocol, world, "patient:p1", grid.origin, grid.end - 1, dict(require or {}))


def blocked(days: int, kind: str = "procedure") -> tuple[Busy, ...]:
    """Return one occupied span from Monday 00:00 over some days."""
    return (Busy(instant(MONDAY, 0, ZONE), instant(MONDAY, 1440 * days, ZONE), kind),)


def only(problem: Problem, day: int = 0) -> Blocker:
    (blocker,) = explain(problem)[day].blocked_by
    return blocker


@pytest.mark.parametrize("kind", ["leave", "closure", "maintenance"])
def test_the_only_physician_on_leave_is_named_until_the_next_free_start(kind: str) -> None:
    # gone Monday and Tuesday; open again Wednesday 08:00
    blocker = only(department({"P01": blocked(2, kind)}))
    assert blocker == Blocker(kind, "operator", "AB", "P01", instant(MONDAY, 2 * 1440 + 480, ZONE))


def test_the_only_room_taken_all_day_is_occupied() -> None:
    blocker = only(department({"OR-1": blocked(1)}))
    assert blocker == Blocker("occupied", "room", "AB", "OR-1", instant(MONDAY, 1440 + 480, ZONE))


def test_one_of_several_taken_rooms_is_not_named() -> None:
    more = (Resource("OR-2", "room"),)
    blocker = only(department({"OR-1": blocked(1), "OR-2": blocked(1)}, more=more))
    assert (blocker.code, blocker.role, blocker.resource, blocker.until) == ("occupied", "room", None, None)


def test_a_weekend_is_closed_as_a_whole() -> None:
    refused = {refusal.day: refusal.blocked_by for refusal in explain(department())}
    saturday = MONDAY + timedelta(days=5)
    # everything opens again on Monday 08:00, seven days after the first
    assert refused[saturday] == (Blocker("closed", "", "AB", until=instant(MONDAY, 7 * 1440 + 480, ZONE)),)


def test_a_missing_licence_is_told() -> None:
    need = {"privilege": "ablation", "level": 3}
    held = (Licence("ablation", 2, MONDAY, date.max),)
    assert only(department(need=need, licences=held)).code == "no-licence"


def test_a_role_that_no_resource_can_fill_has_nobody() -> None:
    assert only(department(need={"attributes": ["left-handed"]})) == Blocker("nobody", "operator", "AB")


def test_a_full_ward_is_no_bed() -> None:
    blocker = only(department({"BED-01": blocked(2, "bed")}))
    assert (blocker.code, blocker.role, blocker.resource) == ("no-bed", "bed", "BED-01")


def test_the_patients_own_day_is_told() -> None:
    blocker = only(department({"patient:p1": blocked(1, "patient")}))
    assert (blocker.code, blocker.resource) == ("patient-elsewhere", "patient:p1")


def conditioned(problem: Problem, terms: Terms | None = None, hours: Hours | None = None, **given: Any) -> Problem:
    """Return the problem with conditions on its only step."""
    (step,) = problem.protocol.steps
    protocol = replace(problem.protocol, steps=(replace(step, hours=hours),), **given)
    return replace(problem, protocol=protocol, terms=terms or Terms(booked_on=MONDAY))


def test_a_day_before_the_lead_is_over_says_from_when() -> None:
    refusals = explain(conditioned(department(), lead_days=2))
    assert [refusal.blocked_by for refusal in refusals[:2]] == [
        (Blocker("lead", "", "AB", until=instant(MONDAY, 2 * 1440, ZONE)),)
    ] * 2
    assert refusals[2].day == MONDAY + timedelta(days=5)


def test_an_urgent_booking_need_not_wait_unless_something_is_ordered() -> None:
    urgent = Terms(booked_on=MONDAY, urgency="2b")
    supply = Supply("粒子", "Seeds", "AB", 3, 10)
    assert explain(conditioned(department(), urgent, lead_days=2))[0].day == MONDAY + timedelta(days=5)
    (blocker,) = explain(conditioned(department(), urgent, lead_days=2, supply=supply))[0].blocked_by
    assert (blocker.code, blocker.until) == ("lead", instant(MONDAY, 3 * 1440, ZONE))


def test_hours_at_which_nothing_is_open_are_told() -> None:
    assert only(conditioned(department(), hours=Hours(720, 960))) == Blocker("hours", "", "AB")


def test_the_wrong_patient_and_what_no_longer_keeps_are_told() -> None:
    assert only(conditioned(department(), Terms(sex="male"), sex="female")) == Blocker("patient-sex", "", "AB")
    assert explain(conditioned(department(), Terms(sex="other"), sex="female"))[0].day > MONDAY
    kept = Terms(use_by={"AB": MONDAY + timedelta(days=2)})
    assert only(conditioned(department({"OR-1": blocked(3)}), kept), day=3) == Blocker("supply", "", "AB")


def test_a_wish_that_blocks_while_another_would_do_is_a_required_resource() -> None:
    more = (Resource("OR-2", "room"),)
    problem = department({"OR-2": blocked(1)}, require={"room": "OR-2"}, more=more)
    world = replace(problem.world, opening={**problem.world.opening, "OR-2": problem.world.opening["OR-1"]})
    blocker = only(replace(problem, world=world))
    assert (blocker.code, blocker.role, blocker.resource) == ("required-resource", "room", "OR-2")
    assert blocker.until == instant(MONDAY, 1440 + 480, ZONE)


def test_two_things_in_the_way_are_both_named() -> None:
    problem = department({"OR-1": blocked(1), "P01": blocked(1, "leave")})
    codes = {(blocker.code, blocker.role) for blocker in explain(problem)[0].blocked_by}
    assert codes == {("occupied", "room"), ("leave", "operator")}


def test_three_things_in_the_way_are_a_combination() -> None:
    problem = department({"OR-1": blocked(1), "P01": blocked(1, "leave"), "BED-01": blocked(2, "bed")})
    assert only(problem).code == "combination"


def test_several_reasons_among_the_candidates_of_one_role_are_unavailable() -> None:
    more = (Resource("OR-2", "room"),)
    problem = department({"OR-1": blocked(1), "OR-2": blocked(1, "closure")}, more=more)
    opening = {**problem.world.opening, "OR-2": problem.world.opening["OR-1"]}
    # OR-1 is booked and OR-2 closed: to lift either frees the day, and the booking is what can be moved
    assert only(replace(problem, world=replace(problem.world, opening=opening))).code == "occupied"
    both = {"OR-1": (*blocked(1), *blocked(1, "closure")), "OR-2": (*blocked(1), *blocked(1, "closure"))}
    problem = department(both, more=more)
    assert only(replace(problem, world=replace(problem.world, opening=opening))).code == "unavailable"


def test_a_random_department_is_explained_the_same_twice() -> None:
    seed = Random(1).randrange(1000)
    assert refusals_of(seed)[2] == refusals_of(seed)[2]


def test_days_are_local() -> None:
    assert {refusal.day for refusal in explain(department({"OR-1": blocked(10)}))} == {
        MONDAY + timedelta(days=number) for number in range(10)
    }
    assert ZoneInfo(ZONE).key == ZONE
