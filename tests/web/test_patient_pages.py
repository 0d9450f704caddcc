"""The patient pages: who is found, what is booked, what can be done about it, and that every look is recorded."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Audit, Patient
from models.database import Database
from scheduler import booking, ward
from scheduler.patients import Flag
from tests import factories
from tests.conftest import NOW, Clock
from tests.queries import asked
from tests.web.people import form_token, signed_in
from tests.web.test_book_page import forms, person, send


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "li")


def booked(db: Database, protocol: str = "BX-FNA", **more: Any) -> tuple[str, str]:
    """Book and return (patient, appointment)."""
    made = factories.done(db, lambda session: factories.booked(session, protocol, **more))
    return made.patient.public_id, made.public_id


def text_of(client: FlaskClient, patient: str) -> str:
    """Return what a patient's page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<.*?>", " ", client.get(f"/patients/{patient}").text))


def status(db: Database, appointment: str) -> str:
    with db.read() as session:
        return booking.whole(session, appointment).status


@pytest.mark.parametrize("typed", ["Z4711", "单晓明", "sxm", "shanxiao", "7788"])
def test_a_patient_is_found_by_number_name_initials_pinyin_and_telephone(
    nurse: FlaskClient, department: Database, typed: str
) -> None:
    person(department, record_number="Z4711", name="单晓明", phone="13900007788")
    person(department, name="王建国")
    page = nurse.get("/patients", query_string={"q": typed}).text
    assert "Z4711" in page
    assert "王建国" not in page


def test_the_table_names_the_next_visit(nurse: FlaskClient, department: Database) -> None:
    booked(department, "CEUS")
    assert ">12-01 周二 08:00</a> 超声造影" in nurse.get("/patients").text


def test_typing_brings_the_rows_alone(nurse: FlaskClient, department: Database) -> None:
    person(department, name="单晓明")
    answer = nurse.get("/patients?q=sxm", headers={"HX-Request": "true"}).text
    assert "单晓明" in answer
    assert "<html" not in answer


def test_nobody_found_leads_to_a_new_patient(nurse: FlaskClient) -> None:
    page = nurse.get("/patients?q=孙").text
    assert "/book?q=%E5%AD%99" in page
    page = nurse.get("/patients/new?q=孙").text
    (form,) = forms(page, "/patients/new")
    answer = send(nurse, form, record_number="9", name="孙悟空", sex="male", birth_date="1960.1.2")
    assert "孙悟空" in nurse.get(answer.location).text


def test_a_refused_new_patient_keeps_what_was_typed_and_names_who_is_here(
    nurse: FlaskClient, department: Database
) -> None:
    here = person(department, name="张晓明")
    (form,) = forms(nurse.get("/patients/new").text, "/patients/new")
    typed = {"record_number": "Z9", "name": "章晓鸣", "sex": "male", "birth_date": "1960-01-02"}
    answer = send(nurse, form, **typed)
    assert answer.status_code == 409
    for said in ('value="Z9"', 'value="章晓鸣"', f'href="/patients/{here}"', "仍然登记"):
        assert said in answer.text
    assert send(nurse, form, **typed, anyway="1").status_code == 303


def test_before_anybody_has_typed_come_the_readers_own_then_those_entered_last(
    nurse: FlaskClient, department: Database
) -> None:
    first, second = person(department, name="王一"), person(department, name="王二")
    nurse.get(f"/patients/{first}")
    page = nurse.get("/patients").text
    assert page.index("您最近处理") < page.index(first) < page.index("最近登记") < page.index(second)
    assert page.count(f"/patients/{first}") == 1


def test_the_history_tells_in_words_what_was_done_by_whom(nurse: FlaskClient, department: Database) -> None:
    patient, appointment = booked(department, "CEUS")
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}/bookings/{appointment}/cancel")
    send(nurse, form, reason="发热")
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}")
    send(nurse, form, record_number="T9", name="张晓明", sex="female", birth_date="1960-01-02")
    page = text_of(nurse, patient)
    assert "更正登记: 病案号、性别 · li" in page
    assert "取消 12-01 周二 08:00 · li · 发热" in page
    assert "登记 · nurse" in page


