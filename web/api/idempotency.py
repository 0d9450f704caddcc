"""The Idempotency-Key header: a request that carries one happens once, and a repeat gets the same answer."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from flask import g, request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from scheduler.errors import Invalid
from scheduler.idempotency import Key, once
from web.api.wire import Headers
from web.site import site

LONGEST_KEY = 200


class IdempotencyKey(Headers):
    """A text of the client's own choice, kept for 72 hours."""

    idempotency_key: Annotated[
        Any,
        Field(
            alias="Idempotency-Key",
            json_schema_extra={"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": LONGEST_KEY},
        ),
    ] = None


def written_once(asked: BaseModel, work: Callable[[Session, datetime], dict[str, Any]]) -> dict[str, Any]:
    """Run `work(session, now)` in one transaction and return its answer, or the one stored under this key.

    Raises Invalid("bad-idempotency-key" | "idempotency-key-reused") and what work raises.
    """
    key, actor = _key(asked), g.actor

    def all_of_it(session: Session, now: datetime) -> dict[str, Any]:
        return once(session, key, lambda: work(session, now), actor=actor, now=now)

    return site().transact(all_of_it)


def _key(asked: BaseModel) -> Key | None:
    value = request.headers.get("Idempotency-Key")
    if value is None:
        return None
    if not 1 <= len(value) <= LONGEST_KEY or not all("!" <= sign <= "~" for sign in value):
        raise Invalid("bad-idempotency-key", limit=LONGEST_KEY)
    return Key.of(value, [request.method, request.path, asked.model_dump(mode="json")])
