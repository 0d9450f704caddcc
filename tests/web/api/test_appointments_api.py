"""Appointments over HTTP: book, hold, confirm, renew, reschedule, cancel, mark, list."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from models.database import Database
from tests.conftest import ROOT, Clock
from tests.factories import ALONE, LESIONS, TRAINEE, done, published
from tests.web.api.conftest import Caller, Callers, NewPatient, booked, found, ok, refused

NOBODY = "00000000-0000-4000-8000-000000000000"
WEDNESDAY = {"earliest": "2026-12-02T08:00:00+08:00"}


def explicit(steps: list[Any], **changes: Any) -> list[Any]:
    """Return steps as a client writes them, without the patient's own slots."""
    return [
        {
            "step": step["step"],
            "starts": step["starts"],
            "ends": step["ends"],
            "slots": [
                {name: slot[name] for name in ("resource", "role", "starts", "ends")}
                for slot in step["slots"]
                if slot["role"] != "patient"
            ],
            **changes,
        }
        for step in steps
    ]


def later(value: Any, day: str = "2026-12-02", to: str = "2026-12-03") -> Any:
    """Return steps moved to another day."""
    if isinstance(value, dict):
        return {name: later(each, day, to) for name, each in value.items()}
    if isinstance(value, list):
        return [later(each, day, to) for each in value]
    return value.replace(day, to) if isinstance(value, str) else value


# --- Booking.


def test_a_booking_answers_where_it_is_and_its_version(nurse: Caller, new_patient: NewPatient) -> None:
    patient = new_patient()
    token = found(nurse, "AB-LIV-1", patient=patient, limit=1, **WEDNESDAY)[0]["token"]
    response = nurse.post("/appointments", {"patient": patient, "proposal": token, "note": "左叶"})
    appointment = ok(response, 201)
    assert response.headers["Location"] == f"/api/v1/appointments/{appointment['id']}"
    assert response.headers["ETag"] == '"1"'
    assert (appointment["version"], appointment["status"], appointment["patient"]) == (1, "booked", patient)
    assert appointment["note"] == "左叶"
    assert ok(nurse.client.get(response.headers["Location"], headers=nurse._headers()))["id"] == appointment["id"]


def test_the_patients_own_day_is_added_to_a_proposal_for_nobody_and_to_explicit_steps(
    nurse: Caller, new_patient: NewPatient
) -> None:
    someone = {"sex": "male"}
    one, other = new_patient(), new_patient()
    (proposal,) = found(nurse, patient=someone, limit=1, **WEDNESDAY)
    by_token = ok(nurse.post("/appointments", {"patient": one, "proposal": proposal["token"]}), 201)
    steps = explicit(later(proposal["steps"]))
    by_steps = ok(nurse.post("/appointments", {"patient": other, "protocol": "BX-FNA", "steps": steps}), 201)
    for appointment, patient, day in ((by_token, one, "02"), (by_steps, other, "03")):
        own = next(slot for slot in appointment["steps"][0]["slots"] if slot["role"] == "patient")
        assert own["resource"] == f"patient:{patient}"
        # 5 + 10 + 5 + 30 minutes of the patient's own time.
        assert (own["starts"], own["ends"]) == (f"2026-12-{day}T08:00:00+08:00", f"2026-12-{day}T08:50:00+08:00")


def test_explicit_steps_need_no_protocol_where_only_one_has_them(nurse: Caller, new_patient: NewPatient) -> None:
    (proposal,) = found(nurse, "CP-TACE-ABL-S", limit=1, **WEDNESDAY)
    body = {"patient": new_patient(), "steps": explicit(proposal["steps"]), "urgency": "2a"}
    appointment = ok(nurse.post("/appointments", body), 201)
    assert appointment["protocol"]["code"] == "CP-TACE-ABL-S"
    assert [step["status"] for step in appointment["steps"]] == ["booked", "reserved"]


