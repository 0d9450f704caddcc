"""Hear what is asked of a database: no more for a full day than for an empty one, and nothing by reading all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from models.database import Database


@contextmanager
def asked(db: Database, *kinds: str) -> Iterator[list[str]]:
    """Collect the statements that the block sends: those that begin with one of `kinds`, SELECT unless told."""
    found: list[str] = []
    with _heard(db, lambda _, statement, __: found.append(statement), kinds or ("SELECT",)):
        yield found


@contextmanager
def planned(db: Database) -> Iterator[list[tuple[str, str]]]:
    """Collect each SELECT that the block sends, with how the database goes about it.

    PostgreSQL is kept from reading the whole of a table where it has any other way: a test's tables are so small that
    it would.
    """
    found: list[tuple[str, str]] = []

    def explain(cursor: Any, statement: str, parameters: Any) -> None:
        if not db.is_sqlite:
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(("EXPLAIN QUERY PLAN " if db.is_sqlite else "EXPLAIN ") + statement, parameters)
        found.append((statement, " ".join(str(row[-1]) for row in cursor.fetchall())))

    with _heard(db, explain, ("SELECT",)):
        yield found


@contextmanager
def _heard(db: Database, told: Callable[[Any, str, Any], object], kinds: tuple[str, ...]) -> Iterator[None]:
    def hear(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.startswith(kinds):
            told(cursor, statement, parameters)

    event.listen(db.engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", hear)
