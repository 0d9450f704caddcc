"""The roster as it is: who works when, who is away, what duties they have and how much is booked on them.

A constant number of queries, whatever the number of people and days; the sums over bookings are the database's.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, case, func, select, type_coerce
from sqlalchemy.orm import Session

from models import (
    ACTIVE_STATUSES,
    PERSON_KINDS,
    Closure,
    Department,
    Duty,
    Resource,
    Slot,
    from_seconds,
    to_seconds,
)
from scheduler import availability, licences
from scheduler.engine.grid import Grid, Span
from scheduler.engine.world import Licence
from scheduler.roster.duties import SESSION_OF
from scheduler.roster.halves import HalfDay, clipped, halves_of, joined, seconds
from scheduler.roster.leave import KIND as LEAVE

ON, PART, AWAY, CLOSED, OFF, HOLIDAY, EXTRA = "on", "part", "leave", "closed", "off", "holiday", "extra"
"""States of a half day: at work, partly away, on leave, shut for another reason, no session, a day off by the
calendar, and at work although there is no session."""

AT_WORK = (ON, PART, EXTRA)

FLOORED = ("physician", "nurse", "recorder")
"""Kinds of people whose number the department may want in each half day (floor_physicians … in its parameters)."""


@dataclass(frozen=True, slots=True)
class Person:
    code: str
    kind: str
    name_zh: str
    name_en: str
    title: str | None
    external: bool
    endings: tuple[Licence, ...] = ()
    """Licences that nobody has renewed, the soonest to end first."""


@dataclass(frozen=True, slots=True)
class Half:
    """One person's half day. Minutes are those of the sessions that leave leaves over, and those that are booked."""

    at: HalfDay
    state: str
    open_minutes: int = 0
    bookings: int = 0
    booked_minutes: int = 0
    place: str | None = None
    reason: str | None = None
    """Why somebody is away, for those who keep the roster."""
    on_leave: bool = False
    """True: leave has a share in being away, wholly or partly."""


@dataclass(frozen=True, slots=True)
class DutyTold:
    kind: str
    place: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One person's days: their half days in order, and the duties of each day."""

    person: Person
    halves: tuple[Half, ...]
    duties: Mapping[date, tuple[DutyTold, ...]]

    def has(self, day: date, kind: str) -> bool:
        return any(duty.kind == kind for duty in self.duties.get(day, ()))


@dataclass(frozen=True)
class Roster:
    """Whole local days from `first` to `last`, both included."""

    first: date
    last: date
    lines: tuple[Line, ...]
    holidays: Mapping[date, tuple[str, str]]
    """Days off and make-up days by their names (zh, en)."""
    floors: Mapping[str, int]
    """Kind of people → the fewest that a half day should have (department parameters)."""

    @cached_property
    def halves(self) -> tuple[HalfDay, ...]:
        return tuple(halves_of(self.first, self.last))

    def at_work(self, kind: str) -> list["Staffing"]:
        """Count the department's own people of a kind at work in each half day."""
        own = [line for line in self.lines if line.person.kind == kind and not line.person.external]
        return [self._staffing(kind, at, [line.halves[place] for line in own]) for place, at in enumerate(self.halves)]

    def _staffing(self, kind: str, at: HalfDay, halves: list[Half]) -> "Staffing":
        there = sum(half.state in AT_WORK for half in halves)
        expected = any(half.state not in (OFF, HOLIDAY) for half in halves)
        floor = self.floors.get(kind, 0) if expected else 0
        return Staffing(at, there, floor)


@dataclass(frozen=True, slots=True)
class Staffing:
    """How many are at work in a half day, and the fewest there should be (0: no floor, or nobody works then)."""

    at: HalfDay
    there: int
    floor: int

    @property
    def short(self) -> int:
        return max(self.floor - self.there, 0)


def read(session: Session, first: date, last: date, *, today: date, codes: Collection[str] = ()) -> Roster:
    """Return the roster of local days, of everybody or of these people (codes), in the department's order.

    `today` decides which licences end soon. Holds are not counted as bookings: they lapse within minutes.
    """
    reading = _Reading(session, first, last, today)
    lines = tuple(reading.line(row) for row in reading.people(codes))
    return Roster(first, last, lines, reading.holidays(), _floors(session))


def _floors(session: Session) -> dict[str, int]:
    given = session.execute(select(Department.parameters)).scalar_one()
    return {kind: given.get(f"floor_{kind}s", 0) for kind in FLOORED}


