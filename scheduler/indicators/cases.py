"""The cases behind a figure: which steps make up its numerator, so that a number can be looked into."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from heapq import nlargest
from typing import Any

from sqlalchemy import BigInteger, Select, and_, false, or_, select, type_coerce
from sqlalchemy.orm import Session

from models import Appointment, ProtocolVersion, Step, from_seconds
from scheduler import availability, dayboard
from scheduler.dayboard import Case
from scheduler.engine.grid import day_start, local_date
from scheduler.indicators import reading
from scheduler.indicators.facts import NEVER_BOOKED, NO_OPERATIONS, DayFacts, Use, earliest_of_each_room
from scheduler.indicators.figures import WAITING_CLASS
from scheduler.indicators.periods import Period

MOST = 30
"""Cases shown behind one figure."""


def behind(
    session: Session, code: str, period: Period, days: Mapping[date, DayFacts], *, grace: int, now: int
) -> list[Case]:
    """Return cases behind a figure, at most MOST: the latest, for waiting the longest; none for what counts days.

    `days` are the period's, as `counted` gives them.
    """
    zone = availability.settings(session).zone
    first, last = day_start(period.first, zone), min(_end(period.last, zone), now)
    if code == "waiting":
        chosen = _longest_waits(session, days.values(), last, zone)
    elif code in _STEPS:
        chosen = _STEPS[code](session, first, last, zone, grace)
    else:
        return []
    found = {case.step: case for case in dayboard.cases(session, steps=chosen)}
    return [found[step] for step in chosen if step in found]


def _steps(first: int, last: int) -> Select[Any]:
    return (
        select(Step.public_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(Step.starts >= from_seconds(first), Step.starts < from_seconds(last), Appointment.fact_only.is_(False))
        .order_by(Step.starts.desc(), Step.id)
    )


def _theatre(session: Session, first: int, last: int, zone: str, grace: int) -> list[str]:
    uses = reading.uses(session, reading.operating_rooms(session), first, last)
    return _latest([use for use in uses if use.enters is not None])


def _first_case(session: Session, first: int, last: int, zone: str, grace: int) -> list[str]:
    """Return the first cases that were not on time."""
    by_day: dict[Any, list[Use]] = {}
    for use in reading.uses(session, reading.operating_rooms(session), first, last):
        by_day.setdefault(local_date(use.starts, zone), []).append(use)
    firsts = [use for uses in by_day.values() for use in earliest_of_each_room(uses)]
    return _latest([use for use in firsts if use.enters is not None and use.enters - use.starts > grace * 60])


def _latest(uses: Sequence[Use]) -> list[str]:
    return [use.step for use in sorted(uses, key=lambda use: -use.starts)[:MOST]]


def _cancelled(session: Session, first: int, last: int, zone: str, grace: int) -> list[str]:
    starts, changed = type_coerce(Step.starts, BigInteger), type_coerce(Step.updated_at, BigInteger)
    query = _steps(first, last).add_columns(starts, changed, Appointment.cancel_reason)
    rows = session.execute(query.where(Step.status == "cancelled"))
    return [
        row[0] for row in rows if row[3] not in NEVER_BOOKED and local_date(row[2], zone) >= local_date(row[1], zone)
    ][:MOST]


def _missed(session: Session, first: int, last: int, zone: str, grace: int) -> list[str]:
    return list(session.scalars(_steps(first, last).where(Step.status == "noshow").limit(MOST)))


def _longest_waits(session: Session, facts: Iterable[DayFacts], last: int, zone: str) -> list[str]:
    """Return who waited longest, of equally many days the latest: read on the few days alone that they were done on."""
    waits = ((days, each.day) for each in facts for days in each.waits.get(WAITING_CLASS, ()))
    spans = [
        and_(Step.starts >= from_seconds(day_start(day, zone)), Step.starts < from_seconds(_end(day, zone)))
        for day in {day for _, day in nlargest(MOST, waits)}
    ]
    waited = type_coerce(Step.starts, BigInteger) - type_coerce(Appointment.created_at, BigInteger)
    # Asked once for each version, not for each case of a year: a document is long to read.
    operations = select(ProtocolVersion.id).where(ProtocolVersion.document["family"].as_string().not_in(NO_OPERATIONS))
    query = (
        select(Step.public_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(
            or_(false(), *spans),
            Step.starts < from_seconds(last),
            Step.ordinal == 0,
            Step.status.in_(("in-progress", "fulfilled")),
            Appointment.fact_only.is_(False),
            Appointment.urgency == WAITING_CLASS,
            Appointment.protocol_version_id.in_(operations),
        )
        .order_by(waited.desc(), Step.id)
        .limit(MOST)
    )
    return list(session.scalars(query))


def _end(day: date, zone: str) -> int:
    return day_start(day + timedelta(days=1), zone)


_STEPS: dict[str, Callable[[Session, int, int, str, int], list[str]]] = {
    "theatre": _theatre,
    "capped": _theatre,
    "first-case": _first_case,
    "cancelled": _cancelled,
    "no-show": _missed,
}
