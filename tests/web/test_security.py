"""What protects the browser and the server: policies, CSRF, headers, host names, limits."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models.database import Database
from scheduler.errors import SetupError
from tests.conftest import Clock
from tests.web.people import PASSWORD, add, form_token, sign_in, signed_in, token
from web import policy, security
from web.app import create_app
from web.policy import BOOK, READ
from web.settings import Settings, load, secret_key

WEB = Path(__file__).resolve().parents[2] / "web"


# --- Policies.


def test_a_view_that_declares_nothing_keeps_the_application_from_starting(app: Flask) -> None:
    app.add_url_rule("/hidden-door", "hidden", lambda: "open")
    with pytest.raises(SetupError) as caught:
        policy.verify(app)
    assert (caught.value.code, caught.value.facts["route"]) == ("undeclared-route", "/hidden-door")


def test_a_view_without_a_policy_answers_nobody_even_when_it_was_added_later(app: Flask) -> None:
    app.add_url_rule("/hidden-door", "hidden", lambda: "open")
    assert signed_in(app, "boss", "administrator").get("/hidden-door").status_code == 403


def test_a_policy_needs_known_roles_or_says_anonymous() -> None:
    for roles in ((), ("king",)):
        with pytest.raises(ValueError, match="a policy needs"):
            policy.policy(roles)


def test_only_these_views_are_open_to_everybody(app: Flask) -> None:
    """The list is short and read by people: whoever adds to it has to say so here."""
    open_to_all = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if (declared := policy.policy_of(app, rule.endpoint)) and declared.anonymous
    }
    assert open_to_all == {
        "/healthz",
        "/readyz",
        "/version",
        "/login",
        "/login/here",
        "/language",
        "/docs/errors",
        "/static/<path:filename>",
        "/api/v1/openapi.json",
        "/feeds/<token>/<name>.ics",
    }


def fill(rule: str) -> str:
    """Return an address of a rule, with values its converters take."""
    for converter, value in (("int", "0"), ("uuid", "00000000-0000-4000-8000-000000000000")):
        rule = re.sub(rf"<{converter}:\w+>", value, rule)
    return re.sub(r"<[^>]+>", "2026-12-01", rule)


def test_nobody_comes_in_without_an_account(app: Flask, client: FlaskClient) -> None:
    for rule in app.url_map.iter_rules():
        declared = policy.policy_of(app, rule.endpoint)
        assert declared is not None
        if declared.anonymous:
            continue
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            answer = client.open(fill(rule.rule), method=method)
            wanted = 302 if method == "GET" and not rule.rule.startswith("/api/") else 401
            assert answer.status_code == wanted, (method, rule.rule)


@pytest.mark.parametrize("role", sorted(READ))
def test_a_role_opens_what_its_policy_names_and_nothing_else(app: Flask, department: Database, role: str) -> None:
    client, key = app.test_client(), token(department, role)
    for rule in app.url_map.iter_rules():
        declared = policy.policy_of(app, rule.endpoint)
        assert declared is not None
        if declared.anonymous or not rule.rule.startswith("/api/") or "GET" not in (rule.methods or set()):
            continue
        answer = client.get(fill(rule.rule), headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code == 403) == (role not in declared.roles), rule.rule


def test_a_bearer_token_opens_no_page(client: FlaskClient, department: Database) -> None:
    key = token(department, "administrator")
    assert client.get("/account", headers={"Authorization": f"Bearer {key}"}).status_code == 302


@pytest.mark.parametrize("header", ["Bearer np_00000000_" + "a" * 43, "Bearer x", "Basic bGk6bGk=", "Bearer "])
def test_a_bad_token_is_401_and_says_how_to_do_better(client: FlaskClient, header: str) -> None:
    answer = client.get("/api/v1/resources", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json["code"] == "token-invalid"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_dies_on_its_day_and_when_it_is_revoked(
    client: FlaskClient, department: Database, clock: Clock
) -> None:
    from web import accounts

    short, revoked = token(department, "nurse", "short", expires_days=1), token(department, "nurse", "revoked")

    def status(key: str) -> int:
        return client.get("/api/v1/resources", headers={"Authorization": f"Bearer {key}"}).status_code

    assert (status(short), status(revoked)) == (200, 200)
    department.transact(lambda session, now: accounts.revoke_token(session, "revoked", now=now), now=clock())
    clock.forward(days=1)
    assert (status(short), status(revoked)) == (401, 401)


def test_the_demonstration_accounts_stay_outside_where_others_can_reach_the_server(
    settings: Settings, department: Database, clock: Clock
) -> None:
    add(department, "nurse", demonstration=True)
    exposed = settings.model_copy(update={"base_url": "https://np.example.org"})
    client = create_app(exposed, department, clock=clock).test_client()
    base = "https://np.example.org"
    found = re.search(r'csrf-token" content="([^"]+)', client.get("/login", base_url=base).text)
    assert found is not None
    fields = {"login": "nurse", "password": PASSWORD, "csrf_token": found[1]}
    assert client.post("/login", data=fields, base_url=base, headers={"Origin": base}).status_code == 401


# --- CSRF.


def test_no_change_is_taken_without_the_token(app: Flask) -> None:
    client = signed_in(app, "boss", "administrator")
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - security.SAFE_METHODS):
            answer = client.open(fill(rule.rule), method=method, json={} if rule.rule.startswith("/api/") else None)
            assert answer.status_code == 400, (method, rule.rule)


def test_the_sign_in_form_is_protected_as_well(client: FlaskClient, department: Database) -> None:
    add(department, "li")
    form_token(client)
    fields = {"login": "li", "password": PASSWORD}
    assert client.post("/login", data=fields).status_code == 400
    assert client.post("/login", data={**fields, "csrf_token": "x" * 64}).status_code == 400


def test_a_token_of_one_browser_does_not_serve_another(app: Flask, department: Database) -> None:
    add(department, "li")
    stolen = form_token(app.test_client())
    client = app.test_client()
    form_token(client)
    assert client.post("/login", data={"login": "li", "password": PASSWORD, "csrf_token": stolen}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_cannot_send_a_change_even_with_the_token(app: Flask, headers: dict[str, str]) -> None:
    client = signed_in(app, "li")
    data = {"csrf_token": form_token(client, "/account"), "language": "en"}
    assert client.post("/language", data=data, headers=headers).status_code == 400
    assert client.post("/language", data=data).status_code == 303


def test_a_refused_token_brings_the_present_one_so_that_sending_again_works(app: Flask) -> None:
    client = signed_in(app, "li")
    answer = client.post("/session/touch", headers={"X-CSRF-Token": "old", "HX-Request": "true"})
    assert answer.status_code == 400
    fresh = re.search(r'"np:csrf": "([^"]+)"', answer.headers["HX-Trigger"])
    assert fresh is not None
    assert client.post("/session/touch", headers={"X-CSRF-Token": fresh[1]}).status_code == 204


# --- Headers, hosts, limits.


@pytest.mark.parametrize("path", ["/login", "/healthz", "/nothing", "/api/v1/nothing", "/static/base.css"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Strict-Transport-Security" not in headers


def test_pages_are_not_stored_and_files_named_by_content_are_kept_for_ever(app: Flask) -> None:
    client = signed_in(app, "li")
    assert client.get("/account").headers["Cache-Control"] == "no-store"
    assert client.get("/static/base.css").headers["Cache-Control"] == "no-cache"
    assert "immutable" in client.get("/static/base.css?v=1").headers["Cache-Control"]
    home = client.get("/")
    assert home.headers["Cache-Control"] == "private, no-cache"
    assert client.get("/", headers={"If-None-Match": home.headers["ETag"]}).status_code == 304
    other = signed_in(app, "wu", "physician")
    assert other.get("/", headers={"If-None-Match": home.headers["ETag"]}).status_code == 200


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: FlaskClient, department: Database
) -> None:
    add(department, "li")
    cookie = next(line for line in sign_in(client, "li").headers.getlist("Set-Cookie") if line.startswith("np_session"))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_by_https_cookies_are_bound_to_the_host(settings: Settings, department: Database, clock: Clock) -> None:
    add(department, "li")
    exposed = settings.model_copy(update={"base_url": "https://np.example.org"})
    client, base = create_app(exposed, department, clock=clock).test_client(), "https://np.example.org"
    page = client.get("/login", base_url=base)
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    found = re.search(r'csrf-token" content="([^"]+)', page.text)
    assert found is not None
    fields = {"login": "li", "password": PASSWORD, "csrf_token": found[1]}
    cookies = client.post("/login", data=fields, base_url=base).headers.getlist("Set-Cookie")
    session = next(line for line in cookies if "np_session" in line)
    assert session.startswith("__Host-np_session=")
    assert "Secure" in session.split("; ")
    assert "Domain" not in session


def test_a_forged_host_name_is_refused(client: FlaskClient) -> None:
    answer = client.get("/login", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.text


def test_forwarded_addresses_count_only_behind_a_declared_proxy(
    app: Flask, settings: Settings, department: Database, clock: Clock
) -> None:
    add(department, "li")
    client = app.test_client()
    for number in range(5):
        client.environ_base["HTTP_X_FORWARDED_FOR"] = f"10.0.0.{number}"
        sign_in(client, "li", "wrong wrong")
    client.environ_base["HTTP_X_FORWARDED_FOR"] = "10.0.0.99"
    assert sign_in(client, "li").status_code == 429
    behind = create_app(settings.model_copy(update={"proxy_hops": 1}), department, clock=clock).test_client()
    behind.environ_base["HTTP_X_FORWARDED_FOR"] = "10.0.0.99"
    assert sign_in(behind, "li").status_code == 303


def test_a_request_id_is_kept_when_it_is_plain_and_made_otherwise(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "abc-123"}).headers["X-Request-ID"] == "abc-123"
    made = client.get("/healthz", headers={"X-Request-ID": "x" * 65}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_a_request_that_is_too_large_is_refused(app: Flask) -> None:
    client = signed_in(app, "li")
    answer = client.post("/language", data={"csrf_token": form_token(client, "/account"), "x": "y" * 1_100_000})
    assert answer.status_code == 413


def test_nothing_in_a_template_is_inline() -> None:
    """The Content-Security-Policy blocks it; better to hear it here than from a page that lacks its colours."""
    for path in sorted((WEB / "templates").rglob("*.html")):
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:|<style|hx-on|\|\s*safe\b", text), path
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path


# --- Settings.


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"port": 70000}, "setting-bad"),
        ({"port": "eighty"}, "setting-bad"),
        ({"secret_key": "short"}, "setting-bad"),
        ({"base_url": "np.example.org"}, "setting-bad"),
        ({"session_idle_minutes": 0}, "setting-bad"),
        ({"host": "0.0.0.0"}, "not-https"),
        ({"base_url": "http://np.example.org"}, "not-https"),
    ],
)
def test_a_bad_setting_is_one_clear_refusal(given: dict[str, object], code: str) -> None:
    with pytest.raises(SetupError) as caught:
        load(_env_file=None, **given)
    assert caught.value.code == code


def test_the_key_of_a_loopback_run_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    settings = load(_env_file=None, secret_key_file=tmp_path / "var" / "secret.key")
    first = secret_key(settings)
    assert len(first) == 64
    assert secret_key(settings) == first
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_server_that_others_reach_does_not_invent_its_key(tmp_path: Path) -> None:
    exposed = load(_env_file=None, base_url="https://np.example.org", secret_key_file=tmp_path / "key")
    with pytest.raises(SetupError) as caught:
        secret_key(exposed)
    assert caught.value.code == "secret-key-missing"
    (tmp_path / "key").write_text("weak")
    with pytest.raises(SetupError) as caught:
        secret_key(exposed)
    assert caught.value.code == "secret-key-weak"


def test_a_key_that_cannot_be_kept_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError) as caught:
        secret_key(load(_env_file=None, secret_key_file=tmp_path / "file" / "key"))
    assert caught.value.code == "secret-key-file"


def test_rights_are_what_the_department_agreed() -> None:
    assert {"nurse", "administrator"} == BOOK
    assert {"nurse", "physician", "recorder", "administrator"} == policy.MARK
    assert {"nurse", "manager", "administrator"} == policy.WARD
