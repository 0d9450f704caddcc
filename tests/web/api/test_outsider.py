"""Somebody outside, who knows only what the API publishes, finds the same earliest start as the engine.

Nothing here imports the product: openings, occupied spans, candidates and phases are taken from GET answers, and
starts are tried one after the other.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pytest

from tests.web.api.conftest import Caller, NewPatient, booked, found, ok

Span = tuple[datetime, datetime]

DAYS = 21


class Outsider:
    """Plans one procedure by trying every start on the grid."""

    def __init__(self, caller: Caller, code: str, earliest: str) -> None:
        self.caller, self.earliest = caller, datetime.fromisoformat(earliest)
        answer = ok(caller.get("/protocols"))
        (self.step,) = next(each for each in answer["protocols"] if each["code"] == code)["steps"]
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
            slots = self.fill(list(self.asks(start)), frozenset())
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
    assert ok(nurse.post("/proposals/check", {"protocol": protocol, "steps": [plan]})) == {"violations": []}
    ok(nurse.post("/appointments", {"patient": new_patient(), "protocol": protocol, "steps": [plan]}), 201)
