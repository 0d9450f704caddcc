"""The roster over HTTP: a week as its readers see it, leave and duties written down, and refusals in place."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Closure, Department, Duty, Privilege, Resource
from models.database import Database
from scheduler import roster
from scheduler.roster import AM, PM, DutyEntry, HalfDay, LeaveEntry
from tests import factories
from tests.conftest import NOW
from tests.queries import asked
from tests.web.people import form_token, signed_in

DAY = date(2026, 12, 1)
CELL = "dr-03.2026-12-01.am"


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "nurse")


def send(client: FlaskClient, path: str, **fields: str) -> Any:
    return client.post(path, data={"csrf_token": form_token(client, "/account"), **fields})


def on_leave(db: Database, person: str = "dr-03", half: str = AM, reason: str | None = "sick") -> None:
    at = HalfDay(DAY, half)
    entry = LeaveEntry(person, at, at, reason)
    factories.done(db, lambda session: roster.give(session, entry, actor=factories.MANAGER, now=NOW))


def put(db: Database, person: str, kind: str = "on-call", **more: Any) -> None:
    entry = DutyEntry(person, DAY, kind, **more)
    factories.done(db, lambda session: roster.put(session, entry, actor=factories.MANAGER, now=NOW))


def label(page: str, cell: str = CELL) -> str:
    """Return what a cell says aloud."""
    found = re.search(rf'id="{re.escape(cell)}" aria-label="([^"]*)"', page)
    assert found is not None
    return found[1]


def first_in(client: FlaskClient) -> str:
    """Return whose row comes first."""
    found = re.search(r'<th class="who" scope="row"><a href="/lists/([^/]+)/', client.get(f"/roster/{DAY}").text)
    assert found is not None
    return found[1]


# --- Reading.


def test_the_roster_leads_to_this_week_or_to_the_day_of_the_date_picker(nurse: FlaskClient) -> None:
    assert nurse.get("/roster").location == "/roster/2026-12-01"
    assert nurse.get("/roster?date=2026-12-24").location == "/roster/2026-12-24"


@pytest.mark.parametrize("when", ["2026-W49", "2026-11-30", "2026-12-06"])
def test_a_week_is_opened_by_its_number_or_any_of_its_days(nurse: FlaskClient, when: str) -> None:
    page = nurse.get(f"/roster/{when}").text
    assert "2026-W49" in page
    assert label(page, "dr-03.2026-11-30.am") and label(page, "dr-03.2026-12-06.pm")


@pytest.mark.parametrize("when", ["tomorrow", "2026-W54", "0001-01-01", "9999-12-31"])
def test_a_week_that_does_not_exist_is_not_found(nurse: FlaskClient, when: str) -> None:
    assert nurse.get(f"/roster/{when}").status_code == 404


def test_a_cell_says_who_when_what_and_how_much_is_booked(nurse: FlaskClient, department: Database) -> None:
    factories.done(
        department,
        lambda session: factories.booked(session, "BX-FNA", earliest=NOW + timedelta(hours=1), operator="dr-03"),
    )
    assert label(nurse.get(f"/roster/{DAY}").text) == "副主任医师 01 12-01 周二 上午: 在岗, 1 例，10 / 240 分钟"


def test_those_who_keep_the_roster_see_why_somebody_is_away_and_the_others_do_not(
    app: Flask, nurse: FlaskClient, department: Database
) -> None:
    on_leave(department)
    path = f"/roster/{DAY}?cell={CELL}"
    assert "病假" in label(nurse.get(path).text)
    physician = signed_in(app, "doctor", "physician", "dr-05").get(path).text
    assert label(physician).endswith(": 休假")
    assert "病假" not in physician


def test_a_physicians_own_row_comes_first(app: Flask, nurse: FlaskClient) -> None:
    assert first_in(signed_in(app, "doctor", "physician", "dr-05")) == "dr-05"
    assert first_in(nurse) == "dr-01"


@pytest.mark.parametrize(
    ("query", "people"),
    [
        ("?group=nurse", 6),
        ("?group=external", 22),
        ("?q=fzrys", 9),
        ("?q=fzryi", 0),
        ("?q=%E6%8A%A4%E5%A3%AB%2001", 2),
        ("?q=sshs%2001", 1),
        ("?q=recorder-03", 1),
        ("?q=nobody", 0),
        ("?group=everything", 75),
    ],
)
def test_the_page_narrows_to_a_group_a_name_or_initials(nurse: FlaskClient, query: str, people: int) -> None:
    page = nurse.get(f"/roster/{DAY}{query}").text
    assert len(re.findall(r'<th class="who" scope="row"><a', page)) == people


def test_half_days_below_the_floor_say_how_many_are_short(nurse: FlaskClient, department: Database) -> None:
    def floor(session: Session) -> None:
        given = session.execute(select(Department.parameters)).scalar_one()
        session.execute(update(Department).values(parameters=given | {"floor_nurses": 6}))

    factories.done(department, floor)
    assert "d1 short" not in nurse.get(f"/roster/{DAY}").text
    on_leave(department, "nurse-02")
    page = nurse.get(f"/roster/{DAY}").text
    assert re.search(r'class="am d1 short">5 <small>缺 1</small>', page)


def test_a_licence_that_ends_soon_is_marked_with_its_day(nurse: FlaskClient, department: Database) -> None:
    def end(session: Session) -> None:
        person = session.scalars(select(Resource.id).where(Resource.code == "dr-03")).one()
        mine = Privilege.resource_id == person, Privilege.family == "ablation"
        session.execute(update(Privilege).where(*mine).values(valid_to=date(2026, 12, 31)))

    factories.done(department, end)
    assert "授权 12-31" in nurse.get(f"/roster/{DAY}").text


def test_an_unchanged_roster_is_not_sent_again(nurse: FlaskClient, department: Database) -> None:
    seen = nurse.get(f"/roster/{DAY}").headers["ETag"]
    assert nurse.get(f"/roster/{DAY}", headers={"If-None-Match": seen}).status_code == 304
    on_leave(department)
    assert nurse.get(f"/roster/{DAY}", headers={"If-None-Match": seen}).status_code == 200


def test_a_full_week_asks_the_database_no_more_than_an_empty_one(nurse: FlaskClient, department: Database) -> None:
    def statements() -> int:
        with asked(department) as found:
            nurse.get(f"/roster/{DAY}")
        return len(found)

    statements()
    before = statements()
    for number in range(1, 7):
        on_leave(department, f"nurse-0{number}")
        put(department, f"recorder-0{number}")
    assert statements() == before


def test_the_panel_alone_is_sent_to_a_page_that_is_open_already(nurse: FlaskClient) -> None:
    part = nurse.get(f"/roster/{DAY}?cell={CELL}", headers={"HX-Request": "true"}).text
    assert part.startswith("<aside")
    assert "副主任医师 01" in part
    assert '<table class="ro-table' not in part


@pytest.mark.parametrize(
    "cell", ["nobody.2026-12-01.am", "dr-03.2026-12-01.noon", "dr-03.2026-13-01.am", "dr-03", ".."]
)
def test_a_cell_that_does_not_exist_opens_nothing(nurse: FlaskClient, cell: str) -> None:
    page = nurse.get(f"/roster/{DAY}?cell={cell}")
    assert page.status_code == 200
    assert 'id="ro-panel-head"' not in page.text


# --- Writing.


def test_leave_of_a_half_day_is_written_down_and_its_bookings_are_listed(
    nurse: FlaskClient, department: Database
) -> None:
    made = factories.done(
        department,
        lambda session: (
            factories.booked(session, "BX-FNA", earliest=NOW + timedelta(hours=1), operator="dr-03").steps[0].public_id
        ),
    )
    done = send(nurse, f"/roster/{CELL}/leave?group=physician", span="half", reason="annual")
    assert done.status_code == 303
    assert "group=physician" in done.location
    page = nurse.get(done.location).text
    assert "休假已登记" in page
    assert "其中有 1 个预约" in page
    assert f"?open={made}" in page
    assert "年假" in label(page)
    assert "在岗" in label(page, CELL.replace("am", "pm"))


def test_leave_over_days_runs_from_half_to_half_with_words_of_its_own(nurse: FlaskClient, department: Database) -> None:
    fields = {"first": "2026-12-01", "first_half": "pm", "last": "2026-12-04", "last_half": "am"}
    page = nurse.get(send(nurse, f"/roster/{CELL}/leave", words="年会", **fields).location).text
    states = [label(page, f"dr-03.2026-12-0{day}.{half}").split(": ")[1] for day in (1, 4) for half in (AM, PM)]
    assert states == ["在岗", "年会", "年会", "在岗"]


def test_leave_is_taken_back_by_half_by_day_or_whole(nurse: FlaskClient, department: Database) -> None:
    fields = {"first": "2026-12-01", "first_half": "am", "last": "2026-12-04", "last_half": "pm"}
    send(nurse, f"/roster/{CELL}/leave", **fields)
    send(nurse, f"/roster/{CELL}/back", span="half", **fields)
    page = nurse.get(f"/roster/{DAY}").text
    assert [label(page, f"dr-03.2026-12-01.{half}").split(": ")[1] for half in (AM, PM)] == ["在岗", "休假"]
    send(nurse, f"/roster/{CELL}/back", **fields)
    with department.read() as session:
        assert session.scalars(select(Closure)).all() == []


def test_a_duty_is_set_shown_and_taken_off(nurse: FlaskClient, department: Database) -> None:
    page = nurse.get(send(nurse, f"/roster/{CELL}/duty", kind="on-call", note="8123").location).text
    assert "值班 ✓ 8123" in page
    assert ", 值" in label(page, CELL.replace("am", "pm"))
    page = nurse.get(send(nurse, f"/roster/{CELL}/duty", kind="morning", place="US-03").location).text
    assert "US-03" in label(page)
    send(nurse, f"/roster/{CELL}/clear", kind="on-call")
    with department.read() as session:
        assert session.scalars(select(Duty.kind)).all() == ["morning"]


@pytest.mark.parametrize(
    ("action", "fields", "said"),
    [
        ("leave", {"first": "2026-12-04", "last": "2026-12-01"}, "结束早于开始"),
        ("leave", {"first": "soon", "last": "2026-12-01"}, "不是日期"),
        ("leave", {"first": "2026-12-01", "last": "2199-12-31"}, "休假时间过长"),
        ("leave", {"span": "day", "words": "x" * 101}, "文字过长"),
        ("duty", {"kind": "holiday"}, "没有这种班次"),
        ("duty", {"kind": "late", "note": "a\nb"}, "含有无法保存的字符"),
    ],
)
def test_a_refusal_shows_the_week_with_the_reason_and_changes_nothing(
    nurse: FlaskClient, department: Database, action: str, fields: dict[str, str], said: str
) -> None:
    answer = send(nurse, f"/roster/{CELL}/{action}", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'id="ro-panel-head"' in answer.text
    with department.read() as session:
        assert session.scalars(select(Closure)).all() == session.scalars(select(Duty)).all() == []


def test_an_emoji_stands_in_a_note_as_it_was_typed(nurse: FlaskClient) -> None:
    assert "✓ 📞 8123" in nurse.get(send(nurse, f"/roster/{CELL}/duty", kind="late", note="📞 8123").location).text


def test_a_person_who_does_not_exist_is_refused(nurse: FlaskClient) -> None:
    assert send(nurse, "/roster/dr-99.2026-12-01.am/duty", kind="late").status_code == 422
    assert send(nurse, "/roster/dr-99.never.am/duty", kind="late").status_code == 404


@pytest.mark.parametrize("role", ["physician", "recorder", "auditor"])
def test_those_who_only_read_find_no_form_and_no_way_around(app: Flask, department: Database, role: str) -> None:
    reader = signed_in(app, "reader", role)
    assert '<form method="post" action="/roster' not in reader.get(f"/roster/{DAY}?cell={CELL}").text
    for action in ("leave", "back", "duty", "clear"):
        assert send(reader, f"/roster/{CELL}/{action}", span="day", kind="late").status_code == 403


# --- Who is on call, elsewhere.


@pytest.mark.parametrize("path", ["/", f"/board/{DAY}"])
def test_the_day_says_who_is_on_call(nurse: FlaskClient, department: Database, path: str) -> None:
    assert "np-on-call" not in nurse.get(path).text
    put(department, "dr-05", note="8123")
    assert re.search(r'np-on-call">.*副主任医师 03</a> 8123', nurse.get(path).text)
