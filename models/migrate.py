"""Bring a database to the newest schema, with its guards, under one lock; say which migration it is at."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from models import guard
from models.database import Database, DatabaseProblem

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
MIGRATION_LOCK = 7_203_114
"""A PostgreSQL advisory lock: several hosts that start together migrate one after the other."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the newest migration this code knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None, "migrations/versions is empty"
    return newest


def current(connection: Connection) -> str | None:
    """Return the migration a database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(db: Database) -> None:
    """Migrate to head and install the guards, all in one transaction; then try the guards.

    Raises DatabaseProblem("newer-schema") when the database was migrated by newer code, guard.GuardMissing.
    """
    writer = db.engine.execution_options(needlepoint_write=True)
    with db.turn(), writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        at = current(connection)
        if at is not None and at not in _known():
            raise DatabaseProblem("newer-schema", at)
        if at != head():
            command.upgrade(_config(connection), "head")
            guard.install(connection)
        guard.self_check(connection)


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