def test_a_taken_place_comes_back_with_who_is_there_and_fresh_proposals(nurse: Caller, new_patient: NewPatient) -> None:
    (proposal,) = found(nurse, "AB-LIV-1", limit=1, **WEDNESDAY)
    first = ok(nurse.post("/appointments", {"patient": new_patient(), "proposal": proposal["token"]}), 201)
    late = new_patient()
    problem = refused(nurse.post("/appointments", {"patient": late, "proposal": proposal["token"]}), 409, "slot-taken")
    blocking = next(slot for slot in first["steps"][0]["slots"] if slot["resource"] == problem["resource"])
    assert (problem["starts"], problem["ends"]) == (blocking["starts"], blocking["ends"])
    assert problem["appointment"] == first["id"]
    assert 1 <= len(problem["proposals"]) <= 3
    again = ok(nurse.post("/appointments", {"patient": late, "proposal": problem["proposals"][0]["token"]}), 201)
    assert again["steps"][0]["starts"] == problem["proposals"][0]["starts"]


def test_a_patient_who_is_elsewhere_then_is_refused(nurse: Caller, new_patient: NewPatient) -> None:
    patient = new_patient()
    first = booked(nurse, patient, **WEDNESDAY)
    (proposal,) = found(nurse, limit=1, require={"room": "US-06", "operator": "dr-09"}, **WEDNESDAY)
    body = {"patient": patient, "proposal": proposal["token"]}
    problem = refused(nurse.post("/appointments", body), 409, "patient-elsewhere")
    assert (problem["appointment"], problem["starts"]) == (first["id"], "2026-12-02T08:00:00+08:00")
    assert problem["ends"] == "2026-12-02T08:50:00+08:00"


def test_a_placement_that_breaks_rules_is_refused_with_all_of_them(nurse: Caller, new_patient: NewPatient) -> None:
    (proposal,) = found(nurse, limit=1, **WEDNESDAY)
    sunday = explicit(later(proposal["steps"], to="2026-12-06"))
    problem = refused(nurse.post("/appointments", {"patient": new_patient(), "steps": sunday}), 409, "rule-broken")
    assert {each["code"] for each in problem["violations"]} == {"outside-opening"}
    assert ok(nurse.get("/appointments"))["appointments"] == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"proposal": None}, 422, "proposal-or-steps"),
        ({"steps": []}, 422, "validation"),
        ({"patient": NOBODY}, 404, "unknown-patient"),
        ({"patient": "张晓明"}, 422, "validation"),
        ({"protocol": "AB-LIV-1"}, 422, "bad-token"),
        ({"hold": "yes"}, 422, "validation"),
        ({"override": {"rules": [], "reason": "x"}}, 422, "validation"),
        ({"override": {"rules": ["outside-opening"], "reason": "x"}}, 403, "no-right-to-override"),
        ({"override": {"rules": ["occupied"], "reason": "x"}}, 422, "rule-is-hard"),
    ],
)
def test_a_booking_that_cannot_be_meant_is_refused(
    nurse: Caller, new_patient: NewPatient, changes: dict[str, Any], status: int, code: str
) -> None:
    (proposal,) = found(nurse, limit=1)
    body = {"patient": new_patient(), "proposal": proposal["token"], **changes}
    refused(nurse.post("/appointments", body), status, code)
    assert ok(nurse.get("/appointments"))["appointments"] == []


def test_a_naive_time_in_a_step_is_refused(nurse: Caller, new_patient: NewPatient) -> None:
    (proposal,) = found(nurse, limit=1)
    steps = explicit(proposal["steps"], starts="2026-12-02T08:00:00")
    problem = refused(nurse.post("/appointments", {"patient": new_patient(), "steps": steps}), 422, "naive-time")
    assert problem["field"] == "starts"


