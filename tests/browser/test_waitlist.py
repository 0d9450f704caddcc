"""The waiting list in a real browser: from the most late request to its booking by keyboard alone."""

from datetime import date, timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ServiceRequest
from models.database import Database
from scheduler import waitlist
from tests import factories
from tests.browser import ONE_DATABASE
from tests.browser.test_board import enter
from tests.conftest import NOW
from tests.factories import NURSE

pytestmark = ONE_DATABASE


def waits(session: Session) -> None:
    for name, days in (("程欢", 9), ("孙丽丽", -3)):
        whom = factories.patient(session, name=name)
        wanted = waitlist.Wanted("BX-FNA", urgency="2a", due=date(2026, 12, 1) + timedelta(days=days))
        waitlist.request(session, whom.public_id, wanted, actor=NURSE, now=NOW)


def statuses(db: Database) -> list[str]:
    with db.read() as session:
        return list(session.scalars(select(ServiceRequest.status).order_by(ServiceRequest.due)))


def test_the_late_request_is_booked_by_keyboard_alone(page: Page, department: Database) -> None:
    factories.done(department, waits)
    enter(page, department, "/")
    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/waitlist")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".strip-name")).to_have_text("孙丽丽")
    expect(page.locator("#take-1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_be_focused()
    assert statuses(department) == ["on-hold", "active"]
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_be_visible()
    assert statuses(department) == ["completed", "active"]
    page.keyboard.press("l")
    page.wait_for_url("**/waitlist")
    expect(page.locator("#wl [data-row]")).to_have_count(1)


def test_a_request_is_taken_off_by_keyboard_with_its_reason(page: Page, department: Database) -> None:
    factories.done(department, waits)
    enter(page, department, "/waitlist")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    page.keyboard.type("已在外院完成")
    page.keyboard.press("Enter")
    expect(page.locator("#wl [data-row]")).to_have_count(1)
    assert statuses(department) == ["active", "revoked"]