class _Reading:
    """Gathers what a roster needs in a few queries, then answers from memory."""

    def __init__(self, session: Session, first: date, last: date, today: date) -> None:
        self.session, self.today = session, today
        chosen = availability.settings(session)
        self.facts = availability.facts(session, chosen.revision)
        self.days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self.grid = Grid(first, last + timedelta(days=1), chosen.zone)
        self.spans = {at: at.span(chosen.zone) for at in halves_of(first, last)}
        self.open: dict[int, dict[HalfDay, tuple[Span, ...]]] = {}
        self.away = self._away()
        self.loads = self._loads()
        self.duties = self._duties()

    def people(self, codes: Collection[str]) -> Iterable[Any]:
        query = select(
            Resource.id,
            Resource.code,
            Resource.kind,
            Resource.name_zh,
            Resource.name_en,
            Resource.title,
            Resource.external,
            Resource.schedule_id,
        ).where(Resource.active, Resource.kind.in_(PERSON_KINDS))
        if codes:
            query = query.where(Resource.code.in_(codes))
        return self.session.execute(query.order_by(Resource.ordinal, Resource.code)).all()

    def holidays(self) -> dict[date, tuple[str, str]]:
        special = ((day, self.facts.calendar.day(day)) for day in self.days)
        return {day: (each.name_zh, each.name_en) for day, each in special if each is not None}

    def line(self, row: Any) -> Line:
        person = Person(row.code, row.kind, row.name_zh, row.name_en, row.title, row.external, self._endings(row.code))
        duties = self.duties.get(row.id, {})
        halves = tuple(self._half(row, at, place, duties.get(at.date, ())) for place, at in enumerate(self.spans))
        return Line(person, halves, duties)

    def _endings(self, code: str) -> tuple[Licence, ...]:
        return tuple(licences.endings(self.facts.resources[code].licences, self.today))

    def _half(self, row: Any, at: HalfDay, place: int, duties: tuple[DutyTold, ...]) -> Half:
        sessions = self._open(row.schedule_id, at)
        session_duty = next((duty for duty in duties if duty.kind == SESSION_OF[at.half]), None)
        state, minutes, reason, on_leave = self._state(row.id, at, sessions)
        if session_duty is not None and state in (OFF, HOLIDAY):
            state = EXTRA
        bookings, booked = self.loads.get((row.id, place), (0, 0))
        at_place = session_duty.place if session_duty else None
        return Half(at, state, minutes, bookings, booked, at_place, reason, on_leave)

    def _open(self, schedule: int | None, at: HalfDay) -> tuple[Span, ...]:
        """Return the sessions of a schedule in a half day; holidays are taken out already."""
        if schedule is None:
            return ()
        if schedule not in self.open:
            spans = availability.opening(self.facts.schedules[schedule], self.facts.calendar, self.grid)
            self.open[schedule] = {half: clipped(spans, window) for half, window in self.spans.items()}
        return self.open[schedule][at]

    def _state(self, person: int, at: HalfDay, sessions: tuple[Span, ...]) -> tuple[str, int, str | None, bool]:
        """Return the state, the minutes left over, the reason for being away and whether some of it is leave."""
        if not sessions:
            off = self.facts.calendar.kind(at.date) == "off"
            return (HOLIDAY if off else OFF), 0, None, False
        whole = seconds(sessions)
        away = [each for each in self.away.get(person, ()) if each[0].overlaps(self.spans[at])]
        if not away:
            return ON, whole // 60, None, False
        shut = joined(span for span, _, _ in away)
        gone = sum(seconds(clipped(shut, each)) for each in sessions)
        if gone == 0:
            return ON, whole // 60, None, False
        on_leave = [reason for _, kind, reason in away if kind == LEAVE]
        reason = next((each for each in on_leave if each), None)
        if gone < whole:
            return PART, (whole - gone) // 60, reason, bool(on_leave)
        return (AWAY if on_leave else CLOSED), 0, reason, bool(on_leave)

    def _away(self) -> dict[int, list[tuple[Span, str, str | None]]]:
        starts, ends = from_seconds(self.grid.origin), from_seconds(self.grid.end)
        query = (
            select(Closure.resource_id, Closure.starts, Closure.ends, Closure.kind, Closure.reason)
            .join(Resource, Resource.id == Closure.resource_id)
            .where(Resource.kind.in_(PERSON_KINDS), Closure.starts < ends, Closure.ends > starts)
            .order_by(Closure.starts, Closure.id)
        )
        found: dict[int, list[tuple[Span, str, str | None]]] = defaultdict(list)
        for row in self.session.execute(query):
            span = Span(to_seconds(row.starts), to_seconds(row.ends))
            found[row.resource_id].append((span, row.kind, row.reason))
        return found

    def _loads(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Return (person, place of the half day) → (bookings, minutes); a booking counts where it begins."""
        slot = Slot.__table__.c
        starts, ends = type_coerce(slot.starts, BigInteger), type_coerce(slot.ends, BigInteger)
        bounds = [span.ends for span in self.spans.values()]
        place = case(*((starts < bound, number) for number, bound in enumerate(bounds)), else_=len(bounds))
        firm = [status for status in ACTIVE_STATUSES if status not in ("pending", "blocked")]
        people = select(Resource.id).where(Resource.kind.in_(PERSON_KINDS))
        query = (
            select(slot.resource_id, place.label("place"), func.count(), func.sum(ends - starts))
            .where(slot.resource_id.in_(people), slot.status.in_(firm), slot.kind == "procedure")
            .where(starts >= self.grid.origin, starts < self.grid.end)
            .group_by(slot.resource_id, "place")
        )
        return {(person, half): (count, int(total) // 60) for person, half, count, total in self.session.execute(query)}

    def _duties(self) -> dict[int, dict[date, tuple[DutyTold, ...]]]:
        query = (
            select(Duty.resource_id, Duty.date, Duty.kind, Duty.place, Duty.note)
            .where(Duty.date >= self.days[0], Duty.date <= self.days[-1])
            .order_by(Duty.kind)
        )
        found: dict[int, dict[date, tuple[DutyTold, ...]]] = defaultdict(dict)
        for row in self.session.execute(query):
            told = DutyTold(row.kind, row.place, row.note)
            found[row.resource_id][row.date] = (*found[row.resource_id].get(row.date, ()), told)
        return found
