"""Ward stays as they are lived: encounters, and which bed each one lies in (the second guarded table)."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.appointment import Appointment
from models.base import Base, Key, PublicId, index_where
from models.patient import Patient
from models.resource import Resource

BED_STAY_STATUSES = ("active", "entered-in-error")


class Encounter(Base):
    """A patient's stay on the ward, from admission to discharge (FHIR Encounter, class IMP)."""

    __tablename__ = "encounter"
    __table_args__ = (Index("ix_encounter_lodging", "admitted_at", **index_where("lodger_ward IS NOT NULL")),)

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(index=True)
    """in-progress, finished or entered-in-error."""
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    appointment_id: Mapped[int | None] = mapped_column(ForeignKey("appointment.id"))
    admitted_at: Mapped[datetime]
    discharged_at: Mapped[datetime | None]
    expected_end: Mapped[datetime]
    """The estimate of when an open stay ends; time pushes it on."""
    lodger_ward: Mapped[str | None]
    """Set: a lodger on another ward, by its name, in none of our beds until a bed stay begins here."""
    patient: Mapped[Patient] = relationship()
    appointment: Mapped[Appointment | None] = relationship()
    stays: Mapped[list["BedStay"]] = relationship(order_by="BedStay.starts", back_populates="encounter")


class BedStay(Base):
    """A fact: this encounter lay in this bed over [starts, ends). Two can never share a bed.

    An open stay ends at FAR_FUTURE, so that the guard keeps everybody else out until it is closed.
    """

    __tablename__ = "bed_stay"
    __table_args__ = (
        CheckConstraint("starts < ends", name="span"),
        Index("ix_bed_stay_resource_id_starts_ends", "resource_id", "starts", "ends"),
    )

    id: Mapped[Key]
    encounter_id: Mapped[int] = mapped_column(ForeignKey("encounter.id"), index=True)
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    status: Mapped[str] = mapped_column(default="active")
    encounter: Mapped[Encounter] = relationship(back_populates="stays")
    resource: Mapped[Resource] = relationship()
