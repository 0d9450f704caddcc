"""A roster from a workbook over HTTP: looked at, agreed to, stored; a refusal says what to mend and stores nothing."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select

from models import Closure, Duty
from models.database import Database
from scheduler import roster
from scheduler.roster import AM, HalfDay, LeaveEntry
from tests import factories
from tests.calendars.books import TUESDAY, month
from tests.conftest import NOW
from tests.web.people import form_token, signed_in

GOOD = month(["nurse-01", "年", "值"])


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    return signed_in(app, "boss", "manager")


def send(client: FlaskClient, content: bytes, name: str = "12月.xlsx") -> Any:
    fields = {"csrf_token": form_token(client, "/account"), "file": (BytesIO(content), name)}
    return client.post("/roster/import", data=fields, content_type="multipart/form-data")


def agree(client: FlaskClient, page: str, **other: str) -> Any:
    fields = dict(re.findall(r'name="(name|content|seen|csrf_token)" value="([^"]*)"', page))
    return client.post("/roster/import/apply", data=fields | other)


def stored(db: Database) -> int:
    with db.read() as session:
        return len(session.scalars(select(Closure)).all()) + len(session.scalars(select(Duty)).all())


def test_a_file_is_looked_at_first_and_stored_when_agreed_to(manager: FlaskClient, department: Database) -> None:
    page = send(manager, GOOD).text
    assert "1 人共 2 个已填单元格；将改变 2 天" in page
    assert re.findall(r"<td>([^<]+)</td><td><b>([^<]+)</b></td>", page)[:2] == [("班", "年"), ("班", "值")]
    assert stored(department) == 0
    done = agree(manager, page).text
    assert "已保存：12月.xlsx 中的 2 天" in done
    assert 'href="/roster/2026-12-01"' in done
    assert stored(department) == 2
    assert "完全一致" in send(manager, GOOD).text


def test_the_bookings_in_new_leave_are_listed_before_and_after(manager: FlaskClient, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "BX-FNA", operator="dr-12"))
    page = send(manager, month(["dr-12", "年"])).text
    assert f"open={made.steps[0].public_id}" in page
    assert f"open={made.steps[0].public_id}" in agree(manager, page).text


def test_what_changed_since_the_look_is_shown_again_and_not_stored(manager: FlaskClient, department: Database) -> None:
    page = send(manager, GOOD).text
    sick = LeaveEntry("nurse-01", HalfDay(TUESDAY, AM), HalfDay(TUESDAY, AM), "sick")
    factories.done(department, lambda session: roster.give(session, sick, actor=factories.MANAGER, now=NOW))
    answer = agree(manager, page)
    assert answer.status_code == 409
    assert "排班表已有变动" in answer.text
    assert "病/班" in answer.text
    assert stored(department) == 1
    assert agree(manager, answer.text).status_code == 200


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (month(["nurse-01", "年", "值"], merged=["B2:C2"]), ["S1", "B2:C2", "合并单元格"]),
        (month(["nurse-01", "年"], days=["2026-12-01"]), ["S1", "B1", "日期是文本"]),
        (month(["nurse-01", "🩺"]), ["S1", "B2", "“🩺”不是可用的代号"]),
        ("姓名,12-01\n护士 01,年\n".encode("gbk"), ["12月.xlsx 实际是文本文件（GBK）"]),
        (b"", ["文件为空"]),
    ],
)
def test_a_fault_is_said_with_its_place_and_nothing_is_stored(
    manager: FlaskClient, department: Database, content: bytes, said: list[str]
) -> None:
    answer = send(manager, content)
    assert answer.status_code == 422
    assert [each for each in said if each not in answer.text] == []
    assert stored(department) == 0


def test_no_file_and_a_file_too_large_for_the_server_are_refused(manager: FlaskClient) -> None:
    assert "未选择文件" in manager.post("/roster/import", data={"csrf_token": form_token(manager, "/account")}).text
    assert send(manager, b"PK\x03\x04" + b"x" * 900_000).status_code == 422
    assert send(manager, b"x" * 1_100_000).status_code == 413


def test_the_largest_file_that_is_read_comes_back_in_the_form_as_well(manager: FlaskClient) -> None:
    page = send(manager, GOOD).text
    large = base64.b64encode(b"PK\x03\x04" + b"x" * 699_000).decode()
    assert agree(manager, page, content=large).status_code == 422


@pytest.mark.parametrize("content", ["", "no base64!", base64.b64encode(b"junk").decode()])
def test_an_answer_that_is_not_our_forms_is_refused(manager: FlaskClient, department: Database, content: str) -> None:
    page = send(manager, GOOD).text
    assert agree(manager, page, content=content).status_code == 422
    assert stored(department) == 0


def test_a_workbook_is_unpacked_while_another_writes(manager: FlaskClient, department: Database) -> None:
    page = send(manager, GOOD).text
    junk = base64.b64encode(b"PK\x03\x04 and no workbook").decode()
    with ThreadPoolExecutor(1) as pool, department.turn():
        answer = pool.submit(agree, manager, page, content=junk).result(timeout=10)
    assert answer.status_code == 422


@pytest.mark.parametrize(("query", "days"), [("?month=2026-12", 31), ("?week=2026-12-03", 7), ("", 7)])
def test_the_template_is_the_present_roster(manager: FlaskClient, query: str, days: int) -> None:
    agree(manager, send(manager, GOOD).text)
    answer = manager.get(f"/roster/template.xlsx{query}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(load_workbook(BytesIO(answer.data)).worksheets[0].iter_rows(values_only=True))
    assert rows[0][:2] == ("工号", "姓名")
    assert len(rows[0]) == days + 2
    assert "年" in next(row for row in rows if row[0] == "nurse-01")
    assert "完全一致" in send(manager, answer.data).text


@pytest.mark.parametrize("query", ["?month=2026-13", "?month=x", "?week=never"])
def test_a_template_of_no_month_is_refused(manager: FlaskClient, query: str) -> None:
    assert manager.get(f"/roster/template.xlsx{query}").status_code == 422


@pytest.mark.parametrize("role", ["physician", "recorder", "auditor"])
def test_only_those_who_keep_the_roster_import_it(app: Flask, role: str) -> None:
    reader = signed_in(app, "reader", role)
    for path in ("/roster/import", "/roster/template.xlsx"):
        assert reader.get(path).status_code == 403
    assert send(reader, GOOD).status_code == 403
    assert "/roster/import" not in reader.get("/roster/2026-12-01").text
