"""Merging over HTTP: listed, compared, merged with a reason, refused by name, taken apart; and who may."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Audit, Patient
from models.database import Database
from tests import factories
from tests.conftest import NOW
from tests.web.people import form_token, signed_in
from tests.web.test_book_page import forms, person, send


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return signed_in(app, "root", "administrator")


def two(db: Database, **lost: Any) -> tuple[str, str]:
    return person(db, record_number="KEEP", name="单晓明"), person(db, record_number="LOSE", name="山晓明", **lost)


def comparison(client: FlaskClient, kept: str, lost: str) -> Any:
    return client.get(f"/patients/{kept}/merge", query_string={"with": lost})


def merged(db: Database, patient: str) -> bool:
    with db.read() as session:
        row = session.scalars(select(Patient).where(Patient.public_id == patient)).one()
        return row.merged_into_id is not None


def looks(db: Database) -> dict[str | None, int]:
    """Return how many looks are recorded of each patient."""
    with db.read() as session:
        return Counter(session.scalars(select(Audit.patient).where(Audit.action == "view")))


def test_records_of_one_name_and_birth_date_are_listed_and_lead_to_their_comparison(
    admin: FlaskClient, department: Database
) -> None:
    kept = person(department, record_number="K1", name="张晓明")
    lost = person(department, record_number="K2", name="章晓鸣")
    person(department, record_number="K3", name="李雷")
    page = admin.get("/patients/duplicates").text
    assert f"/patients/{kept}/merge?with={lost}" in page
    assert "李雷" not in page


def test_a_patients_page_names_who_may_be_the_same(admin: FlaskClient, department: Database) -> None:
    kept, lost = two(department)
    page = admin.get(f"/patients/{kept}").text
    assert "可能是同一人" in page
    assert f"/patients/{kept}/merge?with={lost}" in page


def test_the_comparison_shows_what_differs_and_what_would_go_over(admin: FlaskClient, department: Database) -> None:
    kept, lost = two(department, phone="13900007788")
    with department.read() as session:
        whom = session.scalars(select(Patient).where(Patient.public_id == lost)).one()
    factories.done(department, lambda session: factories.booked(session, "CEUS", whom=session.merge(whom)))
    page = comparison(admin, kept, lost).text
    for said in ("超声造影", "13900007788", "KEEP", "LOSE", "不同"):
        assert said in page
    assert not merged(department, lost)


def test_the_comparison_is_a_look_at_both_records(admin: FlaskClient, department: Database) -> None:
    kept, lost = two(department)
    comparison(admin, kept, "")
    assert looks(department) == {kept: 1}
    for _ in range(2):
        comparison(admin, kept, lost)
    assert looks(department) == {kept: 1, lost: 1}


def test_a_merge_leads_to_the_survivor_whose_page_takes_it_back(admin: FlaskClient, department: Database) -> None:
    kept, lost = two(department)
    (form,) = forms(comparison(admin, kept, "LOSE").text, f"/patients/{kept}/merge")
    answer = send(admin, form, usual="同一人登记了两次")
    assert answer.location == f"/patients/{kept}"
    assert admin.get(f"/patients/{lost}").location == f"/patients/{kept}"
    assert admin.get("/patients?q=LOSE", follow_redirects=True).text.count("KEEP") >= 1
    page = admin.get(f"/patients/{kept}").text
    assert "LOSE" in page
    assert "合并登记 · root · 同一人登记了两次" in page
    (form,) = forms(page, f"/patients/{kept}/separate")
    assert send(admin, form, reason="两个人").location == f"/patients/{lost}"
    assert not merged(department, lost)


def test_overlapping_bookings_are_named_and_no_merge_is_offered(admin: FlaskClient, department: Database) -> None:
    def work(session: Session) -> tuple[str, str]:
        one = factories.patient(session, record_number="KEEP")
        other = factories.patient(session, record_number="LOSE")
        earliest = NOW + timedelta(hours=1)
        factories.booked(session, "BX-LIV", whom=one, earliest=earliest, room="US-02")
        factories.booked(session, "BX-LIV", whom=other, earliest=earliest, room="US-03")
        return one.public_id, other.public_id

    kept, lost = factories.done(department, work)
    page = comparison(admin, kept, lost).text
    assert "同一人不能同时在两处" in page
    assert page.count("#booking-") == 2
    assert forms(page, f"/patients/{kept}/merge") == []
    fields = {"csrf_token": form_token(admin, "/"), "other": lost, "version": "1", "other_version": "1", "reason": "x"}
    answer = admin.post(f"/patients/{kept}/merge", data=fields)
    assert answer.status_code == 409
    assert not merged(department, lost)


@pytest.mark.parametrize(("given", "status"), [({"usual": "", "reason": " "}, 422), ({"version": "7"}, 412)])
def test_a_merge_without_a_reason_or_on_an_old_version_is_refused(
    admin: FlaskClient, department: Database, given: dict[str, str], status: int
) -> None:
    kept, lost = two(department)
    (form,) = forms(comparison(admin, kept, lost).text, f"/patients/{kept}/merge")
    assert send(admin, form, **{"usual": "x"} | given).status_code == status
    assert not merged(department, lost)


@pytest.mark.parametrize("other", ["nobody", "KEEP"])
def test_nobody_else_to_compare_with_is_said(admin: FlaskClient, department: Database, other: str) -> None:
    kept, _ = two(department)
    answer = comparison(admin, kept, other)
    assert answer.status_code in (404, 422)
    assert 'name="with"' in answer.text


@pytest.mark.parametrize("role", ["nurse", "manager", "physician", "recorder", "auditor"])
def test_only_an_administrator_merges(app: Flask, department: Database, role: str) -> None:
    kept, lost = two(department)
    client = signed_in(app, role, role)
    fields = {"csrf_token": form_token(client, "/"), "other": lost, "version": "1", "other_version": "1", "reason": "x"}
    assert comparison(client, kept, lost).status_code == 403
    for verb in ("merge", "separate"):
        assert client.post(f"/patients/{kept}/{verb}", data=fields).status_code == 403
    assert not merged(department, lost)


def test_a_nurse_is_told_who_can_merge(app: Flask, department: Database) -> None:
    kept, _ = two(department)
    nurse = signed_in(app, "li")
    for path in (f"/patients/{kept}", "/patients/duplicates"):
        assert "管理员可以合并" in nurse.get(path).text


def test_an_old_address_of_a_merged_patient_books_for_the_survivor(
    app: Flask, admin: FlaskClient, department: Database
) -> None:
    kept, lost = two(department)
    (form,) = forms(comparison(admin, kept, lost).text, f"/patients/{kept}/merge")
    send(admin, form, usual="x")
    page = signed_in(app, "li").get(f"/book?patient={lost}").text
    assert f'href="/patients/{kept}"' in page
    assert f"patient={kept}" in page
