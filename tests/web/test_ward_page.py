"""The ward over HTTP: the plan of bays, admit, move, discharge, extend, and what refuses them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models import Encounter
from models.database import Database
from scheduler import closures
from tests import factories
from tests.conftest import NOW, Clock
from tests.web.people import form_token, signed_in
from web.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody is signed out while a test puts the clock forward."""
    return settings.model_copy(update={"session_idle_minutes": 600})


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "nurse")


def post(client: FlaskClient, path: str, **fields: Any) -> Any:
    return client.post(f"/ward/{path}", data={"csrf_token": form_token(client, "/ward"), **fields})


def lying(db: Database, bed: str = "BED-01", **given: Any) -> Encounter:
    return factories.done(db, lambda session: factories.admitted(session, bed, **given))


def encounters(db: Database) -> list[Encounter]:
    with db.read() as session:
        found = session.query(Encounter).all()
        session.expunge_all()
        return found


def card(text: str, bed: str) -> str:
    found = re.search(rf'<li class="bed [^"]*">\s*<a [^>]*id="card-{bed}".*?</li>', text, re.S)
    assert found is not None
    return found[0]


def test_an_empty_ward_shows_every_bed_free(nurse: FlaskClient) -> None:
    text = nurse.get("/ward").text
    assert text.count('class="bed free') == 17
    assert "单间" in text
    assert "style=" not in text


def test_a_card_says_who_lies_there_and_until_when(nurse: FlaskClient, department: Database) -> None:
    lying(department)
    lying(department, "BED-02", at=NOW - timedelta(days=3), expected_end=NOW - timedelta(hours=2))
    text = nurse.get("/ward").text
    assert "张晓明" in card(text, "BED-01") and "stays" in card(text, "BED-01")
    assert "应于 12-01 周二 06:00 出院" in card(text, "BED-02")


def test_a_manager_sees_shortened_names(app: Flask, department: Database) -> None:
    lying(department)
    text = signed_in(app, "boss", "manager").get("/ward?bed=BED-01").text
    assert "张晓明" not in text and "张*明" in text
    assert "/patients/" not in text


def test_a_planned_patient_is_admitted_by_one_button(nurse: FlaskClient, department: Database) -> None:
    made = factories.done(
        department, lambda session: factories.booked(session, "AB-LIV-1", earliest=NOW + timedelta(days=1, hours=1))
    )
    text = nurse.get("/ward").text
    button = re.search(r'name="planned" value="([^"]+)"', text)
    assert button is not None, "tomorrow's ablation comes in today"
    bed = re.search(r'name="bed" value="([^"]+)"', text)
    assert bed is not None
    assert post(nurse, "admit", bed=bed[1], planned=button[1]).status_code == 303
    (stay,) = encounters(department)
    assert stay.appointment_id == made.id


def test_anybody_is_admitted_by_number_initials_or_a_choice(nurse: FlaskClient, department: Database) -> None:
    def three(session: Any) -> None:
        factories.patient(session, name="李梅", record_number="N1")
        factories.patient(session, name="李明", record_number="N2")

    factories.done(department, three)
    until = "2026-12-03T11:00"
    several = post(nurse, "admit", bed="BED-03", who="lm", expected_end=until)
    assert several.status_code == 422 and several.text.count('type="radio"') == 2
    assert 'value="lm"' in several.text
    assert post(nurse, "admit", bed="BED-03", who="n2", expected_end=until).status_code == 303
    assert post(nurse, "admit", bed="BED-04", who="nobody", expected_end=until).status_code == 422
    assert len(encounters(department)) == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"bed": "BED-01"}, 409),  # occupied
        ({"bed": "BED-05"}, 409),  # closed
        ({"bed": "BED-02", "at": "2026-12-01T18:00"}, 422),  # in the future
        ({"bed": "BED-02", "expected_end": "2026-11-30T11:00"}, 422),  # ends before it begins
        ({"bed": "BED-02", "expected_end": "soon"}, 422),
        ({"bed": "BED-99"}, 422),
    ],
)
def test_refused_admissions_are_told_in_place_and_nothing_typed_is_lost(
    nurse: FlaskClient, department: Database, fields: dict[str, str], status: int
) -> None:
    lying(department, "BED-01")
    factories.done(department, lambda session: factories.patient(session, record_number="N7"))
    factories.done(
        department,
        lambda session: closures.record(
            session,
            closures.ClosureEntry("BED-05", "maintenance", NOW - timedelta(hours=1), NOW + timedelta(days=1)),
            actor=factories.NURSE,
            now=NOW,
        ),
    )
    answer = post(nurse, "admit", **({"who": "N7", "expected_end": "2026-12-03T11:00"} | fields))
    assert answer.status_code == status
    assert 'class="np-refusal"' in answer.text
    if fields["bed"] == "BED-02":
        assert 'value="N7"' in answer.text
    assert len(encounters(department)) == 1


