"""What a problem's `type` leads to: every error code, its status and what it says."""

from apiflask import APIBlueprint
from flask import render_template

from web.error_codes import CODES
from web.policy import policy

bp = APIBlueprint("documents", __name__, enable_openapi=False)


@bp.get("/docs/errors")
@policy(anonymous=True)
def error_codes() -> str:
    return render_template("error_codes.html", codes=CODES)
