"""The declarative base every table shares: naming convention, column types by annotation, public ids."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Date, Integer, MetaData, String, text
from sqlalchemy.orm import DeclarativeBase, mapped_column

from models.types import Instant

Key = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
"""A database key: 64 bits, never shown outside."""

PublicId = Annotated[str, mapped_column(String(36), unique=True, default=lambda: str(uuid.uuid4()))]
"""A random UUID: the only identifier of a row that leaves the database."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        int: BigInteger,
        str: String(),
        date: Date,
        datetime: Instant,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


def index_where(condition: str) -> dict[str, Any]:
    """Keep an index to the few rows that a condition (SQL) holds for; a query that names it word for word uses it."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
