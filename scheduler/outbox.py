"""The outbox: what must be told outside, committed together with the change it tells of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from models import Outbox

_APPEND = Outbox.__table__.insert()  # type: ignore[attr-defined]
"""Built once: every change passes here."""


def append(session: Session, *, topic: str, dedupe_key: str, payload: Mapping[str, Any], now: datetime) -> None:
    """Queue one message. `dedupe_key` is unique: the same change is never told twice under two identities."""
    row = {"topic": topic, "dedupe_key": dedupe_key, "payload": dict(payload), "created_at": now, "attempts": 0}
    session.execute(_APPEND, row)
