"""The shell: pages for each role, refusals in words, a session that ends while somebody is typing, health."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import guard
from models.database import Database
from scheduler.errors import Conflict, Invalid, NotFound, RuleBroken, SlotTaken, StaleVersion
from tests import factories
from tests.conftest import NOW, Clock
from tests.web.people import PASSWORD, add, form_token, sign_in, signed_in, token
from web.error_codes import CODES
from web.errors import Unavailable, terminal_line
from web.pages import documents
from web.policy import READ, policy
from web.site import is_api

ROOT = Path(__file__).resolve().parents[2]
TAKEN = SlotTaken(resource="OR1", starts=NOW, ends=NOW + timedelta(minutes=90), status="booked")


def raising(app: Flask, error: Exception) -> None:
    """Let /broken and /api/v1/broken fail with an error."""

    @policy(READ)
    def broken() -> str:
        raise error

    app.add_url_rule("/broken", "broken", broken, methods=["GET", "POST"])
    app.add_url_rule("/api/v1/broken", "api_broken", broken, methods=["GET", "POST"])


# --- Refusals in words.


def asked(app: Flask, error: Exception, **headers: str) -> Any:
    raising(app, error)
    key = token(app.extensions["needlepoint"].db, "nurse")
    return app.test_client().get("/api/v1/broken", headers={"Authorization": f"Bearer {key}", **headers})


def test_a_refusal_is_problem_json_with_its_facts_and_local_times(app: Flask) -> None:
    answer = asked(app, TAKEN)
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    problem = answer.json
    assert problem["type"] == "/docs/errors#slot-taken"
    assert (problem["code"], problem["status"], problem["title"]) == ("slot-taken", 409, "已被占用")
    # 2026-12-01T00:00Z is 08:00 in Shanghai, a Tuesday.
    assert (problem["starts"], problem["ends"]) == ("2026-12-01T08:00:00+08:00", "2026-12-01T09:30:00+08:00")
    assert "12-01 周二 08:00–09:30" in problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]


def test_accept_language_gives_the_api_its_language(app: Flask) -> None:
    problem = asked(app, TAKEN, **{"Accept-Language": "en-GB,en;q=0.8"}).json
    assert problem["title"] == "Already taken"
    assert "12-01 Tue 08:00–09:30" in problem["detail"]


def test_every_broken_rule_is_told_with_its_own_sentence(app: Flask) -> None:
    seconds = int(NOW.timestamp())
    facts = {"code": "outside-opening", "resource": "OR1", "starts": seconds, "ends": seconds + 3600}
    problem = asked(app, RuleBroken(violations=[facts]), **{"Accept-Language": "en"}).json
    (violation,) = problem["violations"]
    assert violation["starts"] == "2026-12-01T08:00:00+08:00"
    assert violation["detail"].endswith("is not open 12-01 Tue 08:00–09:00.")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Invalid("unknown-protocol", protocol="X"), 422, "unknown-protocol"),
        (NotFound(), 404, "not-found"),
        (Conflict("hold-expired", hold_until=NOW), 409, "hold-expired"),
        (StaleVersion(expected=1, actual=2), 412, "stale-version"),
        (Invalid("a-code-nobody-listed"), 422, "a-code-nobody-listed"),
        (Unavailable(), 503, "service-unavailable"),
        (OperationalError("SELECT 1", {}, Exception("gone")), 503, "service-unavailable"),
        (RuntimeError("secret detail"), 500, "internal"),
    ],
)
def test_each_kind_of_error_has_its_status(app: Flask, error: Exception, status: int, code: str) -> None:
    app.testing = False
    answer = asked(app, error)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert (answer.headers.get("Retry-After") is not None) == (status == 503)


def test_a_page_says_a_refusal_in_the_readers_language(app: Flask) -> None:
    raising(app, TAKEN)
    client = signed_in(app, "li")
    page = client.get("/broken")
    assert page.status_code == 409
    assert "已被占用" in page.text
    assert "<html" in page.text
    part = client.get("/broken", headers={"HX-Request": "true"})
    assert part.status_code == 409
    assert 'role="alert"' in part.text
    assert "<html" not in part.text


def test_an_unexpected_error_shows_a_number_and_no_more(app: Flask) -> None:
    app.testing = False
    raising(app, RuntimeError("secret detail"))
    page = signed_in(app, "li").get("/broken", headers={"X-Request-ID": "case-7"})
    assert page.status_code == 500
    assert "case-7" in page.text
    assert "secret detail" not in page.text


def test_an_address_that_does_not_exist_keeps_the_readers_menu(app: Flask) -> None:
    page = signed_in(app, "li").get("/nowhere")
    assert page.status_code == 404
    assert "退出" in page.text


def test_a_wrong_method_names_the_right_ones(app: Flask, department: Database) -> None:
    headers = {"Authorization": f"Bearer {token(department, 'nurse')}"}
    answer = app.test_client().delete("/api/v1/resources", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"]


def test_every_error_code_is_documented_as_it_is() -> None:
    """docs/errors.md is written by `python -m web.pages.documents > docs/errors.md`."""
    lines = documents.HEAD.count("\n")
    written = (documents.__file__.rsplit("/web/", 1)[0]) + "/docs/errors.md"
    with open(written, encoding="utf-8") as file:
        rows = file.read().splitlines()[lines:]
    assert rows == [documents.row(code, words) for code, words in sorted(CODES.items())]


def test_a_refusal_of_the_installation_is_one_line_for_the_terminal() -> None:
    assert terminal_line(Invalid("unknown-protocol", protocol="X")) == (
        "No such procedure: There is no procedure with the code X."
    )
    assert "\n" not in terminal_line(Invalid("not-in-the-table", a=1))


def test_the_page_of_error_codes_has_an_anchor_for_each(client: FlaskClient) -> None:
    page = client.get("/docs/errors").text
    assert set(re.findall(r'<tr id="([^"]+)"', page)) == set(CODES)


def test_the_api_is_known_by_its_address() -> None:
    assert is_api("/api/v1/slots")
    assert not is_api("/apiary")


# --- A session that ends while somebody is typing.


def test_an_ended_session_opens_the_sign_in_panel_above_the_form(app: Flask, clock: Clock) -> None:
    client = signed_in(app, "li")
    clock.forward(minutes=20)
    answer = client.post("/session/touch", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#sign-in-here", "innerHTML")
    found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert found is not None
    fields = {"login": "li", "password": PASSWORD, "here": "1", "csrf_token": found[1]}
    again = client.post("/login", data=fields, headers={"HX-Request": "true"})
    assert again.status_code == 200
    triggers = json.loads(again.headers["HX-Trigger"])
    assert client.post("/session/touch", headers={"X-CSRF-Token": triggers["np:csrf"]}).status_code == 204


def test_the_panel_says_a_wrong_password_and_keeps_the_name(app: Flask, client: FlaskClient) -> None:
    fields = {"login": "li", "password": "wrong wrong", "here": "1", "csrf_token": form_token(client)}
    answer = client.post("/login", data=fields)
    assert answer.status_code == 401
    assert 'value="li"' in answer.text
    assert "<html" not in answer.text


def test_a_plain_form_is_kept_and_sent_again_after_signing_in(app: Flask, clock: Clock) -> None:
    client = signed_in(app, "li")
    clock.forward(minutes=20)
    page = client.post("/account/password", data={"old": "typed text", "csrf_token": "x"})
    assert page.status_code == 401
    kept = dict(re.findall(r'name="(kept\.\w+)" value="([^"]*)"', page.text))
    assert kept == {"kept.old": "typed text"}
    answer = sign_in(client, "li", next="/account/password", **kept)
    assert answer.status_code == 200
    assert 'action="/account/password"' in answer.text
    assert 'name="old" value="typed text"' in answer.text


def test_a_page_leads_to_the_sign_in_page_and_back(client: FlaskClient, department: Database) -> None:
    answer = client.get("/board/2026-12-01?rows=people")
    assert (answer.status_code, answer.location) == (302, "/login?next=/board/2026-12-01%3Frows%3Dpeople")
    add(department, "li")
    assert sign_in(client, "li", next="/account?x=1").location == "/account?x=1"


# --- Health.


def test_the_process_answers_machines(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/version").json["name"] == "needlepoint"
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert {ready.json[name] for name in ("database", "migration", "guard")} == {"ok"}


def test_a_server_without_its_guard_is_not_ready(client: FlaskClient, department: Database) -> None:
    writer = department.engine.execution_options(needlepoint_write=True)
    with writer.begin() as connection:
        guard.remove(connection)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["guard"].startswith("missing")


def test_a_server_behind_its_migrations_is_not_ready(client: FlaskClient, department: Database) -> None:
    writer = department.engine.execution_options(needlepoint_write=True)
    with writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["migration"]) == (503, "behind")


# --- The front page and the menu.


def test_the_menu_holds_only_what_the_role_may_open(app: Flask) -> None:
    def menu(login: str, role: str) -> set[str]:
        return set(re.findall(r'<a href="([^"]+)" data-go', signed_in(app, login, role).get("/").text))

    assert {path for path in menu("nurse-1", "nurse") if not path.startswith("/board")} >= {"/", "/book"}
    assert "/book" not in menu("auditor-1", "auditor")


def test_a_nurse_reads_what_waits_with_one_action_each(app: Flask, department: Database) -> None:
    held = department.transact(lambda session, now: factories.booked(session, hold=True), now=NOW)
    page = signed_in(app, "li").get("/").text
    assert f'href="/book?hold={held.public_id}"' in page
    assert "暂留至" in page
    assert held.patient.name not in page


def test_nothing_waits_says_so(app: Flask) -> None:
    assert "没有待办" in signed_in(app, "li").get("/").text


def test_a_physician_sees_the_next_case_of_today(app: Flask, department: Database) -> None:
    booked = department.transact(lambda session, now: factories.booked(session), now=NOW)
    first = booked.steps[0]
    operator = next(slot.resource.code for slot in first.slots if slot.role == "operator")
    app.extensions["needlepoint"].clock.now = first.starts - timedelta(minutes=30)
    page = signed_in(app, "dr", "physician", operator).get("/").text
    assert "您的下一台" in page
    assert booked.patient.record_number in page
    other = signed_in(app, "dr2", "physician", None).get("/").text
    assert "您的下一台" not in other


def test_a_manager_sees_the_night_to_come(app: Flask) -> None:
    page = signed_in(app, "boss", "manager").get("/").text
    assert "今晚的病区" in page
    assert "0 / 17" in page
    assert "待办" not in page


def test_the_front_page_of_an_empty_database_says_how_to_fill_it(settings: Any, db: Database, clock: Clock) -> None:
    from web.app import create_app

    app = create_app(settings, db, clock=clock)
    page = signed_in(app, "li").get("/")
    assert page.status_code == 200
    assert "load-department" in page.text


# --- In a real browser.


def enter(page: Page, app: Flask, login: str = "li", role: str = "nurse") -> None:
    add(app.extensions["needlepoint"].db, login, role)
    page.goto("/login")
    page.fill("main [name=login]", login)
    page.fill("main [name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")


def test_signing_in_switching_the_language_and_the_help_work_by_keyboard(page: Page, app: Flask) -> None:
    enter(page, app)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_role("button", name="English").press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.keyboard.press("?")
    expect(page.locator("details.np-help")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(page.locator("details.np-help")).not_to_have_attribute("open", "")


def test_an_ended_session_loses_nothing_that_was_typed(page: Page, app: Flask, clock: Clock) -> None:
    enter(page, app)
    page.goto("/account")
    page.fill("[name=old]", "half typed")
    clock.forward(minutes=30)
    page.evaluate("() => { window.np.send('/session/touch'); }")
    panel = page.locator("#sign-in-here")
    panel.locator("[name=login]").fill("li")
    panel.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("已重新登录")
    expect(page.locator("[name=old]")).to_have_value("half typed")
    assert page.evaluate("async () => (await window.np.send('/session/touch')).status") == 204


@pytest.mark.parametrize("width", [360, 1440])
def test_no_page_of_the_shell_scrolls_sideways(page: Page, app: Flask, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    enter(page, app)
    for path in ("/", "/account", "/docs/errors", "/nowhere"):
        page.goto(path)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path


REFUSALS = {
    "Invalid",
    "NotFound",
    "Conflict",
    "SlotTaken",
    "RuleBroken",
    "NotAllowed",
    "StaleVersion",
    "SetupError",
    "DomainError",
    "Violation",
    "Blocker",
    "broken",
}


def raised_codes() -> Iterator[tuple[str, str]]:
    """Yield (code, where) of every code that the source gives to a refusal as a plain string."""
    for package in ("scheduler", "calendars", "web"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in REFUSALS and node.args:
                    for value in _strings(node.args[0]):
                        yield value, f"{path.relative_to(ROOT)}:{node.lineno}"
                if isinstance(node, ast.ClassDef) and any(_name(base) in REFUSALS for base in node.bases):
                    yield from ((value, node.name) for value in _own_code(node))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _strings(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_strings(node.body), *_strings(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _own_code(node: ast.ClassDef) -> list[str]:
    assigned = [each for each in node.body if isinstance(each, ast.Assign) and _name(each.targets[0]) == "code"]
    return [value for each in assigned for value in _strings(each.value)]


def test_every_code_that_is_raised_has_words() -> None:
    unsaid = sorted({(code, where) for code, where in raised_codes() if code not in CODES})
    assert unsaid == []
