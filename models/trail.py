"""What must be remembered and what must be told: the audit chain, the outbox, the ledger of jobs."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key


class Audit(Base):
    """One link of the append-only, hash-chained trail; written last in the transaction it describes."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(index=True)
    role: Mapped[str]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[str] = mapped_column(index=True)
    patient: Mapped[str | None] = mapped_column(index=True)
    """The patient's public id, never a name."""
    outcome: Mapped[str]
    reason: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
    """What changed: {before, after} as codes and instants, without free text about the patient."""
    prev: Mapped[str]
    hash: Mapped[str]


class AuditHead(Base):
    """The one row that ends the chain. Its lock orders writers; `changed` tells pollers whether to look again."""

    __tablename__ = "audit_head"

    id: Mapped[Key]
    seq: Mapped[int]
    hash: Mapped[str]
    changed: Mapped[int]
    """The seq of the last link that changed anything a board, list or ward page shows."""


class Outbox(Base):
    """Something to tell the world, committed with the change it tells of."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("dedupe_key"),)

    id: Mapped[Key]
    topic: Mapped[str]
    dedupe_key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)


class JobRun(Base):
    """One run of one job in one slot of time; whoever inserts the row runs it."""

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job", "slot"),)

    id: Mapped[Key]
    job: Mapped[str]
    slot: Mapped[datetime]
    ran_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
