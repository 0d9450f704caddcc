"""The booking page without a browser's script: plain forms, what they refuse, and that nothing typed is lost."""

import re
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from models import Appointment, Audit, Closure, Patient, Resource
from models.database import Database
from scheduler import booking, catalogue
from tests import factories
from tests.conftest import NOW, Clock
from tests.web.people import form_token, signed_in
from web.pages.cards import pack, unpack
from web.pages.wishes import clock_of, coming_day, day_of, past_day, read

TODAY = date(2026, 12, 1)


def forms(page: str, action: str) -> list[dict[str, str]]:
    """Return the fields of every form with an action that begins so."""
    found = re.findall(rf'<form[^>]*action="({action}[^"]*)".*?</form>|<form', page, re.S)
    bodies = re.findall(rf'(<form[^>]*?action="{action}[^"]*".*?</form>)', page, re.S)
    assert len([each for each in found if each]) == len(bodies)
    return [{"action": _attribute(body, "action"), **_hidden(body)} for body in bodies]


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', tag)
    assert found is not None
    return unescape(found[1])


def _hidden(body: str) -> dict[str, str]:
    tags = re.findall(r"<input type=\"hidden\"[^>]*>", body)
    return {_attribute(tag, "name"): _attribute(tag, "value") for tag in tags}


def send(client: FlaskClient, form: dict[str, str], **more: Any) -> Any:
    fields = {name: value for name, value in form.items() if name != "action"}
    return client.post(form["action"], data=fields | more)


def person(db: Database, **given: Any) -> str:
    return factories.done(db, lambda session: factories.patient(session, **given).public_id)


def statuses(db: Database) -> list[str]:
    with db.read() as session:
        return list(session.scalars(select(Appointment.status).order_by(Appointment.id)))


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "li")


def test_a_procedure_alone_shows_proposals_that_nobody_can_hold_yet(nurse: FlaskClient) -> None:
    page = nurse.get("/book?protocol=BX-FNA").text
    assert len(forms(page, "/book/hold")) == 5
    assert "先选患者" in page
    assert 'type="submit" disabled' in re.sub(r"\s+", " ", page)


def test_a_code_typed_out_comes_before_the_combinations_that_hold_it(nurse: FlaskClient) -> None:
    listed = re.findall(r'data-option="([A-Z0-9-]+)"', nurse.get("/book?p=tace").text)
    assert listed[0] == "TACE"
    assert "CP-TACE-ABL-S" in listed
    assert "BX-FNA" not in listed


def test_find_hold_and_book_by_plain_forms(nurse: FlaskClient, department: Database) -> None:
    patient = person(department)
    page = nurse.get(f"/book?patient={patient}&protocol=AB-LIV-1").text
    held = send(nurse, forms(page, "/book/hold")[0])
    assert held.status_code == 303
    page = nurse.get(held.location).text
    assert statuses(department) == ["pending"]
    assert "暂留" in page
    booked = send(nurse, next(form for form in forms(page, "/book/") if form["action"].endswith("/confirm")))
    page = nurse.get(booked.location).text
    assert statuses(department) == ["booked"]
    assert "预约成功" in page
    assert 'href="/ward"' in page


def test_the_same_form_sent_twice_holds_once(nurse: FlaskClient, department: Database) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA").text
    form = forms(page, "/book/hold")[0]
    assert send(nurse, form).location == send(nurse, form).location
    assert statuses(department) == ["pending"]


def test_booking_a_hold_twice_shows_it_booked(nurse: FlaskClient, department: Database) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA").text
    page = nurse.get(send(nurse, forms(page, "/book/hold")[0]).location).text
    confirm = next(form for form in forms(page, "/book/") if form["action"].endswith("/confirm"))
    assert [send(nurse, confirm).status_code for _ in range(2)] == [303, 303]
    assert statuses(department) == ["booked"]


