"""One booking seen everywhere: made at the desk, moved on the board, read in the list, the feed and the ward."""

from datetime import timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import select

from models import Step
from models.database import Database
from tests.browser.test_booking import desk  # noqa: F401 - a fixture
from tests.web.test_feeds import ADDRESS


def planned(db: Database) -> tuple[str, str, str, dict[str, str]]:
    """Return the step's id, its day and clock in Shanghai, and who fills each role."""
    with db.read() as session:
        step = session.scalars(select(Step)).one()
        local = step.starts + timedelta(hours=8)
        return step.public_id, f"{local:%Y-%m-%d}", f"{local:%H:%M}", {s.role: s.resource.code for s in step.slots}


def test_an_ablation_booked_by_keyboard_and_moved_on_the_board_is_in_list_feed_and_ward(
    desk: Page,  # noqa: F811 - the fixture above
    department: Database,
) -> None:
    desk.keyboard.type("sxm")
    desk.keyboard.press("Enter")
    expect(desk.locator("#book-p")).to_be_focused()
    desk.keyboard.type("abliv")
    desk.keyboard.press("Enter")
    expect(desk.locator("#take-1")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("#confirm")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("#done")).to_contain_text("预约成功")
    step, day, before, _ = planned(department)

    desk.goto(f"/board/{day}")
    desk.locator(f"[data-room] .case a[id$='{step}']").focus()
    desk.keyboard.down("Alt")
    desk.keyboard.press("ArrowRight")
    desk.keyboard.press("ArrowRight")
    desk.keyboard.up("Alt")
    expect(desk.locator(f"[data-room] .case a[id$='{step}']")).not_to_contain_text(before)
    _, day, after, held = planned(department)
    assert after > before

    desk.goto(f"/lists/{held['operator']}/{day}")
    expect(desk.locator("main")).to_contain_text("单晓明")
    expect(desk.locator("main")).to_contain_text(after)

    desk.goto("/ward")
    expect(desk.locator("main")).to_contain_text("单晓明")

    desk.goto(f"/feeds?resource={held['room']}")
    desk.locator("main form button[type=submit]").first.click()
    found = ADDRESS.search(desk.content())
    assert found is not None
    feed = desk.request.get("/" + found[1].split("/", 3)[3]).text()
    assert f"DTSTART;TZID=Asia/Shanghai:{day.replace('-', '')}T{after.replace(':', '')}00" in feed
    assert "AB-LIV-1" in feed
    assert "SEQUENCE:1" in feed or "SEQUENCE:2" in feed
