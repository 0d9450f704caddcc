"""The board over HTTP: what is drawn, what its forms do, what they refuse, and who may."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from models import Appointment, Milestone, Step
from models.database import Database
from scheduler import booking, closures
from tests import factories
from tests.conftest import NOW, Clock
from tests.web.people import form_token, signed_in
from web.settings import Settings

DAY = "2026-12-01"
AT_NINE = NOW + timedelta(hours=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody is signed out while a test puts the clock forward."""
    return settings.model_copy(update={"session_idle_minutes": 600})


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "nurse")


def case(db: Database, protocol: str = "BX-LIV", **given: Any) -> tuple[Appointment, str]:
    """Book one case from nine o'clock and return it with its (first) step's public id."""
    given.setdefault("earliest", AT_NINE)
    made = factories.done(db, lambda session: factories.booked(session, protocol, **given))
    return made, made.steps[0].public_id


def post(client: FlaskClient, path: str, **fields: Any) -> Any:
    return client.post(f"/board/{DAY}/{path}", data={"csrf_token": form_token(client, f"/board/{DAY}"), **fields})


def now_of(db: Database, step: str) -> Step:
    with db.read() as session:
        found = session.query(Step).filter_by(public_id=step).one()
        session.expunge(found)
        return found


def test_board_leads_to_the_departments_today(nurse: FlaskClient) -> None:
    assert nurse.get("/board").location.endswith(f"/board/{DAY}")
    assert nurse.get("/board?date=2026-12-24").location.endswith("/board/2026-12-24")


def test_a_day_that_is_none_is_not_found(nurse: FlaskClient) -> None:
    assert nurse.get("/board/tomorrow").status_code == 404


def test_every_room_has_a_lane_and_an_empty_day_says_so(nurse: FlaskClient) -> None:
    text = nurse.get(f"/board/{DAY}").text
    assert len(re.findall(r"data-room\b", text)) == 33  # 26 rooms, 2 bedsides, 2 clinics, DSA, CT, vault
    assert "0 例" in text
    assert "目前没有需要处理的事" in text


def test_a_booking_is_drawn_at_its_minute_with_its_paler_ends(nurse: FlaskClient, department: Database) -> None:
    made, step = case(department)
    text = nurse.get(f"/board/{DAY}").text
    item = re.search(
        rf'<li class="case is-booked"\s+data-at="(\d+)" data-len="(\d+)" data-setup="(\d+)"[^>]*>\s*<a[^>]*{step}', text
    )
    assert item is not None
    length = (made.steps[0].ends - made.steps[0].starts) // timedelta(minutes=1)
    assert (int(item[1]), int(item[2])) == (9 * 60, length)
    assert int(item[3]) > 0
    assert "style=" not in text


def test_a_closure_is_hatched_with_its_word(nurse: FlaskClient, department: Database) -> None:
    factories.done(
        department,
        lambda session: closures.record(
            session,
            closures.ClosureEntry("OR-1", "maintenance", NOW, NOW + timedelta(hours=3)),
            actor=factories.NURSE,
            now=NOW,
        ),
    )
    text = nurse.get(f"/board/{DAY}").text
    assert re.search(r'class="shut maintenance"[^>]*><span>\w+', text)


def test_a_booking_opens_beside_the_board_with_team_steps_and_history(nurse: FlaskClient, department: Database) -> None:
    made, step = case(department, "CP-TACE-ABL-S")
    text = nurse.get(f"/board/{made.steps[0].starts.date()}?open={step}").text
    panel = text[text.index('id="bd-panel"') :]
    assert "整个疗程" in panel
    assert panel.count('aria-current="step"') == 1
    assert "历史 (1)" in panel or "历史" in panel


def test_a_move_by_the_form_keeps_the_length_and_can_be_taken_back(nurse: FlaskClient, department: Database) -> None:
    made, step = case(department)
    answer = post(nurse, f"{step}/move", date=DAY, time="11:00", room="US-02", version=made.version)
    assert answer.status_code == 303
    assert now_of(department, step).starts == datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
    page = nurse.get(answer.location).text
    assert 'class="bd-done"' in page and "/undo" in page
    assert post(nurse, f"{step}/undo", version=made.version + 1).status_code == 303
    assert now_of(department, step).starts == AT_NINE