def test_a_lost_race_names_who_holds_it_and_keeps_every_wish(nurse: FlaskClient, department: Database) -> None:
    wanted = f"/book?patient={person(department)}&protocol=BX-FNA&pick.room=US-03&must=room&urgency=2b"
    form = forms(nurse.get(wanted).text, "/book/hold")[0]

    def rival(session: Any) -> None:
        someone = factories.patient(session)
        version = catalogue.current(session, "BX-FNA", TODAY)
        placed = booking.with_patient(unpack(form["placement"]), version, someone.resource.code)
        factories.booked(session, "BX-FNA", whom=someone, placement=placed)

    factories.done(department, rival)
    answer = send(nurse, form)
    assert answer.status_code == 409
    assert "穿刺室 03" in answer.text
    fresh = forms(answer.text, "/book/hold")
    assert len(fresh) == 5
    assert fresh[0]["placement"] != form["placement"]
    assert (fresh[0]["pick.room"], fresh[0]["must"], fresh[0]["urgency"]) == ("US-03", "room", "2b")


def test_an_expired_hold_is_said_and_fresh_proposals_stand_in_its_place(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA&from=12-03").text
    page = nurse.get(send(nurse, forms(page, "/book/hold")[0]).location).text
    confirm = next(form for form in forms(page, "/book/") if form["action"].endswith("/confirm"))
    clock.forward(minutes=11)
    answer = send(nurse, confirm)
    assert answer.status_code == 409
    assert "08:10" in answer.text  # held at 08:00 for ten minutes
    assert forms(answer.text, "/book/hold")[0]["from"] == "2026-12-03"


def test_a_hold_that_is_renewed_counts_its_ten_minutes_again(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA").text
    page = nurse.get(send(nurse, forms(page, "/book/hold")[0]).location).text
    clock.forward(minutes=9)
    renew = next(form for form in forms(page, "/book/") if form["action"].endswith("/renew"))
    page = nurse.get(send(nurse, renew).location).text
    assert 'data-seconds-left="600"' in page


def test_a_hold_given_back_leads_to_the_same_search(nurse: FlaskClient, department: Database) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA&after=10:00").text
    page = nurse.get(send(nurse, forms(page, "/book/hold")[0]).location).text
    release = next(form for form in forms(page, "/book/") if form["action"].endswith("/release"))
    assert "after=10:00" in unescape(send(nurse, release).location).replace("%3A", ":")
    assert statuses(department) == ["cancelled"]


def test_a_required_operator_on_leave_is_named_and_can_be_dropped(nurse: FlaskClient, department: Database) -> None:
    def leave(session: Any) -> None:
        operator = session.scalars(select(Resource).where(Resource.code == "dr-01")).one()
        span = {"starts": NOW, "ends": NOW + timedelta(days=7, hours=4), "recorded_at": NOW, "recorded_by": "test"}
        session.add(Closure(resource_id=operator.id, kind="leave", **span))
        operator.revision += 1

    factories.done(department, leave)
    page = nurse.get("/book?protocol=BX-FNA&pick.operator=dr-01&must=operator").text
    assert "指定的术者 主任医师 01 不行" in page
    assert "休假，至 12-08 周二 12:00" in page
    mend = re.search(r'href="([^"]+)"[^>]*>术者不限<', page)
    assert mend is not None
    assert "dr-01" not in mend[1]
    assert "最早" in nurse.get(unescape(mend[1])).text


def test_hours_of_the_day_narrow_every_day(nurse: FlaskClient, department: Database) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA&after=15:00&before=16:00").text
    starts = [unpack(form["placement"]).steps[0].starts for form in forms(page, "/book/hold")]
    clocks = {datetime.fromtimestamp(each, UTC).time() for each in starts}
    assert clocks
    assert all(time(7) <= each <= time(8) for each in clocks)  # 15:00 to 16:00 in Shanghai
    assert "时间不限" in page


def test_a_stay_never_begins_last_night(nurse: FlaskClient, department: Database) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=AB-LIV-1").text
    first = unpack(forms(page, "/book/hold")[0]["placement"])
    assert min(slot.starts for slot in first.steps[0].slots) >= NOW.timestamp()
    assert "需提前一天入院" in page


def test_the_same_procedure_twice_for_one_patient_is_pointed_out(nurse: FlaskClient, department: Database) -> None:
    patient = factories.done(department, lambda session: factories.booked(session, "CEUS").patient.public_id)
    assert "已约过此操作" in nurse.get(f"/book?patient={patient}&protocol=CEUS").text
    assert "已约过此操作" not in nurse.get(f"/book?patient={patient}&protocol=BX-FNA").text


def test_a_patient_is_found_while_typing_and_the_links_keep_the_procedure(
    nurse: FlaskClient, department: Database
) -> None:
    person(department, name="单晓明", record_number="Z77")
    answer = nurse.get("/book/patients?q=sxm&protocol=CEUS", headers={"HX-Request": "true"})
    assert "单晓明" in answer.text
    assert "protocol=CEUS" in answer.text
    assert "<html" not in answer.text


def test_a_new_patient_takes_a_minute_and_goes_on_booking(nurse: FlaskClient, department: Database) -> None:
    form = forms(nurse.get("/book?q=9001&protocol=BX-FNA").text, "/book/patients")[0]
    typed = {"record_number": "9001", "name": "吕布", "sex": "male", "birth_date": "19500102", "phone": "138 0000 1234"}
    answer = send(nurse, form, **typed)
    assert answer.status_code == 303
    page = nurse.get(answer.location).text
    assert "吕布" in page
    assert len(forms(page, "/book/hold")) == 5


@pytest.mark.parametrize(
    ("typed", "said"),
    [({"birth_date": "yesterday"}, "yesterday"), ({"record_number": "T1"}, "T1"), ({"phone": "none"}, "电话")],
)
def test_a_refused_new_patient_keeps_what_was_typed(
    nurse: FlaskClient, department: Database, typed: dict[str, str], said: str
) -> None:
    person(department, record_number="T1")
    form = forms(nurse.get("/book").text, "/book/patients")[0]
    fields = {"record_number": "T2", "name": "貂蝉", "sex": "female", "birth_date": "1990-01-01", "phone": ""}
    answer = send(nurse, form, **fields | typed)
    assert answer.status_code in (409, 422)
    assert said in answer.text
    assert "貂蝉" in answer.text


def test_a_wish_that_cannot_be_read_is_left_out_and_said(nurse: FlaskClient) -> None:
    page = nurse.get("/book?protocol=BX-FNA&from=soon&after=25:00").text
    assert "已忽略：从、不早于" in page
    assert len(forms(page, "/book/hold")) == 5


@pytest.mark.parametrize(
    "address", ["/book?patient=nobody", "/book?hold=nothing", "/book?move=nothing", "/book?done=x"]
)
def test_what_does_not_exist_is_said_and_the_page_stays(nurse: FlaskClient, address: str) -> None:
    answer = nurse.get(address)
    assert answer.status_code == 404
    assert 'id="book-q"' in answer.text


def test_a_damaged_proposal_is_refused(nurse: FlaskClient, department: Database) -> None:
    form = forms(nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA").text, "/book/hold")[0]
    assert send(nurse, form, placement="[[1]]").status_code == 422
    assert statuses(department) == []


def test_a_placement_survives_its_journey_through_a_form(department: Database) -> None:
    with department.read() as session:
        placement = factories.placements(session, "CP-TACE-ABL-S")[0]
    assert unpack(pack(placement)) == placement


def test_a_booking_moves_and_moves_back(nurse: FlaskClient, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "CP-TACE-ABL-S"))
    before = made.steps[0].starts
    page = nurse.get(f"/book?move={made.public_id}&from=12-14").text
    assert "改期" in page
    moved = send(nurse, forms(page, f"/book/{made.public_id}/move")[0])
    page = nurse.get(moved.location).text
    assert "已改期" in page
    with department.read() as session:
        assert booking.whole(session, made.public_id).steps[0].starts >= datetime(2026, 12, 14, tzinfo=UTC)
    back = nurse.get(send(nurse, forms(page, f"/book/{made.public_id}/move-back")[0]).location)
    assert back.status_code == 200
    with department.read() as session:
        assert booking.whole(session, made.public_id).steps[0].starts == before


def test_one_visit_of_a_pathway_moves_within_its_lag(nurse: FlaskClient, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "CP-TACE-ABL-S"))
    page = nurse.get(f"/book?move={made.public_id}&step=ABL&from=12-14").text
    form = forms(page, f"/book/{made.public_id}/move")[0]
    assert [step.step for step in unpack(form["placement"]).steps] == ["ABL"]
    assert send(nurse, form).status_code == 303
    with department.read() as session:
        steps = booking.whole(session, made.public_id).steps
    assert steps[0].starts == made.steps[0].starts
    assert 5 <= (steps[1].starts.date() - steps[0].ends.date()).days <= 28


def test_a_move_may_reuse_the_places_the_booking_holds_itself(nurse: FlaskClient, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "BX-FNA", room="US-01"))
    page = nurse.get(f"/book?move={made.public_id}&pick.room=US-01&must=room").text
    first = unpack(forms(page, f"/book/{made.public_id}/move")[0]["placement"]).steps[0]
    assert first.starts == int(made.steps[0].starts.timestamp())


