"""The waiting list as a page: sorted, filled into the booking page, taken off with a reason."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from models import ServiceRequest
from models.database import Database
from scheduler import booking, waitlist
from tests import factories
from tests.conftest import NOW
from tests.factories import NURSE
from tests.web.people import form_token, signed_in

TODAY = date(2026, 12, 1)


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "nurse")


def waits(
    db: Database, name: str = "张晓明", protocol: str = "BX-FNA", days: int = 5, **wanted: Any
) -> tuple[str, str]:
    """Put a new patient on the list; return the ids of the request and the patient."""

    def work(session: Session) -> tuple[str, str]:
        whom = factories.patient(session, name=name)
        asked = waitlist.Wanted(protocol, due=TODAY + timedelta(days=days), **wanted)
        made = waitlist.request(session, whom.public_id, asked, actor=NURSE, now=NOW)
        return made.public_id, whom.public_id

    return factories.done(db, work)


def read(db: Database, public_id: str) -> ServiceRequest:
    with db.read() as session:
        return waitlist.one(session, public_id)


def post(client: FlaskClient, path: str, **fields: Any) -> Any:
    return client.post(path, data={"csrf_token": form_token(client, "/account"), **fields})


def test_the_late_stand_first_with_their_days_in_figures(nurse: FlaskClient, department: Database) -> None:
    waits(department, "程欢", days=7)
    waits(department, "孙丽丽", days=-2)
    text = nurse.get("/waitlist").text
    assert text.index("孙丽丽") < text.index("程欢")
    assert "逾期 2 天" in text and "1 人已逾期" in text


def test_book_leads_to_the_booking_page_filled_in(nurse: FlaskClient, department: Database) -> None:
    wishes = waitlist.Wishes({"operator": "dr-03"}, ("operator",), "08:00", "12:00")
    request, patient = waits(department, urgency="3", wishes=wishes, earliest=TODAY + timedelta(days=2))
    address = re.search(r'href="(/book\?[^"]+)" data-row', nurse.get("/waitlist").text)
    assert address is not None
    query = address[1].replace("&amp;", "&")
    for part in (f"patient={patient}", f"request={request}", "urgency=3", "from=2026-12-03", "must=operator"):
        assert part in query
    page = nurse.get(query).text
    assert 'id="from-request"' in page
    assert re.search(rf'name="request" value="{request}"', page)


def test_holding_from_a_request_takes_it_off_the_market_and_booking_completes_it(
    nurse: FlaskClient, department: Database
) -> None:
    request, patient = waits(department)
    page = nurse.get(f"/book?patient={patient}&protocol=BX-FNA&request={request}&urgency=2a").text
    form = re.search(r'action="/book/hold".*?</form>', page, re.S)
    assert form is not None
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[0].replace("&#34;", "\x00")))
    fields = {name: value.replace("\x00", '"') for name, value in fields.items()}
    held = post(nurse, "/book/hold", **{**fields, "csrf_token": form_token(nurse, "/account")})
    assert held.status_code == 303
    assert read(department, request).status == "on-hold"
    assert "已暂留" in nurse.get("/waitlist").text or "暂留" in nurse.get("/waitlist").text
    appointment = waitlist.appointment_of(read(department, request))
    assert post(nurse, f"/book/{appointment}/confirm", version="1").status_code == 303
    assert read(department, request).status == "completed"
    assert post(nurse, f"/book/{appointment}/undo", version="2").location.endswith(f"request={request}")
    assert read(department, request).status == "active"


def test_the_wishes_of_the_booking_page_go_on_the_list(nurse: FlaskClient, department: Database) -> None:
    patient = factories.done(department, lambda session: factories.patient(session).public_id)
    fields = {"patient": patient, "protocol": "AB-LIV-1", "option.ga": "1", "pick.operator": "dr-03", "after": "09:00"}
    made = post(nurse, "/book/request", **fields, due="12-08", note="来电确认")
    assert made.status_code == 303
    public_id = made.location.split("#request-")[1]
    kept = read(department, public_id)
    assert (kept.due, kept.note, kept.options) == (date(2026, 12, 8), "来电确认", {"ga": 1})
    assert kept.wishes == {"pick": {"operator": "dr-03"}, "after": "09:00"}
    refused = post(nurse, "/book/request", **fields)
    assert (refused.status_code, "已在候补名单中" in refused.text) == (409, True)
    changed = post(nurse, "/book/request", patient=patient, protocol="AB-LIV-1", request=public_id, urgency="3")
    assert changed.status_code == 303
    assert (read(department, public_id).urgency, read(department, public_id).due) == ("3", date(2026, 12, 4))


def test_a_day_that_is_none_is_refused_with_what_was_typed(nurse: FlaskClient, department: Database) -> None:
    patient = factories.done(department, lambda session: factories.patient(session).public_id)
    refused = post(nurse, "/book/request", patient=patient, protocol="BX-FNA", due="soon")
    assert (refused.status_code, "soon" in refused.text) == (422, True)


def test_a_request_is_taken_off_with_a_reason_and_not_without(nurse: FlaskClient, department: Database) -> None:
    request, _ = waits(department)
    assert post(nurse, f"/waitlist/{request}/revoke", version="1", reason=" ").status_code == 422
    assert post(nurse, f"/waitlist/{request}/revoke", version="9", reason="外院已做").status_code == 412
    assert post(nurse, f"/waitlist/{request}/revoke", version="1", reason="外院已做").status_code == 303
    assert "无人候补" in nurse.get("/waitlist").text


def test_who_may_not_book_sees_the_list_without_its_buttons(app: Flask, department: Database) -> None:
    waits(department)
    text = signed_in(app, "boss", "manager").get("/waitlist").text
    assert "张*明" in text and "张晓明" not in text
    assert "data-row" not in text


def test_a_long_list_comes_in_pages(nurse: FlaskClient, department: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.pages.waitlist.SHOWN", 2)
    for days in range(3):
        waits(department, days=days)
    more = re.search(r'href="(/waitlist\?after=[^"]+)"', nurse.get("/waitlist").text)
    assert more is not None
    assert nurse.get(more[1]).text.count("data-row") == 1
    assert nurse.get("/waitlist?after=nobody").status_code == 404


@pytest.mark.parametrize("protocol", ["BX-FNA", "CP-TACE-ABL-S"])
def test_a_cancelled_booking_offers_who_waits_and_leads_to_exactly_that_place(
    nurse: FlaskClient, department: Database, protocol: str
) -> None:
    def given_up(session: Session) -> tuple[str, str, Any]:
        made = factories.booked(session, protocol)
        booking.cancel(session, made.public_id, version=1, reason="发热", actor=NURSE, now=NOW)
        return made.public_id, made.steps[0].public_id, made.steps[0].starts

    appointment, step, starts = factories.done(department, given_up)
    waits(department, "程欢", protocol, urgency="2a")
    board = nurse.get(f"/board/{local(starts)}?open={step}").text
    assert f'hx-get="/waitlist/freed/{appointment}"' in board
    text = nurse.get(f"/waitlist/freed/{appointment}").text
    assert "程欢" in text
    address = re.search(r'class="btn btn-sm" href="(/book[^"]+)"', text)
    assert address is not None
    page = nurse.get(address[1].replace("&amp;", "&")).text
    assert page.count('action="/book/hold"') == 1
    assert f"{(starts + timedelta(hours=8)):%H:%M}–" in page


def local(instant: Any) -> date:
    return (instant + timedelta(hours=8)).date()


def test_an_unknown_booking_frees_nothing(nurse: FlaskClient) -> None:
    assert nurse.get("/waitlist/freed/nobody").status_code == 404
