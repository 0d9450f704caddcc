"""The administration: protocols checked and published, licences, accounts, closures; and what it refuses."""

import re
import tomllib
from datetime import date, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ApiToken, Audit, Closure, ProtocolVersion, Resource, User
from models.database import Database
from scheduler import catalogue, closures, jobs, licences, publication, tidying
from scheduler.actor import Actor
from scheduler.department_entries import PARAMETERS
from scheduler.engine.world import Licence
from tests import factories
from tests.conftest import DEPARTMENT, NOW, ROOT, Clock
from tests.web.people import PASSWORD, add, form_token, sign_in, signed_in, token
from tests.web.test_book_page import forms, send
from web import words
from web.pages.admin import fault_words, wording
from web.pages.admin.department import PARAMETER_WORDS

EDIT = "/admin/protocols/BX-FNA/edit"
TODAY = date(2026, 12, 1)
SHIPPED = tomllib.loads((DEPARTMENT / "protocols" / "bx-fna.toml").read_text("utf-8"))["version"]
NEXT = SHIPPED + 1
PAGES = (
    "/admin",
    "/admin/protocols",
    "/admin/protocols/BX-FNA",
    "/admin/people",
    "/admin/people/dr-03",
    "/admin/accounts",
    "/admin/accounts/boss",
    "/admin/department",
)


@pytest.fixture
def boss(app: Flask) -> FlaskClient:
    return signed_in(app, "boss", "administrator")


def versions(db: Database, code: str = "BX-FNA") -> list[int]:
    with db.read() as session:
        return sorted(row.version for row in catalogue.versions(session, code))


def text(db: Database, code: str = "BX-FNA") -> str:
    with db.read() as session:
        return publication.write_text(catalogue.current(session, code, TODAY).document)


def draft(client: FlaskClient, path: str = EDIT, **more: str) -> dict[str, str]:
    """Return the fields of the editor as they are sent."""
    (form,) = forms(client.get(path).text, EDIT.replace("BX-FNA", "")[: len("/admin/protocols/")])
    return form | {"effective_from": "2026-12-08", "reason": "实测"} | more


def posted(client: FlaskClient, **more: str) -> Any:
    return send(client, draft(client), **more)


# --- Who may.


@pytest.mark.parametrize("path", PAGES)
def test_managers_read_and_others_do_not(app: Flask, path: str) -> None:
    add(app.extensions["needlepoint"].db, "boss", "administrator")
    assert signed_in(app, "chief", "manager").get(path).status_code == 200
    nurse = signed_in(app, "li")
    assert nurse.get(path).status_code == 403
    assert 'href="/admin"' not in nurse.get("/").text


def test_a_manager_changes_nothing(app: Flask, department: Database) -> None:
    chief = signed_in(app, "chief", "manager")
    key = form_token(chief, "/admin")
    for path in (EDIT, "/admin/protocols/BX-FNA/withdraw", "/admin/people/dr-03", "/admin/accounts", "/admin/closures"):
        assert chief.post(path, data={"csrf_token": key}).status_code == 403
    assert chief.get(EDIT).status_code == 403
    for page in PAGES:
        if "boss" not in page:
            # A menu's and the head's forms are there; none of the administration's own.
            assert re.findall(r'<form[^>]*method="post"[^>]*action="/admin[^"]*"', chief.get(page).text) == []


# --- The list and the picture.


@pytest.mark.parametrize("asked", ["fna", "细针", "xz", "活检"])
def test_a_protocol_is_found_by_code_name_initials_and_family(boss: FlaskClient, asked: str) -> None:
    page = boss.get("/admin/protocols", query_string={"q": asked}).text
    assert "BX-FNA" in page
    assert "HDR</code>" not in page


