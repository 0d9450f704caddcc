"""Every page in a real browser: nothing sideways, nothing inaccessible, nothing against the policy, plain and printed.

addresses.PAGES names addresses for every page of the site; a page that is not in it fails a test here.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page

from models.account import ROLES
from models.database import Database
from tests.browser import ONE_DATABASE, crowd
from tests.browser.addresses import PAGES, names
from tests.conftest import Store, load_department, migrate, opened
from tests.web.people import add, sign_in
from tests.web.test_help import FRAGMENTS, pages
from web import policy
from web.accounts.sessions import cookie_name
from web.i18n import LANGUAGES

pytestmark = ONE_DATABASE

LEAD_ELSEWHERE = {"board.board_today", "week.this_week", "roster.this_week"}

WIDTHS = {360: 740, 768: 1024, 1440: 900, 1920: 1080}
"""Width to height of the windows that pages are judged in, in CSS pixels."""


@pytest.fixture
def department(store: Store) -> Iterator[Database]:
    empty = store.template("empty", migrate.upgrade)
    base = store.template("department", load_department, base=empty)
    yield from opened(store, store.copy(store.template("crowd", crowd.fill, base=base)))


@pytest.fixture
def now() -> Any:
    return crowd.ELEVEN


@pytest.fixture
def addresses(app: Flask, department: Database) -> Callable[[str], list[str]]:
    """Return the addresses that a role may open, with the ids of this database in them."""
    add(department, "somebody")
    ids = names(department, "2026-12-01")

    def of(role: str, *, every: bool = True) -> list[str]:
        allowed = [
            endpoint
            for endpoint in PAGES
            if (declared := policy.policy_of(app, endpoint)) and (declared.anonymous or role in declared.roles)
        ]
        return [address.format(**ids) for endpoint in allowed for address in PAGES[endpoint][: None if every else 1]]

    return of


@pytest.fixture
def enter(browser: Browser, address: str, app: Flask) -> Iterator[Callable[..., Page]]:
    """Give a function that opens a page as a role, in a language, in a browser context with options of its own."""
    contexts: list[BrowserContext] = []

    def entered(role: str, language: str = "zh", **options: Any) -> Page:
        login = f"{role}-{language}"
        db = app.extensions["needlepoint"].db
        add(db, login, role, language=language)
        client = app.test_client()
        assert sign_in(client, login).status_code == 303
        cookie = client.get_cookie(cookie_name(secure=False))
        assert cookie is not None
        context = browser.new_context(base_url=address, timezone_id="Asia/Shanghai", reduced_motion="reduce", **options)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": address}])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15000)
        return page

    yield entered
    for context in contexts:
        context.close()


def test_every_page_is_looked_at(app: Flask) -> None:
    there = {rule.endpoint for rule in pages(app)}
    assert there - FRAGMENTS - LEAD_ELSEWHERE - set(PAGES) == set()
    assert set(PAGES) <= set(app.view_functions)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_scrolls_sideways(addresses: Any, enter: Any, language: str) -> None:
    page = enter("administrator", language)
    wide = []
    for address in addresses("administrator", every=language == "en"):  # the longer words
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            there = page.evaluate("() => document.documentElement.scrollWidth")
            if there > width:
                wide.append(f"{address} is {there} wide at {width}")
    assert wide == [], "\n".join(wide)


@pytest.mark.parametrize(("language", "width"), [("zh", 1440), ("en", 360)])
def test_no_page_has_a_serious_fault_of_accessibility(addresses: Any, enter: Any, language: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core (make setup-dev)").Axe()
    page = enter("administrator", language, viewport={"width": width, "height": WIDTHS[width]})
    faults = []
    for address in addresses("administrator", every=width > 1000):
        page.goto(address)
        for fault in axe.run(page).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                faults += [f"{address}: {fault['id']} {node['target']}" for node in fault["nodes"]]
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize("role", ROLES)
def test_no_page_breaks_the_policy_of_its_content_for_any_role(addresses: Any, enter: Any, role: str) -> None:
    page = enter(role)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for address in addresses(role, every=role == "nurse"):
        answer = page.goto(address)
        said += [f"{address} answers {answer.status}"] if answer is None or answer.status != 200 else []
    assert said == [], "\n".join(said)


@pytest.mark.parametrize("plain", ["no vendor files", "no scripts"])
def test_every_page_works_without_what_may_be_missing(addresses: Any, enter: Any, plain: str) -> None:
    page = enter("administrator", java_script_enabled=plain != "no scripts")
    if plain == "no vendor files":
        page.route("**/static/vendor/**", lambda route: route.abort())
    faults = []
    for address in addresses("administrator", every=False):
        page.goto(address)
        if not page.locator("main h1").first.inner_text().strip():
            faults.append(f"{address} has no heading")
        if page.locator("main :is(p, td, dd, li, label)").count() < 1:
            faults.append(f"{address} is empty")
        for width in (1440, 360):
            page.set_viewport_size({"width": width, "height": WIDTHS[width]})
            if page.evaluate("() => document.documentElement.scrollWidth") > width:
                faults.append(f"{address} is wider than {width}")
    assert faults == [], "\n".join(faults)


CUT = """() => [...document.querySelectorAll("main *")]
    .filter((each) => getComputedStyle(each).overflowY !== "visible" && each.clientHeight > 40
                      && (each.scrollHeight > each.clientHeight + 2 || each.scrollWidth > each.clientWidth + 2))
    .map((each) => each.className || each.tagName)"""
"""What is cut off on paper, where nothing scrolls."""


def test_paper_shows_the_content_alone_and_cuts_nothing_off(addresses: Any, enter: Any) -> None:
    page = enter("administrator", viewport={"width": 1000, "height": 700})
    faults = []
    for address in addresses("administrator", every=False):
        page.emulate_media(media="screen")
        page.goto(address)
        page.emulate_media(media="print")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        faults += [f"{address} prints the menu"] if page.locator(".np-top").is_visible() else []
        faults += [f"{address} prints no content"] if not page.locator("main").inner_text().strip() else []
        faults += [f"{address} cuts off {name}" for name in page.evaluate(CUT)]
    assert faults == [], "\n".join(faults)


SMALL = """() => [...document.querySelectorAll("button, .btn, select, summary, nav a, " +
        "input:not([type=hidden]):not([type=radio]):not([type=checkbox])")]
    .map((each) => [each, each.getBoundingClientRect()])
    .filter(([each, box]) => box.width > 1 && box.height > 1 && box.height < 39.5)
    .map(([each, box]) => `${each.tagName} ${each.className} ${each.textContent.trim().slice(0, 20)} ${box.height}`)"""


def test_what_is_tapped_is_40_pixels_high_on_a_touch_screen(addresses: Any, enter: Any) -> None:
    page = enter("administrator", viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    faults = []
    for address in addresses("administrator"):
        page.goto(address)
        faults += [f"{address}: {each}" for each in page.evaluate(SMALL)]
    assert faults == [], "\n".join(faults)
