"""What an outsider may know of resources, protocols, opening and occupied spans."""

from datetime import datetime, timedelta

from models import Closure, Resource
from models.database import Database
from tests.web.api.conftest import Caller, Callers, NewPatient, booked, ok, refused

DAY = {"from_": "2026-12-02T00:00:00+08:00", "to": "2026-12-03T00:00:00+08:00"}


def test_resources_are_listed_without_patients(nurse: Caller, new_patient: NewPatient) -> None:
    new_patient()
    resources = ok(nurse.get("/resources"))["resources"]
    kinds = {each["kind"] for each in resources}
    assert {"room", "bed", "physician", "nurse", "device", "place"} <= kinds
    assert "patient" not in kinds
    bed = next(each for each in resources if each["code"] == "BED-01")
    assert (bed["names"], bed["bay"]) == ({"zh": "01 床", "en": "Bed 01"}, "A")


def test_resources_can_be_listed_by_kind(nurse: Caller) -> None:
    assert {each["kind"] for each in ok(nurse.get("/resources", kind="bed"))["resources"]} == {"bed"}


def test_a_protocol_tells_phases_needs_and_the_stay_with_its_hours(nurse: Caller) -> None:
    protocols = {each["code"]: each for each in ok(nurse.get("/protocols"))["protocols"]}
    biopsy = protocols["BX-FNA"]["steps"][0]
    # 3 + 10 + 3 + 30 minutes: the cumulative ends 3, 13, 16, 46 round up to 5, 15, 20, 50.
    assert biopsy["phases"] == {"setup": 5, "procedure": 10, "cleanup": 5, "recovery": 30}
    assert biopsy["patient"] == {
        "role": "patient",
        "phases": ["setup", "procedure", "cleanup", "recovery"],
        "offset_minutes": 0,
        "minutes": 50,
    }
    assert biopsy["stay"] is None
    operator = next(need for need in biopsy["needs"] if need["role"] == "operator")
    assert (operator["offset_minutes"], operator["minutes"], operator["count"]) == (5, 10, 1)
    ablation = protocols["AB-LIV-1"]["steps"][0]
    stay = ablation["stay"]
    assert (stay["nights_before"], stay["nights"], stay["admit"], stay["discharge"]) == (1, 2, "13:00", "11:00")
    assert len(stay["candidates"]) == 17
    room = next(need for need in ablation["needs"] if need["role"] == "room")
    assert room["candidates"] == ["OR-1", "OR-2"]


def test_candidates_are_those_licensed_on_the_day(nurse: Caller, department: Database, now: datetime) -> None:
    before = _operators(nurse)
    gone = before[0]

    def end_licences(session, at) -> None:
        resource = session.query(Resource).filter_by(code=gone).one()
        for held in resource.privileges:
            held.valid_to = at.date() - timedelta(days=1)

    department.transact(end_licences, now=now)
    _forget_the_department(department, now)
    assert _operators(nurse) == before[1:]
    assert gone in _operators(nurse, date="2026-11-29")


def _operators(nurse: Caller, **query: str) -> list[str]:
    protocols = {each["code"]: each for each in ok(nurse.get("/protocols", **query))["protocols"]}
    needs = protocols["AB-LIV-1"]["steps"][0]["needs"]
    return list(next(need["candidates"] for need in needs if need["role"] == "operator"))


def _forget_the_department(db: Database, now: datetime) -> None:
    from models import Department

    def bump(session, at) -> None:
        session.query(Department).one().revision += 1

    db.transact(bump, now=now)


def test_lags_are_told_with_every_bound(nurse: Caller) -> None:
    protocols = {each["code"]: each for each in ok(nurse.get("/protocols"))["protocols"]}
    assert protocols["HDR"]["lags"] == [
        {
            "from": "HDR-P",
            "to": "HDR-CT",
            "min_minutes": 45,
            "max_minutes": 120,
            "min_days": None,
            "max_days": None,
            "target_days": None,
            "from_phase": "procedure",
            "to_phase": None,
        },
        {
            "from": "HDR-CT",
            "to": "HDR-I",
            "min_minutes": 65,
            "max_minutes": 210,
            "min_days": None,
            "max_days": None,
            "target_days": None,
            "from_phase": None,
            "to_phase": "procedure",
        },
    ]
    (lag,) = protocols["CP-TACE-ABL-S"]["lags"]
    assert (lag["min_days"], lag["max_days"], lag["target_days"]) == (5, 28, [7, 14])


def test_opening_follows_sessions_holidays_and_closures(nurse: Caller, department: Database, now: datetime) -> None:
    assert ok(nurse.get("/resources/US-01/opening", **DAY))["opening"] == [
        {"starts": "2026-12-02T08:00:00+08:00", "ends": "2026-12-02T12:00:00+08:00"},
        {"starts": "2026-12-02T13:30:00+08:00", "ends": "2026-12-02T17:30:00+08:00"},
    ]
    _close(department, "US-01", "2026-12-02T09:00:00+08:00", "2026-12-02T17:00:00+08:00", now)
    assert ok(nurse.get("/resources/US-01/opening", **DAY))["opening"] == [
        {"starts": "2026-12-02T08:00:00+08:00", "ends": "2026-12-02T09:00:00+08:00"},
        {"starts": "2026-12-02T17:00:00+08:00", "ends": "2026-12-02T17:30:00+08:00"},
    ]
    sunday = {"from_": "2026-12-06T00:00:00+08:00", "to": "2026-12-07T00:00:00+08:00"}
    assert ok(nurse.get("/resources/US-01/opening", **sunday))["opening"] == []


