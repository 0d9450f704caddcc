"""The department itself and the procedure protocols in force."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key


class Department(Base):
    """The one department this database serves: its names, its zone and its planning parameters."""

    __tablename__ = "department"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    zone: Mapped[str] = mapped_column(default="Asia/Shanghai")
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """hold_minutes, bed_firm_days, admit_minute, discharge_minute ... (docs/protocols.md lists them)."""
    digest: Mapped[str] = mapped_column(default="")
    """Of the files last loaded, so that an unchanged department loads in no time."""
    revision: Mapped[int] = mapped_column(default=1)
    """Rises with any change of resources, privileges, schedules or calendar days; caches are keyed by it."""


class ProtocolVersion(Base):
    """One version of one procedure protocol; an appointment keeps the version it was booked under."""

    __tablename__ = "protocol_version"
    __table_args__ = (UniqueConstraint("code", "version"),)

    id: Mapped[Key]
    code: Mapped[str]
    version: Mapped[int]
    effective_from: Mapped[date]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    document: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    """The protocol as parsed from TOML; scheduler.engine.document.parse reads it back. Read when first looked at:
    a version never changes, so what it says is remembered by its digest."""
    digest: Mapped[str]
    published_at: Mapped[datetime]
    published_by: Mapped[str] = mapped_column(default="system")
    """The actor's id; `system` for a version that came from the files."""
    reason: Mapped[str | None]


class Demonstration(Base):
    """The marker of a database that holds demonstration data: what was asked for and how far it came."""

    __tablename__ = "demonstration"

    id: Mapped[Key]
    parameters: Mapped[dict[str, Any]]
    done: Mapped[list[Any]] = mapped_column(default=list)
    """ISO dates whose bookings are complete, in the order they were filled."""
    finished_at: Mapped[datetime | None]
