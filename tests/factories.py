"""Factories fill, tests state: each makes one thing with believable defaults; a test names only what matters to it."""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from models import Appointment, Encounter, Patient
from models.database import Database
from scheduler import booking, patients, ward
from scheduler.actor import Actor
from scheduler.engine.world import Placement
from tests.conftest import NOW

NURSE = Actor("user:nurse", "nurse")
MANAGER = Actor("user:manager", "manager")

_numbers = count(1)


def patient(session: Session, **given: Any) -> Patient:
    entry: dict[str, Any] = {
        "record_number": f"T{next(_numbers):06d}",
        "name": "张晓明",
        "sex": "male",
        "birth_date": date(1960, 1, 2),
    }
    return patients.create(session, patients.PatientEntry(**entry | given), actor=NURSE, now=NOW, anyway=True)


def placements(
    session: Session,
    protocol: str,
    *,
    patient: str | None = None,
    earliest: datetime = NOW,
    days: int = 30,
    limit: int = 5,
    **require: str,
) -> tuple[Placement, ...]:
    """Return the first proposals; keyword arguments require a role's resource."""
    request = booking.FindRequest(
        protocol, earliest, earliest + timedelta(days=days), patient=patient, limit=limit, require=require
    )
    return booking.find(session, request, now=NOW).proposals


def booked(
    session: Session,
    protocol: str = "BX-FNA",
    *,
    whom: Patient | None = None,
    placement: Placement | None = None,
    hold: bool = False,
    now: datetime = NOW,
    **where: Any,
) -> Appointment:
    """Book the earliest place (or the given one) for a new patient (or the given one)."""
    person = whom or patient(session)
    chosen = placement or placements(session, protocol, patient=person.public_id, **where)[0]
    made = booking.book(
        session, booking.BookRequest(person.public_id, protocol, chosen, hold=hold), actor=NURSE, now=now
    )
    return booking.whole(session, made.public_id)


def admitted(session: Session, bed: str = "BED-01", *, whom: Patient | None = None, **given: Any) -> Encounter:
    """Admit a patient into a bed, by default an hour ago for two days."""
    person = whom or patient(session)
    at = given.pop("at", NOW - timedelta(hours=1))
    until = given.pop("expected_end", at + timedelta(days=2))
    return ward.admit(session, ward.Admission(person.public_id, bed, at, until, **given), actor=NURSE, now=NOW)


def done(db: Database, work: Any, *, now: datetime = NOW) -> Any:
    """Run work(session) in one transaction at `now` and return what it gives."""
    return db.transact(lambda session, _: work(session), now=now)
