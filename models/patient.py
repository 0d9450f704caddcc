"""Patients. Each also has a resource row, so that the guard keeps a patient from being in two places."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Key, PublicId
from models.resource import Resource


class Patient(Base):
    __tablename__ = "patient"
    __table_args__ = (Index("ix_patient_birth_date_pinyin", "birth_date", "pinyin"),)

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"), unique=True)
    record_number: Mapped[str] = mapped_column(unique=True)
    """病案号: the hospital's number of the patient's record."""
    name: Mapped[str]
    pinyin: Mapped[str] = mapped_column(default="")
    """Lower-case syllables without spaces; readings of a name separated by a blank."""
    sex: Mapped[str]
    """FHIR administrative gender: male, female, other, unknown."""
    birth_date: Mapped[date]
    phone: Mapped[str | None]
    flags: Mapped[list[Any]] = mapped_column(default=list)
    """What must be minded: [{code, note?, until?, last_dose?}], days as ISO dates (scheduler/patients/flags.py)."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    """Set: this record is only a forwarding address to the record that stands for the same person."""
    merged: Mapped[dict[str, Any] | None]
    """What went over with the merge, so that it can be taken back: {appointments: [...], encounters: [...]}."""
    resource: Mapped[Resource] = relationship()
    merged_into: Mapped["Patient | None"] = relationship(remote_side="Patient.id")

    @property
    def phone_tail(self) -> str | None:
        """The last four digits, for the nurse on the telephone."""
        return self.phone[-4:] if self.phone else None


class PatientKey(Base):
    """One text whose beginning finds a patient (scheduler/patients/keys.py): derived, written with the record."""

    __tablename__ = "patient_key"
    __table_args__ = {"sqlite_with_rowid": False}

    key: Mapped[str] = mapped_column(String().with_variant(String(collation="C"), "postgresql"), primary_key=True)
    """In byte order on both databases, so that everything with one beginning lies side by side."""
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), primary_key=True, index=True)
