"""Fill an empty database with a demonstration, a day at a time, today first; cut off, it goes on where it stopped."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from models import Appointment, Demonstration, Encounter, Patient
from models.database import Database
from scheduler.demo import absence, lived, stays, waiting, wishes
from scheduler.demo.desk import DEMO, SOURCE, Desk, Tally
from scheduler.errors import Conflict, DomainError
from scheduler.working_days import Calendar

BATCH = 40
"""Wishes in one transaction: enough to make the commits cheap, few enough that nobody else waits for long."""

ABSENCES = "absences"
"""The marker's word, among the days that are done, for leave and repairs."""

NIGHTS_BEFORE, LONGEST_STAY_DAYS = 14, 45
"""Patients come so many days before the first working day at most, and the last has left so many days after it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """How many operations over which local days (both inclusive), from which seed."""

    operations: int
    first: date
    last: date
    seed: int = 1


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
    days = working_days(session, request.first, request.last)
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
    """Book every day that is not done yet; `progress(done, wanted)` is told after each batch of cases.

    Returns what became of the wishes.
    """
    with db.read() as session:
        marker = session.scalar(select(Demonstration))
    if marker is None or marker.finished_at is not None:
        return Tally()
    real_now = now or db.transact(lambda session, instant: instant)
    filling = Filling(db, marker, progress, real_now)
    filling.run()
    return filling.desk.tally


class Filling:
    """One run: what is done already is left alone, so that the run after a cut goes on."""

    def __init__(self, db: Database, marker: Demonstration, progress: Callable[[int, int], Any], now: datetime) -> None:
        request = _request(marker)
        with db.read() as session:
            self._days = working_days(session, request.first, request.last)
            self.desk = Desk(session, request.seed, now=now)
        self._db, self._now, self._done, self._seed = db, now, set(marker.done), request.seed
        self._wanted = wishes.drawn(request.operations, self._days, request.seed)
        self._fates = {wish.key: wish.fate for day in self._wanted.values() for wish in day}
        self._progress, self._told, self._total = progress, 0, len(self._fates)

    def run(self) -> None:
        """Fill today and then its neighbours, outward; then let happen what was booked into days that were over."""
        if ABSENCES not in self._done:
            self._write(self._absences)
        today = self.desk.today
        for day in sorted(self._days, key=lambda day: (abs((day - today).days), day)):
            if day.isoformat() in self._done:
                self._count(day)
            else:
                self._fill(day)
        for day in self._days:
            if day <= today:
                self._live(day)  # what a pathway booked into a day that was over
        self._stays()
        if waiting.WAITING not in self._done:
            self._write(self._waiting)
        self._write(lambda session: _finish(session, self._now))

    def _stays(self) -> None:
        """Let the ward live, day after day: who stays longer than planned takes the next one's bed."""
        day = self._days[0] - timedelta(days=NIGHTS_BEFORE)
        while day <= min(self.desk.today, self._days[-1] + timedelta(days=LONGEST_STAY_DAYS)):
            if f"ward {day}" not in self._done:
                self._write(lambda session, day=day: self._stay(session, day))  # type: ignore[misc]
            day += timedelta(days=1)

    def _stay(self, session: Session, day: date) -> None:
        stays.live(session, day, self._seed, self.desk.zone, self._now)
        _mark_done(session, f"ward {day}")

    def _waiting(self, session: Session) -> None:
        waiting.record(session, self.desk.today, self._seed, actor=DEMO, now=self._now)
        _mark_done(session, waiting.WAITING)

    def _absences(self, session: Session) -> None:
        absence.record(session, self._days, self._seed, self.desk.zone, actor=DEMO, now=self._now)
        _mark_done(session, ABSENCES)

    def _count(self, day: date) -> None:
        """Count a day that was filled before the filling was cut off."""
        with self._db.read() as session:
            known = self._known(session, day)
            for wish in self._wanted[day]:
                self.desk.count(session, wish, booked=wish.key in known)
        self._tell(len(self._wanted[day]))

    def _known(self, session: Session, day: date) -> set[str]:
        return set(session.scalars(_KNOWN, {"keys": [wish.key for wish in self._wanted[day]]}))

    def _fill(self, day: date) -> None:
        wanted = self._wanted[day]
        with self._db.read() as session:
            known = self._known(session, day)
        planned = [wish for wish in wanted if not self.desk.unannounced(wish)]
        self._book(planned, known)
        with self._db.read() as session:
            given_up = lived.cancellations(session, {wish.key: wish.fate for wish in planned}, self._now)
        self._each(given_up, _unless_refused(lived.cancel))
        self.desk.look_again()  # what was given up is free for those who come without notice
        self._book([wish for wish in wanted if self.desk.unannounced(wish)], known)
        self._live(day)
        self._write(lambda session: _mark_done(session, day.isoformat()))

    def _book(self, planned: Sequence[wishes.Wish], known: set[str]) -> None:
        def book(session: Session, wish: wishes.Wish) -> None:
            if wish.key in known:
                self.desk.count(session, wish, booked=True)
            else:
                self.desk.book(session, wish)

        self._each(planned, book, tell=True)

    def _live(self, day: date) -> None:
        with self._db.read() as session:
            acts = list(lived.course(lived.cases(session, day, self.desk.zone), self._fates, self._seed, self._now))
        self._each(acts, _unless_refused(lived.apply))

    def _each(self, things: Sequence[T], work: Callable[[Session, T], None], *, tell: bool = False) -> None:
        """Do something to each, many in a transaction."""
        for batch in _batches(things):
            self._write(_for_each(work, batch))
            if tell:
                self._tell(len(batch))

    def _write(self, work: Callable[[Session], Any]) -> None:
        """Run one transaction; when the database asks for another try, what was noted of the first is forgotten."""
        before, tries = self.desk.tally, 0

        def attempt(session: Session, _: datetime) -> None:
            nonlocal tries
            self.desk.tally, tries = deepcopy(before), tries + 1
            if tries > 1:
                self.desk.forget(session)
            work(session)

        self._db.transact(attempt, now=self._now)

    def _tell(self, more: int) -> None:
        self._told += more
        self._progress(self._told, self._total)


