"""How full the ward was, is and is planned to be: one row a local day, by one sweep over the stays."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models import (
    ACTIVE_STATUSES,
    FAR_FUTURE,
    Appointment,
    BedStay,
    Closure,
    Encounter,
    Resource,
    Slot,
    Step,
    from_seconds,
    to_seconds,
)
from scheduler import availability, taken
from scheduler.engine.grid import day_start, local_date
from scheduler.errors import Invalid

LONGEST_REPORT_DAYS = 800
"""More days than this in one occupancy report are a mistake in a date."""


@dataclass(frozen=True, slots=True)
class OccupancyDay:
    """One local day: `occupied_midnight` at the instant it ends (None while that lies ahead), `planned` the beds
    that plans and open stays' estimates take at that instant, admissions and discharges within the day."""

    date: date
    open_beds: int
    occupied_midnight: int | None
    planned: int
    admissions: int
    discharges: int


def occupancy(session: Session, first: date, last: date, *, now: datetime) -> list[OccupancyDay]:
    """Return one row for each local day from `first` to `last`, both inclusive, by one sweep over the stays.

    Raises Invalid("earliest-after-latest" | "search-too-long").
    """
    if last < first:
        raise Invalid("earliest-after-latest", earliest=first.isoformat(), latest=last.isoformat())
    if (last - first).days > LONGEST_REPORT_DAYS:
        raise Invalid("search-too-long", days=LONGEST_REPORT_DAYS)
    zone = availability.settings(session).zone
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    midnights = [from_seconds(day_start(day + timedelta(days=1), zone)) for day in days]
    begin = from_seconds(day_start(first, zone))
    lain = _stay_spans(session, begin, midnights[-1])
    planned = _planned_spans(session, begin, midnights[-1], now)
    beds = _bed_closures(session, begin, midnights[-1])
    moves = _moves(session, begin, midnights[-1], zone)
    return [
        OccupancyDay(
            date=day,
            open_beds=sum(1 for closed in beds.values() if not _covers(closed, midnight)),
            occupied_midnight=_beds_at(lain, midnight) if midnight <= now else None,
            planned=_beds_at(planned, midnight),
            admissions=moves.get((day, "admitted"), 0),
            discharges=moves.get((day, "discharged"), 0),
        )
        for day, midnight in zip(days, midnights, strict=True)
    ]


_Spans = list[tuple[int, datetime, datetime]]


def _stay_spans(session: Session, first: datetime, last: datetime) -> _Spans:
    query = select(BedStay.resource_id, BedStay.starts, BedStay.ends).where(
        BedStay.status == "active", BedStay.starts <= last, BedStay.ends > first
    )
    return [tuple(row) for row in session.execute(query)]  # type: ignore[misc]


def _planned_spans(session: Session, first: datetime, last: datetime, now: datetime) -> _Spans:
    query = (
        select(Slot.resource_id, Slot.starts, Slot.ends)
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(
            Slot.resource_id.in_(select(Resource.id).where(Resource.kind == "bed")),
            Slot.kind == "bed",
            Slot.status.in_(ACTIVE_STATUSES),
            Slot.starts <= last,
            Slot.ends > first,
            Slot.starts > first - taken.LONGEST_SLOT,
            availability.counts(now),
        )
    )
    open_stays = (
        select(BedStay.resource_id, BedStay.starts, Encounter.expected_end)
        .join(Encounter, Encounter.id == BedStay.encounter_id)
        .where(BedStay.status == "active", BedStay.ends == FAR_FUTURE)
    )
    plans = [tuple(row) for row in session.execute(query)]
    estimates = [(bed, starts, max(ends, now)) for bed, starts, ends in session.execute(open_stays)]
    return plans + estimates  # type: ignore[return-value]


def _beds_at(spans: _Spans, instant: datetime) -> int:
    return len({bed for bed, starts, ends in spans if starts <= instant < ends})


def _covers(closures: list[tuple[datetime, datetime]], instant: datetime) -> bool:
    return any(starts <= instant < ends for starts, ends in closures)


def _bed_closures(session: Session, first: datetime, last: datetime) -> dict[int, list[tuple[datetime, datetime]]]:
    beds: dict[int, list[tuple[datetime, datetime]]] = {
        id_: [] for id_ in session.scalars(select(Resource.id).where(Resource.kind == "bed", Resource.active))
    }
    query = select(Closure.resource_id, Closure.starts, Closure.ends).where(
        Closure.resource_id.in_(beds), Closure.starts <= last, Closure.ends > first
    )
    for row in session.execute(query):
        beds[row.resource_id].append((row.starts, row.ends))
    return beds


def _moves(session: Session, first: datetime, last: datetime, zone: str) -> dict[tuple[date, str], int]:
    """Count who came into a bed of ours and who left the ward from one.

    A lodger is admitted by, and discharged from, another ward, until a bed stay begins here.
    """
    found: dict[tuple[date, str], int] = {}
    begun = func.min(BedStay.starts)
    ours = (
        select(begun.label("admitted"), Encounter.discharged_at.label("discharged"))
        .join(Encounter, Encounter.id == BedStay.encounter_id)
        .where(BedStay.status == "active", Encounter.status != "entered-in-error")
        .where(or_(Encounter.discharged_at.is_(None), Encounter.discharged_at >= first), BedStay.starts < last)
        .group_by(Encounter.id)
    )
    for admitted, discharged in session.execute(ours):
        for verb, instant in (("admitted", admitted), ("discharged", discharged)):
            if instant is not None and first <= instant < last:
                day = local_date(to_seconds(instant), zone)
                found[day, verb] = found.get((day, verb), 0) + 1
    return found
