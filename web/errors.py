"""Refusals in words: RFC 9457 problem+json for the API, a translated fragment or page for people.

The kinds of scheduler/errors.py come in as facts; the table of web/error_codes.py says them in the reader's
language. Nothing here decides anything.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from apiflask import HTTPError
from flask import Flask, Response, g, json, make_response, render_template, request
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError

from models import NaiveInstant, Resource
from models.database import DatabaseProblem
from scheduler.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound, SetupError, StaleVersion
from web import i18n, words
from web.error_codes import CODES, Words
from web.security import csrf_token
from web.site import is_api, site

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
INSTANTS = frozenset(
    {
        "starts",
        "ends",
        "since",
        "until",
        "expected_starts",
        "expected_ends",
        "first",
        "last",
        "at",
        "other_at",
        "hold_until",
        "answer_by",
        "earliest",
        "latest",
        "expected_end",
    }
)
"""Facts that are instants when they are whole numbers: the engine's epoch seconds."""

STATUS_OF_KIND = {Invalid: 422, NotFound: 404, Conflict: 409, StaleVersion: 412, NotAllowed: 403, SetupError: 500}
CODE_OF_STATUS = {
    400: "bad-request",
    401: "sign-in-needed",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    412: "stale-version",
    413: "too-large",
    415: "unsupported-media-type",
    422: "validation",
    428: "if-match-missing",
    429: "too-many-requests",
    503: "service-unavailable",
}
RETRY_SECONDS = 5
WORDS_OF: dict[str, Callable[[str], str]] = {
    "role": words.role,
    "other_role": words.role,
    "status": words.status,
    "needed": words.kind,
    "sex": words.sex,
    "kind": lambda code: words.milestone(code) if code in words.MILESTONES else words.kind(code),
    "other": words.milestone,
    "family": words.family,
    "flag": words.flag,
    "field": words.field,
    "unit": lambda code: gettext("days") if code == "days" else gettext("minutes"),
}
"""Facts that are codes, and where their words are."""


class SignInNeeded(DomainError):
    """Nobody is signed in, or no longer (401)."""

    code = "sign-in-needed"


class Unavailable(DomainError):
    """The database does not answer (503)."""

    code = "service-unavailable"


def install(app: Flask) -> None:
    """Register every handler and the template function `say`."""
    app.register_error_handler(DomainError, refuse)
    app.register_error_handler(HTTPError, _framework)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(NaiveInstant, lambda error: refuse(Invalid("naive-time", field=str(error))))
    app.register_error_handler(SQLAlchemyError, _database)
    app.register_error_handler(DatabaseProblem, _database)
    app.register_error_handler(Exception, _unexpected)
    app.jinja_env.globals.update(say=sentence, say_title=title)


# --- Words.


def status_of(error: DomainError) -> int:
    """Return the HTTP status of a refusal: by its code, else by its kind, else 409."""
    said = CODES.get(error.code)
    if said is not None and said.status is not None:
        return said.status
    return next((status for kind, status in STATUS_OF_KIND.items() if isinstance(error, kind)), 409)


def title(code: str) -> str:
    """Return a code's short name in the reader's language."""
    return gettext(_words(code).title)


def sentence(code: str, facts: Mapping[str, Any] | None = None) -> str:
    """Return what a code says about these facts, in the reader's language."""
    return gettext(_words(code).detail) % defaultdict(lambda: "–", spoken(facts or {}))


def terminal_line(error: DomainError) -> str:
    """Return a refusal as one English line for the terminal; needs no application."""
    said = CODES.get(error.code)
    if said is None:
        return str(error)
    facts = {name: _plainly(value) for name, value in error.facts.items()}
    if {"starts", "ends"} <= facts.keys():
        facts["span"] = f"{facts['starts']} to {facts['ends']}"
    return f"{said.title}: {said.detail % defaultdict(lambda: '–', facts)}"


def _plainly(value: Any) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str(value)


def _words(code: str) -> Words:
    return CODES.get(code, CODES["refused"])


