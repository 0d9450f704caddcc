"""Publishing a version in a real browser, by keyboard where there is a key."""

from datetime import date

import pytest
from playwright.sync_api import Page, expect

from models.database import Database
from scheduler import catalogue
from tests import factories
from tests.browser import ONE_DATABASE
from tests.web.people import PASSWORD, add

pytestmark = ONE_DATABASE


def sign_in(page: Page) -> None:
    page.goto("/login?next=/admin/protocols")
    page.fill("[name=login]", "boss")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("方案")


@pytest.fixture
def boss(page: Page, department: Database) -> Page:
    add(department, "boss", "administrator")
    sign_in(page)
    return page


def newest(db: Database) -> int:
    with db.read() as session:
        return catalogue.newest(session, "BX-FNA")


def test_a_version_is_found_changed_checked_and_published(boss: Page, department: Database) -> None:
    before = newest(department)
    factories.done(department, factories.booked)
    boss.fill("#protocols-q", "xzcc")
    expect(boss.locator(".protocols tbody tr")).to_have_count(1)
    boss.click("text=BX-FNA")
    expect(boss.locator("h1")).to_have_text("浅表细针穿刺活检")
    boss.keyboard.press("e")
    boss.fill("[name='step.0.phases.setup']", "15")
    boss.fill("[name=reason]", "实测")
    boss.fill("[name=effective_from]", "2026-12-01")
    boss.keyboard.press("Enter")
    checked = boss.locator(".admin-checked")
    expect(checked).to_contain_text("3 分钟 → 15 分钟")
    expect(checked).to_contain_text("该日起的 1 个预约保持原版本")
    assert newest(department) == before
    boss.click("button[value=publish]")
    expect(boss.locator(".np-banner-good")).to_contain_text(f"第 {before + 1} 版已发布")
    with department.read() as session:
        assert catalogue.current(session, "BX-FNA", date(2026, 12, 1)).version == before + 1