def _close(db: Database, code: str, starts: str, ends: str, now: datetime) -> None:
    def work(session, at) -> None:
        resource = session.query(Resource).filter_by(code=code).one()
        resource.revision += 1
        session.add(
            Closure(
                resource_id=resource.id,
                kind="maintenance",
                starts=datetime.fromisoformat(starts),
                ends=datetime.fromisoformat(ends),
                recorded_at=at,
                recorded_by="test",
            )
        )

    db.transact(work, now=now)


def test_the_opening_of_an_unknown_resource_or_of_a_patient_is_not_there(
    nurse: Caller, new_patient: NewPatient
) -> None:
    patient = new_patient()
    refused(nurse.get("/resources/OR-99/opening", **DAY), 404, "no-such-resource")
    refused(nurse.get(f"/resources/patient:{patient}/opening", **DAY), 404, "no-such-resource")


def test_a_naive_time_is_refused_in_a_query(nurse: Caller) -> None:
    problem = refused(
        nurse.get("/slots", from_="2026-12-02T00:00:00", to="2026-12-03T00:00:00+08:00"), 422, "naive-time"
    )
    assert (problem["field"], problem["value"]) == ("from", "2026-12-02T00:00:00")
    refused(nurse.get("/slots", from_="2026-12-02", to="2026-12-03T00:00:00+08:00"), 422, "naive-time")


def test_any_offset_is_understood_and_answers_are_in_the_departments_zone(nurse: Caller) -> None:
    utc = {"from_": "2026-12-01T16:00:00Z", "to": "2026-12-01t18:00:00.000-06:00"}
    assert ok(nurse.get("/resources/US-01/opening", **utc)) == ok(
        nurse.get("/resources/US-01/opening", from_="2026-12-02T00:00:00+08:00", to="2026-12-02T08:00:00+08:00")
    )
    assert ok(nurse.get("/resources/OR-1/opening", **DAY))["opening"][0]["starts"].endswith("+08:00")


def test_a_window_that_ends_before_it_starts_or_is_endless_is_refused(nurse: Caller) -> None:
    refused(nurse.get("/slots", from_=DAY["to"], to=DAY["from_"]), 422, "ends-before-start")
    refused(nurse.get("/slots", from_=DAY["from_"], to="2028-12-03T00:00:00+08:00"), 422, "search-too-long")
    refused(nurse.get("/slots", from_=DAY["from_"], to="9999-12-31T23:59:59+08:00"), 422, "time-out-of-range")
    refused(nurse.get("/slots", from_=DAY["from_"], to="2026-12-03T25:00:00+08:00"), 422, "validation")


def test_an_unknown_member_of_a_query_is_refused(nurse: Caller) -> None:
    refused(nurse.get("/slots", **DAY, room="OR-1"), 422, "validation")


def test_slots_tell_bookings_and_beds_but_not_the_patients_own_day(nurse: Caller, new_patient: NewPatient) -> None:
    appointment = booked(nurse, new_patient(), "AB-LIV-1", earliest="2026-12-02T08:00:00+08:00")
    slots = ok(nurse.get("/slots", **DAY))["slots"]
    assert {each["appointment"] for each in slots} == {appointment["id"]}
    expected = {
        (slot["resource"], slot["role"], slot["starts"], slot["ends"])
        for slot in appointment["steps"][0]["slots"]
        if slot["role"] != "patient"
    }
    assert {(each["resource"], each["role"], each["starts"], each["ends"]) for each in slots} == expected
    bed = next(each for each in slots if each["kind"] == "bed")
    # One night before Wednesday 2026-12-02, two after.
    assert (bed["starts"], bed["ends"]) == ("2026-12-01T13:00:00+08:00", "2026-12-04T11:00:00+08:00")
    only = ok(nurse.get("/slots", **DAY, resource=bed["resource"]))["slots"]
    assert only == [bed]


def test_a_live_hold_is_told_and_a_lapsed_one_is_not(nurse: Caller, new_patient: NewPatient, clock) -> None:
    booked(nurse, new_patient(), hold=True, earliest="2026-12-02T08:00:00+08:00")
    assert {each["status"] for each in ok(nurse.get("/slots", **DAY))["slots"]} == {"pending"}
    clock.forward(minutes=10)
    assert ok(nurse.get("/slots", **DAY))["slots"] == []


def test_closures_and_open_stays_are_told(
    nurse: Caller, new_patient: NewPatient, department: Database, now: datetime
) -> None:
    _close(department, "OR-1", "2026-12-02T09:00:00+08:00", "2026-12-02T10:00:00+08:00", now)
    stay = {"patient": new_patient(), "bed": "BED-03", "expected_end": "2026-12-04T11:00:00+08:00"}
    ok(nurse.post("/encounters", stay), 201)
    told = {each["resource"]: each for each in ok(nurse.get("/slots", **DAY))["slots"]}
    assert (told["OR-1"]["kind"], told["OR-1"]["status"], told["OR-1"]["appointment"]) == (
        "maintenance",
        "blocked",
        None,
    )
    assert (told["BED-03"]["kind"], told["BED-03"]["ends"]) == ("stay", "2026-12-04T11:00:00+08:00")


def test_everybody_with_an_account_reads_and_nobody_without(caller: Callers) -> None:
    for role in ("nurse", "physician", "manager", "administrator", "auditor", "recorder"):
        ok(caller(role).get("/resources"))
    stranger = Caller(caller("nurse").client, "np_00000000_" + "x" * 43)
    refused(stranger.get("/resources"), 401, "token-invalid")
