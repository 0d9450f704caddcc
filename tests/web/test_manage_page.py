"""The figures over HTTP: who sees them, what the address may ask for, and names that stay masked."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models.database import Database
from scheduler import booking, indicators
from tests import factories
from tests.conftest import NOW, Clock
from tests.web.people import signed_in
from web.figure_words import FIGURE_WORDS, counted, written


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    return signed_in(app, "boss", "manager")


@pytest.mark.parametrize("role", ["nurse", "physician", "recorder", "auditor"])
def test_figures_are_for_those_who_manage(app: Flask, role: str) -> None:
    client = signed_in(app, role, role)
    assert client.get("/manage").status_code == 403
    assert "/manage" not in client.get("/").text


def test_every_figure_has_its_words_and_its_card(manager: FlaskClient) -> None:
    assert set(FIGURE_WORDS) == set(indicators.FIGURES)
    page = manager.get("/manage").text
    assert page.count('class="mg-card"') == len(indicators.FIGURES)
    assert "2026年12月" in page


@pytest.mark.parametrize("kind", indicators.KINDS)
def test_every_figure_opens_over_every_period(app: Flask, manager: FlaskClient, kind: str) -> None:
    for code, words in FIGURE_WORDS.items():
        page = manager.get(f"/manage?figure={code}&period={kind}&day=2026-12-01")
        with app.test_request_context():
            assert str(words.definition) in page.text, code


@pytest.mark.parametrize("asked", ["period=decade", "figure=luck", "day=yesterday", "day=9999-12-31", "grace=-1"])
def test_an_address_that_asks_for_nonsense_gets_the_usual(manager: FlaskClient, asked: str) -> None:
    page = manager.get(f"/manage?{asked}")
    assert page.status_code == 200
    assert "病床使用率" in page.text


def test_the_cases_behind_a_figure_are_masked(app: Flask, department: Database, clock: Clock) -> None:
    def late(db: Database) -> str:
        made = factories.done(db, lambda session: factories.booked(session, "AB-LIV-1"))
        step = made.steps[0]
        happened = {"in-room": step.starts + timedelta(minutes=45), "out": step.starts + timedelta(minutes=90)}
        clock.now = step.starts + timedelta(hours=4)
        factories.done(
            db,
            lambda session: booking.mark_all(
                session,
                made.public_id,
                version=None,
                step=step.code,
                happened=happened,
                actor=factories.NURSE,
                now=clock.now,
            ),
        )
        return str(made.patient.record_number)

    number = late(department)
    manager = signed_in(app, "boss", "manager")  # nobody stays signed in for a day
    page = manager.get("/manage?figure=first-case").text
    assert number in page
    assert "张*明" in page
    assert "张晓明" not in page
    assert number not in manager.get("/manage?figure=first-case&grace=60").text


def test_unchanged_figures_are_not_sent_twice(manager: FlaskClient, department: Database) -> None:
    etag = manager.get("/manage").headers["ETag"]
    assert manager.get("/manage", headers={"If-None-Match": etag}).status_code == 304
    factories.done(department, lambda session: factories.booked(session, earliest=NOW + timedelta(hours=1)))
    assert manager.get("/manage", headers={"If-None-Match": etag}).status_code == 200


def test_values_are_written_with_their_unit(app: Flask) -> None:
    with app.test_request_context():
        assert written("occupancy", 93.54) == "93.5 %"
        assert written("waiting", 2.5) == "2.5 天"
        assert written("exams", 412.25) == "412.2"
        assert written("waiting", None) == "–"
    assert (counted("theatre", 3 * 3600 + 1700), counted("occupancy", 6205)) == ("3", "6,205")
