"""What can be occupied: rooms, people, devices, places, beds, and each patient's own day."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Key

PERSON_KINDS = ("physician", "nurse", "recorder", "anaesthetist", "physicist", "radiographer")
RESOURCE_KINDS = ("room", "device", "place", "bed", *PERSON_KINDS)
"""Every kind a department file may name. The kind `patient` exists beside them for the guard alone."""


class Schedule(Base):
    """Weekly opening hours that several resources share."""

    __tablename__ = "schedule"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    observes_holidays: Mapped[bool] = mapped_column(default=True)
    """False: open by weekday alone, holidays and make-up days do not count (ward, imported rooms)."""
    sessions: Mapped[list["OpeningSession"]] = relationship(
        order_by="(OpeningSession.weekday, OpeningSession.start_minute)", cascade="all, delete-orphan"
    )


class OpeningSession(Base):
    """One open span of one weekday, in minutes after local midnight, half-open."""

    __tablename__ = "opening_session"

    id: Mapped[Key]
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id", ondelete="CASCADE"))
    weekday: Mapped[int]
    """0 is Monday. A make-up working day (调休) has the sessions of a Friday, the last ordinary working day."""
    start_minute: Mapped[int]
    end_minute: Mapped[int]


class Resource(Base):
    """Anything that one appointment at a time may occupy."""

    __tablename__ = "resource"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(index=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    attributes: Mapped[list[Any]] = mapped_column(default=list)
    bay: Mapped[str | None]
    title: Mapped[str | None]
    """A person's grade: professor, associate-professor, physician, nurse ..."""
    external: Mapped[bool] = mapped_column(default=False)
    """Owned by another department: a slot on it is requested and must be confirmed."""
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule.id"))
    ordinal: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    revision: Mapped[int] = mapped_column(default=0)
    """Rises in the transaction that changes anything planned on this resource; caches are keyed by it."""
    licences_digest: Mapped[str] = mapped_column(default="")
    """Of the licences that the files last gave; while theirs stay the same, what was edited since stands."""
    schedule: Mapped[Schedule | None] = relationship()
    privileges: Mapped[list["Privilege"]] = relationship(cascade="all, delete-orphan")


class Privilege(Base):
    """What a person may do: a procedure family up to a level (手术分级 1-4), between two dates."""

    __tablename__ = "privilege"

    id: Mapped[Key]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id", ondelete="CASCADE"), index=True)
    family: Mapped[str]
    level: Mapped[int]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    """The last day, inclusive."""


class Closure(Base):
    """Leave, closure or maintenance as it was recorded; it may overlap anything, bookings included."""

    __tablename__ = "closure"
    __table_args__ = (Index("ix_closure_resource_id_starts", "resource_id", "starts"),)

    id: Mapped[Key]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    kind: Mapped[str]
    """leave, closure or maintenance."""
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    reason: Mapped[str | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class CalendarDay(Base):
    """A day that is not what its weekday says: a public holiday off, or a make-up day worked."""

    __tablename__ = "calendar_day"
    __table_args__ = (UniqueConstraint("date"),)

    id: Mapped[Key]
    date: Mapped[date]
    kind: Mapped[str]
    """off or work."""
    name_zh: Mapped[str]
    name_en: Mapped[str]
    source: Mapped[str]
    """official: from the State Council's list; statutory: fixed days of a year whose list is not out yet."""
