"""What nobody sends by accident: dates at the end of the calendar, endless numbers, NULs. None of it is our fault."""

from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.people import form_token, signed_in

DEEP = "[" * 50_000
UUID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def nurse(app: Flask) -> FlaskClient:
    app.testing = False  # so that an unexpected exception becomes the 500 that a person would see
    return signed_in(app, "nurse")


@pytest.mark.parametrize(
    "path",
    [
        "/board/0001-01-01",
        "/board/9999-12-31",
        "/board?date=9999-12-31",
        "/lists/OR-1/0001-01-01",
        "/lists/OR-1/9999-12-31?view=week",
        "/lists?all=1&date=9999-12-31",
        "/lists?all=1&date=0001-01-01",
        "/lists?all=1&date=never",
        "/lists/%00/2026-12-01",
        "/board/2026-12-01?open=%00",
        "/patients/%00",
        "/patients?q=%00",
        "/ward?bed=%00",
        "/roster/%00",
        "/roster?date=9999-12-31",
        "/roster/9999-12-31",
        "/roster/2199-12-31",
        "/roster/2026-12-01?cell=%00",
        "/roster/2026-12-01?cell=dr-01.0001-01-01.am",
        "/roster/2026-12-01?q=%00",
        "/book?patient=%00",
        "/book?protocol=%00",
        "/book?hold=%00",
        "/book?protocol=BX-LIV&from=9999-12-31",
        "/book?protocol=BX-LIV&from=99999999999-1-1",
        "/book?protocol=BX-LIV&after=99999999999:00",
        "/book?protocol=BX-LIV&from=日",
        "/book?move=%00",
        f"/book?done={UUID}",
        "/login?next=//[",
        "/feeds?resource=%00",
        "/feeds/%00/x.ics",
        "/api/v1/resources/%00/opening?from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z",
        "/api/v1/patients?q=%00",
        "/api/v1/appointments?cursor=WzEwMDAwMDAwMDAwMDAsIngiXQ==",
        "/api/v1/appointments?cursor=WzEsIlx1MDAwMCJd",
        "/api/v1/appointments?cursor=WzEsIlx1ZDgwMCJd",
    ],
)
def test_an_odd_address_is_not_the_servers_fault(nurse: FlaskClient, path: str) -> None:
    assert nurse.get(quote(path, safe="/?&=%[")).status_code < 500


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/login", {"login": "a\x00b", "password": "x"}),
        ("/login", {"login": "", "password": "x" * 5000}),
        ("/login", {"login": "x", "password": "x", "next": "//["}),
        ("/language", {"language": "en", "next": "http://["}),
        ("/book/patients", {"record_number": "1", "name": "x", "birth_date": "99999999999-1-1"}),
        ("/book/patients", {"record_number": "1\x00", "name": "x", "birth_date": "1965-04-12"}),
        ("/book/hold", {"placement": DEEP, "protocol_version": "1"}),
        (
            "/book/hold",
            {"placement": '[["\\ud800",0,1,[]]]', "protocol_version": "1", "protocol": "BX-LIV", "key": "k"},
        ),
        ("/book/hold", {"placement": '[["\\u0000",0,1,[["\\u0000","x",0,1]]]]', "protocol_version": "1"}),
        ("/book/hold", {"placement": "[]", "protocol_version": "9" * 30, "protocol": "BX-LIV"}),
        ("/book/hold", {"placement": "[]", "protocol_version": "9" * 5000}),
        (f"/book/{UUID}/confirm", {"version": "9" * 5000}),
        ("/book/\x00/confirm", {"version": "1"}),
        (f"/patients/{UUID}", {"version": "9" * 5000, "birth_date": "1965-04-12"}),
        (f"/board/9999-12-31/{UUID}/mark", {"version": "1", "kind": "called"}),
        ("/ward/admit", {"bed": "\x00", "who": "\x00", "expected_end": "9999-12-31T23:59"}),
        ("/ward/admit", {"bed": "BED-01", "planned": "a|9999-12-31T23:59-12:00|b"}),
        ("/feeds", {"resource": "\x00"}),
        ("/feeds/\x00/revoke", {}),
        ("/account/password", {"old": "\x00", "new": "\x00", "again": "\x00"}),
    ],
)
def test_an_odd_form_is_not_the_servers_fault(nurse: FlaskClient, path: str, fields: dict[str, str]) -> None:
    form = {"csrf_token": form_token(nurse, "/account"), **fields}
    assert nurse.post(quote(path), data=form).status_code < 500


@pytest.mark.parametrize("body", [DEEP, '{"a":' * 50_000, '{"patient": "\\ud800"}', "1e999", "NaN", "\x00"])
def test_an_odd_body_is_not_the_servers_fault(nurse: FlaskClient, body: str) -> None:
    headers = {"X-CSRF-Token": form_token(nurse, "/account"), "Content-Type": "application/json"}
    assert nurse.post("/api/v1/proposals", data=body, headers=headers).status_code < 500


def test_an_origin_that_is_none_is_another_origin(nurse: FlaskClient) -> None:
    form = {"csrf_token": form_token(nurse, "/account")}
    assert nurse.post("/session/touch", data=form, headers={"Origin": "http://["}).status_code == 400