def test_a_move_on_an_old_version_is_refused_with_fresh_proposals(nurse: FlaskClient, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "BX-FNA"))
    form = forms(nurse.get(f"/book?move={made.public_id}&from=12-04").text, f"/book/{made.public_id}/move")[0]
    answer = send(nurse, form, version="99")
    assert answer.status_code == 412
    assert forms(answer.text, f"/book/{made.public_id}/move")[0]["version"] == str(made.version)


def test_what_is_over_cannot_move(nurse: FlaskClient, department: Database) -> None:
    def work(session: Any) -> str:
        made = factories.booked(session, "BX-FNA")
        actor = factories.NURSE
        booking.cancel(session, made.public_id, version=made.version, reason="no", actor=actor, now=NOW)
        return made.public_id

    answer = nurse.get(f"/book?move={factories.done(department, work)}")
    assert answer.status_code == 409
    assert "/move" not in answer.text


def test_a_booking_can_be_undone_and_its_place_is_free_again(nurse: FlaskClient, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "BX-FNA"))
    page = nurse.get(f"/book?done={made.public_id}").text
    answer = send(nurse, forms(page, f"/book/{made.public_id}/undo")[0])
    assert "protocol=BX-FNA" in answer.location
    assert statuses(department) == ["cancelled"]


def test_an_interrupted_hold_waits_on_the_empty_page(nurse: FlaskClient, department: Database) -> None:
    page = nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA").text
    send(nurse, forms(page, "/book/hold")[0])
    assert "您尚未确认的暂留" in nurse.get("/book").text