def test_a_manager_sets_opening_hours_aside_with_a_reason_and_otherwise_books_nothing(
    nurse: Caller, caller: Callers, new_patient: NewPatient
) -> None:
    manager = caller("manager")
    (proposal,) = found(nurse, limit=1, **WEDNESDAY)
    steps = explicit(later(proposal["steps"], to="2026-12-06"))
    body = {"patient": new_patient(), "steps": steps}
    refused(manager.post("/appointments", body), 403, "not-allowed")
    override = {"rules": ["outside-opening"], "reason": "周日加班门诊"}
    appointment = ok(manager.post("/appointments", {**body, "override": override}), 201)
    assert appointment["override"]["reason"] == "周日加班门诊"
    assert appointment["override"]["by"].startswith("token:manager")
    assert appointment["override"]["at"] == "2026-12-01T08:00:00+08:00"


def test_the_example_of_the_guide_books(nurse: Caller, new_patient: NewPatient) -> None:
    guide = (ROOT / "docs" / "api.md").read_text("utf-8")
    body = json.loads(guide.split("```json")[1].split("```")[0])
    appointment = ok(nurse.post("/appointments", body | {"patient": new_patient()}), 201)
    assert appointment["steps"][0]["starts"] == "2026-12-02T08:00:00+08:00"


# --- Idempotency.


def test_the_same_request_with_the_same_key_happens_once(nurse: Caller, new_patient: NewPatient) -> None:
    body = {"patient": new_patient(), "proposal": found(nurse, limit=1)[0]["token"]}
    first = nurse.post("/appointments", body, key="desk-1")
    again = nurse.post("/appointments", body, key="desk-1")
    assert ok(again, 201) == ok(first, 201)
    assert (again.headers["Location"], again.headers["ETag"]) == (first.headers["Location"], first.headers["ETag"])
    assert len(ok(nurse.get("/appointments"))["appointments"]) == 1


def test_a_key_is_not_reused_for_something_else(nurse: Caller, new_patient: NewPatient) -> None:
    body = {"patient": new_patient(), "proposal": found(nurse, limit=1)[0]["token"]}
    ok(nurse.post("/appointments", body, key="desk-1"), 201)
    refused(nurse.post("/appointments", {**body, "hold": True}, key="desk-1"), 422, "idempotency-key-reused")


def test_a_refused_request_leaves_its_key_free(nurse: Caller, new_patient: NewPatient) -> None:
    (proposal,) = found(nurse, limit=1)
    taken = ok(nurse.post("/appointments", {"patient": new_patient(), "proposal": proposal["token"]}), 201)
    body = {"patient": new_patient(), "proposal": proposal["token"]}
    refused(nurse.post("/appointments", body, key="desk-2"), 409, "slot-taken")
    ok(nurse.post(f"/appointments/{taken['id']}/cancel", {"reason": "换期"}, version=1))
    ok(nurse.post("/appointments", body, key="desk-2"), 201)


def test_two_callers_may_use_the_same_key(nurse: Caller, caller: Callers, new_patient: NewPatient) -> None:
    one, other = found(nurse, limit=2, spread_minutes=120)
    ok(nurse.post("/appointments", {"patient": new_patient(), "proposal": one["token"]}, key="1"), 201)
    ok(caller("nurse").post("/appointments", {"patient": new_patient(), "proposal": other["token"]}, key="1"), 201)
    assert len(ok(nurse.get("/appointments"))["appointments"]) == 2


def test_a_key_with_blanks_or_without_end_is_refused(nurse: Caller, new_patient: NewPatient) -> None:
    body = {"patient": new_patient(), "proposal": found(nurse, limit=1)[0]["token"]}
    for key in ("a b", "k" * 201):
        refused(nurse.post("/appointments", body, key=key), 422, "bad-idempotency-key")


# --- Holds.


def test_a_hold_is_renewed_and_confirmed(nurse: Caller, new_patient: NewPatient, clock: Clock) -> None:
    held = booked(nurse, new_patient(), hold=True, **WEDNESDAY)
    assert (held["status"], held["hold_until"]) == ("pending", "2026-12-01T08:10:00+08:00")
    clock.forward(minutes=9)
    renewed = ok(nurse.post(f"/appointments/{held['id']}/renew", version=1))
    assert (renewed["version"], renewed["hold_until"]) == (2, "2026-12-01T08:19:00+08:00")
    response = nurse.post(f"/appointments/{held['id']}/confirm", version=2)
    assert (ok(response)["status"], response.json["hold_until"], response.headers["ETag"]) == ("booked", None, '"3"')