def _for_each(work: Callable[[Session, T], None], things: Sequence[T]) -> Callable[[Session], None]:
    def done(session: Session) -> None:
        for each in things:
            work(session, each)

    return done


def _unless_refused(work: Callable[[Session, T], None]) -> Callable[[Session, T], None]:
    """Let what is refused be: somebody has changed the case since it was read, and knows better."""

    def done(session: Session, thing: T) -> None:
        with suppress(DomainError):
            work(session, thing)

    return done


_KNOWN = select(Appointment.source_ref).where(
    Appointment.source == SOURCE, Appointment.source_ref.in_(bindparam("keys", expanding=True))
)


def _batches(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[first : first + BATCH] for first in range(0, len(things), BATCH))


def _request(marker: Demonstration) -> DemoRequest:
    given = marker.parameters
    return DemoRequest(
        given["operations"], date.fromisoformat(given["first"]), date.fromisoformat(given["last"]), given["seed"]
    )


def working_days(session: Session, first: date, last: date) -> list[date]:
    """Return the days that are worked, both ends included."""
    return list(Calendar.load(session).working_days(first, last + timedelta(days=1)))


def days_done(marker: Demonstration) -> tuple[int, int] | None:
    """Return how many of the days a demonstration has filled, and of how many; None once it is complete."""
    if marker.finished_at is not None:
        return None
    return sum(1 for each in marker.done if each[:1].isdigit()), marker.parameters["days"]


def _mark_done(session: Session, what: str) -> None:
    marker = session.scalars(select(Demonstration)).one()
    marker.done = [*marker.done, what]


def _finish(session: Session, now: datetime) -> None:
    session.scalars(select(Demonstration)).one().finished_at = now
