"""Read appointments, a page at a time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, tuple_
from sqlalchemy.orm import Session, aliased, selectinload

from models import Appointment, Milestone, Resource, Slot, Step, from_seconds
from scheduler import availability, patients
from scheduler.engine.grid import day_start
from scheduler.errors import NotFound
from scheduler.taken import LONGEST_STEP


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which appointments: every wish that is set must hold; day, practitioner and room for one and the same step."""

    day: date | None = None
    practitioner: str | None = None
    room: str | None = None
    patient: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the first step's start and the public id of its last appointment."""

    starts: datetime
    appointment: str


def page(session: Session, wanted: Wanted, *, after: Place | None, limit: int) -> list[Appointment]:
    """Return up to `limit` appointments by the start of their first step, whole, after a place in that order."""
    first = aliased(Step)
    query = (
        select(Appointment)
        .join(first, and_(first.appointment_id == Appointment.id, first.ordinal == 0))
        .options(
            selectinload(Appointment.patient),
            selectinload(Appointment.protocol_version),
            selectinload(Appointment.steps).selectinload(Step.slots).selectinload(Slot.resource),
            selectinload(Appointment.steps).selectinload(Step.milestones),
        )
        .order_by(first.starts, Appointment.public_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(first.starts, Appointment.public_id) > (after.starts, after.appointment))
    return list(session.scalars(_filtered(session, query, wanted)))


def first_start(appointment: Appointment) -> datetime:
    """Return the start by which `page` orders an appointment."""
    return next(step.starts for step in appointment.steps if step.ordinal == 0)


def _filtered(session: Session, query: Select[Appointment], wanted: Wanted) -> Select[Appointment]:
    if wanted.patient is not None:
        query = query.where(Appointment.patient_id == _owner(session, wanted.patient))
    if wanted.status is not None:
        query = query.where(Appointment.status == wanted.status)
    step = aliased(Step)
    conditions = list(_step_conditions(session, step, wanted))
    if conditions:
        query = query.where(exists().where(step.appointment_id == Appointment.id, *conditions))
    return query


def _owner(session: Session, public_id: str) -> int | None:
    """Return the key of whose bookings are meant: a merged record's are those of the one that stands for it."""
    try:
        return patients.by_public_id(session, public_id).id
    except NotFound:
        return None


def _step_conditions(session: Session, step: Any, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.day is not None:
        zone = availability.settings(session).zone
        starts = from_seconds(day_start(wanted.day, zone))
        ends = from_seconds(day_start(wanted.day + timedelta(days=1), zone))
        conditions += [step.starts < ends, step.ends > starts, step.starts > starts - LONGEST_STEP]
    conditions += [_uses(step, code) for code in (wanted.practitioner, wanted.room) if code is not None]
    return conditions


def _uses(step: Any, code: str) -> ColumnElement[bool]:
    """A slot of the step is on the resource; a fact without slots counts for the room its milestones name."""
    resource = select(Resource.id).where(Resource.code == code, Resource.kind != "patient").scalar_subquery()
    return or_(
        exists().where(Slot.step_id == step.id, Slot.resource_id == resource),
        exists().where(Milestone.step_id == step.id, Milestone.resource_id == resource),
    )