def test_the_page_lists_what_is_to_come_and_what_was_cancelled(nurse: FlaskClient, department: Database) -> None:
    patient, appointment = booked(department, "CP-TACE-ABL-S")
    page = nurse.get(f"/patients/{patient}").text
    assert "肝动脉化疗栓塞" in page
    assert "待确认" in page
    assert f"/book?move={appointment}" in page
    (form,) = forms(page, f"/patients/{patient}/bookings/{appointment}/cancel")
    assert send(nurse, form, reason="发热").status_code == 303
    page = nurse.get(f"/patients/{patient}").text
    assert status(department, appointment) == "cancelled"
    assert "发热" in page
    assert f"/book?move={appointment}" not in page


def test_a_usual_reason_is_picked_instead_of_typed(nurse: FlaskClient, department: Database) -> None:
    patient, appointment = booked(department)
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}/bookings/{appointment}/cancel")
    send(nurse, form, usual="患者要求")
    with department.read() as session:
        assert booking.whole(session, appointment).cancel_reason == "患者要求"


def test_cancelling_without_a_reason_is_refused_and_the_panel_stays_open(
    nurse: FlaskClient, department: Database
) -> None:
    patient, appointment = booked(department)
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}/bookings/{appointment}/cancel")
    answer = send(nurse, form, reason="  ")
    assert answer.status_code == 422
    assert "<details open>" in answer.text
    assert status(department, appointment) == "booked"


def test_an_old_version_is_refused_and_changes_nothing(nurse: FlaskClient, department: Database) -> None:
    patient, appointment = booked(department)
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}/bookings/{appointment}/cancel")
    answer = send(nurse, form, version="7", reason="发热")
    assert answer.status_code == 412
    assert "发热" in answer.text
    assert status(department, appointment) == "booked"


def test_a_milestone_is_noted_and_its_step_goes_on(nurse: FlaskClient, department: Database, clock: Clock) -> None:
    patient, appointment = booked(department)
    clock.forward(minutes=14)  # a session idles out after fifteen
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}/bookings/{appointment}/mark")
    assert send(nurse, form, kind="in-room", clock="0812").status_code == 303
    page = nurse.get(f"/patients/{patient}").text
    assert "入室 08:12" in page
    assert status(department, appointment) == "arrived"


@pytest.mark.parametrize("typed", ["noon", "2561"])
def test_a_time_that_cannot_be_read_is_refused(nurse: FlaskClient, department: Database, typed: str) -> None:
    patient, appointment = booked(department)
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}/bookings/{appointment}/mark")
    answer = send(nurse, form, kind="called", clock=typed)
    assert answer.status_code == 422
    assert typed in answer.text


def test_a_milestone_in_the_future_is_refused(nurse: FlaskClient, department: Database) -> None:
    patient, appointment = booked(department)
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}/bookings/{appointment}/mark")
    assert send(nurse, form, kind="called", clock="17:00").status_code == 422
    assert status(department, appointment) == "booked"


def test_a_hold_shows_until_when_and_a_lapsed_one_is_over(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    patient, appointment = booked(department, hold=True)
    assert f"/book?hold={appointment}" in nurse.get(f"/patients/{patient}").text
    clock.forward(minutes=11)
    page = nurse.get(f"/patients/{patient}").text
    assert "暂留到期" in page
    assert f"/book?hold={appointment}" not in page


def test_what_is_known_of_a_patient_can_be_corrected(nurse: FlaskClient, department: Database) -> None:
    patient = person(department, name="张小明", flags=(Flag("allergy", note="碘"),))
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}")
    typed = {"name": "张晓明", "record_number": "T9", "sex": "male", "birth_date": "1960-01-02"}
    typed |= {"flags": ["diabetes", "radiation"], "until.radiation": "2-10", "note.allergy": "碘"}
    assert send(nurse, form, **typed).status_code == 303
    with department.read() as session:
        row = session.scalars(select(Patient)).one()
    flags = [{"code": "diabetes"}, {"code": "radiation", "until": "2027-02-10"}]
    assert (row.name, row.flags, row.version) == ("张晓明", flags, 2)


def test_a_last_dose_typed_without_its_year_was_the_last_such_day(nurse: FlaskClient, department: Database) -> None:
    patient = person(department)
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}")
    typed = {"name": "张晓明", "record_number": "T9", "sex": "male", "birth_date": "1960-01-02"}
    typed |= {"flags": "anticoagulant", "last_dose.anticoagulant": "12-28"}
    assert send(nurse, form, **typed).status_code == 303
    with department.read() as session:
        assert session.scalars(select(Patient.flags)).one() == [{"code": "anticoagulant", "last_dose": "2025-12-28"}]


