"""Alembic's entry: migrations run on the connection that models.migrate hands in."""

from typing import Any

from alembic import context

from models import Base, Instant

connection = context.config.attributes["connection"]


def render_item(kind: str, item: Any, autogen: Any) -> str | bool:
    """Write an instant as what it is in the database, so that a migration never depends on today's models."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Instant) else False


context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, render_item=render_item)
with context.begin_transaction():
    context.run_migrations()
