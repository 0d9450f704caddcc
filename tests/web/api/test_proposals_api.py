"""POST /proposals and /proposals/check."""

import pytest

from tests.conftest import Clock
from tests.web.api.conftest import Caller, NewPatient, booked, found, ok, refused


def test_proposals_come_earliest_first_with_their_slots(nurse: Caller) -> None:
    answer = ok(nurse.post("/proposals", {"protocol": "BX-FNA", "limit": 3}))
    assert [each["starts"] for each in answer["proposals"]] == [
        "2026-12-01T08:00:00+08:00",
        "2026-12-01T08:05:00+08:00",
        "2026-12-01T08:10:00+08:00",
    ]
    (step,) = answer["proposals"][0]["steps"]
    assert {slot["role"] for slot in step["slots"]} == {"room", "operator", "recorder", "recovery"}
    assert (step["starts"], step["ends"]) == ("2026-12-01T08:00:00+08:00", "2026-12-01T08:20:00+08:00")
    assert answer["searched_ms"] >= 0


def test_a_known_patient_gets_slots_of_their_own(nurse: Caller, new_patient: NewPatient) -> None:
    patient = new_patient()
    (proposal,) = found(nurse, patient=patient, limit=1)
    own = next(slot for slot in proposal["steps"][0]["slots"] if slot["role"] == "patient")
    assert (own["resource"], own["ends"]) == (f"patient:{patient}", "2026-12-01T08:50:00+08:00")


def test_a_patient_without_a_number_is_enough_to_look(nurse: Caller) -> None:
    someone = {"sex": "female", "birth_date": "1980-02-29", "flags": ["diabetes"]}
    (proposal,) = found(nurse, patient=someone, limit=1)
    assert all(slot["role"] != "patient" for slot in proposal["steps"][0]["slots"])


def test_spread_wishes_and_window_are_kept(nurse: Caller) -> None:
    proposals = found(
        nurse,
        earliest="2026-12-02T09:00:00+08:00",
        latest="2026-12-02T11:00:00+08:00",
        spread_minutes=60,
        require={"room": "US-03"},
        limit=10,
    )
    assert [each["starts"][11:16] for each in proposals] == ["09:00", "10:00", "11:00"]
    rooms = {slot["resource"] for each in proposals for slot in each["steps"][0]["slots"] if slot["role"] == "room"}
    assert rooms == {"US-03"}


def test_refused_days_say_what_is_in_the_way(nurse: Caller) -> None:
    answer = ok(nurse.post("/proposals", {"protocol": "BX-FNA", "earliest": "2026-12-05T00:00:00+08:00", "limit": 1}))
    assert answer["proposals"][0]["starts"] == "2026-12-07T08:00:00+08:00"
    assert [each["date"] for each in answer["refusals"]] == ["2026-12-05", "2026-12-06"]
    assert {blocker["code"] for each in answer["refusals"] for blocker in each["blocked_by"]} == {"closed"}


def test_what_may_still_change_is_noted(nurse: Caller) -> None:
    (proposal,) = found(nurse, "AB-LIV-1", earliest="2027-01-11T00:00:00+08:00", limit=1)
    codes = {note["code"] for note in proposal["notes"]}
    assert codes == {"provisional-calendar", "unconfirmed", "provisional-bed"}
    assert {"code": "provisional-calendar", "date": "2027-01-11", "resource": None} in proposal["notes"]
    (soon,) = found(nurse, "BX-FNA", limit=1)
    assert soon["notes"] == []


