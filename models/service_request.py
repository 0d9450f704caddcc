"""Service requests: who waits for what, until when, with which wishes. FHIR calls the waiting list's entries so."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.appointment import Appointment
from models.base import Base, Key, PublicId, index_where
from models.patient import Patient

REQUEST_STATUSES = ("active", "on-hold", "completed", "revoked")
"""FHIR's. active: waits; on-hold: a place is held for it; completed: booked; revoked: taken back with a reason."""

WAITING = "service_request.status IN ('active', 'on-hold')"
"""Those that wait, few among those of years; a query that names it word for word uses their index."""


class ServiceRequest(Base):
    """One wish of a clinic: this patient needs this procedure, by this day."""

    __tablename__ = "service_request"
    __table_args__ = (
        Index(
            "ix_service_request_waiting",
            "due",
            "urgency",
            "id",
            **index_where(WAITING.removeprefix("service_request.")),
        ),
    )

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str]
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    protocol: Mapped[str]
    """The procedure's code; its version is that of the day it is booked for."""
    options: Mapped[dict[str, Any]]
    urgency: Mapped[str]
    due: Mapped[date]
    """The local day by which it should have happened."""
    earliest: Mapped[date | None]
    latest: Mapped[date | None]
    """Local days within which it may happen at all."""
    wishes: Mapped[dict[str, Any]]
    """{pick: {role: resource}, must: [role], after: "HH:MM", before: "HH:MM"}; what is not wished is left out."""
    note: Mapped[str | None]
    appointment_id: Mapped[int | None] = mapped_column(ForeignKey("appointment.id"), index=True)
    """The last appointment it became; a cancelled one leaves it active."""
    revoke_reason: Mapped[str | None]
    requested_at: Mapped[datetime]
    requested_by: Mapped[str]
    updated_at: Mapped[datetime]
    patient: Mapped[Patient] = relationship()
    appointment: Mapped[Appointment | None] = relationship()
