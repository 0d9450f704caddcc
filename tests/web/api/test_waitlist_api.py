"""The waiting list over HTTP: request, list, change, revoke, and book from it."""

from typing import Any

from tests.web.api.conftest import Caller, Callers, NewPatient, booked, found, ok, refused


def requested(nurse: Caller, patient: str, protocol: str = "BX-FNA", **wanted: Any) -> Any:
    return ok(nurse.post("/waitlist", {"patient": patient, "protocol": protocol, **wanted}), 201)


def test_a_request_is_told_with_its_due_day_and_its_wishes(nurse: Caller, new_patient: NewPatient) -> None:
    made = requested(nurse, new_patient(), urgency="4a", require={"operator": "dr-12"}, after="08:00", before="12:00")
    assert (made["status"], made["due"], made["days_left"]) == ("active", "2026-12-15", 14)
    assert (made["require"], made["prefer"], made["after"]) == ({"operator": "dr-12"}, {}, "08:00")
    assert ok(nurse.get(f"/waitlist/{made['id']}")) == made


def test_the_list_comes_in_pages_what_is_late_first(nurse: Caller, new_patient: NewPatient) -> None:
    dues = ["2026-12-20", "2026-11-20", "2026-12-05"]
    for due in dues:
        requested(nurse, new_patient(), due=due)
    first = ok(nurse.get("/waitlist", limit="2"))
    assert [each["due"] for each in first["requests"]] == ["2026-11-20", "2026-12-05"]
    assert first["requests"][0]["days_left"] == -11
    rest = ok(nurse.get("/waitlist", limit="2", cursor=first["next"]))
    assert [each["due"] for each in rest["requests"]] == ["2026-12-20"]
    assert rest["next"] is None
    refused(nurse.get("/waitlist", cursor="bm8="), 422, "bad-cursor")


def test_a_change_replaces_what_is_wanted_and_a_revocation_has_its_reason(
    nurse: Caller, new_patient: NewPatient
) -> None:
    made = requested(nurse, new_patient(), prefer={"room": "US-01"})
    path = f"/waitlist/{made['id']}"
    refused(nurse.post(f"{path}/change", {"protocol": "BX-FNA"}), 428, "if-match-missing")
    changed = ok(nurse.post(f"{path}/change", {"protocol": "BX-FNA", "urgency": "3"}, version=1))
    assert (changed["version"], changed["prefer"], changed["due"]) == (2, {}, "2026-12-04")
    refused(nurse.post(f"{path}/revoke", {"reason": "旧版本"}, version=1), 412, "stale-version")
    gone = ok(nurse.post(f"{path}/revoke", {"reason": "已在外院完成"}, version=2))
    assert (gone["status"], gone["revoke_reason"]) == ("revoked", "已在外院完成")
    refused(nurse.post(f"{path}/revoke", {"reason": "再次"}, version=3), 409, "request-not-active")
    assert ok(nurse.get("/waitlist"))["requests"] == []


def test_a_booking_from_a_request_completes_it_and_the_second_is_refused(
    nurse: Caller, new_patient: NewPatient
) -> None:
    patient = new_patient()
    made = requested(nurse, patient)
    one, other = (
        {"patient": patient, "proposal": each["token"], "request": made["id"]}
        for each in found(nurse, patient=patient, limit=2, spread_minutes=600)
    )
    done = ok(nurse.post("/appointments", one), 201)
    now = ok(nurse.get(f"/waitlist/{made['id']}"))
    assert (now["status"], now["appointment"]) == ("completed", done["id"])
    refused(nurse.post("/appointments", other), 409, "request-not-active")
    ok(nurse.post(f"/appointments/{done['id']}/cancel", {"reason": "改期"}, version=done["version"]))
    assert ok(nurse.get("/waitlist"))["requests"][0]["id"] == made["id"]


def test_who_may_not_book_may_read_the_list_and_not_add_to_it(
    nurse: Caller, new_patient: NewPatient, caller: Callers
) -> None:
    patient = new_patient()
    physician = caller("physician")
    refused(physician.post("/waitlist", {"patient": patient, "protocol": "BX-FNA"}), 403, "not-allowed")
    assert ok(physician.get("/waitlist"))["requests"] == []


def test_a_repeated_request_with_its_key_is_one_and_without_it_a_conflict(
    nurse: Caller, new_patient: NewPatient
) -> None:
    body = {"patient": new_patient(), "protocol": "BX-FNA"}
    first = ok(nurse.post("/waitlist", body, key="k1"), 201)
    assert ok(nurse.post("/waitlist", body, key="k1"), 201) == first
    assert refused(nurse.post("/waitlist", body), 409, "already-waiting")["request"] == first["id"]


def test_a_request_nobody_has_is_not_found(nurse: Caller) -> None:
    refused(nurse.get("/waitlist/00000000-0000-4000-8000-000000000000"), 404, "unknown-request")


def test_a_cancelled_place_offers_who_waits_with_a_token_that_books_it(nurse: Caller, new_patient: NewPatient) -> None:
    given_up, patient = booked(nurse, new_patient()), new_patient()
    made = requested(nurse, patient, urgency="2a")
    path = f"/appointments/{given_up['id']}"
    assert ok(nurse.get(f"{path}/offers"))["offers"] == []
    ok(nurse.post(f"{path}/cancel", {"reason": "发热"}, version=given_up["version"]))
    (offer,) = ok(nurse.get(f"{path}/offers"))["offers"]
    assert (offer["request"]["id"], offer["starts"]) == (made["id"], given_up["steps"][0]["starts"])
    body = {"patient": patient, "proposal": offer["token"], "request": made["id"]}
    assert ok(nurse.post("/appointments", body), 201)["steps"][0]["starts"] == offer["starts"]
    assert ok(nurse.get(f"{path}/offers"))["offers"] == []
    refused(nurse.get("/appointments/00000000-0000-4000-8000-000000000000/offers"), 404, "unknown-appointment")
