"""Every occupied span, as whoever plans from outside must know it: the same spans that the engine calls busy."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, FAR_FUTURE, Appointment, BedStay, Closure, Encounter, Resource, Slot, Step
from scheduler import availability, taken


@dataclass(frozen=True, slots=True)
class Occupied:
    """One resource over one span and why. `kind` is procedure, bed, stay, leave, closure or maintenance."""

    resource: str
    starts: datetime
    ends: datetime
    status: str
    kind: str
    role: str
    appointment: str | None = None
    provisional: bool = False
    confirmation: str | None = None


def occupied(
    session: Session, starts: datetime, ends: datetime, *, now: datetime, resource: str | None = None
) -> list[Occupied]:
    """Return what occupies resources in [starts, ends), by resource and start; spans are not clipped.

    Lapsed holds and the patients' own days are left out. A planned bed and the stay that fulfils it are both told.
    """
    found = [
        *_slots(session, starts, ends, now, resource),
        *_closures(session, starts, ends, resource),
        *_stays(session, starts, ends, now, resource),
    ]
    return sorted(found, key=lambda each: (each.resource, each.starts, each.ends, each.kind))


def _slots(
    session: Session, starts: datetime, ends: datetime, now: datetime, resource: str | None
) -> Iterator[Occupied]:
    query = (
        select(
            Resource.code,
            Slot.starts,
            Slot.ends,
            Slot.status,
            Slot.kind,
            Slot.role,
            Appointment.public_id,
            Slot.provisional,
            Slot.confirmation,
        )
        .join(Resource, Resource.id == Slot.resource_id)
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(Slot.status.in_(ACTIVE_STATUSES), Slot.kind != "patient", availability.counts(now))
        .where(Slot.starts < ends, Slot.ends > starts, Slot.starts > starts - taken.LONGEST_SLOT)
    )
    if resource is not None:
        query = query.where(Resource.code == resource)
    for row in session.execute(query):
        yield Occupied(*row)


def _closures(session: Session, starts: datetime, ends: datetime, resource: str | None) -> Iterator[Occupied]:
    query = (
        select(Resource.code, Closure.starts, Closure.ends, Closure.kind)
        .join(Resource, Resource.id == Closure.resource_id)
        .where(Closure.starts < ends, Closure.ends > starts)
    )
    if resource is not None:
        query = query.where(Resource.code == resource)
    for code, first, last, kind in session.execute(query):
        yield Occupied(code, first, last, "blocked", kind, kind)


def _stays(
    session: Session, starts: datetime, ends: datetime, now: datetime, resource: str | None
) -> Iterator[Occupied]:
    query = (
        select(
            Resource.code, BedStay.starts, BedStay.ends, Encounter.expected_end, Encounter.status, Appointment.public_id
        )
        .join(Resource, Resource.id == BedStay.resource_id)
        .join(Encounter, Encounter.id == BedStay.encounter_id)
        .outerjoin(Appointment, Appointment.id == Encounter.appointment_id)
        .where(BedStay.status == "active", BedStay.starts < ends, BedStay.ends > starts)
    )
    if resource is not None:
        query = query.where(Resource.code == resource)
    for code, first, last, expected, status, appointment in session.execute(query):
        still = last == FAR_FUTURE
        last = max(expected, now + taken.SHORTEST_LEFT) if still else last
        if last > starts:
            yield Occupied(code, first, last, status if still else "finished", "stay", "bed", appointment)
