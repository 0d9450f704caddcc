"""The API against its own description: schemathesis with every check, a fixed seed and a token that may do all."""

import json
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

from tests.web.api.conftest import Caller, Callers, NewPatient, booked, ok

EXAMPLES = 25
"""For each operation, beside the cases that walk its description's edges."""

REFUSALS_OF_MEANING = ["412", "422"]
"""Well-formed data may still name an unknown procedure or a version that is past; see `well_formed` below."""

CONFIG: dict[str, Any] = {
    "seed": 20261201,
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "401", "403", "404", "409", *REFUSALS_OF_MEANING],
        },
    },
}


@schemathesis.check
def well_formed(ctx: CheckContext, response: Response, case: Case) -> None:
    """What the description allows is never called malformed: a 422 must have a reason of its own."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    problem = json.loads(response.content)
    assert problem["code"] != "validation", problem


@pytest.fixture
def described(app: Flask, backend: str, request: pytest.FixtureRequest) -> BaseSchema:
    """The description that the application gives of itself."""
    request.node._nodeid = request.node.nodeid  # schemathesis 4.32 reads what pytest 9.2 no longer has
    # The edges of the description are walked once; what follows is the same code on both databases.
    phases = {"coverage": {"enabled": backend == "sqlite"}}
    config = SchemathesisConfig.from_dict({**CONFIG, "phases": phases})
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config)


schema = schemathesis.pytest.from_fixture("described")


@pytest.fixture
def administrator(caller: Callers) -> Caller:
    return caller("administrator")


class Things:
    """A patient, an appointment and a stay that exist, so that not every request ends at 404."""

    def __init__(self, caller: Caller, patient: str) -> None:
        self.caller, self.patient = caller, patient
        self.appointment = booked(caller, patient, "AB-LIV-1", hold=True, earliest="2026-12-02T08:00:00+08:00")["id"]
        stay = {"patient": patient, "bed": "BED-17", "expected_end": "2026-12-06T11:00:00+08:00"}
        self.request = ok(caller.post("/waitlist", {"patient": patient, "protocol": "BX-FNA"}), 201)["id"]
        self.encounter = ok(caller.post("/encounters", stay), 201)["id"]

    def aim(self, case: Case) -> None:
        """Point a well-formed case at them, a change at the version they have now; every third stays as drawn."""
        if case.meta is None or not case.meta.generation.mode.is_positive or _drawn(case) % 3 == 0:
            return
        parts = case.operation.path.split("/")
        here = {"appointments": self.appointment, "encounters": self.encounter, "patients": self.patient}
        here["waitlist"] = self.request
        if "{id}" in parts:
            case.path_parameters["id"] = here[parts[3]]
            if "If-Match" in case.headers:
                case.headers["If-Match"] = f'"{ok(self.caller.get(f"/{parts[3]}/{here[parts[3]]}"))["version"]}"'
        if isinstance(case.body, dict):
            real = {"patient": self.patient, "bed": "BED-16", "protocol": "BX-FNA", "appointment": self.appointment}
            case.body |= {name: value for name, value in real.items() if name in case.body}


def _drawn(case: Case) -> int:
    """Return a number that is the same for the same case, so that a failure can be repeated."""
    return crc32(repr((case.path_parameters, case.query, case.body)).encode())


@pytest.fixture
def things(administrator: Caller, new_patient: NewPatient) -> Things:
    return Things(administrator, new_patient())


@schema.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_does_as_its_description_says(case: Case, administrator: Caller, things: Things) -> None:
    things.aim(case)
    case.call_and_validate(headers={"Authorization": f"Bearer {administrator.token}"})