def test_the_list_tells_the_next_version_and_what_was_withdrawn(boss: FlaskClient, department: Database) -> None:
    actor = Actor("user:x", "administrator")

    def work(session: Any) -> None:
        ceus = catalogue.newest(session, "CEUS")
        publication.withdraw(session, "CEUS", basis=ceus, effective_from=TODAY, reason="停用", actor=actor, now=NOW)
        changed = dict(catalogue.current(session, "BX-FNA", TODAY).document) | {"urgency": "4b"}
        edition = publication.Edition("BX-FNA", SHIPPED, changed, TODAY + timedelta(days=7), "实测")
        publication.publish(session, edition, actor=actor, now=NOW)

    factories.done(department, work)
    page = boss.get("/admin/protocols").text
    assert f"{NEXT} · 2026-12-08" in page
    assert "<code>CEUS</code>" in page.split("admin-gone")[1]
    assert "<code>CEUS</code>" not in page.split("admin-gone")[0]


def test_a_protocol_is_drawn_with_its_numbers_its_intervals_and_its_nights(boss: FlaskClient) -> None:
    page = boss.get("/admin/protocols/CP-TACE-ABL-S").text
    assert "消融 3 级" in page
    assert "5 至 28 天，优选 7 至 14 天" in page
    assert "25–65 分" in page
    assert page.count("<svg") == 14
    assert "style=" not in page.split("admin-nav")[1]


def test_an_unknown_protocol_or_version_is_not_found(boss: FlaskClient) -> None:
    for path in ("/admin/protocols/NOPE", "/admin/protocols/BX-FNA?version=9", "/admin/protocols/BX-FNA/9.toml"):
        assert boss.get(path).status_code == 404
    assert boss.get("/admin/protocols/NOPE/edit").status_code in (404, 422)


def test_a_version_is_given_as_the_text_a_file_would_hold(boss: FlaskClient) -> None:
    answer = boss.get(f"/admin/protocols/BX-FNA/{SHIPPED}.toml")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="bx-fna-{SHIPPED}.toml"'
    assert publication.read_text(answer.text)["code"] == "BX-FNA"


# --- The editor.


def test_a_check_says_what_differs_and_stores_nothing(boss: FlaskClient, department: Database) -> None:
    answer = posted(boss, task="check", **{"step.0.phases.setup": "15"})
    assert answer.status_code == 200
    assert "步骤 BX-FNA · 阶段 · 准备" in answer.text
    assert "<del>3 分钟</del> → <ins>15 分钟</ins>" in answer.text
    assert "该日起没有预约" in answer.text
    assert "is-added" in answer.text
    assert versions(department) == [SHIPPED]


def test_what_was_checked_is_published_and_traced(boss: FlaskClient, department: Database) -> None:
    figures = {"step.0.phases.setup": "15"}
    checked = posted(boss, task="check", **figures)
    (form,) = forms(checked.text, "/admin/protocols/")
    sent = form | {"effective_from": "2026-12-08", "reason": "实测"} | figures
    answer = send(boss, sent, task="publish")
    assert answer.headers["Location"] == f"/admin/protocols/BX-FNA?version={NEXT}&done=published"
    page = boss.get(answer.headers["Location"]).text
    assert f"第 {NEXT} 版已发布，自 2026-12-08 起生效" in page
    assert "实测" in page
    assert "boss" in page
    with department.read() as session:
        row = session.scalars(select(ProtocolVersion).filter_by(code="BX-FNA", version=NEXT)).one()
        assert (row.published_by, row.reason) == ("user:boss", "实测")
        assert session.scalars(select(Audit).where(Audit.action == "protocol.published")).one().reason == "实测"


def test_what_was_changed_after_the_check_is_shown_again_first(boss: FlaskClient, department: Database) -> None:
    checked = posted(boss, task="check", **{"step.0.phases.setup": "15"})
    (form,) = forms(checked.text, "/admin/protocols/")
    more = {"effective_from": "2026-12-08", "reason": "实测", "step.0.phases.setup": "20"}
    answer = send(boss, form, task="publish", **more)
    assert "内容与核对时不同" in answer.text
    assert "<ins>20 分钟</ins>" in answer.text
    assert versions(department) == [SHIPPED]