def test_a_patient_is_moved_and_discharged(nurse: FlaskClient, department: Database, clock: Clock) -> None:
    stay = lying(department)
    moved = post(nurse, f"{stay.public_id}/transfer", version=stay.version, bed="BED-09", **{"from": "BED-01"})
    assert moved.location.endswith("bed=BED-09&done=transferred")
    assert "张晓明" in card(nurse.get("/ward").text, "BED-09")
    clock.forward(hours=1)
    gone = post(nurse, f"{stay.public_id}/discharge", version=stay.version + 1, at="", **{"from": "BED-09"})
    assert gone.status_code == 303
    assert encounters(department)[0].status == "finished"


def test_a_discharge_before_the_admission_or_on_a_stale_page_is_refused(
    nurse: FlaskClient, department: Database
) -> None:
    stay = lying(department)
    early = post(
        nurse, f"{stay.public_id}/discharge", version=stay.version, at="2026-11-30T08:00", **{"from": "BED-01"}
    )
    assert early.status_code == 422 and 'value="2026-11-30T08:00"' in early.text
    stale = post(nurse, f"{stay.public_id}/discharge", version=stay.version + 3, **{"from": "BED-01"})
    assert stale.status_code == 412
    assert encounters(department)[0].status == "in-progress"


def test_a_stay_gets_a_new_end(nurse: FlaskClient, department: Database) -> None:
    stay = lying(department)
    path = f"{stay.public_id}/extend"
    assert post(nurse, path, version=stay.version, expected_end="2026-12-09T11:00").status_code == 303
    assert "至 12-09 周三" in card(nurse.get("/ward").text, "BED-01")
    assert post(nurse, path, version=stay.version + 1, expected_end="2026-11-09T11:00").status_code == 422


def test_who_may_not_admit_sees_no_forms_and_is_refused(app: Flask, department: Database) -> None:
    stay = lying(department)
    recorder = signed_in(app, "typist", "recorder")
    assert "/discharge" not in recorder.get("/ward?bed=BED-01").text
    assert post(recorder, f"{stay.public_id}/discharge", version=1).status_code == 403


def test_the_numbers_of_each_night_stand_in_a_table(nurse: FlaskClient, department: Database) -> None:
    lying(department, at=NOW - timedelta(days=2))
    text = nurse.get("/ward").text
    row = re.search(r"11-30 周一</th><td>(\d+)</td><td>(\d+)</td>", text)
    assert row is not None and (row[1], row[2]) == ("17", "1")


def test_an_unchanged_ward_is_not_sent_again(nurse: FlaskClient) -> None:
    first = nurse.get("/ward")
    assert nurse.get("/ward", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_a_lodger_is_listed_below_the_beds_and_moves_home(nurse: FlaskClient, department: Database) -> None:
    factories.done(department, lambda session: factories.patient(session, record_number="L1", name="王小梅"))
    until = (NOW + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    answer = post(nurse, "lodge", who="L1", lodger_ward="肝胆外科", expected_end=until)
    assert answer.status_code == 303
    text = nurse.get("/ward").text
    assert "肝胆外科" in text
    assert text.count('class="bed free') == 17
    (encounter,) = encounters(department)
    assert post(nurse, f"{encounter.public_id}/transfer", version=1, bed="BED-03", at="").status_code in (303, 422)


def test_lodging_needs_a_ward(nurse: FlaskClient, department: Database) -> None:
    factories.done(department, lambda session: factories.patient(session, record_number="L2"))
    until = (NOW + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    answer = post(nurse, "lodge", who="L2", lodger_ward=" ", expected_end=until)
    assert answer.status_code == 422
    assert 'value="L2"' in answer.text
    assert encounters(department) == []