@pytest.mark.parametrize(
    ("wishes", "status", "code"),
    [
        ({"protocol": "NO-SUCH"}, 422, "unknown-protocol"),
        ({"earliest": "2026-12-02T09:00:00"}, 422, "naive-time"),
        (
            {"earliest": "2026-12-03T09:00:00+08:00", "latest": "2026-12-02T09:00:00+08:00"},
            422,
            "earliest-after-latest",
        ),
        ({"latest": "2029-12-02T09:00:00+08:00"}, 422, "search-too-long"),
        (
            {"earliest": "2199-01-01T09:00:00+08:00", "latest": "2199-01-02T09:00:00+08:00"},
            422,
            "search-too-far",
        ),
        ({"require": {"pilot": "dr-01"}}, 422, "unknown-role"),
        ({"require": {"operator": "dr-99"}}, 422, "unknown-resource"),
        ({"patient": "00000000-0000-4000-8000-000000000000"}, 404, "unknown-patient"),
        ({"urgency": "9"}, 422, "validation"),
        ({"limit": 0}, 422, "validation"),
        ({"limit": True}, 422, "validation"),
        ({"wish": "soon"}, 422, "validation"),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused(
    nurse: Caller, wishes: dict[str, object], status: int, code: str
) -> None:
    refused(nurse.post("/proposals", {"protocol": "BX-FNA", **wishes}), status, code)


def test_a_body_that_is_not_json_is_refused(nurse: Caller) -> None:
    headers = {"Authorization": f"Bearer {nurse.token}", "Content-Type": "application/json"}
    refused(nurse.client.post("/api/v1/proposals", data="{", headers=headers), 400, "malformed")


# --- Check.


def _steps(proposal: dict[str, object]) -> object:
    return proposal["steps"]


def test_every_proposal_passes_the_check(nurse: Caller, new_patient: NewPatient) -> None:
    patient = new_patient()
    for protocol in ("BX-FNA", "AB-LIV-1", "CP-TACE-ABL-S", "HDR"):
        (proposal,) = found(nurse, protocol, earliest="2026-12-07T00:00:00+08:00", limit=1)
        for who in ({}, {"patient": patient}):
            body = {"protocol": protocol, "steps": _steps(proposal), **who}
            assert ok(nurse.post("/proposals/check", body)) == {"violations": []}, protocol


def test_the_check_names_every_broken_rule_with_its_facts(nurse: Caller, new_patient: NewPatient) -> None:
    taken = booked(nurse, new_patient(), earliest="2026-12-02T08:00:00+08:00")
    (proposal,) = found(nurse, limit=1, earliest="2026-12-03T08:00:00+08:00")
    steps = [
        {
            **step,
            "starts": step["starts"].replace("12-03", "12-02"),
            "ends": step["ends"].replace("12-03", "12-02"),
            "slots": [
                {
                    **slot,
                    "starts": slot["starts"].replace("12-03", "12-02"),
                    "ends": slot["ends"].replace("12-03", "12-02"),
                }
                for slot in step["slots"]
                if slot["role"] != "recorder"
            ],
        }
        for step in proposal["steps"]
    ]
    violations = ok(nurse.post("/proposals/check", {"steps": steps}))["violations"]
    codes = {each["code"] for each in violations}
    assert codes == {"need-not-filled", "occupied"}
    room = next(each for each in violations if each.get("role") == "room")
    assert (room["since"], room["until"], room["holder"]) == (
        "2026-12-02T08:00:00+08:00",
        "2026-12-02T08:20:00+08:00",
        taken["id"],
    )


def test_the_check_of_a_move_leaves_the_appointments_own_slots_out(nurse: Caller, new_patient: NewPatient) -> None:
    taken = booked(nurse, new_patient(), earliest="2026-12-02T08:00:00+08:00")
    steps = [
        {
            "step": step["step"],
            "starts": step["starts"],
            "ends": step["ends"],
            "slots": [{k: slot[k] for k in ("resource", "role", "starts", "ends")} for slot in step["slots"]],
        }
        for step in taken["steps"]
    ]
    body = {"patient": taken["patient"], "steps": steps}
    assert ok(nurse.post("/proposals/check", body))["violations"] != []
    assert ok(nurse.post("/proposals/check", {**body, "appointment": taken["id"]}))["violations"] == []


def test_steps_of_no_procedure_need_its_name(nurse: Caller) -> None:
    (proposal,) = found(nurse, limit=1)
    steps = [{**step, "step": "NO-SUCH"} for step in proposal["steps"]]
    refused(nurse.post("/proposals/check", {"steps": steps}), 422, "protocol-missing")
    violations = ok(nurse.post("/proposals/check", {"protocol": "BX-FNA", "steps": steps}))["violations"]
    assert {each["code"] for each in violations} == {"unknown-step", "missing-step"}


def test_a_step_that_ends_before_it_starts_is_a_broken_rule(nurse: Caller) -> None:
    (proposal,) = found(nurse, limit=1)
    steps = [{**step, "starts": step["ends"], "ends": step["starts"]} for step in proposal["steps"]]
    violations = ok(nurse.post("/proposals/check", {"steps": steps}))["violations"]
    assert "wrong-length" in {each["code"] for each in violations}


# --- Tokens.


def test_an_altered_token_is_refused(nurse: Caller, new_patient: NewPatient) -> None:
    token = found(nurse, limit=1)[0]["token"]
    middle = len(token) // 2
    altered = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for bad in (altered, token[:-1], "x", token + "A"):
        problem = refused(nurse.post("/appointments", {"patient": new_patient(), "proposal": bad}), 422, "bad-token")
        assert problem["reason"] == "altered"


def test_a_token_lives_for_an_hour(nurse: Caller, new_patient: NewPatient, clock: Clock) -> None:
    token = found(nurse, limit=1, earliest="2026-12-02T08:00:00+08:00")[0]["token"]
    body = {"patient": new_patient(), "proposal": token}
    clock.forward(hours=1, seconds=1)
    assert refused(nurse.post("/appointments", body), 422, "bad-token")["reason"] == "expired"
    clock.forward(seconds=-1)
    ok(nurse.post("/appointments", body), 201)


def test_a_token_for_one_patient_does_not_book_another(nurse: Caller, new_patient: NewPatient) -> None:
    token = found(nurse, patient=new_patient(), limit=1)[0]["token"]
    problem = refused(nurse.post("/appointments", {"patient": new_patient(), "proposal": token}), 422, "bad-token")
    assert problem["reason"] == "other-patient"


def test_a_procedure_for_the_other_sex_has_no_place_for_a_patient_without_a_number_either(nurse: Caller) -> None:
    asked = {"protocol": "AB-UTE", "patient": {"sex": "male"}, "latest": "2026-12-20T00:00:00+08:00"}
    told = ok(nurse.post("/proposals", asked))
    assert told["proposals"] == []
    assert {each["code"] for refusal in told["refusals"] for each in refusal["blocked_by"]} >= {"patient-sex"}
    assert ok(nurse.post("/proposals", asked | {"patient": {"sex": "female"}}))["proposals"] != []
