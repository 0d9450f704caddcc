"""What machines ask: does the process live, can it serve, which version is it."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from models import guard, migrate
from models.database import DatabaseProblem
from models.guard import GuardMissing
from web import assets
from web.policy import policy
from web.site import site
from web.version import VERSION

bp = APIBlueprint("health", __name__, enable_openapi=False)


@bp.get("/healthz")
@policy(anonymous=True)
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@policy(anonymous=True)
def readyz() -> tuple[Response, int]:
    """It can serve: the database answers, is at the newest migration, and its guards do their work.

    Missing front-end files are told but do not make it unready: pages work without them.
    """
    checks = {"database": "unavailable", "migration": "unknown", "guard": "unknown"} | _checks()
    ready = all(value == "ok" for value in checks.values())
    missing = [name for name, path in assets.asset_urls().items() if path is None]
    body: dict[str, Any] = {"status": "ok" if ready else "unavailable", **checks}
    return jsonify(body | {"assets": "ok" if not missing else "missing: " + ", ".join(missing)}), 200 if ready else 503


@bp.get("/version")
@policy(anonymous=True)
def version() -> Response:
    return jsonify(name="needlepoint", version=VERSION)


def _checks() -> dict[str, str]:
    found: dict[str, str] = {}
    db = site().db
    try:
        with db.turn(), db.engine.execution_options(needlepoint_write=True).connect() as connection:
            found["database"] = "ok"
            found["migration"] = "ok" if migrate.current(connection) == migrate.head() else "behind"
            guard.self_check(connection)
            connection.rollback()
            found["guard"] = "ok"
    except GuardMissing as error:
        found["guard"] = f"missing: {error.guard}"
    except (SQLAlchemyError, DatabaseProblem):
        pass
    return found
