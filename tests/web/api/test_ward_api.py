"""The ward over HTTP: admit, transfer, discharge, extend, census, occupancy."""

from typing import Any

import pytest

from tests.conftest import Clock
from tests.web.api.conftest import Caller, NewPatient, booked, ok, refused

NOBODY = "00000000-0000-4000-8000-000000000000"


def admitted(nurse: Caller, patient: str, bed: str = "BED-05", **changes: Any) -> Any:
    body = {"patient": patient, "bed": bed, "expected_end": "2026-12-04T11:00:00+08:00", **changes}
    return ok(nurse.post("/encounters", body), 201)


def test_a_stay_is_admitted_transferred_extended_and_discharged(
    nurse: Caller, new_patient: NewPatient, clock: Clock
) -> None:
    body = {"patient": new_patient(), "bed": "BED-05", "expected_end": "2026-12-04T11:00:00+08:00"}
    response = nurse.post("/encounters", body)
    stay = ok(response, 201)
    path = f"/encounters/{stay['id']}"
    assert (response.headers["Location"], response.headers["ETag"]) == (f"/api/v1{path}", '"1"')
    assert stay["stays"] == [{"bed": "BED-05", "starts": "2026-12-01T08:00:00+08:00", "ends": None}]
    clock.forward(hours=2)
    moved = ok(nurse.post(f"{path}/transfer", {"bed": "BED-06"}, version=1))
    assert [(each["bed"], each["ends"]) for each in moved["stays"]] == [
        ("BED-05", "2026-12-01T10:00:00+08:00"),
        ("BED-06", None),
    ]
    extended = ok(nurse.post(f"{path}/extend", {"expected_end": "2026-12-06T11:00:00+08:00"}, version=2))
    assert extended["expected_end"] == "2026-12-06T11:00:00+08:00"
    clock.forward(hours=1)
    gone = ok(nurse.post(f"{path}/discharge", {}, version=3))
    assert (gone["status"], gone["discharged_at"]) == ("finished", "2026-12-01T11:00:00+08:00")
    assert ok(nurse.get(path)) == gone
    refused(nurse.post(f"{path}/discharge", {}, version=4), 409, "not-admitted")


def test_a_bed_holds_one_patient(nurse: Caller, new_patient: NewPatient) -> None:
    admitted(nurse, new_patient())
    body = {"patient": new_patient(), "bed": "BED-05", "expected_end": "2026-12-04T11:00:00+08:00"}
    problem = refused(nurse.post("/encounters", body), 409, "bed-occupied")
    assert problem["resource"] == "BED-05"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"patient": NOBODY}, 404, "unknown-patient"),
        ({"bed": "BED-99"}, 422, "unknown-bed"),
        ({"bed": "OR-1"}, 422, "unknown-bed"),
        ({"at": "2026-12-01T09:00:00+08:00"}, 422, "time-in-future"),
        ({"at": "2026-12-01T07:00:00"}, 422, "naive-time"),
        ({"expected_end": "2026-11-30T11:00:00+08:00"}, 422, "ends-before-start"),
        ({"appointment": NOBODY}, 404, "unknown-appointment"),
    ],
)
def test_an_admission_that_cannot_be_meant_is_refused(
    nurse: Caller, new_patient: NewPatient, changes: dict[str, str], status: int, code: str
) -> None:
    body = {"patient": new_patient(), "bed": "BED-05", "expected_end": "2026-12-04T11:00:00+08:00", **changes}
    refused(nurse.post("/encounters", body), status, code)
    assert ok(nurse.get("/census"))["occupied"] == 0


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("transfer", {"bed": "BED-06"}),
        ("discharge", {}),
        ("extend", {"expected_end": "2026-12-06T11:00:00+08:00"}),
    ],
)
def test_every_change_of_a_stay_needs_its_version(
    nurse: Caller, new_patient: NewPatient, verb: str, body: dict[str, str]
) -> None:
    stay = admitted(nurse, new_patient(), at="2026-12-01T07:00:00+08:00")
    path = f"/encounters/{stay['id']}/{verb}"
    refused(nurse.post(path, body), 428, "if-match-missing")
    refused(nurse.post(path, body, version=4), 412, "stale-version")
    refused(nurse.post(f"/encounters/{NOBODY}/{verb}", body, version=1), 404, "unknown-encounter")
    assert ok(nurse.post(path, body, version=1))["version"] == 2


