"""Who may come in: passwords, sessions, the throttle, tokens, accounts."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import ApiToken, Audit, LoginThrottle, User
from models import Session as SessionRow
from models.database import Database
from scheduler.errors import Conflict, DomainError, Invalid, NotFound
from tests.conftest import NOW, Clock
from tests.crossing import crossing
from tests.web.people import CHEAP, PASSWORD, add, form_token, sign_in, signed_in, token
from web import accounts
from web.accounts import demonstration, passwords, throttle, tidying


def write(db: Database, work: Callable[..., Any]) -> Any:
    return db.transact(lambda session, now: work(session, now), now=NOW)


def refused(db: Database, work: Callable[..., Any]) -> DomainError:
    with pytest.raises(DomainError) as caught:
        write(db, work)
    return caught.value


# --- Passwords.


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("7 chars", "password-short"),
        ("x" * 129, "password-long"),
        ("Password123", "password-common"),
        ("woaini1314", "password-common"),
        ("limei2026", "password-like-login"),
    ],
)
def test_a_password_that_would_not_hold_is_refused(password: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        passwords.check(password, "limei2026")
    assert caught.value.code == code


def test_a_long_chinese_password_is_taken_whole() -> None:
    secret = "针" * 128
    passwords.check(secret, "li")
    stored = passwords.make(secret, CHEAP)
    assert passwords.matches(stored, secret)
    assert not passwords.matches(stored, "针" * 127)


def test_the_standard_hash_is_argon2id_at_19_mib_two_passes_one_lane() -> None:
    assert passwords.make("a long way home").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_damaged_hash_matches_nothing() -> None:
    assert not passwords.matches("not a hash", "anything")


def test_a_hash_of_another_cost_is_made_anew_at_sign_in(app: Flask, department: Database) -> None:
    client = signed_in(app, "li")
    stored = department.read
    with stored() as session:
        before = session.scalars(select(User.password_hash)).one()
    write(
        department,
        lambda session, now: accounts.set_password(session, "li", PASSWORD, now=now, cost=passwords.Cost(16, 1, 1)),
    )
    assert sign_in(app.test_client(), "li").status_code == 303
    with stored() as session:
        assert "m=8,t=1,p=1" in session.scalars(select(User.password_hash)).one() != before
    assert client.get("/account").status_code == 302  # the change of password ended the session


# --- Signing in.


def test_a_right_password_opens_a_session_and_leads_on(client: FlaskClient, department: Database) -> None:
    add(department, "li")
    answer = sign_in(client, "li", next="/account")
    assert (answer.status_code, answer.location) == (303, "/account")
    assert client.get("/account").status_code == 200


def test_a_sign_in_name_counts_in_any_case(client: FlaskClient, department: Database) -> None:
    add(department, "Li.Mei")
    assert sign_in(client, " LI.MEI ").status_code == 303


def test_an_unknown_account_and_a_wrong_password_are_told_the_same(client: FlaskClient, department: Database) -> None:
    add(department, "li")
    known, unknown = sign_in(client, "li", "wrong wrong"), sign_in(client, "nobody", "wrong wrong")
    assert known.status_code == unknown.status_code == 401
    assert "登录名或密码不正确" in known.text
    assert known.text.replace('value="li"', "") == unknown.text.replace('value="nobody"', "")


def test_an_unknown_account_costs_a_hash_as_well(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, department: Database
) -> None:
    looked: list[str] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda stored, given: looked.append(stored) or real(stored, given))
    sign_in(client, "nobody", "wrong wrong")
    assert [stored.split("$")[3] for stored in looked] == ["m=8,t=1,p=1"]


def test_a_disabled_account_cannot_sign_in_and_loses_its_sessions(app: Flask, department: Database) -> None:
    client = signed_in(app, "li")
    write(department, lambda session, now: accounts.disable(session, "li", now=now))
    assert client.get("/account").status_code == 302
    assert sign_in(app.test_client(), "li").status_code == 401


def test_a_path_of_another_site_is_never_followed(client: FlaskClient, department: Database) -> None:
    add(department, "li")
    for path in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\\\\evil"):
        assert sign_in(client, "li", next=path).location == "/"
        client.post("/logout", data={"csrf_token": form_token(client, "/account")})


def test_the_fifth_failure_makes_this_address_wait_and_no_other(app: Flask, department: Database, clock: Clock) -> None:
    add(department, "li")
    client = app.test_client()
    assert [sign_in(client, "li", "wrong wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    early = sign_in(client, "li")
    assert early.status_code == 429
    assert int(early.headers["Retry-After"]) == 30
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "10.0.0.9"
    assert sign_in(elsewhere, "li").status_code == 303
    clock.forward(seconds=30)
    assert sign_in(client, "li").status_code == 303


def test_waiting_doubles_up_to_an_hour() -> None:
    assert [throttle.wait(n).total_seconds() for n in (4, 5, 6, 7, 11, 12, 40)] == [0, 30, 60, 120, 1920, 3600, 3600]


def test_a_right_password_forgives_the_failures_before_it(app: Flask, department: Database) -> None:
    add(department, "li")
    client = app.test_client()
    for _ in range(4):
        sign_in(client, "li", "wrong wrong")
    assert sign_in(client, "li").status_code == 303
    with department.read() as session:
        assert session.scalars(select(LoginThrottle).where(LoginThrottle.login == "li")).first() is None


def test_an_address_that_tries_a_hundred_accounts_waits(department: Database) -> None:
    for number in range(throttle.PER_ADDRESS):
        write(department, lambda session, now, n=number: throttle.attempt(session, f"u{n}", "10.0.0.1", now=now))
    late = refused(department, lambda session, now: throttle.attempt(session, "another", "10.0.0.1", now=now))
    assert (late.code, late.facts["seconds"]) == ("sign-in-throttled", 3600)
    write(department, lambda session, now: throttle.attempt(session, "another", "10.0.0.2", now=now))


def test_no_typed_login_touches_the_count_of_its_address(client: FlaskClient, department: Database) -> None:
    add(department, "li")
    for login in ("li", "*", " * ", "a\x01b", "*"):
        sign_in(client, login, "wrong wrong")
    with department.read() as session:
        rows = session.execute(select(LoginThrottle.login, LoginThrottle.failures)).all()
    assert sorted(tuple(row) for row in rows) == [("", 4), ("*", 5), ("li", 1)]


def test_signing_in_and_failing_are_both_in_the_trail(client: FlaskClient, department: Database) -> None:
    add(department, "li")
    sign_in(client, "li", "wrong wrong")
    sign_in(client, "li")
    with department.read() as session:
        trail = session.execute(
            select(Audit.actor, Audit.outcome, Audit.address).where(Audit.action == "sign-in").order_by(Audit.seq)
        ).all()
        assert [tuple(row) for row in trail] == [("user:li", "refused", "127.0.0.1"), ("user:li", "ok", "127.0.0.1")]
        assert not [row for row in session.scalars(select(Audit)) if "wrong wrong" in str(row.detail)]


# --- Sessions.


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("np_session")
    assert cookie is not None
    return cookie.value


def test_only_the_digest_of_the_cookie_is_stored(app: Flask, department: Database) -> None:
    cookie = cookie_of(signed_in(app, "li"))
    with department.read() as session:
        digest = session.scalars(select(SessionRow.digest)).one()
    assert digest == hashlib.sha256(cookie.encode()).hexdigest()
    assert len(cookie) == 43  # 256 bits in base64url


def test_a_copied_cookie_is_dead_after_signing_out(app: Flask) -> None:
    client = signed_in(app, "li")
    thief = app.test_client()
    thief.set_cookie("np_session", cookie_of(client))
    assert thief.get("/account").status_code == 200
    assert client.post("/logout", data={"csrf_token": form_token(client, "/account")}).status_code == 303
    assert thief.get("/account").status_code == 302


def test_signing_in_again_ends_the_session_before(app: Flask) -> None:
    client = signed_in(app, "li")
    before = cookie_of(client)
    answer = client.post(
        "/login", data={"login": "li", "password": PASSWORD, "csrf_token": form_token(client, "/account")}
    )
    assert answer.status_code == 303
    assert cookie_of(client) != before
    thief = app.test_client()
    thief.set_cookie("np_session", before)
    assert thief.get("/account").status_code == 302


def test_a_session_ends_after_fifteen_idle_minutes_and_polling_does_not_keep_it(app: Flask, clock: Clock) -> None:
    client = signed_in(app, "li")
    clock.forward(minutes=14)
    assert client.get("/account?poll=1").status_code == 200
    assert client.get("/account", headers={"HX-Polling": "1"}).status_code == 200
    clock.forward(minutes=1)
    assert client.get("/account").status_code == 302


def test_working_keeps_a_session_but_never_beyond_twelve_hours(app: Flask, clock: Clock) -> None:
    client = signed_in(app, "li")
    for _ in range(71):
        clock.forward(minutes=10)
        assert client.get("/account").status_code == 200
    clock.forward(minutes=10)
    assert client.get("/account").status_code == 302


def test_changing_the_password_ends_every_other_session(app: Flask) -> None:
    client, other = signed_in(app, "li"), app.test_client()
    sign_in(other, "li")
    fields = {"old": PASSWORD, "new": "another way home", "again": "another way home"}
    answer = client.post("/account/password", data={**fields, "csrf_token": form_token(client, "/account")})
    assert answer.status_code == 303
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    assert sign_in(other, "li", "another way home").status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong wrong", "another way home", "another way home", "当前密码不正确"),
        (PASSWORD, "another way home", "another way", "两次输入的新密码不一致"),
        (PASSWORD, "short", "short", "密码过短"),
    ],
)
def test_a_password_change_that_cannot_be_says_why(app: Flask, old: str, new: str, again: str, said: str) -> None:
    client = signed_in(app, "li")
    fields = {"old": old, "new": new, "again": again, "csrf_token": form_token(client, "/account")}
    answer = client.post("/account/password", data=fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert sign_in(app.test_client(), "li").status_code == 303


def test_guessing_the_present_password_is_throttled_too(app: Flask) -> None:
    client = signed_in(app, "li")
    fields = {"old": "wrong wrong", "new": "another way home", "again": "another way home"}
    fields["csrf_token"] = form_token(client, "/account")
    assert [client.post("/account/password", data=fields).status_code for _ in range(6)] == [422] * 5 + [429]


def test_another_browser_of_ones_own_can_be_signed_out(app: Flask) -> None:
    client, other = signed_in(app, "li"), app.test_client()
    sign_in(other, "li")
    data = {"csrf_token": form_token(client, "/account")}
    assert client.post("/account/sessions/0/end", data=data).status_code == 303
    assert client.post("/account/sessions/0/end", data=data).status_code == 404
    assert other.get("/account").status_code == 302
    assert client.get("/account").status_code == 200


def test_dead_sessions_and_old_counters_are_swept(app: Flask, department: Database, clock: Clock) -> None:
    client = signed_in(app, "li")
    sign_in(app.test_client(), "nobody", "wrong wrong")
    later = clock.forward(days=2)
    swept = {
        job.name: write(department, lambda session, now, job=job: job.work(session, later)) for job in tidying.JOBS
    }
    # One session; the counters of `nobody` and of the address.
    assert swept == {"forget-dead-sessions": 1, "forget-old-sign-in-failures": 2}
    assert client.get("/account").status_code == 302


# --- Accounts and tokens.


def test_accounts_that_cannot_be_are_refused(department: Database) -> None:
    add(department, "li")

    def make(login: str, role: str = "nurse", resource: str | None = None) -> Callable[..., Any]:
        return lambda session, now: accounts.create_user(
            session, login, "N", PASSWORD, role, resource, now=now, cost=CHEAP
        )

    assert refused(department, make("LI")).code == "login-taken"
    assert refused(department, make("two words")).code == "login-bad"
    assert refused(department, make("*")).code == "login-bad"
    assert refused(department, make("wu", role="king")).code == "unknown-role"
    assert refused(department, make("wu", resource="NOBODY")).code == "unknown-resource"


def test_of_two_who_make_the_same_account_at_once_one_is_refused(department: Database) -> None:
    def make(session: Session) -> None:
        accounts.create_user(session, "li", "N", PASSWORD, "nurse", now=NOW, cost=CHEAP)

    with pytest.raises(Conflict) as refusal:
        crossing(department, make, make).result()
    assert (refusal.value.code, refusal.value.facts) == ("login-taken", {"login": "li"})


def test_of_two_who_make_the_same_token_at_once_one_is_refused(department: Database) -> None:
    def make(session: Session) -> None:
        accounts.issue_token(session, "his", "nurse", now=NOW)

    with pytest.raises(Conflict) as refusal:
        crossing(department, make, make).result()
    assert (refusal.value.code, refusal.value.facts) == ("name-taken", {"name": "his"})


def test_a_missing_account_cannot_be_changed(department: Database) -> None:
    with pytest.raises(NotFound):
        write(department, lambda session, now: accounts.disable(session, "nobody", now=now))
    with pytest.raises(NotFound):
        write(department, lambda session, now: accounts.set_password(session, "nobody", PASSWORD, now=now))


def test_a_token_is_shown_once_and_kept_as_a_digest(department: Database) -> None:
    secret = token(department, "physician")
    assert len(secret) == 3 + 8 + 1 + 43
    with department.read() as session:
        row = session.scalars(select(ApiToken)).one()
    assert (row.digest, row.key_id) == (hashlib.sha256(secret.encode()).hexdigest(), secret[3:11])
    with pytest.raises(Conflict):
        token(department, "physician")
    assert refused(department, lambda s, now: accounts.issue_token(s, "x", "king", now=now)).code == "unknown-role"
    assert refused(department, lambda s, now: accounts.issue_token(s, " ", "nurse", now=now)).code == "name-empty"


def test_the_demonstration_accounts_are_made_once(department: Database) -> None:
    def make(session: Any, now: Any) -> list[str]:
        return demonstration.create_demonstration_users(session, now=now, cost=CHEAP)

    assert write(department, make) == [login for login, _ in demonstration.LOGINS]
    assert write(department, make) == []
    with department.read() as session:
        assert session.scalar(select(func.count()).select_from(User).where(User.demonstration)) == 6
        physician = session.scalars(select(User).where(User.login == "physician")).one()
        assert physician.resource is not None
        assert physician.resource.kind == "physician"
