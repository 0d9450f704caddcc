"""The roster over HTTP: half days, duties, leave with what it hits, and who is told why."""

from typing import Any

import pytest

from tests.web.api.conftest import Caller, Callers, NewPatient, booked, ok, refused

WEEK = {"from_": "2026-12-01", "to": "2026-12-07"}
LEAVE = {"person": "dr-12", "first": "2026-12-01", "last": "2026-12-02", "last_half": "am", "reason": "sick"}
DUTY = {"person": "dr-12", "date": "2026-12-05", "kind": "on-call"}


def days(caller: Caller, person: str = "dr-12") -> Any:
    return ok(caller.get("/roster", person=person, **WEEK))["people"][0]["days"]


def test_everybodys_half_days_are_told_with_how_many_are_at_work(nurse: Caller) -> None:
    told = ok(nurse.get("/roster", **WEEK))
    codes = [each["code"] for each in told["people"]]
    assert codes[0] == "dr-01"
    assert {"nurse-06", "recorder-10", "anaesthetist-01"} <= set(codes)
    assert {len(each["days"]) for each in told["people"]} == {7}
    first = [each for each in told["staffing"] if (each["date"], each["half"]) == ("2026-12-01", "am")]
    assert {"date": "2026-12-01", "half": "am", "kind": "nurse", "at_work": 6, "floor": 5} in first
    assert [each["kind"] for each in first] == ["physician", "nurse", "recorder"]


def test_a_duty_is_set_told_and_cleared(nurse: Caller) -> None:
    assert ok(nurse.post("/roster/duties", DUTY | {"note": "8123"})) == {"changed": True}
    assert ok(nurse.post("/roster/duties", DUTY | {"note": "8123"})) == {"changed": False}
    assert days(nurse)[4]["duties"] == [{"kind": "on-call", "place": None, "note": "8123"}]
    assert ok(nurse.post("/roster/duties/clear", DUTY)) == {"changed": True}
    assert days(nurse)[4]["duties"] == []


def test_leave_is_given_says_what_it_hits_and_is_taken_back(nurse: Caller, new_patient: NewPatient) -> None:
    made = booked(nurse, new_patient(), require={"operator": "dr-12"})
    hits = ok(nurse.post("/roster/leave", LEAVE))["hits"]
    assert [each["appointment"] for each in hits] == [made["id"]]
    assert [(each["am"]["state"], each["pm"]["state"]) for each in days(nurse)[:2]] == [
        ("leave", "leave"),
        ("leave", "on"),
    ]
    back = {"person": "dr-12", "first": "2026-12-01", "last": "2026-12-01"}
    assert ok(nurse.post("/roster/leave/take-back", back)) == {"changed": True}
    assert [day["am"]["state"] for day in days(nurse)[:2]] == ["on", "leave"]


def test_why_somebody_is_away_is_told_to_those_who_keep_the_roster(nurse: Caller, caller: Callers) -> None:
    ok(nurse.post("/roster/leave", LEAVE))
    assert days(nurse)[0]["am"]["reason"] == "sick"
    assert days(caller("physician"))[0]["am"]["reason"] is None


@pytest.mark.parametrize("role", ["physician", "recorder", "auditor"])
def test_those_who_only_read_write_nothing(caller: Callers, role: str) -> None:
    for path, body in (("duties", DUTY), ("duties/clear", DUTY), ("leave", LEAVE), ("leave/take-back", LEAVE)):
        refused(caller(role).post(f"/roster/{path}", body), 403, "not-allowed")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("duties", DUTY | {"person": "OR-1"}, "unknown-person"),
        ("duties", DUTY | {"kind": "holiday"}, "validation"),
        ("duties/clear", DUTY | {"person": "nobody"}, "unknown-person"),
        ("leave", LEAVE | {"last": "2026-11-30"}, "ends-before-start"),
        ("leave", LEAVE | {"last": "2028-11-30"}, "leave-too-long"),
        ("leave", LEAVE | {"person": "nobody"}, "unknown-person"),
        ("leave/take-back", {"person": "dr-12", "first": "2026-12-02", "last": "2026-12-01"}, "ends-before-start"),
    ],
)
def test_what_cannot_be_meant_is_refused(nurse: Caller, path: str, body: Any, code: str) -> None:
    refused(nurse.post(f"/roster/{path}", body), 422, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from_": "2026-12-02", "to": "2026-12-01"}, "earliest-after-latest"),
        ({"from_": "2026-12-01", "to": "2027-02-01"}, "search-too-long"),
        ({**WEEK, "person": "OR-1"}, "unknown-person"),
    ],
)
def test_a_roster_that_cannot_be_meant_is_refused(nurse: Caller, query: dict[str, str], code: str) -> None:
    refused(nurse.get("/roster", **query), 422, code)
