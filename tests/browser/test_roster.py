"""The roster in a real browser: from cell to cell by keyboard, leave given and taken back in place, on a phone."""

from datetime import timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import select

from models import Closure
from models.database import Database
from tests import factories
from tests.browser import ONE_DATABASE
from tests.browser.test_board import enter
from tests.conftest import NOW

pytestmark = ONE_DATABASE

WEEK = "/roster/2026-12-01"


def test_leave_is_written_down_by_keyboard_alone_and_its_booking_shown(page: Page, department: Database) -> None:
    factories.done(
        department,
        lambda session: factories.booked(session, "BX-FNA", earliest=NOW + timedelta(hours=1), operator="dr-04"),
    )
    enter(page, department, WEEK)
    page.locator("[id='dr-03.2026-12-01.am']").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[id='dr-04.2026-12-01.am']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#ro-panel-head")).to_be_focused()
    page.locator("#ro-panel button[value=day]").last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#ro-said")).to_contain_text("休假已登记")
    expect(page.locator(".ro-leave .ro-hits a")).to_have_count(1)
    expect(page.locator("[id='dr-04.2026-12-01.pm']")).to_contain_text("休假")
    page.keyboard.press("Escape")
    expect(page.locator("#ro-panel")).to_be_hidden()
    expect(page.locator("[id='dr-04.2026-12-01.am']")).to_be_focused()


def test_a_refusal_stays_on_the_page_with_what_was_typed(page: Page, department: Database) -> None:
    enter(page, department, f"{WEEK}?cell=dr-04.2026-12-01.am")
    page.locator("#ro-panel summary").click()
    page.locator("#ro-panel input[name=last]").fill("2026-11-30")
    page.locator("#ro-panel details button").click()
    expect(page.locator("#ro-said .np-refusal")).to_be_visible()
    expect(page.locator("#ro-panel input[name=last]")).to_have_value("2026-11-30")
    with department.read() as session:
        assert session.scalars(select(Closure)).all() == []


def test_weeks_go_by_keys_and_names_narrow_as_they_are_typed(page: Page, department: Database) -> None:
    enter(page, department, WEEK)
    page.keyboard.press("]")
    page.wait_for_url("**/roster/2026-12-08")
    page.keyboard.press("[")
    page.wait_for_url("**/roster/2026-12-01")
    page.keyboard.press("f")
    page.keyboard.type("jly 03")
    expect(page.locator(".ro-table th.who a")).to_have_text(["记录员 03"])
    expect(page.locator("#ro-q")).to_be_focused()


def test_on_a_phone_one_day_is_shown_and_nothing_is_wider_than_the_page(page: Page, department: Database) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    enter(page, department, f"{WEEK}?cell=dr-04.2026-12-01.am")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    expect(page.locator("[id='dr-04.2026-12-01.pm']")).to_be_visible()
    expect(page.locator("[id='dr-04.2026-12-02.am']")).to_be_hidden()
    page.locator(".ro-tabs a").nth(2).click()
    expect(page.locator("[id='dr-04.2026-12-02.am']")).to_be_visible()


def test_without_scripts_a_cell_opens_and_leave_is_written_down(page: Page, department: Database) -> None:
    page.context.route("**/*.js*", lambda route: route.abort())
    enter(page, department, WEEK)
    page.locator("[id='dr-04.2026-12-01.am']").click()
    page.locator("#ro-panel button[value=half]").click()
    expect(page.locator("[id='dr-04.2026-12-01.am']")).to_contain_text("休假")
