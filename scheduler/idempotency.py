"""A request that carries a key happens once: its answer is stored with its effect and given again."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import IdempotencyKey
from scheduler.actor import Actor
from scheduler.errors import Invalid

KEPT = timedelta(hours=72)
"""How long an answer is kept (DESIGN §3a.11)."""


@dataclass(frozen=True, slots=True)
class Key:
    """What the client calls its request, and a digest of what it asked."""

    value: str
    request_digest: str

    @classmethod
    def of(cls, value: str, request: Any) -> "Key":
        text = json.dumps(request, sort_keys=True, ensure_ascii=False, default=str)
        return cls(value, hashlib.sha256(text.encode()).hexdigest())


def once(
    session: Session, key: Key | None, work: Callable[[], dict[str, Any]], *, actor: Actor, now: datetime
) -> dict[str, Any]:
    """Return work()'s answer, or the stored one when this actor's key was used before.

    The key's row is inserted first: a second request with the same key waits here for the first one's commit.
    Raises Invalid("idempotency-key-reused") when the key came with a different request.
    """
    if key is None:
        return work()
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    claim = dialect.insert(IdempotencyKey).values(
        actor=actor.id, key=key.value, request_digest=key.request_digest, response={}, created_at=now
    )
    mine = session.execute(claim.on_conflict_do_nothing().returning(IdempotencyKey.id)).scalar()
    if mine is None:
        return _stored(session, key, actor)
    answer = work()
    session.execute(update(IdempotencyKey).where(IdempotencyKey.id == mine).values(response=answer))
    return answer


def _stored(session: Session, key: Key, actor: Actor) -> dict[str, Any]:
    row = session.execute(
        select(IdempotencyKey.request_digest, IdempotencyKey.response).where(
            IdempotencyKey.actor == actor.id, IdempotencyKey.key == key.value
        )
    ).one()
    if row.request_digest != key.request_digest:
        raise Invalid("idempotency-key-reused", key=key.value)
    return row.response


def forget_old(session: Session, *, now: datetime) -> int:
    """Drop keys older than 72 hours; return how many."""
    old = delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT).returning(IdempotencyKey.id)
    return len(session.execute(old).all())
