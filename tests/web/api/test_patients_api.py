"""Patients over HTTP."""

import pytest
from sqlalchemy import select

from models import Audit
from models.database import Database
from tests.web.api.conftest import Caller, Callers, NewPatient, ok, refused

ZHANG = {
    "record_number": "A-1024",
    "name": "张晓明",
    "sex": "female",
    "birth_date": "1980-02-29",
    "phone": "138 0000 1234",
    "flags": ["diabetes", {"code": "allergy", "note": "碘"}, {"code": "radiation", "until": "2027-02-10"}],
}


def test_a_patient_is_entered_read_and_found(nurse: Caller) -> None:
    response = nurse.post("/patients", ZHANG)
    patient = ok(response, 201)
    path = f"/patients/{patient['id']}"
    assert (response.headers["Location"], response.headers["ETag"]) == (f"/api/v1{path}", '"1"')
    assert patient["phone"] == "13800001234"
    assert patient["flags"] == [
        {"code": "allergy", "note": "碘", "until": None, "last_dose": None},
        {"code": "diabetes", "note": None, "until": None, "last_dose": None},
        {"code": "radiation", "note": None, "until": "2027-02-10", "last_dose": None},
    ]
    assert ok(nurse.get(path)) == patient
    for text in ("A-1024", "张", "zxm", "zhangxiaoming", "1234"):
        assert [each["id"] for each in ok(nurse.get("/patients", q=text))["patients"]] == [patient["id"]], text
    assert ok(nurse.get("/patients", q="lisi"))["patients"] == []


def test_looking_at_a_patient_leaves_a_trace(nurse: Caller, new_patient: NewPatient, department: Database) -> None:
    patient = new_patient()
    for _ in range(2):
        ok(nurse.get(f"/patients/{patient}"))
    with department.read() as session:
        looks = session.scalars(select(Audit.actor).where(Audit.action == "view", Audit.patient == patient)).all()
    assert looks == ["token:nurse 1"]


def test_a_record_number_names_one_patient(nurse: Caller) -> None:
    first = ok(nurse.post("/patients", ZHANG), 201)
    problem = refused(nurse.post("/patients", {**ZHANG, "name": "李四"}), 409, "duplicate-record-number")
    assert problem["patient"] == first["id"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, "validation"),
        ({"name": "  "}, "empty-text"),
        ({"name": "张\n明"}, "validation"),
        ({"sex": "F"}, "validation"),
        ({"birth_date": "1980-02-30"}, "validation"),
        ({"birth_date": 0}, "validation"),
        ({"birth_date": "2026-12-02"}, "birth-date-in-future"),
        ({"phone": "call me"}, "bad-phone"),
        ({"flags": ["tall"]}, "validation"),
        ({"flags": [{"code": "diabetes", "note": "II"}]}, "flag-particular"),
        ({"flags": [{"code": "allergy", "note": "x" * 61}]}, "validation"),
        ({"flags": [{"code": "pregnancy", "until": "soon"}]}, "validation"),
        ({"weight": 60}, "validation"),
    ],
)
def test_a_patient_who_cannot_be_meant_is_refused(nurse: Caller, changes: dict[str, object], code: str) -> None:
    refused(nurse.post("/patients", {**ZHANG, **changes}), 422, code)
    assert ok(nurse.get("/patients", q="A-1024"))["patients"] == []


def test_entering_a_patient_with_a_key_happens_once(nurse: Caller) -> None:
    assert ok(nurse.post("/patients", ZHANG, key="p"), 201) == ok(nurse.post("/patients", ZHANG, key="p"), 201)


def test_a_patient_who_is_not_there_is_not_found(nurse: Caller, new_patient: NewPatient) -> None:
    new_patient()
    refused(nurse.get("/patients/00000000-0000-4000-8000-000000000000"), 404, "unknown-patient")
    refused(nurse.get("/patients/1"), 404, "not-found")


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_who_counts_or_checks_reads_no_names(nurse: Caller, caller: Callers, role: str) -> None:
    patient = ok(nurse.post("/patients", ZHANG), 201)
    stay = {"patient": patient["id"], "bed": "BED-05", "expected_end": "2026-12-04T11:00:00+08:00"}
    ok(nurse.post("/encounters", stay), 201)
    outsider = caller(role)
    refused(outsider.get("/patients", q="zxm"), 403, "not-allowed")
    refused(outsider.get(f"/patients/{patient['id']}"), 403, "not-allowed")
    names = {bed["lying"]["name"] for bed in ok(outsider.get("/census"))["beds"] if bed["lying"]}
    assert names == {"张*明"}
