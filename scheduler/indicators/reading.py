"""Reads what is counted, a month at a time and as integers; a month is counted anew only when a step in it changed."""

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, func, literal, select, type_coerce, union_all
from sqlalchemy.orm import Session

from models import (
    FAR_FUTURE,
    Appointment,
    BedStay,
    Closure,
    Encounter,
    Milestone,
    ProtocolVersion,
    Resource,
    Slot,
    Step,
    from_seconds,
    to_seconds,
)
from scheduler import availability
from scheduler.engine.grid import Span, day_start, local_date
from scheduler.indicators import facts
from scheduler.indicators.facts import DayFacts, Ratio, Use, Visit
from scheduler.indicators.periods import Period, period_of

COUNTED = ("booked", "arrived", "in-progress", "fulfilled", "noshow", "cancelled")
ENTERS, LEAVES = ("in-room", "started"), ("out", "ended")
"""Milestones that tell when a patient entered and left a room, the better one first."""


def counted(session: Session, period: Period, *, now: int) -> dict[date, DayFacts]:
    """Return the facts of a period's local days up to today, by day."""
    zone = availability.settings(session).zone
    last = min(period.last, local_date(now, zone))
    if last < period.first:
        return {}
    over = {day: midnight for day, midnight in _midnights(period.first, last, zone).items() if midnight <= now}
    beds, lodgers = _beds(session, over), _lodgers(session, over)
    return {
        each.day: replace(each, beds=beds.get(each.day, Ratio()), lodgers=lodgers.get(each.day, 0))
        for month in _months(session, period.first, last, now, zone)
        for each in month
        if period.first <= each.day <= last
    }


# --- Months, kept while nothing in them changes.

_kept: dict[tuple[str, date], tuple[Any, tuple[DayFacts, ...]]] = {}
_lock = threading.Lock()
MONTHS_KEPT = 64


