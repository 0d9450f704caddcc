"""Count what is asked of a database, to show that a page asks no more for a full day than for an empty one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from models.database import Database


@contextmanager
def asked(db: Database, *kinds: str) -> Iterator[list[str]]:
    """Collect the statements that the block sends: those that begin with one of `kinds`, SELECT unless told."""
    found: list[str] = []

    def hear(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(kinds or "SELECT"):
            found.append(statement)

    event.listen(db.engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", hear)