def test_an_admission_with_a_key_happens_once(nurse: Caller, new_patient: NewPatient) -> None:
    body = {"patient": new_patient(), "bed": "BED-05", "expected_end": "2026-12-04T11:00:00+08:00"}
    first = ok(nurse.post("/encounters", body, key="ward-1"), 201)
    assert ok(nurse.post("/encounters", body, key="ward-1"), 201) == first


def test_the_census_tells_who_lies_there_and_who_is_expected(nurse: Caller, new_patient: NewPatient) -> None:
    lying = admitted(nurse, new_patient())
    coming = booked(nurse, new_patient(), "AB-LIV-1", earliest="2026-12-03T08:00:00+08:00")
    census = ok(nurse.get("/census"))
    assert (census["at"], census["open_beds"], census["occupied"]) == ("2026-12-01T08:00:00+08:00", 17, 1)
    beds = {bed["code"]: bed for bed in census["beds"]}
    assert beds["BED-05"]["lying"]["encounter"] == lying["id"]
    expected = [(bed["code"], each["appointment"]) for bed in census["beds"] for each in bed["expected"]]
    bed = next(slot["resource"] for slot in coming["steps"][0]["slots"] if slot["role"] == "bed")
    assert expected == [(bed, coming["id"])]
    before = ok(nurse.get("/census", at="2026-12-01T07:59:59+08:00"))
    assert before["occupied"] == 0


def test_occupancy_counts_each_day_and_leaves_the_forecast_open(
    nurse: Caller, new_patient: NewPatient, clock: Clock
) -> None:
    admitted(nurse, new_patient())
    clock.forward(days=2)
    days = ok(nurse.get("/occupancy", from_="2026-12-01", to="2026-12-04"))["days"]
    # Admitted on the 1st at 08:00, expected to leave on the 4th at 11:00; now it is the 3rd at 08:00.
    assert [(day["date"], day["occupied_midnight"], day["planned"], day["admissions"]) for day in days] == [
        ("2026-12-01", 1, 1, 1),
        ("2026-12-02", 1, 1, 0),
        ("2026-12-03", None, 1, 0),
        ("2026-12-04", None, 0, 0),
    ]
    assert {value for day in days for value in day["forecast"].values()} == {None}


def test_a_report_over_an_impossible_period_is_refused(nurse: Caller) -> None:
    refused(nurse.get("/occupancy", from_="2026-12-04", to="2026-12-01"), 422, "earliest-after-latest")
    refused(nurse.get("/occupancy", from_="1990-12-04", to="2026-12-01"), 422, "search-too-long")
    refused(nurse.get("/occupancy", from_="2026-12-04"), 422, "validation")


def test_a_lodger_lies_on_another_ward_until_a_bed_of_ours_is_free(
    nurse: Caller, new_patient: NewPatient, clock: Clock
) -> None:
    body = {"patient": new_patient(), "lodger_ward": "肝胆外科", "expected_end": "2026-12-04T11:00:00+08:00"}
    stay = ok(nurse.post("/encounters", body), 201)
    assert (stay["lodger_ward"], stay["stays"]) == ("肝胆外科", [])
    census = ok(nurse.get("/census"))
    assert (census["occupied"], [each["ward"] for each in census["lodgers"]]) == (0, ["肝胆外科"])
    clock.forward(hours=1)
    home = ok(nurse.post(f"/encounters/{stay['id']}/transfer", {"bed": "BED-06"}, version=1))
    assert [each["bed"] for each in home["stays"]] == ["BED-06"]
    assert ok(nurse.get("/census"))["lodgers"] == []


def test_a_stay_is_in_a_bed_of_ours_or_on_another_ward(nurse: Caller, new_patient: NewPatient) -> None:
    body = {"patient": new_patient(), "expected_end": "2026-12-04T11:00:00+08:00"}
    refused(nurse.post("/encounters", body), 422, "bed-or-lodger-ward")
    refused(nurse.post("/encounters", body | {"bed": "BED-05", "lodger_ward": "x"}), 422, "bed-or-lodger-ward")