def test_looking_at_a_patient_here_is_recorded_once(nurse: FlaskClient, department: Database) -> None:
    patient = person(department)
    for protocol in ("BX-FNA", "CEUS"):
        nurse.get(f"/book?patient={patient}&protocol={protocol}")
    with department.read() as session:
        looks = select(func.count()).where(Audit.action == "view", Audit.patient == patient)
        assert session.scalar(looks) == 1


@pytest.mark.parametrize("role", ["physician", "manager", "recorder", "auditor"])
def test_only_who_books_opens_the_page(app: Flask, role: str) -> None:
    client = signed_in(app, role, role)
    assert client.get("/book").status_code == 403
    token = form_token(client, "/")
    assert client.post("/book/hold", data={"csrf_token": token}).status_code == 403


def test_a_form_without_its_token_changes_nothing(nurse: FlaskClient, department: Database) -> None:
    form = forms(nurse.get(f"/book?patient={person(department)}&protocol=BX-FNA").text, "/book/hold")[0]
    assert send(nurse, form | {"csrf_token": "forged"}).status_code == 400
    assert statuses(department) == []


def test_a_name_is_never_markup(nurse: FlaskClient, department: Database) -> None:
    patient = person(department, name="<b>Bold</b>")
    assert "<b>Bold" not in nurse.get(f"/book?patient={patient}&protocol=BX-FNA").text


def test_english_readers_get_english(app: Flask, nurse: FlaskClient) -> None:
    nurse.set_cookie("np_language", "en")
    with app.extensions["needlepoint"].db.read() as session:
        assert session.scalar(select(func.count(Patient.id))) == 0
    nurse.post("/language", data={"csrf_token": form_token(nurse, "/book"), "language": "en", "next": "/book"})
    page = nurse.get("/book?protocol=BX-FNA").text
    assert "Why not earlier" in page
    assert "Choose the patient" in page


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("12-08", date(2026, 12, 8)),
        ("1208", date(2026, 12, 8)),
        ("108", date(2027, 1, 8)),
        ("12月8日", date(2026, 12, 8)),
        ("12-08 周二", date(2026, 12, 8)),
        ("2027-01-05", date(2027, 1, 5)),
        ("1/5", date(2027, 1, 5)),
        ("11-25", date(2026, 11, 25)),
    ],
)
def test_days_to_come_are_read_as_people_type_them(typed: str, meant: date) -> None:
    assert coming_day(typed, TODAY) == meant


