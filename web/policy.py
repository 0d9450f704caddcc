"""Who may open which route. Every view says so; an application with a view that does not say so will not start.

A view carries its policy by the decorator, below the route:

    @bp.get("/ward")
    @policy(READ)
    def ward() -> str: ...

`@policy(BOOK)` names the roles let in, `@policy(anonymous=True)` lets everybody in, `@policy(READ, api=True)` also
accepts bearer tokens (routes below /api/ always do). Everything else is refused before the view runs: 401 without
an account (pages go to the sign-in page and come back), 403 with the wrong role. `g.actor` is then the caller.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, g, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException

from models.account import ROLES
from scheduler.errors import NotAllowed, SetupError
from web.accounts.identity import Visitor, identify
from web.errors import SignInNeeded
from web.security import check_csrf, check_readable
from web.site import is_api

View = TypeVar("View", bound=Callable[..., Any])

READ = frozenset(ROLES)
"""Everybody with an account reads."""
BOOK = frozenset({"nurse", "administrator"})
"""Find, hold, book, reschedule, cancel; add patients."""
MARK = frozenset({"nurse", "physician", "recorder", "administrator"})
"""Write down milestones."""
WARD = frozenset({"nurse", "manager", "administrator"})
"""Admit, transfer, discharge, extend."""
ROSTER = frozenset({"nurse", "manager", "administrator"})
"""Keep the roster: the desk hears first that somebody is ill, and every entry names who wrote it (docs/web.md)."""
MANAGE = frozenset({"manager", "administrator"})
"""See the department in figures."""
MERGE = frozenset({"administrator"})
"""Let one patient's record go into another, and take that back. Managers read no names, so they cannot judge it."""
FEED = frozenset({"nurse", "physician", "manager", "administrator"})
"""Make a calendar subscription."""

OVERSEE = frozenset({"manager", "administrator"})
"""Look into the administration."""
ADMINISTER = frozenset({"administrator"})
"""Publish protocols, change licences and accounts."""

BUILT_IN = {"static", "openapi.spec"}
"""Views of the framework, which carry no decorator: files of the front end and the public API description."""


@dataclass(frozen=True, slots=True)
class Policy:
    roles: frozenset[str] = frozenset()
    anonymous: bool = False
    api: bool = False


PUBLIC = Policy(anonymous=True)


def policy(roles: Iterable[str] = (), *, anonymous: bool = False, api: bool = False) -> Callable[[View], View]:
    """Declare who may call a view. Unknown roles, or neither roles nor `anonymous`, are a programming error."""
    declared = Policy(frozenset(roles), anonymous, api)
    if not declared.roles <= READ or not (declared.roles or anonymous):
        raise ValueError(f"a policy needs known roles or anonymous=True: {declared}")

    def declare(view: View) -> View:
        view.__policy__ = declared  # type: ignore[attr-defined]
        return view

    return declare


def install(app: Flask) -> None:
    app.before_request(enforce)


def verify(app: Flask) -> None:
    """Refuse to start with a view that declares nothing. Raises SetupError("undeclared-route")."""
    for rule in app.url_map.iter_rules():
        if policy_of(app, rule.endpoint) is None:
            raise SetupError("undeclared-route", route=rule.rule, endpoint=rule.endpoint)


def policy_of(app: Flask, endpoint: str) -> Policy | None:
    """Return what an endpoint declares, or None."""
    if endpoint in BUILT_IN or endpoint.endswith(".static"):
        return PUBLIC
    return getattr(app.view_functions.get(endpoint), "__policy__", None)


def enforce() -> None:
    """Find out who calls, and refuse whom the view does not name. Runs before every view."""
    g.visitor, g.actor, g.expired = None, None, False
    if request.endpoint in BUILT_IN:
        return
    if request.routing_exception is not None:
        _know_reader()
        return
    declared = policy_of(current_app, request.endpoint or "")
    if declared is None:
        raise NotAllowed(right="undeclared-route")
    _admit(declared, identify(accept_tokens=declared.api or is_api(request.path)))


def _know_reader() -> None:
    """An address that does not exist is answered with the reader's own menu and language."""
    if not is_api(request.path):
        visitor = identify(accept_tokens=False)
        g.visitor, g.actor = visitor, visitor.actor if visitor else None


def _admit(declared: Policy, visitor: Visitor | None) -> None:
    g.visitor, g.actor = visitor, visitor.actor if visitor else None
    if declared.anonymous:
        check_readable()
        check_csrf()
        return
    if visitor is None:
        raise SignInNeeded("session-ended" if g.expired else "sign-in-needed")
    if visitor.actor.role not in declared.roles:
        raise NotAllowed(right=request.endpoint, role=visitor.actor.role)
    check_readable()
    check_csrf()


def may(roles: Iterable[str]) -> bool:
    """Tell whether the caller has one of these roles (in templates: `may(rights.BOOK)`)."""
    return g.get("actor") is not None and g.actor.role in roles


def may_open(path: str) -> bool:
    """Tell whether a page exists and the caller may open it, so that no menu leads to a refusal."""
    try:
        endpoint, _ = request_ctx.url_adapter.match(path, method="GET")  # type: ignore[union-attr]
    except HTTPException:
        return False
    declared = policy_of(current_app, endpoint)
    return declared is not None and (declared.anonymous or may(declared.roles))
