"""The board in a real browser: drag, keys, a refusal that slides back, milestones, and the list that follows."""

from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy.orm import Session

from models import Step
from models.database import Database
from tests import factories
from tests.browser import ONE_DATABASE
from tests.conftest import NOW, Clock
from tests.web.people import PASSWORD, add
from web.settings import Settings

pytestmark = ONE_DATABASE

DAY = "2026-12-01"
AT_NINE = NOW + timedelta(hours=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody is signed out while a test puts the clock forward."""
    return settings.model_copy(update={"session_idle_minutes": 600})


def enter(page: Page, db: Database, path: str, login: str = "nurse", role: str = "nurse") -> None:
    page.set_default_timeout(8000)
    add(db, login, role)
    page.goto(f"/login?next={path}")
    page.locator("main input[name=login]").fill(login)
    page.locator("main input[type=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def case(db: Database, room: str, **given: object) -> str:
    """Book a liver biopsy at nine and return its step."""
    made = factories.done(db, lambda session: factories.booked(session, "BX-LIV", earliest=AT_NINE, room=room, **given))
    return str(made.steps[0].public_id)


def block(page: Page, step: str) -> Locator:
    return page.locator(f"[data-room] .case a[id$='{step}']")


def starts(db: Database, step: str) -> tuple[str, str]:
    """Return when and where a step is planned, on the department's clock (UTC+8)."""
    with db.read() as session:
        found = session.query(Step).filter_by(public_id=step).one()
        room = next(slot.resource.code for slot in found.slots if slot.role == "room")
        return f"{found.starts + timedelta(hours=8):%H:%M}", room


def drag(page: Page, step: str, *, minutes: float, to: str) -> None:
    """Drag a booking by so many minutes of the axis and down or up to a room's lane."""
    box = block(page, step).bounding_box()
    lane = page.locator(f"[data-code='{to}'] .lane-time").bounding_box()
    hour = page.locator(".bd-ruler span").nth(1).bounding_box()
    first = page.locator(".bd-ruler span").first.bounding_box()
    assert box and lane and hour and first
    minute = (hour["x"] - first["x"]) / 60
    x, y = box["x"] + 8, box["y"] + 10
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y + 4)
    page.mouse.move(x + minutes * minute, lane["y"] + lane["height"] / 2, steps=6)
    page.mouse.up()


def test_a_booking_is_dragged_to_another_time_and_room_and_the_move_is_taken_back(
    page: Page, department: Database
) -> None:
    step = case(department, "US-01")
    enter(page, department, f"/board/{DAY}")
    drag(page, step, minutes=60, to="US-02")
    expect(page.locator(".bd-done")).to_be_visible()
    assert starts(department, step) == ("10:00", "US-02")
    expect(page.locator("[data-code='US-02'] .case")).to_have_count(1)
    expect(page.locator("#bd-panel")).to_be_visible()
    page.locator(".bd-done .bd-undo button").click()
    expect(page.locator("[data-code='US-01'] .case")).to_have_count(1)
    assert starts(department, step) == ("09:00", "US-01")


def test_a_refused_drag_slides_back_and_says_who_is_there(page: Page, department: Database) -> None:
    case(department, "US-01")
    step = case(department, "US-02")
    enter(page, department, f"/board/{DAY}")
    drag(page, step, minutes=0, to="US-01")
    expect(page.locator("#bd-said .np-refusal")).to_contain_text("穿刺室 01")
    expect(page.locator("#bd-live")).to_contain_text("已放回原处")
    expect(page.locator("[data-code='US-02'] .case")).to_have_count(1)
    assert starts(department, step) == ("09:00", "US-02")


def test_alt_and_arrows_move_a_booking_by_keyboard_alone(page: Page, department: Database) -> None:
    step = case(department, "US-01")
    enter(page, department, f"/board/{DAY}")
    block(page, step).focus()
    page.keyboard.down("Alt")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.up("Alt")
    expect(page.locator(".bd-done")).to_be_visible()
    assert starts(department, step) == ("09:10", "US-02")
    expect(block(page, step)).to_be_focused()


def test_escape_puts_a_lifted_booking_back(page: Page, department: Database) -> None:
    step = case(department, "US-01")
    enter(page, department, f"/board/{DAY}")
    block(page, step).focus()
    page.keyboard.down("Alt")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.keyboard.up("Alt")
    page.wait_for_timeout(400)
    assert starts(department, step) == ("09:00", "US-01")
    expect(page.locator(".case.moving")).to_have_count(0)


def test_somebody_elses_change_refuses_a_stale_move_and_shows_what_is_true(page: Page, department: Database) -> None:
    step = case(department, "US-01")
    enter(page, department, f"/board/{DAY}")

    def change(session: Session) -> None:
        session.query(Step).filter_by(public_id=step).one().appointment.version += 1

    factories.done(department, change)
    drag(page, step, minutes=60, to="US-01")
    expect(page.locator("#bd-said .np-refusal")).to_be_visible()
    assert starts(department, step) == ("09:00", "US-01")


def test_milestones_are_marked_beside_the_board_and_the_list_follows(
    page: Page, department: Database, clock: Clock
) -> None:
    step = case(department, "US-01")
    clock.now = AT_NINE + timedelta(minutes=3)
    enter(page, department, f"/board/{DAY}")
    block(page, step).click()
    panel = page.locator("#bd-panel")
    expect(panel).to_be_visible()
    for kind in ("called", "in-room", "started"):
        panel.locator(f"button[name=kind][value={kind}]").click()
        expect(panel.locator(f"button[value={kind}][aria-pressed=true]")).to_be_visible()
    expect(page.locator("[data-code='US-01'] .real.running")).to_be_visible()
    page.goto(f"/lists/US-01/{DAY}")
    expect(page.locator(".ls-next.is-running")).to_contain_text("张晓明")


def test_days_turn_by_keys_and_the_panel_closes_with_escape(page: Page, department: Database) -> None:
    step = case(department, "US-01")
    enter(page, department, f"/board/{DAY}")
    block(page, step).click()
    expect(page.locator("#bd-panel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#bd-panel")).to_be_hidden()
    page.keyboard.press("]")
    page.wait_for_url("**/board/2026-12-02")
    page.keyboard.press("t")
    page.wait_for_url(f"**/board/{DAY}")


def test_on_a_phone_the_board_scrolls_inside_its_own_frame(page: Page, department: Database) -> None:
    case(department, "US-01")
    page.set_viewport_size({"width": 360, "height": 740})
    enter(page, department, f"/board/{DAY}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("document.getElementById('bd-scroll').scrollWidth > 400")