def test_a_lapsed_hold_is_not_confirmed_and_gives_way(nurse: Caller, new_patient: NewPatient, clock: Clock) -> None:
    (proposal,) = found(nurse, limit=1, **WEDNESDAY)
    held = ok(nurse.post("/appointments", {"patient": new_patient(), "proposal": proposal["token"], "hold": True}), 201)
    clock.now = datetime(2026, 12, 1, 0, 10, tzinfo=UTC)
    problem = refused(nurse.post(f"/appointments/{held['id']}/confirm", version=1), 409, "hold-expired")
    assert problem["hold_until"] == "2026-12-01T08:10:00+08:00"
    ok(nurse.post("/appointments", {"patient": new_patient(), "proposal": proposal["token"]}), 201)
    assert ok(nurse.get(f"/appointments/{held['id']}"))["status"] == "cancelled"


def test_a_booking_is_not_confirmed_twice(nurse: Caller, new_patient: NewPatient) -> None:
    appointment = booked(nurse, new_patient())
    refused(nurse.post(f"/appointments/{appointment['id']}/confirm", version=1), 409, "not-a-hold")


# --- Versions.


@pytest.mark.parametrize("verb", ["confirm", "renew", "cancel", "reschedule", "milestones", "noshow", "came-after-all"])
def test_every_change_needs_the_version_it_was_decided_on(nurse: Caller, new_patient: NewPatient, verb: str) -> None:
    held = booked(nurse, new_patient(), hold=True, **WEDNESDAY)
    bodies = {
        "cancel": {"reason": "x"},
        "reschedule": {"steps": explicit(held["steps"])},
        "milestones": {"step": "BX-FNA", "kind": "called"},
        "noshow": {"step": "BX-FNA"},
    }
    path = f"/appointments/{held['id']}/{verb}"
    for missing in (None, "*"):
        refused(nurse.post(path, bodies.get(verb), version=missing), 428, "if-match-missing")
    refused(nurse.post(path, bodies.get(verb), version="3"), 422, "bad-if-match")
    problem = refused(nurse.post(path, bodies.get(verb), version=7), 412, "stale-version")
    assert (problem["expected"], problem["actual"]) == (7, 1)
    assert ok(nurse.get(f"/appointments/{held['id']}"))["version"] == 1


def test_a_weakened_etag_still_names_its_version(nurse: Caller, new_patient: NewPatient) -> None:
    appointment = booked(nurse, new_patient())
    assert ok(nurse.post(f"/appointments/{appointment['id']}/cancel", {"reason": "x"}, version='W/"1"'))["version"] == 2


def test_what_is_not_there_is_not_changed(nurse: Caller) -> None:
    refused(nurse.post(f"/appointments/{NOBODY}/confirm", version=1), 404, "unknown-appointment")
    refused(nurse.post("/appointments/1/confirm", version=1), 404, "not-found")
    refused(nurse.get(f"/appointments/{NOBODY}"), 404, "unknown-appointment")


# --- Reschedule, cancel, milestones.


def test_a_booking_moves_by_a_proposal(nurse: Caller, new_patient: NewPatient) -> None:
    appointment = booked(nurse, new_patient(), "AB-LIV-1", **WEDNESDAY)
    (proposal,) = found(
        nurse, "AB-LIV-1", patient=appointment["patient"], limit=1, earliest="2026-12-08T08:00:00+08:00"
    )
    moved = ok(nurse.post(f"/appointments/{appointment['id']}/reschedule", {"proposal": proposal["token"]}, version=1))
    assert (moved["version"], moved["steps"][0]["starts"]) == (2, "2026-12-08T08:00:00+08:00")
    assert moved["steps"][0]["id"] == appointment["steps"][0]["id"]