def test_a_refused_correction_keeps_what_was_typed(nurse: FlaskClient, department: Database) -> None:
    patient = person(department)
    (form,) = forms(nurse.get(f"/patients/{patient}").text, f"/patients/{patient}")
    typed = {"name": "欧阳", "record_number": "T9", "sex": "male", "birth_date": "3000-01-01"}
    answer = send(nurse, form, **typed)
    assert answer.status_code == 422
    assert 'value="欧阳"' in answer.text


def test_stays_on_the_ward_are_listed(nurse: FlaskClient, department: Database) -> None:
    patient = factories.done(department, lambda session: factories.admitted(session).patient.public_id)
    page = nurse.get(f"/patients/{patient}").text
    assert "在院" in page
    assert "01 床" in page


def test_a_stay_says_where_a_lodger_lies_and_into_which_bed_of_ours_they_came(
    nurse: FlaskClient, department: Database
) -> None:
    def work(session: Session) -> tuple[str, str]:
        whom = factories.patient(session)
        lodging = ward.Lodging(whom.public_id, "肝胆外科", NOW - timedelta(hours=2), NOW + timedelta(days=2))
        return whom.public_id, ward.lodge(session, lodging, actor=factories.NURSE, now=NOW).public_id

    patient, stay = factories.done(department, work)
    assert "借住肝胆外科" in text_of(nurse, patient)
    moved = {"version": None, "bed": "BED-06", "at": NOW, "actor": factories.NURSE, "now": NOW}
    factories.done(department, lambda session: ward.transfer(session, stay, **moved))
    assert "借住肝胆外科 → 06 床" in text_of(nurse, patient)


def looks(db: Database, patient: str) -> list[str]:
    """Return who looked at a patient, once for every look that is recorded."""
    with db.read() as session:
        query = select(Audit.actor).where(Audit.action == "view", Audit.patient == patient)
        return list(session.scalars(query.order_by(Audit.seq)))


def test_every_look_at_a_patient_is_recorded_once_however_often_the_page_is_drawn(
    app: Flask, nurse: FlaskClient, department: Database
) -> None:
    patient = person(department)
    for _ in range(3):
        nurse.get(f"/patients/{patient}")
    signed_in(app, "wang", "physician", "dr-01").get(f"/patients/{patient}")
    assert looks(department, patient) == ["user:li", "user:wang"]


def test_drawing_a_patient_again_writes_nothing(nurse: FlaskClient, department: Database) -> None:
    patient, _ = booked(department)
    nurse.get(f"/patients/{patient}")
    with asked(department, "INSERT", "UPDATE", "BEGIN IMMEDIATE") as sent:
        nurse.get(f"/patients/{patient}")
    assert sent == []


def test_a_patient_who_does_not_exist_is_not_found(nurse: FlaskClient) -> None:
    assert nurse.get("/patients/nobody").status_code == 404


def test_a_physician_looks_and_marks_but_neither_cancels_nor_corrects(app: Flask, department: Database) -> None:
    patient, appointment = booked(department)
    physician = signed_in(app, "wang", "physician", "dr-01")
    page = physician.get(f"/patients/{patient}").text
    assert "/mark" in page
    assert "/cancel" not in page
    token = form_token(physician, "/")
    for path in (f"/patients/{patient}", f"/patients/{patient}/bookings/{appointment}/cancel"):
        assert physician.post(path, data={"csrf_token": token, "version": "1", "reason": "x"}).status_code == 403
    assert status(department, appointment) == "booked"


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_who_needs_no_names_opens_no_patient(app: Flask, department: Database, role: str) -> None:
    client = signed_in(app, role, role)
    assert client.get("/patients").status_code == 403
    assert client.get(f"/patients/{person(department)}").status_code == 403


def test_a_name_is_never_markup(nurse: FlaskClient, department: Database) -> None:
    patient = person(department, name="<script>x</script>")
    for path in ("/patients", f"/patients/{patient}"):
        assert "<script>x" not in nurse.get(path).text
