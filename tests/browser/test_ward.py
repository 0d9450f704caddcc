"""The ward in a real browser: a stay from admission to discharge by mouse, by keyboard, and one refusal in place."""

from datetime import timedelta

from playwright.sync_api import Page, expect

from models import Encounter
from models.database import Database
from tests import factories
from tests.browser import ONE_DATABASE
from tests.browser.test_board import enter
from tests.conftest import NOW, Clock

pytestmark = ONE_DATABASE


def only(db: Database) -> Encounter:
    with db.read() as session:
        found = session.query(Encounter).one()
        session.expunge(found)
        return found


def test_a_planned_stay_from_admission_to_discharge_by_mouse(page: Page, department: Database, clock: Clock) -> None:
    factories.done(
        department, lambda session: factories.booked(session, "AB-LIV-1", earliest=NOW + timedelta(days=1, hours=1))
    )
    enter(page, department, "/ward")
    page.locator(".wd-moves form button").first.click()
    panel = page.locator("#wd-panel")
    expect(panel.locator("form[action$='/transfer']")).to_be_visible()
    expect(page.locator("#card-BED-01")).to_contain_text("张晓明")
    clock.forward(minutes=5)
    panel.locator("select[name=bed]").select_option("BED-09")
    panel.locator("form[action$='/transfer'] button").click()
    expect(page.locator("#card-BED-09")).to_contain_text("张晓明")
    clock.forward(minutes=5)
    panel.locator("form[action$='/discharge'] button").click()
    expect(page.locator(".bed.stays")).to_have_count(0)
    assert only(department).status == "finished"


def test_anybody_is_admitted_by_keyboard_alone(page: Page, department: Database) -> None:
    factories.done(department, lambda session: factories.patient(session, record_number="N7"))
    enter(page, department, "/ward")
    page.locator("#card-BED-05").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#wd-panel-head")).to_be_focused()
    page.keyboard.press("Tab")  # close
    page.keyboard.press("Tab")  # who
    page.keyboard.type("N7")
    page.keyboard.press("Enter")
    expect(page.locator("#card-BED-05")).to_contain_text("张晓明")


def test_a_refused_admission_stays_on_the_page_with_what_was_typed(page: Page, department: Database) -> None:
    factories.done(department, lambda session: factories.admitted(session, "BED-01", whom=None))
    enter(page, department, "/ward?bed=BED-02")
    page.locator("#wd-panel input[name=who]").fill("nobody at all")
    page.locator("#wd-panel form[action$='/admit']").last.locator("button").click()
    expect(page.locator("#wd-said .np-refusal")).to_be_visible()
    expect(page.locator("#wd-panel input[name=who]")).to_have_value("nobody at all")


def test_on_a_phone_nothing_is_wider_than_the_page(page: Page, department: Database) -> None:
    factories.done(department, lambda session: factories.admitted(session, "BED-01"))
    page.set_viewport_size({"width": 360, "height": 740})
    enter(page, department, "/ward?bed=BED-01")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
