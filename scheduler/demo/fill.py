"""Fill an empty database with a demonstration, a day at a time, today first; cut off, it goes on where it stopped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Appointment, Closure, Demonstration, Encounter, Patient, Resource, from_seconds, to_seconds
from models.database import Database
from scheduler import availability, booking, closures, patients
from scheduler.actor import Actor
from scheduler.demo import lived, wishes
from scheduler.engine.grid import at_minute, day_start, local_date
from scheduler.errors import Conflict, DomainError
from scheduler.working_days import Calendar

DEMO = Actor("demonstration", "nurse")

BOOKED_AHEAD = timedelta(days=3)
"""How long before its day a demonstration case was booked."""


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """How many procedures over which local days (both inclusive), from which seed."""

    operations: int
    first: date
    last: date
    seed: int = 1


@dataclass(slots=True)
class Tally:
    """What became of the wishes."""

    wanted: int = 0
    booked: int = 0
    refused: dict[str, int] | None = None


def exists(session: Session) -> bool:
    """Tell whether the database holds a demonstration, complete or not."""
    return session.scalar(select(Demonstration.id)) is not None


def is_empty(session: Session) -> bool:
    """Tell whether nothing but a department is in the database: no patient, booking, stay or demonstration."""
    tables = (Demonstration, Patient, Appointment, Encounter)
    return all(session.scalar(select(table.id).limit(1)) is None for table in tables)


def begin(session: Session, request: DemoRequest, *, now: datetime) -> None:
    """Put the marker of a demonstration into an empty database; one that is there stays as it was asked for.

    Raises Conflict("database-not-empty") when there is a patient, appointment or encounter that is not its own.
    """
    if session.scalar(select(Demonstration)) is not None:
        return
    for table in (Patient, Appointment, Encounter):
        if session.scalar(select(func.count()).select_from(table)):
            raise Conflict("database-not-empty", table=table.__tablename__)
    days = _working_days(session, request)
    session.add(
        Demonstration(
            parameters={
                "operations": request.operations,
                "first": request.first.isoformat(),
                "last": request.last.isoformat(),
                "seed": request.seed,
                "days": len(days),
            },
            done=[],
        )
    )


def pending(session: Session) -> bool:
    """Tell whether a demonstration has begun and is not complete."""
    marker = session.scalar(select(Demonstration))
    return marker is not None and marker.finished_at is None


def fill(db: Database, progress: Callable[[int, int], Any], *, now: datetime | None = None) -> Tally:
    """Book every day that is not done yet; `progress(done, days)` is told after each. Returns what was booked."""
    with db.read() as session:
        marker = session.scalar(select(Demonstration))
        zone = availability.settings(session).zone
    if marker is None or marker.finished_at is not None:
        return Tally()
    request = _request(marker)
    real_now = now or db.transact(lambda session, instant: instant)
    today = local_date(to_seconds(real_now), zone)
    with db.read() as session:
        days = sorted(_working_days(session, request), key=lambda day: (abs((day - today).days), day))
        shares = dict(zip(sorted(days), _shares(request.operations, len(days)), strict=True))
        operators = _operators(session)
    people, tally = wishes.Names(request.seed), Tally(refused={})
    db.transact(lambda session, instant: _closures(session, today, zone, instant), now=real_now)
    for number, day in enumerate(days):
        if day.isoformat() not in marker.done:
            _fill_day(db, day, shares[day], request.seed, people, operators, tally, real_now, zone)
            db.transact(lambda session, instant, day=day: _mark_done(session, day))  # type: ignore[misc]
        progress(number + 1, len(days))
    db.transact(lambda session, instant: _finish(session, instant))
    return tally


def _request(marker: Demonstration) -> DemoRequest:
    given = marker.parameters
    return DemoRequest(
        given["operations"], date.fromisoformat(given["first"]), date.fromisoformat(given["last"]), given["seed"]
    )


def _working_days(session: Session, request: DemoRequest) -> list[date]:
    return list(Calendar.load(session).working_days(request.first, request.last + timedelta(days=1)))


def _shares(total: int, days: int) -> Iterator[int]:
    """Spread a whole number over the days without losing one."""
    return (total * (number + 1) // days - total * number // days for number in range(days))


def _operators(session: Session) -> list[str]:
    query = select(Resource.code).where(Resource.kind == "physician", Resource.external.is_(False), Resource.active)
    return list(session.scalars(query.order_by(Resource.ordinal, Resource.code)))


def _fill_day(
    db: Database,
    day: date,
    count: int,
    seed: int,
    people: wishes.Names,
    operators: list[str],
    tally: Tally,
    real_now: datetime,
    zone: str,
) -> None:
    for wish in wishes.of_day(day, count, seed=seed, names=people):
        tally.wanted += 1
        try:
            _fill_wish(db, wish, day, operators, real_now, zone)
            tally.booked += 1
        except DomainError as refusal:
            assert tally.refused is not None
            tally.refused[refusal.code] = tally.refused.get(refusal.code, 0) + 1


def _fill_wish(db: Database, wish: wishes.Wish, day: date, operators: list[str], real_now: datetime, zone: str) -> None:
    """Book one wish in one transaction as if it were three days before, then let it happen as far as time went."""
    then = min(real_now, from_seconds(at_minute(day, 9 * 60, zone)) - BOOKED_AHEAD)
    public_id = db.transact(lambda session, now: _book(session, wish, day, operators, now), now=then)
    if public_id is not None:
        lived.live(db, public_id, wish, real_now)


def _book(session: Session, wish: wishes.Wish, day: date, operators: list[str], now: datetime) -> str | None:
    known = session.scalar(select(Appointment.public_id).filter_by(source="demonstration", source_ref=wish.key))
    if known is not None:
        return known
    zone = availability.settings(session).zone
    person = wish.person
    found = booking.find(
        session,
        booking.FindRequest(
            protocol=wish.protocol,
            earliest=from_seconds(day_start(day, zone)),
            latest=from_seconds(day_start(day + timedelta(days=1), zone) - 1),
            limit=9,
            spread_minutes=wish.spread_minutes,
            prefer={"operator": operators[int(wish.operator_rank**2 * len(operators))]},
        ),
        now=now,
    )
    if not found.proposals:
        raise Conflict("no-place-found", protocol=wish.protocol, date=day.isoformat())
    patient = patients.create(
        session,
        patients.PatientEntry(
            person.record_number, person.name, person.sex, person.birth_date, person.phone, person.flags
        ),
        actor=DEMO,
        now=now,
        anyway=True,
    )
    placement = booking.with_patient(
        found.proposals[wish.choice % len(found.proposals)], found.protocol, patient.resource.code
    )
    appointment = booking.book(
        session,
        booking.BookRequest(
            patient=patient.public_id,
            protocol=wish.protocol,
            placement=placement,
            source="demonstration",
            source_ref=wish.key,
        ),
        actor=DEMO,
        now=now,
    )
    return appointment.public_id


def _mark_done(session: Session, day: date) -> None:
    marker = session.scalars(select(Demonstration)).one()
    marker.done = [*marker.done, day.isoformat()]


def _finish(session: Session, now: datetime) -> None:
    session.scalars(select(Demonstration)).one().finished_at = now


CLOSURES = (("US-22", "maintenance", 1, 8 * 60, 12 * 60, "探头检修"), ("dr-20", "leave", 0, 0, 48 * 60, None))
"""Resource, kind, days from today, minutes of that day: enough to see how the board shows them."""


def _closures(session: Session, today: date, zone: str, now: datetime) -> None:
    for code, kind, offset, first, last, reason in CLOSURES:
        day = today + timedelta(days=offset)
        starts, ends = (from_seconds(at_minute(day, 0, zone) + minute * 60) for minute in (first, last))
        known = session.scalar(select(Resource.id).where(Resource.code == code))
        if known is not None and not _closed(session, known):
            closures.record(session, closures.ClosureEntry(code, kind, starts, ends, reason), actor=DEMO, now=now)


def _closed(session: Session, resource_id: int) -> bool:
    return session.scalar(select(Closure.id).filter_by(resource_id=resource_id).limit(1)) is not None
