"""Accounts for web tests, and browsers that are signed in."""

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from models.database import Database
from tests.conftest import NOW
from web import accounts
from web.accounts.passwords import Cost

PASSWORD = "a long way home"
CHEAP = Cost(8, 1, 1)


def add(db: Database, login: str, role: str = "nurse", resource: str | None = None, **more: Any) -> None:
    """Make an account whose password is PASSWORD."""
    db.transact(
        lambda session, now: accounts.create_user(
            session, login, f"{login}'s name", PASSWORD, role, resource, now=now, cost=CHEAP, **more
        ),
        now=NOW,
    )


def form_token(client: FlaskClient, path: str = "/login") -> str:
    """Return the CSRF token of a page as this browser sees it."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def sign_in(client: FlaskClient, login: str, password: str = PASSWORD, **more: str) -> Any:
    """Send the sign-in form; return the answer."""
    fields = {"login": login, "password": password, "csrf_token": form_token(client), **more}
    return client.post("/login", data=fields)


def signed_in(app: Flask, login: str, role: str = "nurse", resource: str | None = None) -> FlaskClient:
    """Make an account and return a browser signed in with it."""
    add(app.extensions["needlepoint"].db, login, role, resource)
    client = app.test_client()
    assert sign_in(client, login).status_code == 303
    return client


def token(db: Database, role: str, name: str = "a program", **more: Any) -> str:
    """Make an API token."""
    return db.transact(lambda session, now: accounts.issue_token(session, name, role, now=now, **more), now=NOW)
