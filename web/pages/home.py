"""The front page: what this person does next, in order, with one action each."""

from apiflask import APIBlueprint
from flask import Response

from web import shell
from web.policy import READ, policy
from web.site import today

bp = APIBlueprint("home", __name__, enable_openapi=False)


@bp.get("/")
@policy(READ)
def home() -> Response:
    return shell.page("home.html", day=today())