def test_one_step_of_a_pathway_moves_alone_within_its_lag(nurse: Caller, new_patient: NewPatient) -> None:
    appointment = booked(nurse, new_patient(), "CP-TACE-ABL-S", earliest="2026-12-07T08:00:00+08:00")
    tace, ablation = appointment["steps"]
    day = ablation["starts"][:10]
    assert day == "2026-12-14"
    # A whole day later: the bed's nights too, from Sunday 13 to Wednesday 16.
    days = {"2026-12-13": "A", "2026-12-14": "B", "2026-12-16": "C"}
    step = explicit([ablation])[0]
    for old, mark in days.items():
        step = later(step, old, mark)
    for mark, new in (("A", "2026-12-14"), ("B", "2026-12-15"), ("C", "2026-12-17")):
        step = later(step, f"{mark}T", f"{new}T")
    path = f"/appointments/{appointment['id']}/reschedule"
    moved = ok(nurse.post(path, {"steps": [step]}, version=1))
    assert (moved["steps"][0]["starts"], moved["steps"][1]["starts"][:10]) == (tace["starts"], "2026-12-15")
    early = later(
        later(later(step, "2026-12-14T", "2026-12-07T"), "2026-12-15T", "2026-12-08T"), "2026-12-17T", "2026-12-10T"
    )
    problem = refused(nurse.post(path, {"steps": [early]}, version=2), 409, "rule-broken")
    assert "lag-too-short" in {each["code"] for each in problem["violations"]}


def test_a_move_onto_somebody_else_is_refused_with_proposals_and_loses_nothing(
    nurse: Caller, new_patient: NewPatient
) -> None:
    there = booked(nurse, new_patient(), **WEDNESDAY)
    here = booked(nurse, new_patient(), earliest="2026-12-03T08:00:00+08:00")
    path = f"/appointments/{here['id']}/reschedule"
    problem = refused(nurse.post(path, {"steps": explicit(there["steps"])}, version=1), 409, "slot-taken")
    assert problem["appointment"] == there["id"]
    assert ok(nurse.get(f"/appointments/{here['id']}"))["steps"] == here["steps"]
    moved = ok(nurse.post(path, {"proposal": problem["proposals"][0]["token"]}, version=1))
    assert moved["steps"][0]["starts"] == problem["proposals"][0]["starts"]


def test_a_token_of_another_procedure_moves_nothing(nurse: Caller, new_patient: NewPatient) -> None:
    appointment = booked(nurse, new_patient(), **WEDNESDAY)
    token = found(nurse, "CEUS", limit=1)[0]["token"]
    path = f"/appointments/{appointment['id']}/reschedule"
    assert refused(nurse.post(path, {"proposal": token}, version=1), 422, "bad-token")["reason"] == "other-protocol"


def test_a_cancelled_booking_frees_its_place_and_keeps_its_reason(nurse: Caller, new_patient: NewPatient) -> None:
    appointment = booked(nurse, new_patient(), **WEDNESDAY)
    path = f"/appointments/{appointment['id']}/cancel"
    refused(nurse.post(path, {}, version=1), 422, "validation")
    refused(nurse.post(path, {"reason": "  "}, version=1), 422, "reason-missing")
    cancelled = ok(nurse.post(path, {"reason": "患者要求"}, version=1))
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", "患者要求")
    window = {"from_": "2026-12-02T00:00:00+08:00", "to": "2026-12-03T00:00:00+08:00"}
    assert ok(nurse.get("/slots", **window))["slots"] == []
    refused(nurse.post(path, {"reason": "again"}, version=2), 409, "already-over")


