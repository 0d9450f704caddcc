"""What must be minded of a patient stands as a sign and words wherever the patient is, no longer than it holds."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from models.database import Database
from scheduler import ward
from scheduler.patients import Flag
from tests import factories
from tests.conftest import NOW
from tests.web.people import signed_in

MRSA = Flag("isolation", note="MRSA", until=date(2026, 12, 9))
PAST = Flag("pregnancy", until=date(2026, 11, 1))
SAID = ("隔离 MRSA 至 2026-12-09", 'class="np-flag np-flag-isolation')


@pytest.fixture
def places(department: Database) -> dict[str, Any]:
    """Book and admit one patient today; return the addresses of every page that shows them."""

    def work(session: Session) -> dict[str, Any]:
        whom = factories.patient(session, record_number="Z4711", flags=(MRSA, PAST))
        made = factories.booked(session, "BX-LIV", whom=whom, earliest=NOW + timedelta(hours=1), room="US-02")
        factories.admitted(session, "BED-01", whom=whom)
        step, operator = made.steps[0], next(s for s in made.steps[0].slots if s.role == "operator")
        return {
            "search": "/book/patients?q=Z4711",
            "strip": f"/book?patient={whom.public_id}",
            "board": "/board/2026-12-01",
            "panel": f"/board/2026-12-01?open={step.public_id}",
            "room": "/lists/US-02/2026-12-01",
            "person": f"/lists/{operator.resource.code}/2026-12-01",
            "ward": "/ward",
            "bed": "/ward?bed=BED-01",
            "table": "/patients?q=Z4711",
            "record": f"/patients/{whom.public_id}",
        }

    return factories.done(department, work)


def test_a_flag_stands_wherever_the_patient_is(app: Flask, places: dict[str, Any]) -> None:
    nurse = signed_in(app, "nurse")
    missing = {}
    for place, path in places.items():
        page = nurse.get(path).text
        missing[place] = [said for said in SAID if said not in page]
    assert {place: left for place, left in missing.items() if left} == {}


def test_a_flag_stands_on_the_front_page_beside_the_next_case(app: Flask, department: Database) -> None:
    def work(session: Session) -> str:
        whom = factories.patient(session, flags=(MRSA,))
        made = factories.booked(session, "BX-LIV", whom=whom, earliest=NOW + timedelta(hours=1))
        return next(slot.resource.code for slot in made.steps[0].slots if slot.role == "operator")

    operator = factories.done(department, work)
    page = signed_in(app, "doctor", "physician", operator).get("/").text
    assert all(said in page for said in SAID)


def test_a_flag_whose_time_is_over_stands_in_the_record_alone_as_past(app: Flask, places: dict[str, Any]) -> None:
    nurse = signed_in(app, "nurse")
    elsewhere = [place for place, path in places.items() if "np-flag-pregnancy" in nurse.get(path).text]
    assert elsewhere == []
    assert 'class="np-flag is-past">妊娠 至 2026-11-01' in nurse.get(places["record"]).text


def test_whoever_reads_no_names_reads_no_particulars_either(app: Flask, places: dict[str, Any]) -> None:
    page = signed_in(app, "manager", "manager").get(places["panel"]).text
    assert "np-flag-isolation" in page
    assert "MRSA" not in page


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_the_census_tells_whoever_reads_no_names_the_kind_of_a_flag_alone(
    app: Flask, department: Database, role: str
) -> None:
    def work(session: Session) -> None:
        factories.admitted(session, whom=factories.patient(session, flags=(MRSA,)))
        lodging = ward.Lodging(
            factories.patient(session, flags=(MRSA,)).public_id, "肝胆外科", NOW, NOW + timedelta(days=1)
        )
        ward.lodge(session, lodging, actor=factories.NURSE, now=NOW)

    factories.done(department, work)
    census = signed_in(app, role, role).get("/api/v1/census").json
    lying = [bed["lying"] for bed in census["beds"] if bed["lying"]] + census["lodgers"]
    told = {"code": "isolation", "note": None, "until": None, "last_dose": None}
    assert [each["flags"] for each in lying] == [[told], [told]]


def test_a_flag_is_in_force_to_the_end_of_its_last_day_and_a_case_is_judged_by_its_own(
    app: Flask, department: Database
) -> None:
    def work(session: Session) -> None:
        for number, until in enumerate((date(2026, 12, 1), date(2026, 11, 30)), start=1):
            whom = factories.patient(
                session, record_number=f"Z{number}", name="李雷", flags=(Flag("radiation", until=until),)
            )
            factories.booked(session, "BX-LIV", whom=whom, earliest=NOW + timedelta(hours=1), room="US-02")

    factories.done(department, work)
    assert signed_in(app, "nurse").get("/lists/US-02/2026-12-01").text.count("放射源 至") == 2  # next case, and its row


def test_the_ward_and_the_api_tell_a_flag_with_its_particulars(
    app: Flask, department: Database, client: FlaskClient
) -> None:
    factories.done(
        department, lambda session: factories.admitted(session, whom=factories.patient(session, flags=(MRSA,)))
    )
    beds = signed_in(app, "nurse").get("/api/v1/census").json["beds"]
    (flag,) = next(bed["lying"] for bed in beds if bed["lying"])["flags"]
    assert flag == {"code": "isolation", "note": "MRSA", "until": "2026-12-09", "last_dose": None}
