"""Closures and maintenance to come, with what is booked inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, func, select, type_coerce
from sqlalchemy.orm import Session, joinedload

from models import ACTIVE_STATUSES, Appointment, Closure, Resource, Slot, Step
from scheduler import closures
from scheduler.taken import LONGEST_SLOT

LEAVE = "leave"
"""Kept in the roster, where it is seen beside the duties."""

MOST = 100
"""Records shown, the soonest."""

REACH = int(LONGEST_SLOT.total_seconds())
"""No slot begins longer before what it overlaps; a bounded look-up uses the index."""


@dataclass(frozen=True, slots=True)
class Coming:
    """A closure that is not over, with how many bookings stand inside."""

    row: Closure
    resource: Resource
    inside: int


@dataclass(frozen=True, slots=True)
class Inside:
    """A closure and the bookings that stand inside it."""

    row: Closure
    resource: Resource
    booked: Sequence[Appointment]


def coming(session: Session, now: datetime) -> list[Coming]:
    """Return the closures that are not over, the soonest first."""
    booked = (
        select(func.count(func.distinct(Step.appointment_id)))
        .select_from(Slot)
        .join(Step, Step.id == Slot.step_id)
        .where(
            Slot.resource_id == Closure.resource_id,
            Slot.status.in_(ACTIVE_STATUSES),
            Slot.starts < Closure.ends,
            Slot.ends > Closure.starts,
            type_coerce(Slot.starts, BigInteger) > type_coerce(Closure.starts, BigInteger) - REACH,
        )
        .correlate(Closure)
        .scalar_subquery()
    )
    query = (
        select(Closure, Resource, booked)
        .join(Resource, Resource.id == Closure.resource_id)
        .where(Closure.ends > now, Closure.kind != LEAVE)
        .order_by(Closure.starts, Resource.ordinal)
        .limit(MOST)
    )
    return [Coming(row, resource, count) for row, resource, count in session.execute(query)]


def inside(session: Session, asked: str) -> Inside | None:
    """Return the closure whose number stands in the address, with what is booked inside."""
    row = session.get(Closure, int(asked)) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else None
    if row is None:
        return None
    ids = closures.bookings_inside(session, row)
    query = (
        select(Appointment)
        .where(Appointment.public_id.in_(ids))
        .options(
            joinedload(Appointment.patient), joinedload(Appointment.protocol_version), joinedload(Appointment.steps)
        )
    )
    booked = sorted(session.scalars(query).unique(), key=lambda each: ids.index(each.public_id))
    return Inside(row, session.get_one(Resource, row.resource_id), booked)
