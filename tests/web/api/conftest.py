"""Callers of the API: one a role, each with a bearer token of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models.database import Database
from tests.factories import SOON
from web.accounts.tokens import issue_token

BASE = "/api/v1"


@dataclass(frozen=True)
class Caller:
    """A program with a token. `version` goes out as If-Match, `key` as Idempotency-Key."""

    client: FlaskClient
    token: str

    def get(self, path: str, **query: str) -> TestResponse:
        given = {name.rstrip("_"): value for name, value in query.items()}
        return self.client.get(BASE + path, query_string=given, headers=self._headers())

    def post(
        self, path: str, body: Any = None, *, version: int | str | None = None, key: str | None = None
    ) -> TestResponse:
        headers = self._headers()
        if version is not None:
            headers["If-Match"] = f'"{version}"' if isinstance(version, int) else version
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.client.post(BASE + path, json={} if body is None else body, headers=headers)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


Callers = Callable[[str], Caller]


@pytest.fixture
def caller(app: Flask, department: Database, now: datetime) -> Callers:
    """Make a caller of a role."""
    numbers = count(1)

    def make(role: str) -> Caller:
        name = f"{role} {next(numbers)}"
        token = department.transact(lambda session, at: issue_token(session, name, role, now=at), now=now)
        return Caller(app.test_client(), token)

    return make


@pytest.fixture
def nurse(caller: Callers) -> Caller:
    return caller("nurse")


NewPatient = Callable[[], str]


@pytest.fixture
def new_patient(nurse: Caller) -> NewPatient:
    """Enter another patient and return its id."""
    numbers = count(1)

    def make() -> str:
        body = {"record_number": f"R{next(numbers)}", "name": "张晓明", "sex": "male", "birth_date": "1970-01-01"}
        body["anyway"] = True
        return str(ok(nurse.post("/patients", body), 201)["id"])

    return make


def ok(response: TestResponse, status: int = 200) -> Any:
    """Return the body of an answer that must have this status."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/json"
    return response.json


def refused(response: TestResponse, status: int, code: str) -> Any:
    """Return the problem of an answer that must be this refusal."""
    assert (response.status_code, response.mimetype) == (status, "application/problem+json"), response.get_data(
        as_text=True
    )
    assert (response.json["status"], response.json["code"]) == (status, code), response.json
    return response.json


def found(caller: Caller, protocol: str = "BX-FNA", **wishes: Any) -> list[Any]:
    """Return the proposals for a procedure."""
    asked = {"protocol": protocol, "urgency": SOON, **wishes}
    return list(ok(caller.post("/proposals", asked))["proposals"])


def booked(caller: Caller, patient: str, protocol: str = "BX-FNA", *, hold: bool = False, **wishes: Any) -> Any:
    """Book the first proposal and return the appointment."""
    proposal = found(caller, protocol, patient=patient, limit=1, **wishes)[0]
    return ok(caller.post("/appointments", {"patient": patient, "proposal": proposal["token"], "hold": hold}), 201)