def _months(session: Session, first: date, last: date, now: int, zone: str) -> Iterator[tuple[DayFacts, ...]]:
    months = [period_of("month", first)]
    while months[-1].last < last:
        months.append(months[-1].after())
    place = session.get_bind().engine.url.render_as_string()
    stamps = _stamps(session, months, zone)
    for month in months:
        # A day that is not over counts its minutes up to now.
        stamp = (stamps[month.first], now // 60 if month.last >= local_date(now, zone) else None)
        with _lock:
            known = _kept.get((place, month.first))
        if known is None or known[0] != stamp:
            known = (stamp, _count(session, month, now, zone))
            with _lock:
                _kept[place, month.first] = known
                while len(_kept) > MONTHS_KEPT:
                    del _kept[next(iter(_kept))]
        yield known[1]


def _stamps(session: Session, months: Sequence[Period], zone: str) -> dict[date, Any]:
    """Return for each month what changes with anything its facts are counted from."""
    changed = type_coerce(Step.updated_at, BigInteger)
    parts = [
        select(literal(number), func.count(), func.sum(changed)).where(
            Step.starts >= from_seconds(_start(month, zone)), Step.starts < from_seconds(_end(month, zone))
        )
        for number, month in enumerate(months)
    ]
    closures = session.execute(select(func.count(Closure.id), func.max(Closure.id))).one()
    rest = (availability.settings(session).revision, *closures)
    return {months[row[0]].first: (*row[1:], *rest) for row in session.execute(union_all(*parts))}


def _start(period: Period, zone: str) -> int:
    return day_start(period.first, zone)


def _end(period: Period, zone: str) -> int:
    return day_start(period.last + timedelta(days=1), zone)


# --- One month.


@dataclass(frozen=True, slots=True)
class Room:
    """A room as far as counting needs it."""

    id: int
    code: str


def _count(session: Session, month: Period, now: int, zone: str) -> tuple[DayFacts, ...]:
    first, last = _start(month, zone), _end(month, zone)
    visits, rooms = _visits(session, first, last, zone), operating_rooms(session)
    cases, opening = uses(session, rooms, first, last), _opening(session, rooms, first, min(last, now))
    lasting = availability.facts(session, availability.settings(session).revision)
    found = []
    for day in month.days:
        starts, ends = day_start(day, zone), day_start(day + timedelta(days=1), zone)
        own = [use for use in cases if starts <= use.starts < ends]
        base = DayFacts(
            day,
            working=lasting.calendar.is_working(day),
            late=facts.first_cases(own),
            cancelled=facts.cancelled_same_day(visits[day]),
            missed=facts.missed(visits[day]),
            exams=facts.exams(visits[day]),
            waits=facts.waits(visits[day]),
        )
        found.append(_with_theatre(base, own, opening, Span(starts, ends), now))
    return tuple(found)


def _with_theatre(base: DayFacts, uses: Sequence[Use], opening: dict[int, list[Span]], day: Span, now: int) -> DayFacts:
    """Add the operating rooms' seconds; each room's use is capped by its own opening."""
    used = capped = open_ = 0
    for room, spans in opening.items():
        mine = [span for span in spans if span.overlaps(day)]
        touched = facts.touch([use for use in uses if use.room == room], now)
        used += facts.seconds(touched)
        capped += facts.within(touched, mine)
        open_ += facts.seconds(mine)
    return replace(base, touch=Ratio(used, open_), capped=Ratio(capped, open_))


def _visits(session: Session, first: int, last: int, zone: str) -> dict[date, list[Visit]]:
    documents = select(ProtocolVersion.id, ProtocolVersion.document["family"].as_string())
    family = {row[0]: row[1] for row in session.execute(documents)}
    query = (
        select(
            Step.status,
            type_coerce(Step.starts, BigInteger),
            type_coerce(Step.updated_at, BigInteger),
            Step.ordinal,
            Appointment.protocol_version_id,
            Appointment.urgency,
            type_coerce(Appointment.created_at, BigInteger),
            Appointment.cancel_reason,
        )
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(
            Step.starts >= from_seconds(first),
            Step.starts < from_seconds(last),
            Step.status.in_(COUNTED),
            Appointment.fact_only.is_(False),
        )
    )
    found: dict[date, list[Visit]] = defaultdict(list)
    for status, starts, changed, ordinal, protocol, urgency, created, reason in session.execute(query):
        day = local_date(starts, zone)
        waited = (day - local_date(created, zone)).days
        visit = Visit(status, family[protocol], urgency, day, local_date(changed, zone), waited, ordinal == 0, reason)
        found[day].append(visit)
    return found


def operating_rooms(session: Session) -> list[Room]:
    """Return the rooms that theatre use is about."""
    rows = session.execute(select(Resource.id, Resource.code, Resource.attributes).where(Resource.kind == "room"))
    return [Room(row.id, row.code) for row in rows if "operating" in row.attributes]


def _opening(session: Session, rooms: Iterable[Room], first: int, last: int) -> dict[int, list[Span]]:
    if first >= last:
        return {}
    spans = availability.opening_spans(session, [room.code for room in rooms], from_seconds(first), from_seconds(last))
    return {room.id: spans.get(room.code, []) for room in rooms}


def uses(session: Session, rooms: Iterable[Room], first: int, last: int) -> list[Use]:
    """Return the cases of operating rooms that were planned from `first` up to `last`, less cancelled and missed."""
    query = (
        select(
            Slot.resource_id,
            Step.public_id,
            type_coerce(Step.starts, BigInteger),
            Milestone.kind,
            type_coerce(Milestone.at, BigInteger),
        )
        .join(Step, Step.id == Slot.step_id)
        .outerjoin(Milestone, Milestone.step_id == Step.id)
        .where(
            Slot.resource_id.in_([room.id for room in rooms]),
            Slot.starts >= from_seconds(first),
            Slot.starts < from_seconds(last),
            Slot.status.in_(("booked", "arrived", "in-progress", "fulfilled")),
        )
    )
    marks: dict[tuple[int, str, int], dict[str, int]] = defaultdict(dict)
    for room, step, starts, kind, at in session.execute(query):
        marks[room, step, starts][kind] = at
    return [
        Use(step, room, starts, _first(known, ENTERS), _first(known, LEAVES))
        for (room, step, starts), known in marks.items()
    ]


def _first(marks: dict[str, int], kinds: Sequence[str]) -> int | None:
    return next((marks[kind] for kind in kinds if kind in marks), None)


def _midnights(first: date, last: date, zone: str) -> dict[date, int]:
    """Return the instants at which days end."""
    return {day: day_start(day + timedelta(days=1), zone) for day in Period("days", first, last).days}


def _beds(session: Session, midnights: Mapping[date, int]) -> dict[date, Ratio]:
    """Return for each midnight the beds occupied, of those that were open."""
    if not midnights:
        return {}
    first, last = min(midnights.values()), max(midnights.values())
    beds = set(session.scalars(select(Resource.id).where(Resource.kind == "bed", Resource.active)))
    lain = _spans(session, BedStay, first, last, BedStay.status == "active")
    closed = _spans(session, Closure, first, last, Closure.resource_id.in_(beds))
    there = _present([(starts, ends) for _, starts, ends in lain])
    return {
        day: Ratio(
            there(midnight), len(beds) - len({bed for bed, begins, until in closed if begins <= midnight < until})
        )
        for day, midnight in midnights.items()
    }


def _lodgers(session: Session, midnights: Mapping[date, int]) -> dict[date, int]:
    """Return for each midnight our patients on other wards; a lodger is one until a bed of ours takes the patient."""
    if not midnights:
        return {}
    home = select(func.min(BedStay.starts)).where(BedStay.encounter_id == Encounter.id, BedStay.status == "active")
    ends = func.coalesce(home.scalar_subquery(), Encounter.discharged_at, to_seconds(FAR_FUTURE))
    query = select(type_coerce(Encounter.admitted_at, BigInteger), type_coerce(ends, BigInteger)).where(
        Encounter.lodger_ward.is_not(None),
        Encounter.status != "entered-in-error",
        Encounter.admitted_at <= from_seconds(max(midnights.values())),
    )
    there = _present([(row[0], row[1]) for row in session.execute(query)])
    return {day: there(midnight) for day, midnight in midnights.items()}


def _present(spans: Iterable[tuple[int, int]]) -> Callable[[int], int]:
    """Return a function that counts the spans an instant lies in."""
    known = list(spans)
    starts, ends = sorted(span[0] for span in known), sorted(span[1] for span in known)
    return lambda instant: bisect_right(starts, instant) - bisect_right(ends, instant)


def _spans(session: Session, table: Any, first: int, last: int, condition: Any) -> list[tuple[int, int, int]]:
    """Return (resource, starts, ends) of rows that overlap, in seconds."""
    starts, ends = type_coerce(table.starts, BigInteger), type_coerce(table.ends, BigInteger)
    query = select(table.resource_id, starts, ends).where(
        condition, table.starts <= from_seconds(last), table.ends > from_seconds(first)
    )
    return [tuple(row) for row in session.execute(query)]
