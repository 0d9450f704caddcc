"""A nurse books in a real browser: by keyboard alone, by mouse, refused, in English, without the files of npm."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect
from sqlalchemy import select

from models import Appointment, Closure, Resource
from models.database import Database
from scheduler import booking, catalogue
from tests import factories
from tests.browser import ONE_DATABASE
from tests.conftest import NOW
from tests.web.people import PASSWORD, add
from web.pages.cards import unpack

pytestmark = [pytest.mark.browser, ONE_DATABASE]

expect.set_options(timeout=20_000)  # the first search of a process reads the holidays of years without a list


@pytest.fixture
def desk(page: Page, department: Database) -> Iterator[Page]:
    """The booking page, with a nurse signed in and one patient known."""
    add(department, "li")
    factories.done(
        department,
        lambda session: factories.patient(session, name="单晓明", record_number="Z4711", birth_date=date(1950, 1, 2)),
    )
    page.goto("/login?next=/book")
    page.fill("[name=login]", "li")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    expect(page.locator("#book-q")).to_be_focused()
    expect(page.locator("html.js")).to_be_attached()  # an Enter before that sends the form, which shows the list
    yield page


def appointments(db: Database) -> list[tuple[str, str]]:
    with db.read() as session:
        rows = session.scalars(select(Appointment).order_by(Appointment.id))
        return [(row.protocol_version.code, row.status) for row in rows]


class Keyboard:
    """Counts the key strokes it sends."""

    def __init__(self, page: Page) -> None:
        self.page, self.strokes = page, 0

    def type(self, text: str) -> None:
        self.strokes += len(text)
        self.page.keyboard.type(text)

    def press(self, key: str) -> None:
        self.strokes += 1
        self.page.keyboard.press(key)


@pytest.mark.parametrize(
    ("typed", "protocol", "shown"),
    [
        ("fna", "BX-FNA", "穿刺室"),
        ("abliv", "AB-LIV-1", "床"),
        ("tace", "TACE", "血管造影室"),
        ("abls", "CP-TACE-ABL-S", "血管造影室"),
    ],
)
def test_a_booking_by_keyboard_alone(desk: Page, department: Database, typed: str, protocol: str, shown: str) -> None:
    keys = Keyboard(desk)
    keys.type("sxm")
    keys.press("Enter")
    expect(desk.locator("#book-p")).to_be_focused()
    named = keys.strokes
    keys.type(typed)
    keys.press("Enter")
    expect(desk.locator("#take-1")).to_be_focused()
    keys.press("2")
    expect(desk.locator("#take-2")).to_be_focused()
    keys.press("Enter")
    expect(desk.locator("#confirm")).to_be_focused()
    assert appointments(department) == [(protocol, "pending")]
    keys.press("Enter")
    expect(desk.locator("#done")).to_contain_text("预约成功")
    expect(desk.locator("#done")).to_contain_text(shown)
    assert appointments(department) == [(protocol, "booked")]
    assert keys.strokes - named < 20


@pytest.mark.parametrize("protocol", ["BX-FNA", "AB-LIV-1", "CP-TACE-ABL-S"])
def test_a_booking_by_mouse(desk: Page, department: Database, protocol: str) -> None:
    desk.fill("#book-q", "Z4711")
    desk.click("#book-patients a")
    expect(desk.locator("#book-p")).to_be_focused()
    desk.click(f"#book-procedures a:has(code:text-is('{protocol}'))")
    desk.click("#take-3")
    desk.click("#confirm")
    expect(desk.locator("#done")).to_contain_text("预约成功")
    assert appointments(department) == [(protocol, "booked")]
    desk.click("#next")
    expect(desk.locator("#book-q")).to_be_focused()


def test_enter_before_the_list_has_come_takes_the_only_one_found(desk: Page) -> None:
    desk.keyboard.type("Z4711")
    desk.keyboard.press("Enter")
    expect(desk.locator(".strip-name")).to_have_text("单晓明")


def test_what_is_typed_before_the_scripts_have_come_is_searched_for(desk: Page) -> None:
    held: list[Route] = []
    desk.route("**/vendor/htmx*", lambda route: held.append(route))
    desk.goto("/book", wait_until="commit")
    expect(desk.locator("#book-q")).to_be_focused()
    desk.keyboard.type("Z4711")
    held[0].continue_()
    expect(desk.locator("[data-asked=Z4711]")).to_be_visible()
    desk.keyboard.press("Enter")
    expect(desk.locator(".strip-name")).to_have_text("单晓明")


def test_enter_before_the_list_has_come_never_picks_one_of_several(desk: Page, department: Database) -> None:
    factories.done(department, lambda session: factories.patient(session, name="宋小美"))
    desk.keyboard.type("s")
    expect(desk.locator("#book-patients li")).to_have_count(2)
    desk.keyboard.type("x")
    desk.keyboard.press("Enter")
    expect(desk.locator("[data-asked=sx]")).to_be_visible()
    expect(desk.locator(".strip-name")).to_have_count(0)


def test_what_is_typed_while_the_page_is_fetched_is_not_lost(desk: Page) -> None:
    desk.keyboard.type("sxm")
    expect(desk.locator("[data-asked=sxm] li")).to_have_count(1)
    desk.keyboard.press("Enter")
    desk.keyboard.type("fna")
    desk.keyboard.press("Enter")
    desk.keyboard.press("3")
    expect(desk.locator("#take-3")).to_be_focused()
    expect(desk.locator(".chosen code")).to_have_text("BX-FNA")
    expect(desk.locator(".strip-name")).to_have_text("单晓明")


def test_somebody_whose_session_ended_signs_in_beside_the_desk_and_goes_on(desk: Page) -> None:
    desk.context.clear_cookies()
    desk.click("[data-option=BX-LIV] a")
    name = desk.locator("#sign-in-here [name=login]")
    expect(name).to_be_focused()
    desk.keyboard.type("li")
    desk.keyboard.press("Tab")
    desk.keyboard.type(PASSWORD)
    desk.keyboard.press("Enter")
    expect(desk.locator("#sign-in-here")).to_contain_text("您已重新登录")
    desk.click("[data-option=BX-LIV] a")
    expect(desk.locator("#take-1")).to_be_visible()


def test_arrows_choose_among_patients(desk: Page, department: Database) -> None:
    factories.done(department, lambda session: factories.patient(session, name="宋小美"))
    desk.keyboard.type("sx")
    expect(desk.locator("[data-asked=sx] li")).to_have_count(2)
    second = desk.locator("#book-patients li strong").nth(1).inner_text()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Enter")
    expect(desk.locator(".strip-name")).to_have_text(second)


def test_a_new_patient_by_keyboard(desk: Page, department: Database) -> None:
    desk.keyboard.type("12345")
    expect(desk.locator("[data-asked='12345']")).to_be_visible()
    desk.keyboard.press("Enter")
    expect(desk.locator("#new-patient [name=name]")).to_be_focused()
    desk.keyboard.type("吕布")
    desk.keyboard.press("Tab")
    desk.keyboard.type("19500102")
    desk.keyboard.press("Tab")
    desk.keyboard.press("Space")
    desk.keyboard.press("Enter")
    expect(desk.locator(".strip-name")).to_have_text("吕布")
    expect(desk.locator("#book-p")).to_be_focused()


def test_who_is_here_already_is_offered_under_the_next_enter(desk: Page, department: Database) -> None:
    desk.keyboard.type("X777")
    expect(desk.locator("[data-asked='X777']")).to_be_visible()
    desk.keyboard.press("Enter")
    for typed in ("单晓明", "19500102"):
        desk.keyboard.type(typed)
        desk.keyboard.press("Tab")
    desk.keyboard.press("Space")
    desk.keyboard.press("Enter")
    expect(desk.locator(".np-alike a").first).to_be_focused()
    expect(desk.locator("#new-patient [name=record_number]")).to_have_value("X777")
    desk.keyboard.press("Enter")
    expect(desk.locator(".strip-name")).to_have_text("单晓明")
    expect(desk.locator(".strip")).to_contain_text("Z4711")


def open_proposals(desk: Page, protocol: str = "BX-FNA") -> None:
    desk.fill("#book-q", "sxm")
    desk.click("#book-patients a")
    expect(desk.locator("#book-p")).to_be_focused()
    desk.click(f"#book-procedures a:has(code:text-is('{protocol}'))")
    expect(desk.locator("#take-1")).to_be_focused()


def test_a_place_lost_to_another_is_refused_with_its_reason_and_fresh_places(desk: Page, department: Database) -> None:
    open_proposals(desk)
    form = desk.locator(".proposal").nth(0)
    placement = unpack(form.locator("[name=placement]").input_value())

    def rival(session: Any) -> None:
        someone = factories.patient(session)
        version = catalogue.current(session, "BX-FNA", date(2026, 12, 1))
        factories.booked(
            session, whom=someone, placement=booking.with_patient(placement, version, someone.resource.code)
        )

    factories.done(department, rival)
    desk.keyboard.press("Enter")
    expect(desk.locator(".np-refusal")).to_contain_text("穿刺室")
    expect(desk.locator(".proposal")).to_have_count(5)
    fresh = desk.locator(".proposal [name=placement]").nth(0).input_value()
    assert unpack(fresh) != placement
    expect(desk.locator(".strip-name")).to_have_text("单晓明")
    desk.keyboard.press("1")
    desk.keyboard.press("Enter")
    expect(desk.locator("#held")).to_be_visible()


def test_a_required_operator_who_cannot_is_dropped_by_one_button(desk: Page, department: Database) -> None:
    factories.done(department, lambda session: busy_all_day(session, "dr-01"))
    open_proposals(desk)
    desk.select_option("#wish-operator", "dr-01")
    expect(desk.locator(".chip.is-set")).to_have_count(1)
    desk.check("#must-operator")
    expect(desk.locator(".why")).to_contain_text("指定的术者 主任医师 01 不行")
    expect(desk.locator(".proposal .when").nth(0)).to_contain_text("12-02")
    desk.click(".why .btn:has-text('术者不限')")
    expect(desk.locator(".proposal .when").nth(0)).to_contain_text("12-01")


def busy_all_day(session: Any, code: str) -> None:
    """Give a resource leave for the first day."""
    resource = session.scalars(select(Resource).where(Resource.code == code)).one()
    ends = NOW + timedelta(hours=12)
    session.add(
        Closure(
            resource_id=resource.id, kind="leave", starts=NOW, ends=ends, recorded_at=NOW,
            recorded_by="test",
        )
    )  # fmt: skip
    resource.revision += 1


def test_a_hold_is_renewed_and_given_back_by_keys(desk: Page, department: Database) -> None:
    open_proposals(desk)
    desk.keyboard.press("Enter")
    expect(desk.locator("#confirm")).to_be_focused()
    desk.keyboard.press("r")
    expect(desk.locator("#held form[action$=confirm] [name=version]")).to_have_value("2")
    expect(desk.locator("#confirm")).to_be_focused()
    desk.keyboard.press("x")
    expect(desk.locator(".proposal")).to_have_count(5)
    assert appointments(department) == [("BX-FNA", "cancelled")]


def test_a_key_held_down_books_nothing(desk: Page, department: Database) -> None:
    open_proposals(desk)
    desk.keyboard.down("Enter")
    for _ in range(5):
        desk.keyboard.down("Enter")  # what a keyboard sends while the key is held
    desk.keyboard.up("Enter")
    expect(desk.locator("#held")).to_be_visible()
    assert appointments(department) == [("BX-FNA", "pending")]


def test_english_by_the_switch_and_the_same_search(desk: Page) -> None:
    open_proposals(desk)
    desk.click("button[name=language][value=en]")
    expect(desk.locator("#take-1")).to_contain_text("Hold")
    expect(desk.locator(".why")).to_contain_text("Why not earlier")
    expect(desk.locator(".proposal .when").nth(0)).to_contain_text("12-01 Tue")


def test_without_the_files_of_npm_the_same_booking_goes_through(desk: Page, department: Database) -> None:
    def missing(route: Route, request: Request) -> None:
        route.abort()

    desk.route("**/static/vendor/**", missing)
    desk.reload()
    desk.keyboard.type("sxm")
    desk.keyboard.press("Enter")
    desk.click("#book-patients a")
    expect(desk.locator("#book-p")).to_be_focused()
    desk.click("#book-procedures a:has(code:text-is('BX-FNA'))")
    expect(desk.locator("#take-1")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("#confirm")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("#done")).to_contain_text("预约成功")
    assert appointments(department) == [("BX-FNA", "booked")]


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen(desk: Page, width: int) -> None:
    desk.set_viewport_size({"width": width, "height": 800})
    for protocol in ("BX-FNA", "CP-TACE-ABL-S"):
        desk.goto(f"/book?protocol={protocol}&within=14")
        expect(desk.locator(".proposal").first).to_be_visible()
        assert desk.evaluate("document.documentElement.scrollWidth") <= width


def test_a_booking_moves_from_the_patients_page(desk: Page, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "AB-LIV-1"))
    desk.goto(f"/patients/{made.patient.public_id}")
    desk.click(f"a[href='/book?move={made.public_id}']")
    expect(desk.locator("#take-1")).to_be_focused()
    desk.keyboard.press("3")
    desk.keyboard.press("Enter")
    expect(desk.locator("#done")).to_contain_text("已改期")
    expect(desk.locator("#done .kept-head")).to_be_focused()
    desk.keyboard.press("u")
    expect(desk.locator("#done")).not_to_contain_text("已改期")
    expect(desk.locator(".np-refusal")).to_have_count(0)
    with department.read() as session:
        assert booking.whole(session, made.public_id).steps[0].starts == made.steps[0].starts


def test_a_booking_is_cancelled_in_its_panel(desk: Page, department: Database) -> None:
    made = factories.done(department, lambda session: factories.booked(session, "CEUS"))
    desk.goto(f"/patients/{made.patient.public_id}")
    desk.click("summary:has-text('取消预约')")
    desk.check("text=患者要求")
    desk.click("button:has-text('取消并释放')")
    expect(desk.locator(".booking-head")).to_contain_text("已取消")
    expect(desk.locator(".booking")).to_contain_text("患者要求")
    assert appointments(department) == [("CEUS", "cancelled")]


def test_options_by_keyboard_alone_in_less_than_twenty_strokes(desk: Page, department: Database) -> None:
    """What the desk needs most often: a thyroid ablation under general anaesthesia, done by a trainee."""
    keys = Keyboard(desk)
    desk.keyboard.type("sxm")
    desk.keyboard.press("Enter")
    expect(desk.locator("#book-p")).to_be_focused()
    keys.type("thym")
    keys.press("Enter")
    expect(desk.locator("#take-1")).to_be_focused()
    keys.press("o")
    expect(desk.locator("#option-mac")).to_be_focused()
    keys.press("Tab")
    keys.press("Space")
    expect(desk.locator("label:has(#option-mac)")).to_have_class("chip is-barred")
    expect(desk.locator("#option-ga")).to_be_focused()
    keys.press("Tab")
    keys.press("Tab")
    expect(desk.locator("#option-extra-lesion")).to_be_focused()
    keys.press("2")
    expect(desk.locator("label:has(#option-extra-lesion)")).to_have_class("chip is-set")
    expect(desk.locator("#option-extra-lesion")).to_be_focused()
    keys.press("Tab")
    keys.press("Space")
    expect(desk.locator("label:has(#option-trainee)")).to_have_class("chip is-set")
    keys.press("2")
    expect(desk.locator("#take-2")).to_be_focused()
    keys.press("Enter")
    expect(desk.locator("#confirm")).to_be_focused()
    keys.press("Enter")
    expect(desk.locator("#done")).to_contain_text("带教")
    assert keys.strokes < 20
    with department.read() as session:
        (made,) = session.scalars(select(Appointment))
        assert (made.protocol_version.code, made.status) == ("AB-THY-M", "booked")
        assert made.options == {"extra-lesion": 2, "ga": 1, "trainee": 1}
        roles = {slot.role for step in made.steps for slot in step.slots}
    assert {"operator", "trainee", "anaesthetist"} <= roles


def test_a_space_pressed_while_the_desk_is_fetched_still_chooses(desk: Page) -> None:
    open_proposals(desk, "AB-THY-M")
    desk.keyboard.press("o")
    desk.keyboard.press("Tab")
    expect(desk.locator("#option-ga")).to_be_focused()
    desk.keyboard.press("Space")
    desk.wait_for_timeout(130)  # the desk is being fetched by now
    desk.keyboard.press("Tab")
    desk.keyboard.press("Space")
    expect(desk.locator("#option-ga")).to_be_checked()
    expect(desk.locator("#option-hydrodissection")).to_be_checked()
    expect(desk.locator(".proposal").first).to_be_visible()
