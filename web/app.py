"""The web application: one factory that joins settings, database, policy, words and pages."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apiflask import APIFlask
from flask.json.provider import DefaultJSONProvider

from models.database import Database
from web import errors, help, i18n, policy, privacy, security, shell, words
from web.accounts.pages import bp as accounts
from web.api import api
from web.feeds import bp as feeds
from web.pages.account import bp as account
from web.pages.admin import admin
from web.pages.board import bp as board
from web.pages.book import bp as book
from web.pages.documents import bp as documents
from web.pages.health import bp as health
from web.pages.home import bp as home
from web.pages.lists import bp as lists
from web.pages.manage import bp as manage
from web.pages.merging import bp as merging
from web.pages.patients import bp as patients
from web.pages.roster import bp as roster
from web.pages.roster_import import bp as roster_import
from web.pages.waitlist import bp as waitlist
from web.pages.ward import bp as ward
from web.pages.week import bp as week
from web.settings import Settings, secret_key
from web.site import Site
from web.version import VERSION

BLUEPRINTS = (
    health,
    documents,
    accounts,
    home,
    account,
    book,
    waitlist,
    patients,
    merging,
    board,
    week,
    lists,
    ward,
    roster,
    roster_import,
    manage,
    admin,
    feeds,
    api,
)
"""Every part of the site. Each view in them declares its policy, or the application does not start."""


class Json(DefaultJSONProvider):
    """Writes Chinese as it is; reads what is nested too deeply as what it is, a body that is no JSON of ours."""

    ensure_ascii = False

    def loads(self, s: str | bytes, **options: Any) -> Any:
        try:
            return super().loads(s, **options)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def create_app(settings: Settings, db: Database, *, clock: Callable[[], datetime] | None = None) -> APIFlask:
    """Build the application. `clock` stands in for every clock in tests.

    Raises SetupError: no usable secret key, a route without a policy.
    """
    app = APIFlask(
        __name__,
        title="Needlepoint",
        version=VERSION,
        spec_path="/api/v1/openapi.json",
        docs_path=None,
        json_errors=False,
    )
    secret = secret_key(settings)
    app.extensions["needlepoint"] = Site(db, settings, secret, clock)
    app.config.update(
        SECRET_KEY=secret,
        OPENAPI_VERSION="3.1.0",
        VALIDATION_ERROR_STATUS_CODE=422,
        SPEC_PROCESSOR_PASS_OBJECT=False,
    )
    app.json = Json(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    security.install(app, settings)
    policy.install(app)
    errors.install(app)
    i18n.install(app)
    words.install(app)
    privacy.install(app)
    shell.install(app)
    help.install(app)
    describe(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    policy.verify(app)
    return app


def describe(app: APIFlask) -> None:
    """Complete the OpenAPI description: who may call, what a body is, how a refusal looks."""
    app.security_schemes = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "np_<key>_<secret>"}}
    app.info = {"description": "Finds, holds and books everything a procedure needs, all or nothing."}
    app.spec_processor(complete_spec)


def complete_spec(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    """Say what the framework leaves out: bodies are required, and 400, 401 and 403 are possible answers."""
    if isinstance(spec, str):
        return spec
    spec["security"] = [{"token": []}]
    spec.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    for path in spec.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                _complete_operation(operation)
    return spec


def _complete_operation(operation: dict[str, Any]) -> None:
    expected = {"401": "No valid token or session", "403": "Not for this role"}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    if "requestBody" in operation or operation.get("parameters"):
        expected |= {"400": "The request cannot be read", "422": "Some entries are not valid"}
    for status, description in expected.items():
        operation["responses"].setdefault(status, {"description": description})
    for status, response in operation["responses"].items():
        if status.startswith(("4", "5")):
            response["content"] = {errors.PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. The facts of a refusal are further members; docs/errors.md lists every code.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"type": "object"}},
        "violations": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": True,
}
