"""Two transactions that cross: the second waits for what the first has locked, and goes on once that commits."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.database import Database
from tests.conftest import NOW

Work = Callable[[Session], Any]

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def crossing(db: Database, first: Work, second: Work) -> Future[Any]:
    """Do both and return how the second ended. SQLite has one writer, so there the second has read nothing by then."""

    def both(session: Session, _: datetime) -> Future[Any]:
        first(session)
        session.flush()
        late = pool.submit(db.transact, lambda other, _: second(other), now=NOW)
        if not db.is_sqlite:
            _wait(session)
        return late

    with ThreadPoolExecutor(1) as pool:
        return db.transact(both, now=NOW)


def _wait(session: Session) -> None:
    for _ in range(100):
        session.execute(text("SELECT pg_stat_clear_snapshot()"))  # what was seen once in a transaction stays so
        if session.execute(_WAITING).scalar_one():
            return
        time.sleep(0.02)
    raise AssertionError("the second never waited for the first")
