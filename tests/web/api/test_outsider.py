"""Somebody outside, who knows only what the API publishes, finds the same earliest start as the engine.

The outsider imports nothing of the product: openings, occupied spans, candidates and phases are taken from GET
answers, and starts are tried one after the other.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from math import ceil
from typing import Any

import pytest

from models.database import Database
from tests.factories import ALONE, LESIONS, TRAINEE, document, done, published
from tests.web.api.conftest import Caller, NewPatient, booked, found, ok

Span = tuple[datetime, datetime]

DAYS = 21


class Outsider:
    """Plans one procedure by trying every start on the grid."""

    def __init__(self, caller: Caller, code: str, earliest: str, options: Mapping[str, int] | None = None) -> None:
        self.caller, self.earliest = caller, datetime.fromisoformat(earliest)
        answer, wanted = ok(caller.get("/protocols")), options or {}
        protocol = next(each for each in answer["protocols"] if each["code"] == code)
        (step,) = protocol["steps"]
        chosen = [(each, wanted[each["code"]]) for each in protocol["options"] if each["code"] in wanted]
        self.step = with_options(step, chosen, answer["grid_minutes"]) if chosen else step
        self.grid = timedelta(minutes=answer["grid_minutes"])
        self.first, self.last = self.earliest - timedelta(days=7), self.earliest + timedelta(days=DAYS + 7)
        self.opening: dict[str, list[Span]] = {}

    @cached_property
    def taken(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for slot in ok(self.caller.get("/slots", from_=self.first.isoformat(), to=self.last.isoformat()))["slots"]:
            found.setdefault(slot["resource"], []).append(_span(slot))
        return found

    def opened(self, code: str) -> list[Span]:
        if code not in self.opening:
            window = {"from_": self.first.isoformat(), "to": self.last.isoformat()}
            answer = ok(self.caller.get(f"/resources/{code}/opening", **window))
            self.opening[code] = [_span(each) for each in answer["opening"]]
        return self.opening[code]

    def free(self, code: str, span: Span) -> bool:
        inside = any(starts <= span[0] and span[1] <= ends for starts, ends in self.opened(code))
        return inside and all(span[1] <= starts or ends <= span[0] for starts, ends in self.taken.get(code, ()))

    def plan(self) -> dict[str, Any] | None:
        """Return the earliest step that fits, as POST /proposals/check takes it."""
        start = self.earliest
        while start < self.earliest + timedelta(days=DAYS):
            slots = self.fill(list(self.asks(start)), frozenset()) if self.in_hours(start) else None
            if slots is not None:
                ends = start + timedelta(minutes=self.step["minutes"])
                return {
                    "step": self.step["code"],
                    "starts": start.isoformat(),
                    "ends": ends.isoformat(),
                    "slots": slots,
                }
            start += self.grid
        return None

    def in_hours(self, start: datetime) -> bool:
        hours = self.step["hours"]
        if hours is None:
            return True
        ends = start + timedelta(minutes=self.step["minutes"])
        return _at(start, hours["from"]) <= start and ends <= _at(start, hours["to"])

    def asks(self, start: datetime) -> Iterator[tuple[str, list[str], Span]]:
        """Yield who or what is needed over which span when the step starts then: (role, candidates, span)."""
        for need in self.step["needs"]:
            begins = start + timedelta(minutes=need["offset_minutes"])
            for _ in range(need["count"]):
                yield need["role"], need["candidates"], (begins, begins + timedelta(minutes=need["minutes"]))
        stay = self.step["stay"]
        if stay is not None:
            nights = (
                _at(start - timedelta(days=stay["nights_before"]), stay["admit"]),
                _at(start + timedelta(days=stay["nights"]), stay["discharge"]),
            )
            yield "bed", stay["candidates"], nights

    def fill(self, asks: list[tuple[str, list[str], Span]], used: frozenset[str]) -> list[dict[str, str]] | None:
        """Give every ask a resource of its own, depth first; None when it cannot be done."""
        if not asks:
            return []
        role, candidates, span = asks[0]
        for code in candidates:
            if code not in used and self.free(code, span):
                rest = self.fill(asks[1:], used | {code})
                if rest is not None:
                    mine = {"resource": code, "role": role, "starts": span[0].isoformat(), "ends": span[1].isoformat()}
                    return [mine, *rest]
        return None


def with_options(step: dict[str, Any], chosen: list[tuple[dict[str, Any], int]], grid: int) -> dict[str, Any]:
    """Return a step as the options make it, by what the API says of them and nothing else."""
    minutes = {phase: Decimal(length) for phase, length in step["phases"].items()}
    for option, count in chosen:
        minutes["procedure"] *= 1 + Decimal(str(option["lengthens"])) * count
    for option, count in chosen:
        for phase, more in option["add"].items():
            minutes[phase] = minutes.get(phase, Decimal(0)) + more * count
    present = [phase for phase in ("setup", "procedure", "cleanup", "recovery") if phase in minutes]
    ends = {phase: _up(sum(minutes[each] for each in present[: n + 1]), grid) for n, phase in enumerate(present)}
    begins = dict(zip(present, [0, *ends.values()], strict=False))
    needs, stay = {need["role"]: need for need in step["needs"]}, step["stay"]
    for option, _ in chosen:
        needs = {role: need for role, need in needs.items() if role not in option["drop"]}
        needs |= {need["role"]: need for need in option["needs"]}
        stay = None if option["no_stay"] else option["stay"] or stay
    span = [phase for phase in present if phase != "recovery"]
    found = []
    for need in needs.values():
        phases = span if need["whole_span"] else need["phases"]
        offset = begins[phases[0]] - need["before_minutes"]
        length = ends[phases[-1]] + need["after_minutes"] - offset
        found.append({**need, "offset_minutes": offset, "minutes": length})
    return {**step, "minutes": ends[span[-1]], "needs": found, "stay": stay}


def _up(minutes: Any, grid: int) -> int:
    return ceil(minutes / grid) * grid


def _span(told: dict[str, str]) -> Span:
    return datetime.fromisoformat(told["starts"]), datetime.fromisoformat(told["ends"])


def _at(day: datetime, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return day.replace(hour=int(hour), minute=int(minute))


def fill_the_week(nurse: Caller, new_patient: NewPatient) -> None:
    """Take so much that the first fitting start is far from obvious."""
    for number in range(6):
        booked(nurse, new_patient(), "AB-LIV-1", hold=number % 2 == 1, earliest="2026-12-02T08:00:00+08:00")
    # All six puncture rooms, out of step with each other, and the recorders with them.
    for minute in (0, 0, 0, 0, 5, 10):
        booked(nurse, new_patient(), "BX-FNA", earliest=f"2026-12-02T08:{minute:02}:00+08:00")
    # Every bed but three is lain in until Thursday.
    for bed in range(1, 15):
        body = {"patient": new_patient(), "bed": f"BED-{bed:02}", "expected_end": "2026-12-10T11:00:00+08:00"}
        if nurse.post("/encounters", body).status_code == 409:  # planned for an ablation above: that may stand
            continue


@pytest.mark.parametrize("protocol", ["BX-FNA", "AB-LIV-1"])
def test_an_outsider_finds_the_earliest_start_that_the_engine_proposes(
    nurse: Caller, new_patient: NewPatient, protocol: str
) -> None:
    fill_the_week(nurse, new_patient)
    earliest = "2026-12-02T08:00:00+08:00"
    plan = Outsider(nurse, protocol, earliest).plan()
    (proposal,) = found(nurse, protocol, earliest=earliest, limit=1)
    assert plan is not None
    assert plan["starts"] == proposal["starts"]
    assert plan["starts"] > earliest
    asked = {"protocol": protocol, "steps": [plan], "urgency": "2a"}
    assert ok(nurse.post("/proposals/check", asked)) == {"violations": []}
    ok(nurse.post("/appointments", {"patient": new_patient(), **asked}), 201)


OPTIONS = (
    LESIONS,
    TRAINEE | {"add": {"setup": 3}},
    ALONE | {"excludes": [], "no_stay": True},
    {"code": "watched", "name": {"zh": "观察", "en": "Watched"}, "add": {"recovery": 45}, "stay": {"nights": 1}},
)


@pytest.mark.parametrize(
    "options",
    [{}, {"extra-lesion": 2}, {"trainee": 1, "extra-lesion": 1}, {"alone": 1}, {"watched": 1, "trainee": 1}],
)
def test_an_outsider_works_out_options_hours_and_what_is_taken_besides(
    nurse: Caller, new_patient: NewPatient, department: Database, options: dict[str, int]
) -> None:
    room = {"role": "room", "kind": "room", "codes": ["US-01"], "before_minutes": 3, "after_minutes": 20}
    step = {"hours": {"from": "10:15", "to": "12:00"}, "need": [*document()["step"][0]["need"][1:], room]}
    done(department, lambda session: published(session, step=step, options=OPTIONS))
    earliest = "2026-12-02T08:00:00+08:00"
    for at in ("10:10",):
        booked(nurse, new_patient(), "BX-FNA", earliest=f"2026-12-02T{at}:00+08:00", require={"room": "US-01"})
    plan = Outsider(nurse, "OPT", earliest, options).plan()
    (proposal,) = found(nurse, "OPT", earliest=earliest, limit=1, options=options)
    assert plan is not None
    assert plan["starts"] == proposal["starts"]
    asked = {"protocol": "OPT", "steps": [plan], "options": options}
    assert ok(nurse.post("/proposals/check", asked)) == {"violations": []}
    made = ok(nurse.post("/appointments", {"patient": new_patient(), **asked}), 201)
    assert made["options"] == options
