"""Patients. Each also has a resource row, so that the guard keeps a patient from being in two places."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Key, PublicId
from models.resource import Resource


class Patient(Base):
    __tablename__ = "patient"

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"), unique=True)
    record_number: Mapped[str] = mapped_column(unique=True)
    """病案号: the hospital's number of the patient's record."""
    name: Mapped[str] = mapped_column(index=True)
    pinyin: Mapped[str] = mapped_column(index=True, default="")
    """Lower-case syllables without spaces; readings of a surname separated by a blank."""
    initials: Mapped[str] = mapped_column(index=True, default="")
    sex: Mapped[str]
    """FHIR administrative gender: male, female, other, unknown."""
    birth_date: Mapped[date]
    phone: Mapped[str | None]
    phone_tail: Mapped[str | None] = mapped_column(index=True)
    """The last four digits, for the nurse on the telephone."""
    flags: Mapped[list[Any]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    resource: Mapped[Resource] = relationship()
