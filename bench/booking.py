"""One booking and its milestones beside the same rows written bare through the ORM: what the road itself costs."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models import Appointment, Milestone, Slot, Step
from models.database import Database
from scheduler import booking, patients
from scheduler.actor import SYSTEM
from scheduler.booking import rows

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HORIZON = timedelta(days=90)
LATER = NOW + HORIZON
PROTOCOL = "BX-LIV"
"""Room, operator, assistant, nurse, recorder, couch, and the patient's own day."""

TIMES = 60
DECADE = timedelta(days=3650)
"""The bare rows stand so much later: nothing is in their way there."""

MARKS = ("called", "in-room", "started", "ended", "out")

Clock = Callable[[], float]


def wall_ms(db: Database) -> float:
    """Return the median wall milliseconds of one durable booking."""
    return _median(db, lambda request: _book(db, request), time.perf_counter)


def cpu_ms(db: Database) -> Iterator[tuple[str, float, float]]:
    """Yield the CPU milliseconds of a booking and of five milestones, each beside that of its bare rows."""
    made: list[str] = []
    book = _median(db, lambda request: made.append(_book(db, request)), time.process_time)
    with db.read() as session:
        samples = [rows.whole(session, each) for each in made]
    likes = iter(samples)
    bare: list[str] = []
    yield "booking, CPU", book, _median(db, lambda _: bare.append(_write(db, next(likes))), time.process_time)
    marked, plain = iter(made), iter(bare)
    mark = _median(db, lambda _: _mark(db, next(marked)), time.process_time)
    yield "five milestones, CPU", mark, _median(db, lambda _: _write_marks(db, next(plain)), time.process_time)


def _median(db: Database, work: Callable[[booking.BookRequest], Any], clock: Clock) -> float:
    """Return the median milliseconds of `work`, given a booking each time that is found outside the clock."""
    samples = []
    for number in range(TIMES):
        request = db.transact(lambda session, now: _found(session, f"B{clock()}-{number}", now), now=NOW)  # noqa: B023
        began = clock()
        work(request)
        samples.append(clock() - began)
    return statistics.median(samples) * 1000


def _found(session: Session, number: str, now: datetime) -> booking.BookRequest:
    entry = patients.PatientEntry(number, "量度", "female", date(1970, 1, 1))
    person = patients.create(session, entry, actor=SYSTEM, now=now, anyway=True).public_id
    wanted = booking.FindRequest(PROTOCOL, NOW + timedelta(days=3), LATER, patient=person, limit=1)
    return booking.BookRequest(person, PROTOCOL, booking.find(session, wanted, now=now).proposals[0])


def _book(db: Database, request: booking.BookRequest) -> str:
    return db.transact(lambda s, now: booking.book(s, request, actor=SYSTEM, now=now).public_id, now=NOW)


def _write(db: Database, like: Appointment) -> str:
    """Write rows like a booking's as objects, a decade later, and nothing else."""

    def work(session: Session, now: datetime) -> str:
        appointment = Appointment(
            status="booked",
            patient_id=like.patient_id,
            protocol_version_id=like.protocol_version_id,
            urgency=like.urgency,
            created_at=now,
            created_by="bench",
            updated_at=now,
        )
        session.add(appointment)
        for step in like.steps:
            session.add(_step(appointment, step, now))
        session.flush()
        return appointment.public_id

    return db.transact(work, now=NOW)


def _step(appointment: Appointment, like: Step, now: datetime) -> Step:
    starts, ends = like.starts + DECADE, like.ends + DECADE
    given: dict[str, Any] = {"code": like.code, "ordinal": like.ordinal, "status": "booked"}
    step = Step(**given, starts=starts, ends=ends, created_at=now, updated_at=now, appointment=appointment)
    step.slots = [
        Slot(
            resource_id=slot.resource_id,
            starts=slot.starts + DECADE,
            ends=slot.ends + DECADE,
            status="booked",
            kind=slot.kind,
            role=slot.role,
        )
        for slot in like.slots
    ]
    return step


def _mark(db: Database, public_id: str) -> None:
    def work(session: Session, now: datetime) -> None:
        at = dict.fromkeys(MARKS, LATER)
        booking.mark_all(session, public_id, version=None, step=PROTOCOL, happened=at, actor=SYSTEM, now=now)

    db.transact(work, now=LATER)


def _write_marks(db: Database, public_id: str) -> None:
    """Read a booking whole as objects, write five milestones and the statuses, and nothing else."""

    def work(session: Session, now: datetime) -> None:
        appointment = rows.whole(session, public_id)
        appointment.status = "fulfilled"
        for step in appointment.steps:
            step.status = "fulfilled"
            for slot in step.slots:
                slot.status = "fulfilled"
            step.milestones += [Milestone(kind=kind, at=now, recorded_at=now, recorded_by="bench") for kind in MARKS]

    db.transact(work, now=LATER)