def test_a_no_show_frees_the_places_and_can_be_taken_back(nurse: Caller, new_patient: NewPatient, clock: Clock) -> None:
    appointment = booked(nurse, new_patient())
    path = f"/appointments/{appointment['id']}"
    clock.forward(hours=3)
    missed = ok(nurse.post(f"{path}/noshow", {"step": "BX-FNA"}, version=1))
    assert (missed["status"], missed["steps"][0]["status"]) == ("noshow", "noshow")
    assert ok(nurse.post(f"{path}/came-after-all", version=2))["status"] == "booked"
    refused(nurse.post(f"{path}/came-after-all", version=3), 409, "nothing-to-undo")


def test_milestones_move_a_step_along(nurse: Caller, caller: Callers, new_patient: NewPatient, clock: Clock) -> None:
    appointment = booked(nurse, new_patient())
    path, recorder = f"/appointments/{appointment['id']}/milestones", caller("recorder")
    clock.forward(minutes=20)
    statuses = []
    for version, (kind, minute) in enumerate((("in-room", 1), ("started", 5), ("ended", 14), ("out", 18)), 1):
        at = f"2026-12-01T08:{minute:02}:00+08:00"
        body = {"step": "BX-FNA", "kind": kind, "at": at}
        statuses.append(ok(recorder.post(path, body, version=version))["status"])
    assert statuses == ["arrived", "in-progress", "in-progress", "fulfilled"]
    marks = ok(nurse.get(f"/appointments/{appointment['id']}"))["steps"][0]["milestones"]
    assert [(mark["kind"], mark["at"][11:16]) for mark in marks] == [
        ("in-room", "08:01"),
        ("started", "08:05"),
        ("ended", "08:14"),
        ("out", "08:18"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"step": "NO", "kind": "called"}, 422, "unknown-step"),
        ({"step": "BX-FNA", "kind": "lunch"}, 422, "validation"),
        ({"step": "BX-FNA", "kind": "called", "at": "2026-12-01T12:00:00+08:00"}, 422, "milestone-in-future"),
        ({"step": "BX-FNA", "kind": "called", "at": "2026-12-01T08:00:00"}, 422, "naive-time"),
    ],
)
def test_a_milestone_that_cannot_be_meant_is_refused(
    nurse: Caller, new_patient: NewPatient, body: dict[str, str], status: int, code: str
) -> None:
    appointment = booked(nurse, new_patient())
    refused(nurse.post(f"/appointments/{appointment['id']}/milestones", body, version=1), status, code)


# --- Reading.


def test_appointments_are_found_by_day_people_room_patient_and_status(nurse: Caller, new_patient: NewPatient) -> None:
    first = booked(nurse, new_patient(), **WEDNESDAY)
    second = booked(nurse, new_patient(), hold=True, earliest="2026-12-03T08:00:00+08:00", require={"room": "US-04"})
    operator = next(slot["resource"] for slot in second["steps"][0]["slots"] if slot["role"] == "operator")

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in ok(nurse.get("/appointments", **query))["appointments"]]

    assert ids() == [first["id"], second["id"]]
    assert ids(date="2026-12-02") == [first["id"]]
    assert ids(room="US-04") == [second["id"]]
    assert second["id"] in ids(practitioner=operator)
    assert ids(practitioner=operator, date="2026-12-03") == [second["id"]]
    assert ids(patient=first["patient"]) == [first["id"]]
    assert ids(status="pending") == [second["id"]]
    assert ids(date="2026-12-04") == []
    refused(nurse.get("/appointments", status="asleep"), 422, "validation")
    refused(nurse.get("/appointments", date="2026-12-2"), 422, "validation")


def test_many_appointments_come_in_pages(nurse: Caller, new_patient: NewPatient) -> None:
    made = [booked(nurse, new_patient(), **WEDNESDAY)["id"] for _ in range(5)]
    seen: list[str] = []
    path, query = "/appointments", {"limit": "2", "date": "2026-12-02"}
    response = nurse.get(path, **query)
    for _ in range(3):
        seen += [each["id"] for each in ok(response)["appointments"]]
        if "Link" not in response.headers:
            break
        address, relation = response.headers["Link"].split("; ")
        assert relation == 'rel="next"'
        response = nurse.client.get(address.strip("<>"), headers=nurse._headers())
    assert response.json["next"] is None
    assert sorted(seen) == sorted(made)
    for cursor in ("AAAA", "W10=", "bm90IGpzb24="):
        refused(nurse.get(path, cursor=cursor), 422, "bad-cursor")


