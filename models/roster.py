"""The duty roster: what a person does on a day beyond the weekly sessions of their schedule."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key

DUTY_KINDS = ("on-call", "late", "morning", "afternoon")
"""on-call runs from the end of the day's work to the next morning, all day long where nobody works; late stays until
the day's list is done; morning and afternoon say where somebody works then, or that they come in on a day off."""


class Duty(Base):
    """One duty of one person on one local day. It opens nothing: what can be booked is the schedule less the leave."""

    __tablename__ = "duty"
    __table_args__ = (UniqueConstraint("resource_id", "date", "kind"), Index("ix_duty_date", "date"))

    id: Mapped[Key]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id", ondelete="CASCADE"))
    date: Mapped[date]
    kind: Mapped[str]
    place: Mapped[str | None]
    """A resource's code, or words of the department's own."""
    note: Mapped[str | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