def test_two_administrators_at_once_one_is_told(app: Flask, boss: FlaskClient, department: Database) -> None:
    mine, theirs = draft(boss), draft(signed_in(app, "other", "administrator"))
    for client, form, minutes in ((boss, mine, "15"), (app.test_client(), theirs, "20")):
        if client is not boss:
            sign_in(client, "other")
            form = form | {"csrf_token": form_token(client, "/admin")}
        figures = {"step.0.phases.setup": minutes}
        answer = send(client, form, task="check", **figures)
        if client is boss:
            (checked,) = forms(answer.text, "/admin/protocols/")
            again = {"effective_from": "2026-12-08", "reason": "实测"} | figures
            assert send(client, checked, task="publish", **again).status_code == 303
    assert answer.status_code == 412
    assert 'value="20"' in answer.text
    assert versions(department) == [SHIPPED, NEXT]


def test_the_form_goes_on_as_text_and_everything_can_be_changed_there(boss: FlaskClient, department: Database) -> None:
    page = posted(boss, task="text", **{"step.0.phases.setup": "15"}).text
    assert "setup = 15" in page
    changed = text(department).replace('urgency = "4a"', 'urgency = "3"')
    form = draft(boss, EDIT + "?as=text")
    answer = send(boss, form, text=changed, task="check")
    assert re.search(r"紧急程度</span>\s*<del>择期（肿瘤）</del> → <ins>", answer.text)


BAD_TEXTS = {
    "no TOML": (r".*", "code = ", "文本不是 TOML：第 1 行"),
    "emoji": (r"^name = .*?$", "name = {zh='活检🙂', en='x'}", "表情符号"),
    "control characters": (r"^family = .*?$", r'family = "bio\u0007psy"', "控制字符"),
    "too long": (r".*", "x" * 70_000, "最多读取 65536"),
}
"""Name → (what of the text is replaced, by what, what the answer says)."""


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_text_that_cannot_be_meant_says_what_to_do_and_is_kept(
    boss: FlaskClient, department: Database, name: str
) -> None:
    where, bad, said = BAD_TEXTS[name]
    flags = re.S if where == ".*" else re.M
    whole = re.sub(where, lambda _: bad, text(department), count=1, flags=flags)
    answer = send(boss, draft(boss, EDIT + "?as=text"), text=whole, task="check")
    assert answer.status_code == 422
    assert said in answer.text
    assert "未保存任何内容" in answer.text
    assert bad[:40] in unescape(answer.text)
    assert versions(department) == [SHIPPED]


