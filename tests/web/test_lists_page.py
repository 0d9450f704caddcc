"""Lists over HTTP: whose, what stands there, what changed since the last look."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from models.database import Database
from scheduler import booking
from scheduler.booking.moving import moved
from scheduler.engine.world import Placement
from tests import factories
from tests.conftest import NOW, Clock
from tests.web.people import signed_in
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


def test_lists_lead_a_practitioner_to_their_own_and_others_to_the_choice(app: Flask, nurse: FlaskClient) -> None:
    physician = signed_in(app, "doctor", "physician", "dr-03")
    assert physician.get("/lists").location.endswith(f"/lists/dr-03/{DAY}")
    assert physician.get("/lists?all=1").status_code == 200
    assert "/lists/OR-1/" in nurse.get("/lists").text


def test_the_choice_counts_the_days_cases(nurse: FlaskClient, department: Database) -> None:
    factories.done(department, lambda session: factories.booked(session, "BX-LIV", earliest=AT_NINE, room="US-02"))
    assert re.search(r"穿刺室 02</span> <b>1</b>", nurse.get("/lists").text)


def test_a_list_of_nobody_is_not_found(nurse: FlaskClient) -> None:
    assert nurse.get(f"/lists/dr-999/{DAY}").status_code == 404
    assert nurse.get(f"/lists/BED-01/{DAY}").status_code == 404
    assert nurse.get("/lists/OR-1/yesterday").status_code == 404


def test_a_list_leads_to_its_own_subscription(nurse: FlaskClient) -> None:
    assert 'href="/feeds?resource=OR-1"' in nurse.get(f"/lists/OR-1/{DAY}").text
    assert re.search(r'value="OR-1" selected', nurse.get("/feeds?resource=OR-1").text)


def test_a_reason_of_the_programs_own_is_said_in_words(nurse: FlaskClient, department: Database) -> None:
    def undone(session: Session) -> None:
        made = factories.booked(session, "BX-LIV", earliest=AT_NINE, room="US-02")
        booking.cancel(
            session, made.public_id, version=made.version, reason="booking-undone", actor=factories.NURSE, now=NOW
        )

    factories.done(department, undone)
    assert "误约，已撤销" in nurse.get(f"/lists/US-02/{DAY}").text


def test_an_empty_day_says_so(nurse: FlaskClient) -> None:
    assert "当天没有安排" in nurse.get(f"/lists/OR-1/{DAY}").text


def test_the_next_case_stands_large_and_all_stand_in_rows(nurse: FlaskClient, department: Database) -> None:
    def two(session: object) -> None:
        for hours in (1, 3):
            factories.booked(session, "BX-LIV", earliest=NOW + timedelta(hours=hours), room="US-02")  # type: ignore[arg-type]

    factories.done(department, two)
    text = nurse.get(f"/lists/US-02/{DAY}").text
    assert text.count('class="ls-next') == 1
    assert re.search(r'ls-when"><b>09:00</b>', text)
    assert len(re.findall(r'<td class="ls-time"><b>', text)) == 2


def test_the_week_shows_the_days_around(nurse: FlaskClient, department: Database) -> None:
    factories.done(
        department, lambda session: factories.booked(session, "BX-LIV", earliest=NOW + timedelta(days=2), room="US-02")
    )
    text = nurse.get(f"/lists/US-02/{DAY}?view=week").text
    assert "11-30 周一" in text and "12-06 周日" in text
    assert "张晓明" in text


def test_what_changed_since_the_last_look_is_marked_and_what_left_is_told(
    nurse: FlaskClient, department: Database, clock: Clock
) -> None:
    made = factories.done(
        department, lambda session: factories.booked(session, "BX-LIV", earliest=AT_NINE, room="US-02")
    )
    assert "有变动" not in nurse.get(f"/lists/US-02/{DAY}").text
    clock.forward(minutes=20)

    def move(session: object) -> None:
        case = booking.whole(session, made.public_id)  # type: ignore[arg-type]
        step = case.steps[0]
        there = moved(session, case, step.code, step.starts + timedelta(hours=1), "US-03", clock())  # type: ignore[arg-type]
        booking.reschedule(
            session,  # type: ignore[arg-type]
            made.public_id,
            version=None,
            placement=Placement(there.steps),
            actor=factories.NURSE,
            now=clock(),
        )

    nurse.get(f"/lists/US-03/{DAY}")
    clock.forward(minutes=20)
    factories.done(department, move, now=clock())
    clock.forward(minutes=1)
    assert "已离开本名单" in nurse.get(f"/lists/US-02/{DAY}").text
    there = nurse.get(f"/lists/US-03/{DAY}").text
    assert "有变动" in there
    clock.forward(minutes=1)
    assert "有变动" in nurse.get(f"/lists/US-03/{DAY}").text  # the same look
    clock.forward(minutes=30)
    assert "有变动" not in nurse.get(f"/lists/US-03/{DAY}").text


def test_a_printed_list_says_when_and_by_whom_and_shortens_names_by_role(app: Flask, department: Database) -> None:
    factories.done(department, lambda session: factories.booked(session, "BX-LIV", earliest=AT_NINE, room="US-02"))
    text = signed_in(app, "boss", "manager").get(f"/lists/US-02/{DAY}").text
    assert "boss&#39;s name 于 12-01 周二 08:00 打印" in text
    assert "张晓明" not in text and "张*明" in text


def test_an_unchanged_list_is_not_sent_again(nurse: FlaskClient) -> None:
    nurse.get(f"/lists/OR-1/{DAY}")
    first = nurse.get(f"/lists/OR-1/{DAY}")
    assert nurse.get(f"/lists/OR-1/{DAY}", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_trainee_and_supervisor_both_have_the_case_and_read_of_each_other(
    nurse: FlaskClient, department: Database
) -> None:
    prepared = {"prepare": {"zh": "充盈膀胱", "en": "Full bladder"}}

    def taught(session: Session) -> dict[str, str]:
        factories.published(session, options=(factories.TRAINEE, factories.LESIONS), step=prepared)
        made = factories.booked(session, "OPT", options={"trainee": 1, "extra-lesion": 2})
        return {slot.role: slot.resource.code for slot in made.steps[0].slots}

    who = factories.done(department, taught)
    names = {role: f"医师 {who[role].removeprefix('dr-')}" for role in ("operator", "trainee")}
    pages = {role: re.sub(r"\s+", " ", nurse.get(f"/lists/{code}/{DAY}").text) for role, code in who.items()}
    assert f"<td>带教 <small>学员 {names['trainee']}</small></td>" in pages["operator"]
    assert f"<td>学员 <small>带教 {names['operator']}</small></td>" in pages["trainee"]
    for role in ("operator", "trainee", "nurse", "room"):
        assert "增加病灶 ×2" in pages[role]
        assert "充盈膀胱" in pages[role]
    assert "带教" not in re.sub(r'<span class="np-tag np-option">带教</span>', "", pages["nurse"]).split("<tbody>")[1]
