"""What machines ask: does the process live, can it serve, which version is it."""

import time
from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from models import guard, migrate
from models.database import DatabaseProblem
from models.guard import GuardMissing
from web import assets
from web.policy import policy
from web.site import site
from web.version import VERSION

bp = APIBlueprint("health", __name__, enable_openapi=False)

KEPT_SECONDS = 2


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
    """Tell which release this is."""
    return jsonify(name="needlepoint", version=VERSION)


def _checks() -> dict[str, str]:
    """Return what was found within the last seconds, or look: anybody may ask, and trying the guards takes the
    writer's place in line."""
    kept = current_app.extensions.setdefault("needlepoint-ready", [0.0, {}])
    if not kept[1] or time.monotonic() - kept[0] > KEPT_SECONDS:
        kept[:] = [time.monotonic(), _look()]
    return dict(kept[1])


def _look() -> dict[str, str]:
    found = {"database": "unavailable"}
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
