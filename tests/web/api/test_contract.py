"""The API against its own description: schemathesis with every check, a fixed seed and a token that may do all."""

import json

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

from tests.web.api.conftest import Caller, Callers

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


@schema.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_does_as_its_description_says(case: Case, administrator: Caller) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {administrator.token}"})