def test_the_history_says_who_did_what_when(nurse: Caller, new_patient: NewPatient, clock: Clock) -> None:
    held = booked(nurse, new_patient(), hold=True, **WEDNESDAY)
    clock.forward(minutes=2)
    ok(nurse.post(f"/appointments/{held['id']}/cancel", {"reason": "发热"}, version=1))
    response = nurse.get(f"/appointments/{held['id']}")
    first, last = ok(response)["history"]
    assert (first["action"], last["action"], last["reason"]) == ("appointment.held", "appointment.cancelled", "发热")
    assert last["at"] == "2026-12-01T08:02:00+08:00"
    assert first["detail"]["after"]["steps"][0]["starts"] == "2026-12-02T08:00:00+08:00"
    headers = {**nurse._headers(), "If-None-Match": response.headers["ETag"]}
    assert nurse.client.get(f"/api/v1/appointments/{held['id']}", headers=headers).status_code == 304


# --- Options.


def optional(department: Database) -> None:
    done(department, lambda session: published(session, options=(LESIONS, TRAINEE, ALONE)))


def test_a_proposal_carries_its_options_into_the_booking(
    nurse: Caller, new_patient: NewPatient, department: Database
) -> None:
    optional(department)
    patient, options = new_patient(), {"extra-lesion": 1, "trainee": 1}
    proposal = found(nurse, "OPT", patient=patient, options=options, limit=1)[0]
    made = ok(nurse.post("/appointments", {"patient": patient, "proposal": proposal["token"]}), 201)
    assert made["options"] == options
    assert "trainee" in {slot["role"] for slot in made["steps"][0]["slots"]}
    assert ok(nurse.get(f"/appointments/{made['id']}"))["options"] == options
    listed = ok(nurse.get("/appointments", patient=patient))["appointments"]
    assert [each["options"] for each in listed] == [options]


def test_a_proposal_is_not_booked_with_other_options(
    nurse: Caller, new_patient: NewPatient, department: Database
) -> None:
    optional(department)
    patient = new_patient()
    token = found(nurse, "OPT", patient=patient, options={"trainee": 1}, limit=1)[0]["token"]
    body = {"patient": patient, "proposal": token, "options": {"extra-lesion": 1}}
    assert refused(nurse.post("/appointments", body), 422, "bad-token")["reason"] == "other-options"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"magic": 1}, "unknown-option"),
        ({"extra-lesion": 5}, "option-too-often"),
        ({"alone": 1, "trainee": 1}, "options-exclude"),
        ({"trainee": "1"}, "validation"),
        ({"trainee": -1}, "validation"),
        ("trainee", "validation"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_over_http(
    nurse: Caller, department: Database, options: Any, code: str
) -> None:
    optional(department)
    problem = refused(nurse.post("/proposals", {"protocol": "OPT", "options": options}), 422, code)
    if code == "option-too-often":
        assert (problem["option"], problem["count"], problem["most"]) == ("extra-lesion", 5, 4)


def test_a_moved_appointment_is_checked_with_its_own_options(
    nurse: Caller, new_patient: NewPatient, department: Database
) -> None:
    optional(department)
    patient = new_patient()
    proposals = found(nurse, "OPT", patient=patient, options={"trainee": 1}, limit=2, spread_minutes=60)
    made = ok(nurse.post("/appointments", {"patient": patient, "proposal": proposals[0]["token"]}), 201)
    asked = {"steps": proposals[1]["steps"], "appointment": made["id"]}
    assert ok(nurse.post("/proposals/check", asked))["violations"] == []
    plain = {"steps": proposals[1]["steps"], "protocol": "OPT"}
    assert ok(nurse.post("/proposals/check", plain))["violations"] != []
