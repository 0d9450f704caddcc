"""Cases for the tests of feeds: booked, moved, cancelled through the same verbs as everybody's."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from calendars.case_event import Wording
from models import Appointment, Slot
from models.database import Database
from scheduler import booking, patients
from scheduler.actor import SYSTEM
from scheduler.booking import rows
from scheduler.booking.moving import moved
from tests.conftest import NOW
from tests.factories import SOON

DAY = datetime(2026, 12, 2, tzinfo=UTC)
"""Wednesday 08:00 in Shanghai, the day after NOW."""

ENGLISH = Wording(
    options="Options",
    preparation="Preparation",
    fasting="no food from %s",
    minded="To be minded",
    flags=(("allergy", "Allergy"), ("pregnancy", "Pregnancy")),
    until="until %s",
    language="en",
    busy="Busy",
    cancelled="[CANCELLED] ",
    provisional=" (provisional)",
    unconfirmed=" (unconfirmed)",
    bed="bed %s",
    bed_line="Bed",
    pathway="Pathway",
    moved_away="Moved away.",
    needs_a_place="Needs a place.",
    details="Details",
    weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    roles=(("operator", "Operator"), ("supervisor", "Supervisor")),
)


def book(
    db: Database,
    protocol: str = "AB-LIV-1",
    *,
    number: str = "1",
    name: str = "张晓明",
    earliest: datetime = DAY,
    require: dict[str, str] | None = None,
    hold: bool = False,
    confirmed: bool = True,
    now: datetime = NOW,
) -> Appointment:
    """Enter a patient and book them the first place that fits; return the appointment with all that hangs on it.

    `confirmed`: what it asks of other departments has been granted.
    """

    def work(session: Session, now: datetime) -> Appointment:
        entry = patients.PatientEntry(number, name, "male", date(1960, 1, 2))
        patient = patients.create(session, entry, actor=SYSTEM, now=now, anyway=True)
        request = booking.FindRequest(
            protocol,
            earliest,
            earliest + timedelta(days=30),
            patient=patient.public_id,
            require=require or {},
            urgency=SOON,
        )
        placement = booking.find(session, request, now=now).proposals[0]
        wanted = booking.BookRequest(patient.public_id, protocol, placement, hold=hold, urgency=SOON)
        made = booking.book(session, wanted, actor=SYSTEM, now=now)
        session.flush()
        if confirmed:
            session.execute(update(Slot).where(Slot.confirmation == "requested").values(confirmation="confirmed"))
        return rows.whole(session, made.public_id)

    return db.transact(work, now=now)


def move(
    db: Database, appointment: Appointment, *, by: int = 0, room: str | None = None, step: int = 0, now: datetime = NOW
) -> Appointment:
    """Move one step by minutes, or into another room."""

    def work(session: Session, now: datetime) -> Appointment:
        before = rows.whole(session, appointment.public_id)
        chosen = before.steps[step]
        placement = moved(session, before, chosen.code, chosen.starts + timedelta(minutes=by), room, now)
        booking.reschedule(
            session, before.public_id, version=before.version, placement=placement, actor=SYSTEM, now=now
        )
        session.flush()
        return rows.whole(session, appointment.public_id)

    return db.transact(work, now=now)


def change(db: Database, verb: Any, appointment: Appointment, *, now: datetime = NOW, **facts: Any) -> Appointment:
    """Call a verb of booking (cancel, confirm, mark …) on the appointment as it is now."""

    def work(session: Session, now: datetime) -> Appointment:
        version = rows.whole(session, appointment.public_id).version
        verb(session, appointment.public_id, version=version, actor=SYSTEM, now=now, **facts)
        session.flush()
        return rows.whole(session, appointment.public_id)

    return db.transact(work, now=now)


def who(appointment: Appointment, role: str, *, step: int = 0) -> str:
    """Return the code of what fills a role."""
    return next(slot.resource.code for slot in appointment.steps[step].slots if slot.role == role)