@pytest.mark.parametrize(
    ("typed", "today", "meant"),
    [
        ("12-28", date(2027, 1, 5), date(2026, 12, 28)),
        ("1228", date(2027, 1, 5), date(2026, 12, 28)),
        ("1月5日", date(2027, 1, 5), date(2027, 1, 5)),
        ("1-6", date(2027, 1, 5), date(2026, 1, 6)),
        ("2026-12-28", date(2027, 1, 5), date(2026, 12, 28)),
    ],
)
def test_days_gone_by_are_read_as_the_last_such_day(typed: str, today: date, meant: date) -> None:
    assert past_day(typed, today) == meant


@pytest.mark.parametrize("typed", ["1965-04-12", "19650412", "1965.4.12", "1965/04/12", "1965年4月12日"])
def test_dates_of_birth_are_read_as_people_type_them(typed: str) -> None:
    assert day_of(typed) == date(1965, 4, 12)


@pytest.mark.parametrize(("typed", "meant"), [("9", time(9)), ("930", time(9, 30)), ("09：30", time(9, 30))])
def test_times_are_read_as_people_type_them(typed: str, meant: time) -> None:
    assert clock_of(typed) == meant


def test_an_address_says_the_wishes_and_reads_them_back(app: Flask) -> None:
    plain = [("patient", "p"), ("protocol", "BX-FNA"), ("from", "2026-12-08"), ("after", "09:30"), ("within", "14")]
    typed = MultiDict([*plain, ("pick.operator", "dr-01"), ("must", "operator"), ("must", "room")])
    wishes = read(typed, TODAY)
    assert wishes.require == {"operator": "dr-01"}
    assert read(MultiDict(wishes.pairs()), TODAY) == wishes


# --- Options and preparation.

PREPARED = {"prepare": {"zh": "禁食 8 小时，带病历", "en": "Fast for 8 hours, bring your record"}, "fasting_hours": 8}
OPTIONS = (factories.LESIONS, factories.TRAINEE, factories.ALONE)


@pytest.fixture
def optional(department: Database) -> str:
    """A procedure with options and a preparation, for a patient: the address that shows it."""
    factories.done(department, lambda session: factories.published(session, options=OPTIONS, step=PREPARED))
    return f"/book?patient={person(department)}&protocol=OPT"


def chip(page: str, option: str) -> str:
    found = re.search(rf'<(?:input|select)[^>]*id="option-{option}".*?(?:/label>)', page, re.S)
    assert found is not None
    return found[0]


def chosen_of(db: Database) -> list[dict[str, int]]:
    with db.read() as session:
        return list(session.scalars(select(Appointment.options).order_by(Appointment.id)))


def test_options_are_searched_held_booked_and_offered_again_after_undo(
    nurse: FlaskClient, department: Database, optional: str
) -> None:
    page = nurse.get(f"{optional}&option.extra-lesion=2&option.trainee=1").text
    assert "checked" in chip(page, "trainee")
    assert '<option value="2" selected>' in chip(page, "extra-lesion")
    form = forms(page, "/book/hold")[0]
    assert (form["option.extra-lesion"], form["option.trainee"]) == ("2", "1")
    (placed,) = unpack(form["placement"]).steps
    assert (placed.ends - placed.starts) // 60 == 70  # 10 + 20 x 2 x 1.25 + 10
    page = nurse.get(send(nurse, form).location).text
    assert "增加病灶 ×2" in page
    confirm = next(form for form in forms(page, "/book/") if form["action"].endswith("/confirm"))
    page = nurse.get(send(nurse, confirm).location).text
    assert chosen_of(department) == [{"extra-lesion": 2, "trainee": 1}]
    undo = next(form for form in forms(page, "/book/") if form["action"].endswith("/undo"))
    assert "option.extra-lesion=2&option.trainee=1" in send(nurse, undo).location


