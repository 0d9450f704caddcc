"""The week over HTTP: numbers beside the colour, one kind of room alone, and the way to the board."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from models.database import Database
from scheduler.week import Cell
from tests import factories
from tests.browser.test_board import enter
from tests.conftest import NOW
from tests.web.people import signed_in
from web.pages.week import heat

WEEK = "/board/week/2026-12-01"


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "nurse")


def booked_at_nine(db: Database) -> None:
    factories.done(db, lambda session: factories.booked(session, earliest=NOW + timedelta(hours=1), room="US-01"))


@pytest.mark.parametrize(
    ("cell", "drawn"),
    [
        (Cell(0, 60), "u0"),
        (Cell(1, 60), "u1"),
        (Cell(6, 60), "u1"),
        (Cell(7, 60), "u2"),
        (Cell(60, 60), "u10"),
        (Cell(40, 30), "over"),
        (Cell(40, 0), "extra"),
        (Cell(), "shut"),
    ],
)
def test_heat_is_a_tenth_begun(cell: Cell, drawn: str) -> None:
    assert heat(cell) == drawn


def test_the_week_of_any_day_begins_on_its_monday(nurse: FlaskClient) -> None:
    assert nurse.get("/board/week").location.endswith(WEEK)
    page = nurse.get(WEEK).text
    assert "11-30 周一 – 12-06 周日" in page
    assert nurse.get("/board/week/2026-12-06").text.count("11-30 周一") == page.count("11-30 周一")


def test_a_cell_says_its_share_and_leads_to_the_board_at_that_hour(nurse: FlaskClient, department: Database) -> None:
    booked_at_nine(department)
    row = nurse.get(WEEK).text.split(">穿刺室 01<")[1].split("</tr>")[0]
    found = re.search(r'<td class="u\d+"><a tabindex="-1" href="(/board/2026-12-01\?at=9)">(\d+)</a>', row)
    assert found is not None
    assert int(found[2]) > 0
    assert 'data-look="540"' in nurse.get(found[1]).text


def test_one_kind_of_room_is_shown_alone(nurse: FlaskClient) -> None:
    page = nurse.get(f"{WEEK}?group=operating-room").text
    assert page.count('<th scope="row"') == 3  # the sum and two rooms
    assert nurse.get(f"{WEEK}?group=nonsense").text.count('<th scope="row"') > 20


def test_an_unchanged_week_is_not_sent_twice(nurse: FlaskClient, department: Database) -> None:
    etag = nurse.get(WEEK).headers["ETag"]
    assert nurse.get(WEEK, headers={"If-None-Match": etag}).status_code == 304
    booked_at_nine(department)
    assert nurse.get(WEEK, headers={"If-None-Match": etag}).status_code == 200


def test_a_hour_of_the_address_that_is_none_is_left_out(nurse: FlaskClient) -> None:
    assert "data-look" not in nurse.get("/board/2026-12-01?at=nine").text


def test_arrows_walk_the_week_and_enter_opens_the_board(page: Page, department: Database) -> None:
    enter(page, department, "/board/2026-12-01")
    page.keyboard.press("w")
    page.wait_for_url(f"**{WEEK}")
    page.locator('.wk-table td a[tabindex="0"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus")).to_have_attribute("href", "/board/2026-11-30?at=9")
    page.keyboard.press("Enter")
    page.wait_for_url("**/board/2026-11-30?at=9")
    expect(page.locator("#bd-scroll")).to_have_class(re.compile("is-drawn"))
