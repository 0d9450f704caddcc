"""Calendar subscriptions over HTTP: who gets which, what the secret opens, when it dies, what travels with the text."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from icalendar import Calendar
from playwright.sync_api import Page
from sqlalchemy import select, text, update

from models import Audit, FeedToken, Resource, User
from models.database import Database
from scheduler import booking
from tests.calendars.cases import book, change
from tests.conftest import NOW, Clock
from tests.web.people import PASSWORD, add, form_token, signed_in
from web import accounts
from web.feeds import allowance, masked, product

ADDRESS = re.compile(r'value="(http[^"]+\.ics)"')


def post(client: FlaskClient, path: str, **fields: str) -> Any:
    return client.post(path, data={"csrf_token": form_token(client, "/account"), **fields})


def subscribe(client: FlaskClient, resource: str = "OR-1", **fields: str) -> str:
    """Make a subscription; return the path of its address."""
    return path_of(post(client, "/feeds", resource=resource, **{"privacy": "code", "language": "zh", **fields}))


def path_of(page: Any) -> str:
    assert page.status_code == 200
    found = ADDRESS.search(page.text)
    assert found is not None
    return "/" + found[1].split("/", 3)[3]


def one_feed(db: Database) -> FeedToken:
    with db.read() as session:
        return session.scalars(select(FeedToken).order_by(FeedToken.id.desc())).first()  # type: ignore[return-value]


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    return signed_in(app, "nina", "nurse")


@pytest.fixture
def anybody(app: Flask) -> FlaskClient:
    """A calendar client: it has no session."""
    return app.test_client()


# --- What the secret opens.


def test_an_address_opens_the_list_without_signing_in(
    nurse: FlaskClient, anybody: FlaskClient, department: Database
) -> None:
    book(department, require={"room": "OR-1"})
    answer = anybody.get(subscribe(nurse))
    assert answer.status_code == 200
    (event,) = Calendar.from_ical(answer.data).walk("VEVENT")
    assert event["SUMMARY"].startswith("AB-LIV-1 · OR-1 · ")
    assert "床" in event["SUMMARY"]


def test_what_travels_with_a_feed(nurse: FlaskClient, anybody: FlaskClient) -> None:
    answer = anybody.get(subscribe(nurse))
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="OR-1.ics"'
    assert answer.headers["Cache-Control"] == "private, max-age=300"
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["ETag"])
    assert "Last-Modified" in answer.headers
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("form", ["{}", "W/{}"])
def test_a_client_that_has_this_version_gets_304(nurse: FlaskClient, anybody: FlaskClient, form: str) -> None:
    path = subscribe(nurse)
    etag = anybody.get(path).headers["ETag"]
    again = anybody.get(path, headers={"If-None-Match": form.format(etag)})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)


def test_a_changed_list_is_sent_again(nurse: FlaskClient, anybody: FlaskClient, department: Database) -> None:
    path = subscribe(nurse)
    etag = anybody.get(path).headers["ETag"]
    made = book(department, require={"room": "OR-1"})
    answer = anybody.get(path, headers={"If-None-Match": etag})
    assert answer.status_code == 200
    change(department, booking.cancel, made, reason="fever")
    last = anybody.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert "SUMMARY:【取消】AB-LIV-1" in last.text.replace("\r\n ", "")


def test_head_says_what_get_would(nurse: FlaskClient, anybody: FlaskClient) -> None:
    path = subscribe(nurse)
    head, got = anybody.head(path), anybody.get(path)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Type", "Last-Modified", "Content-Length"):
        assert head.headers[name] == got.headers[name]


def test_nothing_but_get_and_head_is_answered(nurse: FlaskClient, anybody: FlaskClient) -> None:
    path = subscribe(nurse)
    assert {anybody.open(path, method=method).status_code for method in ("POST", "PUT", "DELETE")} <= {400, 405}


def test_an_address_opens_nothing_else(nurse: FlaskClient, anybody: FlaskClient) -> None:
    token = subscribe(nurse).split("/")[2]
    for path in ("/api/v1/resources", "/api/v1/appointments"):
        assert anybody.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_english_words_where_they_were_asked_for(nurse: FlaskClient, anybody: FlaskClient) -> None:
    answer = anybody.get(subscribe(nurse, language="en"))
    assert "X-WR-CALNAME:Operating room 1 · " in answer.text


# --- When it opens nothing.


def nothing(answer: Any) -> bool:
    return (answer.status_code, answer.text, answer.headers["Cache-Control"]) == (404, "Not found\n", "no-store")


@pytest.mark.parametrize(
    "change_",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: "0" * 8 + token[8:],
        lambda token: "short",
        lambda token: token + "A",
    ],
)
def test_a_wrong_secret_is_not_found_without_a_hint(nurse: FlaskClient, anybody: FlaskClient, change_: Any) -> None:
    _, _, token, name = subscribe(nurse).split("/")
    assert nothing(anybody.get(f"/feeds/{change_(token)}/{name}"))


def test_a_revoked_address_is_dead_at_once(nurse: FlaskClient, anybody: FlaskClient, department: Database) -> None:
    path = subscribe(nurse)
    assert post(nurse, f"/feeds/{one_feed(department).public_id}/revoke").status_code == 303
    assert nothing(anybody.get(path))


def test_a_new_address_kills_the_old_one(nurse: FlaskClient, anybody: FlaskClient, department: Database) -> None:
    old = subscribe(nurse)
    new = path_of(post(nurse, f"/feeds/{one_feed(department).public_id}/rotate"))
    assert nothing(anybody.get(old))
    assert anybody.get(new).status_code == 200


def test_a_disabled_account_reads_nothing(nurse: FlaskClient, anybody: FlaskClient, department: Database) -> None:
    path = subscribe(nurse)
    department.transact(lambda session, now: accounts.disable(session, "nina", now=now), now=NOW)
    assert nothing(anybody.get(path))


def test_a_role_that_lost_the_right_reads_nothing(
    nurse: FlaskClient, anybody: FlaskClient, department: Database
) -> None:
    path = subscribe(nurse)
    department.transact(lambda session, now: session.execute(update(User).values(role="recorder")), now=NOW)
    assert nothing(anybody.get(path))


def test_a_list_that_is_no_more_is_not_found(nurse: FlaskClient, anybody: FlaskClient, department: Database) -> None:
    path = subscribe(nurse)
    gone = update(Resource).where(Resource.code == "OR-1").values(active=False)
    department.transact(lambda session, now: session.execute(gone), now=NOW)
    assert nothing(anybody.get(path))


def test_an_address_ends_after_90_days_unused_or_400_days(
    nurse: FlaskClient, anybody: FlaskClient, clock: Clock
) -> None:
    used, unused = subscribe(nurse), subscribe(nurse, "OR-2")
    for _ in range(5):
        clock.forward(days=79)
        assert anybody.get(used).status_code == 200
    assert nothing(anybody.get(unused))
    clock.forward(days=6)  # 401
    assert nothing(anybody.get(used))


def test_sixty_fetches_an_hour_and_then_it_says_when(nurse: FlaskClient, anybody: FlaskClient, clock: Clock) -> None:
    path = subscribe(nurse)
    assert {anybody.get(path).status_code for _ in range(60)} == {200}
    answer = anybody.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    clock.forward(hours=1)
    assert anybody.get(path).status_code == 200
    assert allowance.take("another", NOW) == 0


# --- Who may subscribe to what.


def test_a_physician_subscribes_to_the_own_list_and_to_rooms_but_to_nobody_else(
    app: Flask, department: Database
) -> None:
    doctor = signed_in(app, "dora", "physician", "dr-01")
    assert subscribe(doctor, "dr-01").endswith("/dr-01.ics")
    assert subscribe(doctor, "OR-1").endswith("/OR-1.ics")
    assert post(doctor, "/feeds", resource="dr-02").status_code == 403
    page = doctor.get("/feeds").text
    assert 'value="dr-01" selected' in page
    assert 'value="dr-02"' not in page


@pytest.mark.parametrize("role", ["nurse", "manager", "administrator"])
def test_those_who_plan_subscribe_to_any_list(app: Flask, role: str) -> None:
    client = signed_in(app, "pat", role)
    assert subscribe(client, "dr-02").endswith("/dr-02.ics")


@pytest.mark.parametrize("role", ["auditor", "recorder"])
def test_those_who_only_look_subscribe_to_nothing(app: Flask, role: str) -> None:
    client = signed_in(app, "pat", role)
    assert client.get("/feeds").status_code == 403
    assert post(client, "/feeds", resource="OR-1").status_code == 403


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"resource": "OR-99"}, 422),
        ({"resource": "BED-01"}, 422),
        ({"resource": "OR-1", "privacy": "everything"}, 422),
        ({"resource": "OR-1", "language": "fr"}, 422),
        ({"resource": "OR-1", "privacy": "full"}, 403),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused(nurse: FlaskClient, fields: dict[str, str], status: int) -> None:
    answer = post(nurse, "/feeds", **fields)
    assert answer.status_code == status
    assert ADDRESS.search(answer.text) is None


def test_thirty_subscriptions_are_enough(nurse: FlaskClient) -> None:
    for _ in range(30):
        subscribe(nurse)
    assert post(nurse, "/feeds", resource="OR-1").status_code == 409


def test_somebody_elses_subscription_cannot_be_touched(app: Flask, nurse: FlaskClient, department: Database) -> None:
    subscribe(nurse)
    other = signed_in(app, "olga", "administrator")
    for act in ("rotate", "revoke", "change"):
        assert post(other, f"/feeds/{one_feed(department).public_id}/{act}").status_code == 404
    assert one_feed(department).revoked_at is None


# --- Names.


def test_names_leave_only_where_the_site_allows_them(
    app: Flask, nurse: FlaskClient, anybody: FlaskClient, department: Database
) -> None:
    book(department, require={"room": "OR-1"})
    here = app.extensions["needlepoint"]
    allowed = here.settings.model_copy(update={"feed_names": True})
    app.extensions["needlepoint"] = type(here)(here.db, allowed, here.secret, here.clock)
    path = subscribe(nurse, privacy="full")
    assert "张晓明" in anybody.get(path).text
    app.extensions["needlepoint"] = here
    assert "张晓明" not in anybody.get(path).text
    assert "ZXM" in anybody.get(path).text


# --- What is written down.


def test_only_a_digest_of_the_secret_is_stored_and_the_trail_names_the_subscription(
    nurse: FlaskClient, anybody: FlaskClient, department: Database
) -> None:
    path = subscribe(nurse)
    token = path.split("/")[2]
    anybody.get(path, headers={"User-Agent": "vdirsyncer/0.21.0"})
    with department.read() as session:
        rows = [
            str(tuple(row))
            for table in ("feed_token", "audit")
            for row in session.execute(text(f"SELECT * FROM {table}"))
        ]
        actions = session.scalars(select(Audit.action).where(Audit.entity == "feed").order_by(Audit.seq)).all()
    assert not any(token[8:] in row for row in rows)
    assert actions == ["feed-made", "feed-fetched"]


def test_a_fetch_is_noted_once_a_minute_with_the_clients_name(
    nurse: FlaskClient, anybody: FlaskClient, department: Database, clock: Clock
) -> None:
    path = subscribe(nurse)
    agent = {"User-Agent": "iOS/18.1 (22B83) dataaccessd/1.0"}
    anybody.get(path, headers=agent)
    assert (one_feed(department).last_fetched_at, one_feed(department).last_client) == (NOW, "iOS")
    clock.forward(seconds=59)
    anybody.get(path, headers=agent)
    assert one_feed(department).last_fetched_at == NOW
    assert anybody.get(path, headers=agent).status_code == 200
    noted = clock.forward(seconds=1)
    anybody.get(path, headers=agent)
    assert one_feed(department).last_fetched_at == noted
    assert "iOS" in nurse.get("/feeds").text


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("vdirsyncer/0.21.0", "vdirsyncer"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.0", "Thunderbird"),
        ("Google-Calendar-Importer", None),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0; Pro)", "Microsoft Office"),
        ("", None),
    ],
)
def test_of_a_client_only_its_name_is_kept(agent: str, name: str | None) -> None:
    assert product(agent) == name


def test_an_address_can_be_written_down_without_its_secret() -> None:
    token = "0a1b2c3d" + "x" * 43
    assert masked(f"GET /feeds/{token}/OR-1.ics") == "GET /feeds/0a1b2c3d***/OR-1.ics"


# --- The page.


def test_the_address_is_shown_once(nurse: FlaskClient) -> None:
    page = post(nurse, "/feeds", resource="OR-1")
    assert page.headers["Cache-Control"] == "no-store"
    token = path_of(page).split("/")[2]
    assert "webcal://127.0.0.1:" in page.text
    assert "<svg" in page.text
    assert "style=" not in page.text
    assert token not in nurse.get("/feeds").text
    assert token[:8] in nurse.get("/feeds").text


def test_what_a_subscription_says_can_be_changed_without_a_new_address(
    nurse: FlaskClient, anybody: FlaskClient, department: Database
) -> None:
    book(department, require={"room": "OR-1"})
    path = subscribe(nurse)
    before = anybody.get(path)
    feed = one_feed(department).public_id
    assert post(nurse, f"/feeds/{feed}/change", privacy="busy", language="en").status_code == 303
    after = anybody.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert "SUMMARY:Busy" in after.text


def test_a_person_makes_copies_and_revokes_a_subscription(page: Page, app: Flask, department: Database) -> None:
    add(department, "dora", "physician", "dr-01")
    page.goto("/login?next=/feeds")
    page.fill('input[name="login"]', "dora")
    page.fill('input[name="password"]', PASSWORD)
    page.press('input[name="password"]', "Enter")
    page.click('form[action="/feeds"] button[type="submit"]')
    address = page.input_value("#https")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click('[data-copy="https"]')
    page.wait_for_selector('[data-copy="https"]:has-text("已复制")')
    assert page.evaluate("() => navigator.clipboard.readText()") == address
    assert page.request.get(address).status == 200
    page.click('form[action$="/revoke"] button')
    page.wait_for_selector('[role="status"]')
    assert page.request.get(address).status == 404
