"""A new patient at the desk: in seconds, warned of those who are here already, refused clearly, nothing typed lost."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from models import Patient
from models.database import Database
from tests.web.people import form_token, signed_in
from tests.web.test_book_page import forms, person, send

ZHANG = {"record_number": "T2", "name": "张晓明", "sex": "male", "birth_date": "1960-01-02", "phone": ""}


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "li")


def enter(client: FlaskClient, **typed: Any) -> Any:
    form = forms(client.get("/book?protocol=CEUS").text, "/book/patients")[0]
    return send(client, form, **ZHANG | typed)


def count(db: Database) -> int:
    with db.read() as session:
        return session.scalar(select(func.count(Patient.id))) or 0


def the_patient(db: Database) -> Patient:
    with db.read() as session:
        return session.scalars(select(Patient)).one()


@pytest.mark.parametrize(
    ("asked", "field"),
    [("A-4711", "record_number"), ("4711", "record_number"), ("13800138000", "phone"), ("孙悟空", "name")],
)
def test_what_was_searched_for_begins_the_form(nurse: FlaskClient, asked: str, field: str) -> None:
    page = nurse.get("/book", query_string={"q": asked}).text
    assert re.search(rf'name="{field}"[^>]* value="{asked}"', page)
    assert 'class="new-patient" open' in page


def test_an_identity_card_number_gives_date_of_birth_and_sex_and_is_forgotten(
    nurse: FlaskClient, department: Database
) -> None:
    assert enter(nurse, birth_date="11010519491231002x", sex="").status_code == 303
    made = the_patient(department)
    assert (made.birth_date.isoformat(), made.sex) == ("1949-12-31", "female")
    assert "11010519491231002" not in str(vars(made))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"birth_date": "110105194912310021", "sex": ""}, "身份证号不正确"),
        ({"birth_date": "11010519491231002X", "sex": "male"}, "身份证号不正确"),
        ({"birth_date": "11010519491331002X", "sex": ""}, "身份证号不正确"),
        ({"sex": ""}, "缺少性别"),
        ({"name": "张" * 200}, "“姓名”超过 100 个字符，请缩短。"),
        ({"record_number": "1" * 65}, "“病案号”超过 64 个字符，请缩短。"),
        ({"flags": "allergy", "note.allergy": "x" * 61}, "“说明”超过 60 个字符，请缩短。"),
        ({"flags": "radiation", "until.radiation": "bald"}, "“bald”不是日期"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do_and_stores_nothing(
    nurse: FlaskClient, department: Database, typed: dict[str, str], said: str
) -> None:
    answer = enter(nurse, **typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="T2"' in answer.text or "1" * 65 in answer.text
    assert count(department) == 0


def test_a_name_of_two_hundred_signs_is_refused_in_english_too(nurse: FlaskClient, department: Database) -> None:
    nurse.post("/language", data={"csrf_token": form_token(nurse, "/account"), "language": "en", "next": "/"})
    assert "Name is longer than 100 characters. Please shorten it." in enter(nurse, name="x" * 200).text
    assert count(department) == 0


def test_an_emoji_in_a_name_is_kept_shown_and_found(nurse: FlaskClient, department: Database) -> None:
    assert enter(nurse, name="张😀").status_code == 303
    assert "张😀" in nurse.get("/patients", query_string={"q": "😀"}).text


def test_who_may_be_here_already_is_named_with_a_way_on_and_nothing_typed_is_lost(
    nurse: FlaskClient, department: Database
) -> None:
    here = person(department, name="章晓鸣", record_number="T1")
    answer = enter(nurse, phone="13900007788")
    assert answer.status_code == 409
    for said in ("章晓鸣", "T1", "姓名、出生日期相同", f"patient={here}", 'value="13900007788"', 'value="T2"'):
        assert said in answer.text
    assert count(department) == 1


def test_choosing_the_one_who_is_here_goes_on_with_the_procedure(nurse: FlaskClient, department: Database) -> None:
    here = person(department)
    assert f"/book?patient={here}&amp;protocol=CEUS" in enter(nurse).text


def test_somebody_else_is_entered_anyway(nurse: FlaskClient, department: Database) -> None:
    person(department)
    form = forms(enter(nurse).text, "/book/patients")[0]
    assert send(nurse, form, **ZHANG, anyway="1").status_code == 303
    assert count(department) == 2


def test_a_number_that_is_taken_names_its_holder(nurse: FlaskClient, department: Database) -> None:
    here = person(department, name="李雷", record_number="T2")
    answer = enter(nurse)
    assert answer.status_code == 409
    assert "已有此病案号" in answer.text
    assert f"patient={here}" in answer.text
    assert 'name="anyway"' not in answer.text


GBK = "张晓明".encode("gbk")
URLENCODED, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"


@pytest.mark.parametrize("name", [GBK, quote(GBK).encode()])
def test_a_form_in_gbk_is_refused_and_nothing_is_stored(nurse: FlaskClient, department: Database, name: bytes) -> None:
    body = f"csrf_token={form_token(nurse, '/account')}&record_number=G1&sex=male&birth_date=1960-01-02&name=".encode()
    answer = nurse.post("/book/patients", data=body + name, content_type=URLENCODED)
    assert answer.status_code == 400
    assert "请用 UTF-8 发送文字" in answer.text
    assert count(department) == 0


def test_a_form_of_several_parts_in_gbk_is_refused_too(nurse: FlaskClient, department: Database) -> None:
    fields = {b"csrf_token": form_token(nurse, "/account").encode(), b"record_number": b"G1", b"sex": b"male"}
    fields |= {b"birth_date": b"1960-01-02", b"name": GBK}
    parts = [b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % each for each in fields.items()]
    answer = nurse.post("/book/patients", data=b"".join(parts) + b"--x--\r\n", content_type=PARTS)
    assert answer.status_code == 400
    assert "请用 UTF-8 发送文字" in answer.text
    assert count(department) == 0


def test_a_search_in_gbk_is_refused(nurse: FlaskClient) -> None:
    assert nurse.get(f"/patients?q={quote(GBK)}").status_code == 400


def test_json_in_gbk_is_refused_and_nothing_is_stored(nurse: FlaskClient, department: Database) -> None:
    body = b'{"record_number": "G1", "name": "' + GBK + b'", "sex": "male", "birth_date": "1960-01-02"}'
    headers = {"X-CSRF-Token": form_token(nurse, "/account"), "Content-Type": "application/json"}
    answer = nurse.post("/api/v1/patients", data=body, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (400, "malformed")
    assert count(department) == 0