def test_the_booked_card_says_what_to_tell_the_patient_and_who_teaches_whom(
    nurse: FlaskClient, department: Database, optional: str
) -> None:
    page = nurse.get(f"{optional}&option.trainee=1").text
    assert "禁食 8 小时，带病历" in page
    page = nurse.get(send(nurse, forms(page, "/book/hold")[0]).location).text
    confirm = next(form for form in forms(page, "/book/") if form["action"].endswith("/confirm"))
    page = re.sub(r"\s+", " ", nurse.get(send(nurse, confirm).location).text)
    told = page[page.index("告知患者") :]
    # The first place is today at 08:00 or a little later: eight hours before is shortly after midnight.
    assert re.search(r"12-01 周二 08:\d\d 到", told)
    assert re.search(r"12-01 周二 00:\d\d 起禁食", told)
    assert re.search(r'<span class="role">带教</span> <strong>医师 1[234]', page)
    assert re.search(r'<span class="role">学员</span> <strong>医师 3[01]', page)


def test_an_option_that_does_not_go_with_a_chosen_one_is_greyed_out(nurse: FlaskClient, optional: str) -> None:
    page = nurse.get(f"{optional}&option.alone=1").text
    assert "disabled" in chip(page, "trainee")
    assert "不能与无护士同时选择" in page
    assert "disabled" not in chip(page, "alone")


def test_options_that_exclude_each_other_are_refused_with_both_chips_still_open(
    nurse: FlaskClient, optional: str
) -> None:
    answer = nurse.get(f"{optional}&option.alone=1&option.trainee=1")
    assert answer.status_code == 422
    assert "这些选项不能同时选择" in answer.text
    assert "disabled" not in chip(answer.text, "trainee") + chip(answer.text, "alone")
    assert forms(answer.text, "/book/hold") == []


def test_options_of_another_procedure_are_left_out_and_a_bad_count_is_named(nurse: FlaskClient, optional: str) -> None:
    page = nurse.get(f"{optional}&option.magic=1&option.extra-lesion=9").text
    assert forms(page, "/book/hold")[0].get("option.magic") is None
    assert '<option value="4" selected>' in chip(page, "extra-lesion")
    assert "未能识别、已忽略：选项" in nurse.get(f"{optional}&option.trainee=yes").text


def test_a_booking_that_moves_keeps_its_options_and_offers_none(
    nurse: FlaskClient, department: Database, optional: str
) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "OPT", options={"extra-lesion": 2}))
    page = nurse.get(f"/book?move={made.public_id}").text
    assert "增加病灶 ×2" in page
    assert 'id="option-' not in page
    sent = send(nurse, forms(page, f"/book/{made.public_id}/move")[1])
    assert "已改期" in nurse.get(sent.location).text
    with department.read() as session:
        again = booking.whole(session, made.public_id)
        assert again.options == {"extra-lesion": 2}
        assert again.steps[0].ends - again.steps[0].starts == timedelta(minutes=60)


def test_a_lead_stands_among_the_reasons_and_urgency_sets_it_aside(nurse: FlaskClient, department: Database) -> None:
    factories.done(department, lambda session: factories.published(session, lead_days=3))
    address = f"/book?patient={person(department)}&protocol=OPT"
    assert "准备事项须等到 12-04 周五" in nurse.get(address).text
    assert "须等到" not in nurse.get(f"{address}&urgency=2b").text


def test_seeds_are_told_as_ordered_for_the_day_with_their_use_by(nurse: FlaskClient, department: Database) -> None:
    seeds = {"name": {"zh": "I-125 粒子", "en": "I-125 seeds"}, "order_days": 7, "use_by_days": 10}
    factories.done(department, lambda session: factories.published(session, supply=seeds))
    page = nurse.get(f"/book?patient={person(department)}&protocol=OPT&urgency=2a").text
    assert "I-125 粒子须等到 12-08 周二" in page
    page = nurse.get(send(nurse, forms(page, "/book/hold")[0]).location).text
    assert "须为当日订购；有效期至 12-18 周五" in page
