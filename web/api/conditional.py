"""Versions over HTTP (RFC 9110 §13): the ETag of an answer is its version, If-Match names the version one has read."""

import re
from typing import Annotated, Any

from flask import Response, jsonify, request
from pydantic import ConfigDict, Field

from scheduler.errors import DomainError, Invalid
from web.api.wire import Headers

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"', re.ASCII)


class PreconditionMissing(DomainError):
    """A change must name the version it was decided on (428)."""

    code = "if-match-missing"


PATTERN: dict[str, Any] = {"type": "string", "pattern": r'^(W/)?"[0-9]{1,9}"$'}
"""Documented here and judged by `version_asked`, which knows a missing version from a malformed one."""


def _required(schema: dict[str, Any]) -> None:
    """Document the header as required, although its absence has an answer of its own (428, not 422)."""
    schema["required"] = ["If-Match"]


class IfMatch(Headers):
    """The version that was read, as its ETag."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, json_schema_extra=_required)

    if_match: Annotated[Any, Field(alias="If-Match", json_schema_extra=PATTERN)] = None


def version_asked() -> int:
    """Return the version in If-Match. A `*` is no version, so it counts as missing.

    Weak tags are taken too: a proxy that compresses weakens them. Raises PreconditionMissing, Invalid("bad-if-match").
    """
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        raise PreconditionMissing(header="If-Match")
    found = _ETAG.fullmatch(given)
    if found is None:
        raise Invalid("bad-if-match", value=given)
    return int(found[1])


def answer(body: dict[str, Any], *, status: int = 200, location: str | None = None) -> Response:
    """Return a JSON answer whose ETag is the body's version; a GET that already has it gets 304."""
    response = jsonify(body)
    response.status_code = status
    response.set_etag(str(body["version"]))
    if location is not None:
        response.headers["Location"] = location
    if request.method == "GET":
        response.make_conditional(request)
    return response