def test_a_refused_move_names_who_holds_the_room_and_keeps_what_was_typed(
    nurse: FlaskClient, department: Database
) -> None:
    _, _ = case(department, room="US-01")
    made, step = case(department, room="US-02")
    answer = post(nurse, f"{step}/move", date=DAY, time="09:05", room="US-01", version=made.version)
    assert answer.status_code == 409
    assert "已被占用" in answer.text and "穿刺室 01" in answer.text
    assert 'value="09:05"' in answer.text
    assert now_of(department, step).starts == AT_NINE


def test_a_move_on_a_version_that_is_gone_is_refused_before_it_is_judged(
    nurse: FlaskClient, department: Database
) -> None:
    made, step = case(department)
    assert post(nurse, f"{step}/move", date=DAY, time="10:00", version=made.version + 5).status_code == 412
    assert post(nurse, f"{step}/move", date=DAY, time="10:00").status_code == 422
    assert post(nurse, f"{step}/move", date=DAY, time="25:99", version=made.version).status_code == 422
    assert now_of(department, step).starts == AT_NINE


def test_if_match_names_the_version_too(nurse: FlaskClient, department: Database) -> None:
    made, step = case(department)
    answer = nurse.post(
        f"/board/{DAY}/{step}/move",
        data={"csrf_token": form_token(nurse, f"/board/{DAY}"), "time": "10:00"},
        headers={"If-Match": f'"{made.version}"'},
    )
    assert answer.status_code == 303


def test_milestones_are_written_down_in_order_and_drawn(nurse: FlaskClient, department: Database, clock: Clock) -> None:
    made, step = case(department)
    clock.now = AT_NINE + timedelta(minutes=30)
    assert post(nurse, f"{step}/mark", kind="in-room", at="09:02", version=made.version).status_code == 303
    assert post(nurse, f"{step}/mark", kind="called", at="09:20", version=made.version + 1).status_code == 422
    assert post(nurse, f"{step}/mark", kind="started", version=made.version + 1).status_code == 303
    text = nurse.get(f"/board/{DAY}").text
    assert re.search(r'class="real running" data-at="542" data-len="28"', text)  # 09:02 to 09:30


