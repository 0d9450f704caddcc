"""The outbox: what must be told outside, committed together with the change it tells of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from models import Outbox


def append(session: Session, *, topic: str, dedupe_key: str, payload: Mapping[str, Any], now: datetime) -> None:
    """Queue one message. `dedupe_key` is unique: the same change is never told twice under two identities."""
    session.execute(
        insert(Outbox).values(topic=topic, dedupe_key=dedupe_key, payload=dict(payload), created_at=now, attempts=0)
    )
