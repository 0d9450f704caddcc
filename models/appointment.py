"""The plan: appointments, their steps, the slots those steps occupy, and what truly happened (milestones)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Key, PublicId, index_where
from models.department import ProtocolVersion
from models.patient import Patient
from models.resource import Resource

ACTIVE_STATUSES = (
    "reserved",
    "pending",
    "booked",
    "arrived",
    "in-progress",
    "fulfilled",
    "blocked",
)
"""Slot statuses that the guard keeps apart. `blocked` is what leave and closures occupy."""

INACTIVE_STATUSES = ("proposed", "moving", "unplaced", "cancelled", "noshow", "entered-in-error")

MILESTONES = ("called", "in-room", "started", "ended", "out")


FEW_STATUSES = ("pending", "unplaced")
FEW = "status IN ('pending', 'unplaced')"
"""Steps that need somebody: few at any time among those of years, so they have an index of their own."""


class Appointment(Base):
    """One patient's booking of one protocol: one step or a whole pathway, all of it or nothing."""

    __tablename__ = "appointment"

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    version: Mapped[int] = mapped_column(default=1)
    """Rises with every change of the appointment or any of its steps; the ETag."""
    status: Mapped[str] = mapped_column(index=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    protocol_version_id: Mapped[int] = mapped_column(ForeignKey("protocol_version.id"))
    urgency: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What was chosen beside the protocol, with how often each counts: {"ga": 1}."""
    hold_until: Mapped[datetime | None]
    """When a hold (status pending) lapses; null for everything else."""
    source: Mapped[str] = mapped_column(default="needlepoint")
    """needlepoint, demonstration or import:<mapping>."""
    source_ref: Mapped[str | None]
    """The case's number in the log it was imported from."""
    fact_only: Mapped[bool] = mapped_column(default=False)
    """True: recorded as it happened although no plan could hold it; it has milestones and no slots."""
    override: Mapped[dict[str, Any] | None]
    """{rules: [...], reason, by, at}: soft rules that were set aside, kept for ever."""
    cancel_reason: Mapped[str | None]
    note: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    updated_at: Mapped[datetime]
    patient: Mapped[Patient] = relationship()
    protocol_version: Mapped[ProtocolVersion] = relationship()
    steps: Mapped[list["Step"]] = relationship(order_by="Step.ordinal", back_populates="appointment")
    __table_args__ = (
        UniqueConstraint("source", "source_ref"),
        Index("ix_appointment_hold_until", "hold_until"),
    )


class Step(Base):
    """One visit of a pathway: a span with its slots. Its public id is the UID of its calendar event."""

    __tablename__ = "step"
    __table_args__ = (Index("ix_step_few", "starts", **index_where(FEW)),)

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"), index=True)
    code: Mapped[str]
    ordinal: Mapped[int]
    status: Mapped[str]
    starts: Mapped[datetime] = mapped_column(index=True)
    """Planned start of set-up."""
    ends: Mapped[datetime]
    """Planned end of clean-up; recovery comes after it and is not in it."""
    use_by: Mapped[date | None]
    """The last local day of what was ordered for this visit (seeds); null where nothing was."""
    version: Mapped[int] = mapped_column(default=1)
    """Rises with any change of what a calendar event of this step says, siblings included."""
    sequence: Mapped[int] = mapped_column(default=0)
    """RFC 5545 SEQUENCE: rises when this step's own time, place, status or team changes."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    appointment: Mapped[Appointment] = relationship(back_populates="steps")
    slots: Mapped[list["Slot"]] = relationship(back_populates="step")
    milestones: Mapped[list["Milestone"]] = relationship(order_by="Milestone.at")


class Slot(Base):
    """Who is planned to be occupied when. The database refuses two active slots of one resource that overlap.

    Half-open [starts, ends) in whole epoch seconds. The guard (models/guard.py) stands on this table.
    """

    __tablename__ = "slot"
    __table_args__ = (
        CheckConstraint("starts < ends", name="span"),
        Index("ix_slot_resource_id_starts_ends", "resource_id", "starts", "ends"),
        Index("ix_slot_starts", "starts"),
        Index("ix_slot_asked", "ends", **index_where("confirmation IS NOT NULL")),
    )

    id: Mapped[Key]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    status: Mapped[str]
    kind: Mapped[str]
    """procedure (rooms, people, devices), bed (planned nights), patient (own day), closure (leave and closures)."""
    role: Mapped[str]
    """The need this slot fills: room, operator, bed, patient ... or the closure's kind."""
    step_id: Mapped[int | None] = mapped_column(ForeignKey("step.id"), index=True)
    closure_id: Mapped[int | None] = mapped_column(ForeignKey("closure.id", ondelete="CASCADE"), index=True)
    provisional: Mapped[bool] = mapped_column(default=False)
    """A bed more than bed_firm_days ahead: held by number, free to be re-packed."""
    confirmation: Mapped[str | None]
    """On external resources: requested, confirmed or declined."""
    answer_by: Mapped[datetime | None]
    resource: Mapped[Resource] = relationship()
    step: Mapped[Step | None] = relationship(back_populates="slots")


class Departure(Base):
    """A step that left a resource's list by being moved away: its feed shows it cancelled for 30 days."""

    __tablename__ = "departure"
    __table_args__ = (UniqueConstraint("resource_id", "step_id"),)

    id: Mapped[Key]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    step_id: Mapped[int] = mapped_column(ForeignKey("step.id"))
    left_at: Mapped[datetime] = mapped_column(index=True)
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    """Where the step stood when it left."""


class Milestone(Base):
    """A fact: when a patient was called, in the room, started, ended, out. Never refused for overlapping a plan."""

    __tablename__ = "milestone"
    __table_args__ = (UniqueConstraint("step_id", "kind"), Index("ix_milestone_resource_id_at", "resource_id", "at"))

    id: Mapped[Key]
    step_id: Mapped[int] = mapped_column(ForeignKey("step.id"))
    kind: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    """The room it happened in, which an imported fact without a slot has from nowhere else."""
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class IdempotencyKey(Base):
    """The stored answer to a request that must not happen twice (kept 72 hours)."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("actor", "key"),)

    id: Mapped[Key]
    actor: Mapped[str]
    key: Mapped[str]
    request_digest: Mapped[str]
    appointment_id: Mapped[int | None] = mapped_column(ForeignKey("appointment.id"))
    response: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(index=True)