def test_what_runs_over_has_a_red_edge_and_stands_in_the_strip(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    made, step = case(department)
    ends = made.steps[0].ends
    clock.now = ends + timedelta(minutes=12)
    for kind, at in (("in-room", "09:00"), ("started", "09:10")):
        version = made.version + ("called", "in-room", "started").index(kind) - 1
        assert post(nurse, f"{step}/mark", kind=kind, at=at, version=version).status_code == 303
    text = nurse.get(f"/board/{DAY}").text
    assert "is-running is-overdue" in text
    assert "超时 12 分钟" in text


def test_a_hold_is_booked_from_the_panel_and_an_expired_one_is_refused(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    made, step = case(department, hold=True)
    assert "暂留还剩 10 分钟" in nurse.get(f"/board/{DAY}").text
    assert post(nurse, f"{step}/confirm", version=made.version).status_code == 303
    assert now_of(department, step).status == "booked"
    other, late = case(department, hold=True)
    clock.forward(minutes=11)
    assert post(nurse, f"{late}/confirm", version=other.version).status_code in (409, 410)


def test_what_was_forgotten_is_marked_the_next_day_for_the_day_it_happened(
    app: Flask, department: Database, clock: Clock
) -> None:
    made, step = case(department)
    clock.forward(days=1, hours=6)
    assert (
        post(signed_in(app, "nurse"), f"{step}/mark", kind="in-room", at="0905", version=made.version).status_code
        == 303
    )
    with department.read() as session:
        assert session.query(Milestone).one().at == AT_NINE + timedelta(minutes=5)


def test_cancelling_needs_a_reason(nurse: FlaskClient, department: Database) -> None:
    made, step = case(department)
    assert post(nurse, f"{step}/cancel", version=made.version, reason=" ").status_code == 422
    assert post(nurse, f"{step}/cancel", version=made.version, reason="发热").status_code == 303
    assert now_of(department, step).status == "cancelled"
    assert step not in nurse.get(f"/board/{DAY}").text


def test_a_fact_without_a_plan_is_drawn_where_it_happened_and_says_so(nurse: FlaskClient, department: Database) -> None:
    made, step = case(department)

    def unplan(session: Session) -> None:
        appointment = booking.whole(session, made.public_id)
        appointment.fact_only = True
        own = appointment.steps[0]
        room = next(slot.resource_id for slot in own.slots if slot.role == "room")
        for slot in own.slots:
            session.delete(slot)
        own.status = "fulfilled"
        for kind, minutes in (("in-room", 3), ("out", 40)):
            at = AT_NINE + timedelta(minutes=minutes)
            session.add(
                Milestone(step_id=own.id, kind=kind, at=at, resource_id=room, recorded_at=at, recorded_by="test")
            )

    factories.done(department, unplan)
    text = nurse.get(f"/board/{DAY}").text
    assert re.search(r'class="case is-fact"\s+data-at="543" data-len="37"', text)
    assert "未排入" in text
    assert post(nurse, f"{step}/move", time="11:00", version=made.version).status_code == 409


def test_people_and_devices_have_rows_on_demand(nurse: FlaskClient, department: Database) -> None:
    case(department)
    assert 'class="lane people' not in nurse.get(f"/board/{DAY}").text
    assert 'class="lane people' in nurse.get(f"/board/{DAY}?rows=people").text


def test_an_unchanged_board_is_not_sent_again(nurse: FlaskClient, department: Database) -> None:
    first = nurse.get(f"/board/{DAY}")
    again = nurse.get(f"/board/{DAY}", headers={"If-None-Match": first.headers["ETag"], "HX-Polling": "true"})
    assert again.status_code == 304
    case(department)
    changed = nurse.get(f"/board/{DAY}", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_a_hold_of_another_day_does_not_stay_on_a_board_that_nobody_changed(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    case(department, earliest=AT_NINE + timedelta(days=7), hold=True)
    later = "/board/2026-12-08"
    first = nurse.get(later)
    clock.forward(minutes=11)
    again = nurse.get(later, headers={"If-None-Match": first.headers["ETag"]})
    assert "暂留还剩" in first.text and again.status_code == 200 and "暂留还剩" not in again.text


def test_who_may_not_move_sees_no_form_and_is_refused(app: Flask, department: Database) -> None:
    made, step = case(department)
    auditor = signed_in(app, "auditor", "auditor")
    text = auditor.get(f"/board/{DAY}?open={step}").text
    assert "张*明" in text and "张晓明" not in text
    assert "/move" not in text and "/cancel" not in text
    assert "/patients/" not in text
    assert post(auditor, f"{step}/move", time="10:00", version=made.version).status_code == 403


def test_a_physician_marks_but_does_not_move(app: Flask, department: Database, clock: Clock) -> None:
    made, step = case(department)
    physician = signed_in(app, "doctor", "physician", "dr-03")
    clock.now = AT_NINE
    assert post(physician, f"{step}/mark", kind="called", version=made.version).status_code == 303
    assert post(physician, f"{step}/move", time="10:00", version=made.version + 1).status_code == 403


def test_who_did_not_come_is_written_down_and_taken_back(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    _, step = case(department)
    assert "/noshow" not in nurse.get(f"/board/{DAY}?open={step}").text  # it is not nine yet
    clock.forward(hours=2)
    assert "/noshow" in nurse.get(f"/board/{DAY}?open={step}").text
    assert post(nurse, f"{step}/noshow", version=1).status_code == 303
    assert now_of(department, step).status == "noshow"
    assert "/came" in nurse.get(f"/board/{DAY}?open={step}").text
    assert post(nurse, f"{step}/came", version=2).status_code == 303
    assert now_of(department, step).status == "booked"


def test_a_no_show_on_a_version_that_is_gone_is_refused(nurse: FlaskClient, department: Database, clock: Clock) -> None:
    _, step = case(department)
    clock.forward(hours=2)
    assert post(nurse, f"{step}/noshow", version=7).status_code == 412
    assert now_of(department, step).status == "booked"