def test_bytes_of_gbk_are_refused(boss: FlaskClient, department: Database) -> None:
    form = draft(boss, EDIT + "?as=text")
    fields = urlencode({name: value for name, value in form.items() if name != "action"})
    body = fields.encode() + b"&text=" + 'name = "穿刺"'.encode("gbk")
    answer = boss.post(EDIT, data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert "UTF-8" in answer.text
    assert versions(department) == [SHIPPED]


def test_a_privilege_nobody_holds_and_a_cycle_are_told_by_entry(boss: FlaskClient, department: Database) -> None:
    form = draft(boss, EDIT + "?as=text")
    answer = send(boss, form, text=text(department).replace('privilege = "biopsy"', 'privilege = "levitation"', 1))
    assert answer.status_code == 422
    assert "步骤 BX-FNA · 需求 " in answer.text
    assert "科室永远无法满足：需要 1，可胜任的有 0" in answer.text
    pathway = text(department, "CP-TACE-ABL-S").replace('from = "TACE"', 'from = "ABL"')
    form |= {"action": "/admin/protocols/CP-TACE-ABL-S/edit"}
    assert "间隔形成了循环" in send(boss, form, text=pathway).text


@pytest.mark.parametrize("size", [600_000, 2_000_000])
def test_a_megabyte_of_text_is_refused(boss: FlaskClient, department: Database, size: int) -> None:
    answer = send(boss, draft(boss, EDIT + "?as=text"), text="x" * size)
    assert answer.status_code in (413, 422)
    assert versions(department) == [SHIPPED]


@pytest.mark.parametrize(
    ("field", "typed"), [("step.0.phases.setup", "ten"), ("effective_from", "soon"), ("basis", "x")]
)
def test_a_field_that_cannot_be_read_is_refused(boss: FlaskClient, field: str, typed: str) -> None:
    answer = posted(boss, **{field: typed})
    assert answer.status_code == 422


def test_a_draft_survives_a_session_that_ended(boss: FlaskClient, department: Database, clock: Clock) -> None:
    form = draft(boss, EDIT + "?as=text")
    changed = text(department).replace('urgency = "4a"', 'urgency = "3"')
    clock.forward(hours=1)
    kept = send(boss, form, text=changed, task="check")
    assert kept.status_code == 401
    assert "kept.text" in kept.text
    fields = dict(re.findall(r'name="(kept\.[^"]+)" value="([^"]*)"', kept.text))
    assert "urgency = &#34;3&#34;" in fields["kept.text"]
    again = sign_in(boss, "boss", next=EDIT, **{name: value.replace("&#34;", '"') for name, value in fields.items()})
    assert again.status_code == 200
    assert 'name="text"' in again.text


def test_a_new_protocol_is_published_under_the_code_in_its_text(boss: FlaskClient, department: Database) -> None:
    path = "/admin/protocols/new/edit"
    (form,) = forms(boss.get(path).text, path)
    made = text(department).replace('code = "BX-FNA"', 'code = "BX-NEW"')
    sent = form | {"effective_from": "2026-12-01", "reason": "新项目", "text": made}
    checked = send(boss, sent, task="check")
    (form,) = forms(checked.text, path)
    answer = send(boss, form | sent | {"mark": form["mark"]}, task="publish")
    assert answer.headers["Location"] == "/admin/protocols/BX-NEW?version=1&done=published"
    again = send(boss, form | sent | {"mark": form["mark"]}, task="check")
    assert again.status_code == 409
    assert versions(department, "BX-NEW") == [1]


def test_a_protocol_is_withdrawn_from_its_page(boss: FlaskClient, department: Database) -> None:
    path = "/admin/protocols/BX-FNA/withdraw"
    (form,) = forms(boss.get("/admin/protocols/BX-FNA").text, path)
    refused = send(boss, form, effective_from="2026-12-08", reason="")
    assert (refused.status_code, versions(department)) == (422, [SHIPPED])
    assert send(boss, form, effective_from="2026-12-08", reason="停用").status_code == 303
    page = boss.get("/admin/protocols/BX-FNA").text
    assert "停用" in page
    assert forms(page, path) == []


# --- Words.


def test_every_reason_of_a_protocols_fault_has_words() -> None:
    guide = (ROOT / "docs" / "protocols.md").read_text("utf-8").split("## Faults")[1]
    reasons = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", guide.split("| `duplicate-code`")[0]))
    reasons |= {r for r in re.findall(r"`([a-z-]+)`", guide) if re.match(r"(lag|step|stay|role|phase|unfill)", r)}
    of_files = {"unknown-zone", "unknown-schedule", "bad-weekday", "bad-kind", "able", "option"}
    assert reasons - of_files - fault_words.REASONS.keys() == set()


def test_every_key_of_a_protocol_and_every_parameter_has_words() -> None:
    guide = (ROOT / "docs" / "protocols.md").read_text("utf-8")
    section = guide[guide.index("## protocols/*.toml") : guide.index("## holidays/*.json")]
    keys = {
        key
        for line in section.splitlines()
        if line.startswith("| `")
        for key in re.findall(r"`([a-z_]+)`", line.split("|")[1])
    }
    assert keys - wording.KEYS.keys() == set()
    assert PARAMETERS.keys() - PARAMETER_WORDS.keys() == set()


def test_every_attribute_and_family_of_the_department_has_words(department: Database) -> None:
    with department.read() as session:
        attributes = {each for row in session.scalars(select(Resource)) for each in row.attributes}
        families = {catalogue.parsed(row).family for row in catalogue.in_force(session, TODAY)}
        families |= {each.family for row in session.scalars(select(Resource)) for each in licences.held(row)}
    assert attributes - words.ATTRIBUTES.keys() == set()
    assert families - words.FAMILIES.keys() == set()


# --- People.


def rows(page: str) -> dict[str, list[str]]:
    """Return the licences as the form would send them."""
    body = page.split('action="/admin/people/dr-03"')[1].split("</form>")[0]
    selected = re.findall(r'<select[^>]*name="(\w+)">(.*?)</select>', body, re.S)
    found: dict[str, list[str]] = {"family": [], "level": [], "from": [], "to": []}
    for name, options in selected:
        chosen = re.search(r"<option(?: value=\"([^\"]*)\")? selected>([^<]*)", options)
        found[name].append((chosen[1] or chosen[2]) if chosen else ("" if name == "family" else "1"))
    for name in ("from", "to"):
        found[name] = re.findall(rf'name="{name}" value="([^"]*)"', body)
    return found


def test_a_licence_is_ended_with_a_reason_and_who_is_booked_without_it_is_listed(
    boss: FlaskClient, department: Database
) -> None:
    made = factories.done(department, lambda s: factories.booked(s, "BX-FNA", operator="dr-03"))
    page = boss.get("/admin/people/dr-03").text
    (form,) = forms(page, "/admin/people/dr-03")
    fields = rows(page)
    ended = fields | {"to": ["2026-11-30"] * (len(fields["to"]) - 1) + [""]}
    assert send(boss, form, **ended, reason="").status_code == 422
    answer = send(boss, form, **ended, reason="到期")
    assert answer.headers["Location"] == "/admin/people/dr-03?done=1"
    page = boss.get(answer.headers["Location"]).text
    assert "已预约但无授权" in page
    assert made.patient.record_number in page
    assert "到期" in page
    assert "在 department.toml 中的授权改动之前一直有效" in page
    assert "dr-03" in boss.get("/admin/people").text.split("<tr>")[2]


@pytest.mark.parametrize(
    ("licences_", "said", "state"),
    [
        ([(4, date(2026, 11, 30)), (2, date(2030, 1, 1))], "2", "已到期"),
        ([(4, date(2030, 1, 1)), (2, date(2026, 11, 30))], "4", None),
        ([(2, date(2027, 2, 20))], "2", "将到期"),
        ([(2, date(2020, 1, 2))], None, "已到期"),
    ],
)
def test_the_list_says_what_is_held_today_and_what_ends(
    boss: FlaskClient, department: Database, licences_: list[tuple[int, date]], said: str | None, state: str | None
) -> None:
    def give(session: Session) -> None:
        row = session.scalars(select(Resource).where(Resource.code == "dr-03")).one()
        wanted = [Licence("biopsy", level, date(2020, 1, 1), last) for level, last in licences_]
        seen, actor = licences.mark_of(licences.held(row)), Actor("user:boss", "administrator")
        licences.change(session, "dr-03", wanted, seen=seen, reason="换证", actor=actor, now=NOW)

    factories.done(department, give)
    row = boss.get("/admin/people?q=dr-03").text.split("<tbody>")[1]
    assert re.findall(r'np-tag">[^<]*? (\d)<', row) == ([said] if said else [])
    assert [word for word in ("已到期", "将到期") if word in row] == ([state] if state else [])


def test_licences_that_cannot_be_meant_are_refused_and_kept_in_the_form(boss: FlaskClient) -> None:
    page = boss.get("/admin/people/dr-03").text
    (form,) = forms(page, "/admin/people/dr-03")
    fields = rows(page)
    for change in ({"level": ["9"] * len(fields["level"])}, {"to": ["soon"] * len(fields["to"])}, {"to": []}):
        answer = send(boss, form, **fields | change, reason="x")
        assert answer.status_code == 422
    stale = send(boss, form | {"seen": "older"}, **fields, reason="x")
    assert (stale.status_code, boss.get("/admin/people/nobody").status_code) == (409, 404)


# --- Accounts.


def test_an_account_is_made_linked_and_its_password_shown_once(app: Flask, boss: FlaskClient) -> None:
    form = forms(boss.get("/admin/accounts").text, "/admin/accounts")[-1]
    answer = send(boss, form, login="Zhang", name="张医生", role="physician", resource="dr-03")
    secret = re.search(r"<strong>Zhang</strong> <code>([^<]+)</code>", answer.text)
    assert secret is not None
    assert answer.headers["Cache-Control"] == "no-store"
    assert secret[1] not in boss.get("/admin/accounts").text
    assert sign_in(app.test_client(), "zhang", secret[1]).status_code == 303
    again = send(boss, form, login="zhang", name="张", role="physician")
    assert (again.status_code, "张" in again.text) == (409, True)


def test_an_account_changes_its_role_is_shut_out_and_let_in(app: Flask, boss: FlaskClient) -> None:
    li = signed_in(app, "li")
    (form, reset, shut) = forms(boss.get("/admin/accounts/li").text, "/admin/accounts/li")
    assert reset["action"] == "/admin/accounts/li/password"
    assert send(boss, form, task="change", name="李护士长", role="manager", resource="nurse-01").status_code == 303
    assert li.get("/account").status_code == 302  # signed out by the new role
    assert send(boss, shut, task="disable").status_code == 303
    assert sign_in(app.test_client(), "li").status_code == 401
    assert send(boss, shut, task="enable").status_code == 303
    assert sign_in(app.test_client(), "li").status_code == 303


def test_a_password_is_reset_and_shown_once(app: Flask, boss: FlaskClient) -> None:
    add(app.extensions["needlepoint"].db, "li")
    (_, reset, _) = forms(boss.get("/admin/accounts/li").text, "/admin/accounts/li")
    secret = re.search(r"<strong>li</strong> <code>([^<]+)</code>", send(boss, reset).text)
    assert secret is not None
    assert sign_in(app.test_client(), "li", PASSWORD).status_code == 401
    assert sign_in(app.test_client(), "li", secret[1]).status_code == 303


def test_the_last_administrator_stays(app: Flask, boss: FlaskClient, department: Database) -> None:
    add(department, "demo", "administrator", demonstration=True)  # stands for no real one
    (form, _, shut) = forms(boss.get("/admin/accounts/boss").text, "/admin/accounts/boss")
    for answer in (send(boss, shut, task="disable"), send(boss, form, task="change", name="x", role="nurse")):
        assert answer.status_code == 409
        assert "boss 是最后一个管理员账号" in answer.text
    add(department, "deputy", "administrator")
    assert send(boss, form, task="change", name="x", role="nurse").status_code == 303
    with department.read() as session:
        assert session.scalars(select(User.role).where(User.login == "boss")).one() == "nurse"


def test_a_token_is_made_shown_once_and_revoked(boss: FlaskClient, department: Database) -> None:
    token(department, "nurse", "old program")
    made = forms(boss.get("/admin/accounts").text, "/admin/tokens")
    revoke, new = made[0], made[1]
    answer = send(boss, new, name="his", role="nurse")
    assert re.search(r"<code>np_[0-9a-f]{8}_", answer.text)
    assert send(boss, new, name="his", role="nurse").status_code == 409
    assert send(boss, revoke).headers["Location"] == "/admin/accounts#programs"
    with department.read() as session:
        revoked = dict(session.execute(select(ApiToken.name, ApiToken.revoked_at)).all())
    assert revoked["old program"] is not None
    assert revoked["his"] is None


@pytest.mark.parametrize("login", ["nobody", "a b", "x" * 300])
def test_an_account_that_is_not_there_is_not_found(boss: FlaskClient, login: str) -> None:
    assert boss.get(f"/admin/accounts/{quote(login)}").status_code == 404


# --- The department.


def test_the_departments_page_marks_years_that_are_provisional(boss: FlaskClient) -> None:
    page = boss.get("/admin/department").text
    assert re.search(r"2027 <span class=\"np-tag is-reserved\">暂定", page)
    assert re.search(r"2026 <span class=\"np-tag is-booked\">正式", page)
    assert "周一–周五 08:00–12:00、13:30–17:30" in page
    assert "13:00" in page


def test_a_closure_is_recorded_with_what_is_booked_inside_and_taken_back(
    boss: FlaskClient, department: Database
) -> None:
    made = factories.done(department, lambda s: factories.booked(s, "BX-FNA"))
    room = next(slot.resource.code for slot in made.steps[0].slots if slot.role == "room")
    record = forms(boss.get("/admin/department").text, "/admin/closures")[-1]
    span = {"starts": "2026-12-01T08:00", "ends": "2026-12-01T12:00"}
    answer = send(boss, record, resource=room, kind="maintenance", reason="探头检修", **span)
    page = boss.get(answer.headers["Location"].split("#")[0]).text
    assert "其间有 1 个预约" in page
    assert made.patient.record_number in page
    assert "探头检修" in page
    withdraw = forms(page, "/admin/closures/withdraw")[0]
    assert send(boss, withdraw).status_code == 303
    assert send(boss, withdraw).status_code == 404
    with department.read() as session:
        assert session.scalars(select(Closure)).all() == []


def test_leave_is_left_to_the_roster(boss: FlaskClient, department: Database) -> None:
    away = closures.ClosureEntry("dr-03", "leave", NOW, NOW + timedelta(days=3), "年假")
    factories.done(department, lambda session: closures.record(session, away, actor=Actor("user:x", "nurse"), now=NOW))
    page = boss.get("/admin/department").text
    assert "年假" not in page
    assert 'href="/roster"' in page


@pytest.mark.parametrize(
    "wrong",
    [{"starts": "soon"}, {"ends": "2026-11-01T08:00"}, {"resource": "NOPE"}, {"reason": "长" * 256}, {"kind": "x"}],
)
def test_a_closure_that_cannot_be_meant_is_refused(
    boss: FlaskClient, department: Database, wrong: dict[str, str]
) -> None:
    record = forms(boss.get("/admin/department").text, "/admin/closures")[-1]
    fields = {"resource": "OR-1", "kind": "closure", "starts": "2026-12-01T08:00", "ends": "2026-12-01T12:00"}
    answer = send(boss, record, **fields | wrong)
    assert answer.status_code == 422
    with department.read() as session:
        assert session.scalars(select(Closure)).all() == []


# --- The overview.


def test_the_overview_lists_what_needs_a_hand(boss: FlaskClient, department: Database) -> None:
    def work(session: Any) -> None:
        row = session.scalars(select(Resource).where(Resource.code == "dr-03")).one()
        licences.change(
            session,
            "dr-03",
            [Licence("biopsy", 3, date(2020, 1, 1), date(2026, 12, 20))],
            seen=licences.mark_of(licences.held(row)),
            reason="到期",
            actor=Actor("user:boss", "administrator"),
            now=NOW,
        )

    factories.done(department, work)
    page = boss.get("/admin").text
    assert "授权已到期或即将到期的人员：2 人" in page  # dr-17 ends 2027-02-28
    assert "2026-12-20" in page
    assert "缺少 2027 年节假日表" in page
    assert "在此处修改过授权的人员：1 人" in page
    assert "尚无后台任务运行" in page


def test_the_overview_leaves_out_a_version_that_never_comes_into_force(boss: FlaskClient, department: Database) -> None:
    def publish(session: Session) -> None:
        factories.published(session)
        for version, day in ((2, "2026-12-20"), (3, "2026-12-10"), (4, "2026-12-24")):
            factories.published(session, version=version, effective_from=day)

    factories.done(department, publish)
    page = boss.get("/admin").text
    assert "2026-12-10 OPT 3" in page
    assert "2026-12-24 OPT 4" in page
    assert "OPT 2" not in page


def test_the_overview_says_when_jobs_are_late(boss: FlaskClient, department: Database, clock: Clock) -> None:
    def run(session: Any) -> None:
        for job in tidying.JOBS:
            jobs._claim(session, job.name, clock.now - timedelta(hours=9), clock.now - timedelta(hours=9))

    factories.done(department, run)
    page = boss.get("/admin").text
    assert "后台任务延误" in page
    assert "release-lapsed-holds" in page