def spoken(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return facts as words: instants on the department's clock, codes by their names; `span` and `who` are added."""
    said = {name: _say(name, value) for name, value in facts.items() if value is not None}
    if {"starts", "ends"} <= facts.keys():
        said["span"] = said["taken"] = _span(facts["starts"], facts["ends"])
    if {"since", "until"} <= facts.keys():
        # Who is in the way is there at other times than those asked for.
        said["taken"] = _span(facts["since"], facts["until"])
    if {"expected_starts", "expected_ends"} <= facts.keys():
        said["expected"] = _span(facts["expected_starts"], facts["expected_ends"])
    said["who"] = said.get("resource") or said.get("role") or said.get("step", "–")
    return said


def _say(name: str, value: Any) -> str:
    if _is_instant(name, value):
        return i18n.moment(value)
    if isinstance(value, date):
        return i18n.daylabel(value)
    if name in ("resource", "bed") and isinstance(value, str):
        return resource_name(value)
    if name in WORDS_OF:
        return WORDS_OF[name](str(value))
    if isinstance(value, list | tuple):
        return ", ".join(words.attribute(str(each)) if name == "attributes" else str(each) for each in value)
    return str(value)


def _is_instant(name: str, value: Any) -> bool:
    if isinstance(value, datetime):
        return True
    return name in INSTANTS and isinstance(value, int) and not isinstance(value, bool)


def _span(starts: Any, ends: Any) -> str:
    if not (_is_instant("starts", starts) and _is_instant("ends", ends)):
        return f"{starts}–{ends}"
    same_day = i18n.isoday(starts) == i18n.isoday(ends)
    return f"{i18n.moment(starts)}–{i18n.clock(ends) if same_day else i18n.moment(ends)}"


def resource_name(code: str) -> str:
    """Return a resource's name in the reader's language; its code when it has none or the database is away."""
    if "resource_names" not in g:
        g.resource_names = {}
    if code not in g.resource_names:
        g.resource_names[code] = _look_up(code)
    name = g.resource_names[code]
    return (i18n.localname(name) or code) if name else code


def _look_up(code: str) -> dict[str, str] | None:
    if code.startswith("patient:"):
        return None
    try:
        with site().read() as session:
            query = select(Resource.name_zh, Resource.name_en).where(Resource.code == code)
            row = session.execute(query).first()
    except (SQLAlchemyError, DatabaseProblem):
        return None
    return dict(row._mapping) if row else None


# --- Answers.


def refuse(error: DomainError) -> Response:
    """Answer a request with a refusal, as its caller reads it."""
    status = status_of(error)
    if wants_problem():
        response = problem_response(error)
    elif request.headers.get("HX-Request"):
        response = _fragment(error, status)
    else:
        response = _page(error, status)
    retry_after(response, error, status)
    if error.code == "csrf":
        # The page's token is of an older session: give it the present one, so that sending again works.
        response.headers["HX-Trigger"] = json.dumps({"np:csrf": csrf_token()})
    return response


def wants_problem() -> bool:
    return is_api(request.path)


def problem(error: DomainError) -> dict[str, Any]:
    """Return a refusal as RFC 9457 members; facts are members of their own, instants RFC 3339."""
    facts = {name: _json(name, value) for name, value in error.facts.items()}
    return facts | {
        "type": f"/docs/errors#{error.code}",
        "title": title(error.code),
        "status": status_of(error),
        "detail": sentence(error.code, error.facts),
        "code": error.code,
        "request_id": g.get("request_id"),
    }


def problem_response(error: DomainError) -> Response:
    response = make_response(json.dumps(problem(error)), status_of(error))
    response.mimetype = PROBLEM
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="needlepoint"'
    return response


def _json(name: str, value: Any) -> Any:
    if _is_instant(name, value):
        return i18n.rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        members = {str(key): _json(str(key), each) for key, each in value.items()}
        code = value.get("code")
        return members | {"detail": sentence(code, value)} if name == "violations" and code in CODES else members
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(name, each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _fragment(error: DomainError, status: int) -> Response:
    signed_out = status == HTTPStatus.UNAUTHORIZED
    name = "partials/sign_in_here.html" if signed_out else "partials/refusal.html"
    response = make_response(render_template(name, error=error), status)
    if signed_out:
        # The form that was sent stays as it is; the panel opens above it.
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#sign-in-here", "innerHTML"
    return response


def _page(error: DomainError, status: int) -> Response:
    if status == HTTPStatus.UNAUTHORIZED:
        return _to_sign_in(error)
    return make_response(render_template("error.html", error=error, status=status), status)


def _to_sign_in(error: DomainError) -> Response:
    if request.method not in ("GET", "HEAD"):
        kept = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
        page = render_template("login.html", refusal=error, next=request.full_path, kept=kept)
        return make_response(page, HTTPStatus.UNAUTHORIZED)
    where = "" if request.path == "/" else f"?next={quote(request.full_path.rstrip('?'))}"
    response = make_response("", HTTPStatus.FOUND)
    response.headers["Location"] = f"/login{where}"
    return response


def retry_after(response: Response, error: DomainError, status: int) -> None:
    """Say when another try makes sense, on 429 and 503."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = str(max(int(error.facts.get("seconds", RETRY_SECONDS)), 1))


# --- What is not ours.


def _framework(error: HTTPError) -> Response:
    """APIFlask's own refusals: input that its schema does not take, and aborts."""
    return refuse(DomainError(CODE_OF_STATUS.get(error.status_code, "bad-request"), **_entries(error.detail)))


def _entries(detail: Any) -> dict[str, Any]:
    """Turn {location: {field: [messages]}} into RFC 9457's usual `errors` list."""
    if not isinstance(detail, Mapping) or not detail:
        return {}
    fields = ((place, each) for place, each in detail.items() if isinstance(each, Mapping))
    errors = [
        {"location": place, "field": field, "message": message}
        for place, each in fields
        for field, messages in each.items()
        for message in (messages if isinstance(messages, list) else [messages])
    ]
    return {"errors": errors}


def _http(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return make_response(error.get_response())
    if isinstance(error, SecurityError):
        # No address can be built for a host that is not ours, so no page either.
        return Response(f"{title('untrusted-host')}\n", error.code, mimetype="text/plain")
    code = CODE_OF_STATUS.get(error.code, "bad-request")
    if error.code >= 500:
        code = "service-unavailable" if error.code == HTTPStatus.SERVICE_UNAVAILABLE else "internal"
    if code == "bad-request" and is_api(request.path) and request.method not in ("GET", "HEAD"):
        code = "malformed"
    response = refuse(DomainError(code))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _database(error: Exception) -> Response:
    away = isinstance(error, DatabaseProblem | PoolTimeout) or (
        isinstance(error, DBAPIError) and (error.connection_invalidated or type(error).__name__ in AWAY)
    )
    if not away:
        return _unexpected(error)
    log.warning("database away: %s", type(error).__name__)
    return refuse(Unavailable())


AWAY = ("OperationalError", "InterfaceError")


def _unexpected(error: Exception) -> Response:
    log.exception("request %s failed", g.get("request_id"), exc_info=error)
    return refuse(DomainError("internal", request_id=g.get("request_id")))
