"""The ward as it is lived: admit, transfer, discharge, extend; and what it counts: census and occupancy.

Facts are guarded by the database's second table: two patients cannot lie in one bed. A fact is never refused
because somebody had planned otherwise; the plan follows the fact.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, selectinload

from models import (
    ACTIVE_STATUSES,
    FAR_FUTURE,
    Appointment,
    BedStay,
    Closure,
    Encounter,
    Patient,
    ProtocolVersion,
    Resource,
    Slot,
    Step,
    from_seconds,
    to_seconds,
    whole_second,
)
from scheduler import audit, availability, outbox, patients, taken
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.booking.telling import tell
from scheduler.closures import Held
from scheduler.engine.grid import day_start, local_date
from scheduler.errors import Conflict, Invalid, NotFound, SlotTaken, StaleVersion
from scheduler.patients.flags import Flag, in_force

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A ward clock may be this far ahead; later than that is a typing error."""

EARLY = timedelta(days=1)
"""Whoever comes earlier than this before the planned bed comes for something else."""

LONGEST_REPORT_DAYS = 800
"""More days than this in one occupancy report are a mistake in a date."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Patient (public id) into bed (code) at an instant, expected to stay until another."""

    patient: str
    bed: str
    at: datetime
    expected_end: datetime
    appointment: str | None = None
    """Public id of the booking the stay belongs to; when None, the booking whose planned bed covers `at`."""


def admit(session: Session, admission: Admission, *, actor: Actor, now: datetime) -> Encounter:
    """Open an encounter with its first bed stay; the booking's planned bed follows.

    Raises NotFound("unknown-patient" | "unknown-appointment"), Invalid("unknown-bed" | "time-in-future" |
    "ends-before-start"), Conflict("already-admitted" | "bed-closed"), SlotTaken("bed-occupied").
    """
    admission = replace(admission, at=whole_second(admission.at), expected_end=whole_second(admission.expected_end))
    _judge_time(admission.at, now)
    if admission.expected_end <= admission.at:
        raise Invalid("ends-before-start", starts=admission.at, ends=admission.expected_end)
    patient = patients.by_public_id(session, admission.patient)
    own = {admission.bed, patient.resource.code}
    locked = _lock_beds(session, own | _beds_of(_planned(session, patient, admission)), admission.bed)
    # Read again: under the lock of the patient's own day nobody can move or cancel it any more.
    planned = _planned(session, patient, admission)
    if not _beds_of(planned) <= locked.ids.keys():
        locked = _lock_beds(session, own | _beds_of(planned), admission.bed)
    _judge_bed(session, locked, admission.bed, admission.at)
    if session.scalar(select(Encounter.id).filter_by(patient_id=patient.id, status="in-progress")) is not None:
        raise Conflict("already-admitted", patient=admission.patient)
    encounter = Encounter(
        status="in-progress",
        patient=patient,
        appointment=planned[0].step.appointment if planned and planned[0].step else None,
        admitted_at=admission.at,
        expected_end=admission.expected_end,
    )
    with _guarded(session, admission.bed, locked, admission.at, FAR_FUTURE):
        session.add(encounter)
        _open_stay(encounter, locked.ids[admission.bed], admission.at)
    freed = _spans(planned)
    changed = [slot for slot in planned if _follow(session, slot, locked.ids[admission.bed])]
    _tell_bookings(session, changed, actor=actor, now=now)
    _tell(session, encounter, "admitted", locked, freed, actor=actor, now=now, at=admission.at)
    return encounter


def transfer(
    session: Session,
    public_id: str,
    *,
    version: int | None,
    bed: str,
    at: datetime,
    actor: Actor,
    now: datetime,
) -> Encounter:
    """Move a patient to another bed at an instant.

    Raises NotFound("unknown-encounter"), StaleVersion, Conflict("not-admitted" | "bed-closed"), Invalid("unknown-bed"
    | "time-in-future" | "same-bed" | "before-last-move"), SlotTaken("bed-occupied").
    """
    at = whole_second(at)
    _judge_time(at, now)
    encounter, locked = _lock_encounter(session, public_id, version, bed)
    stay = _open(encounter)
    if stay.resource.code == bed:
        raise Invalid("same-bed", bed=bed)
    if at <= stay.starts:
        raise Invalid("before-last-move", at=at, starts=stay.starts)
    _judge_bed(session, locked, bed, at)
    with _guarded(session, bed, locked, at, FAR_FUTURE):
        stay.ends = at
        session.flush()
        _open_stay(encounter, locked.ids[bed], at)
    planned = _planned_of(session, encounter, at, early=EARLY)
    freed = _spans(planned)
    changed = [slot for slot in planned if _follow(session, slot, locked.ids[bed])]
    _tell_bookings(session, changed, actor=actor, now=now)
    _raise_version(encounter)
    _tell(session, encounter, "transferred", locked, freed, actor=actor, now=now, at=at)
    return encounter


def discharge(
    session: Session, public_id: str, *, version: int | None, at: datetime, actor: Actor, now: datetime
) -> Encounter:
    """End the stay; what the plan still held of the bed is freed.

    Raises NotFound, StaleVersion, Conflict("not-admitted"), Invalid("time-in-future" | "discharge-before-admission").
    """
    at = whole_second(at)
    _judge_time(at, now)
    encounter, locked = _lock_encounter(session, public_id, version)
    stay = _open(encounter)
    if at <= stay.starts:
        raise Invalid("discharge-before-admission", at=at, starts=stay.starts)
    stay.ends = at
    encounter.status, encounter.discharged_at = "finished", at
    left = _planned_of(session, encounter, at)
    freed = _spans(left)
    for slot in left:
        slot.ends, slot.status = at, "fulfilled"
    session.flush()
    _tell_bookings(session, left, actor=actor, now=now)
    _raise_version(encounter)
    _tell(session, encounter, "discharged", locked, freed, actor=actor, now=now, at=at)
    return encounter


def extend(
    session: Session, public_id: str, *, version: int | None, expected_end: datetime, actor: Actor, now: datetime
) -> Encounter:
    """Set a new estimate of when the stay ends. Raises Conflict("not-admitted"), Invalid("ends-before-start")."""
    encounter, locked = _lock_encounter(session, public_id, version)
    stay = _open(encounter)
    if expected_end <= max(stay.starts, now):
        raise Invalid("ends-before-start", starts=max(stay.starts, now), ends=expected_end)
    encounter.expected_end = expected_end
    _raise_version(encounter)
    _tell(session, encounter, "extended", locked, [], actor=actor, now=now, at=expected_end)
    return encounter


def _raise_version(encounter: Encounter) -> None:
    encounter.version += 1


def _judge_time(at: datetime, now: datetime) -> None:
    if at > now + CLOCK_TOLERANCE:
        raise Invalid("time-in-future", at=at)


def _lock_beds(session: Session, codes: set[str], bed: str) -> rows.Locked:
    known = session.execute(select(Resource.kind, Resource.active).where(Resource.code == bed)).first()
    if known is None or known.kind != "bed" or not known.active:
        raise Invalid("unknown-bed", bed=bed)
    return rows.lock(session, codes)


def _judge_bed(session: Session, locked: rows.Locked, bed: str, at: datetime) -> None:
    closed = session.execute(
        select(Closure.ends).where(Closure.resource_id == locked.ids[bed], Closure.starts <= at, Closure.ends > at)
    ).first()
    if closed is not None:
        raise Conflict("bed-closed", bed=bed, until=closed.ends)


def _lock_encounter(
    session: Session, public_id: str, version: int | None, bed: str | None = None
) -> tuple[Encounter, rows.Locked]:
    before = encounter_by_public_id(session, public_id)
    codes = {stay.resource.code for stay in before.stays} | {before.patient.resource.code}
    codes |= _beds_of(_planned_of(session, before, None))
    locked = _lock_beds(session, codes | {bed}, bed) if bed else rows.lock(session, codes)
    session.execute(select(Encounter.id).where(Encounter.id == before.id).with_for_update())
    encounter = encounter_by_public_id(session, public_id)
    moved = not _beds_of(_planned_of(session, encounter, None)) <= locked.ids.keys()
    if moved or (version is not None and encounter.version != version):
        raise StaleVersion(encounter=public_id, expected=version, actual=encounter.version)
    return encounter, locked


def encounter_by_public_id(session: Session, public_id: str) -> Encounter:
    """Read an encounter with its stays and patient; raises NotFound("unknown-encounter")."""
    found = session.scalar(
        select(Encounter)
        .where(Encounter.public_id == public_id)
        .options(
            selectinload(Encounter.stays).selectinload(BedStay.resource),
            selectinload(Encounter.patient).selectinload(Patient.resource),
            selectinload(Encounter.appointment),
        )
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("unknown-encounter", encounter=public_id)
    return found


def _open(encounter: Encounter) -> BedStay:
    if encounter.status != "in-progress":
        raise Conflict("not-admitted", status=encounter.status)
    return next(stay for stay in encounter.stays if stay.ends == FAR_FUTURE and stay.status == "active")


def _open_stay(encounter: Encounter, bed_id: int, at: datetime) -> None:
    encounter.stays.append(BedStay(resource_id=bed_id, starts=at, ends=FAR_FUTURE))


def _planned(session: Session, patient: Patient, admission: Admission) -> list[Slot]:
    """Return the planned bed slots this admission fulfils, soonest first; a hold promises nobody a bed yet."""
    query = _bed_slots().where(
        Appointment.patient_id == patient.id,
        Slot.ends > admission.at,
        Slot.starts < admission.at + EARLY,
        Slot.status != "pending",
    )
    if admission.appointment is not None:
        if session.scalar(select(Appointment.id).filter_by(public_id=admission.appointment)) is None:
            raise NotFound("unknown-appointment", appointment=admission.appointment)
        query = query.where(Appointment.public_id == admission.appointment)
    found = list(session.scalars(query))
    return [slot for slot in found if slot.step is not None and slot.step_id == found[0].step_id]


def _planned_of(
    session: Session, encounter: Encounter, at: datetime | None, *, early: timedelta = timedelta()
) -> list[Slot]:
    """Return the stay's planned bed slots: all, or those that run at an instant or begin within `early` of it."""
    if encounter.appointment_id is None:
        return []
    query = _bed_slots().where(Appointment.id == encounter.appointment_id)
    if at is not None:
        query = query.where(Slot.starts < at + early, Slot.ends > at)
    return list(session.scalars(query))


def _bed_slots() -> Any:
    return (
        select(Slot)
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(Slot.kind == "bed", Slot.status.in_(ACTIVE_STATUSES))
        .options(selectinload(Slot.resource), selectinload(Slot.step).selectinload(Step.appointment))
        .order_by(Slot.starts)
        .execution_options(populate_existing=True)
    )


def _spans(slots: Iterable[Slot]) -> list[Held]:
    """Return what planned beds hold; closures grow into what a change leaves of it."""
    return [(slot.resource_id, slot.starts, slot.ends) for slot in slots]


def _beds_of(slots: Iterable[Slot]) -> set[str]:
    return {slot.resource.code for slot in slots}


def _follow(session: Session, slot: Slot, bed_id: int) -> bool:
    """Let a planned bed follow the fact; where that bed is promised to somebody else, the plan gives way.

    Return whether the plan has changed.
    """
    if slot.resource_id == bed_id:
        return False
    promised = session.scalar(
        select(Slot.id).where(
            Slot.resource_id == bed_id,
            Slot.status.in_(ACTIVE_STATUSES),
            Slot.starts < slot.ends,
            Slot.ends > slot.starts,
        )
    )
    if promised is None:
        slot.resource_id = bed_id
    else:
        slot.status = "unplaced"
    session.flush()
    return True


def _tell_bookings(session: Session, changed: Iterable[Slot], *, actor: Actor, now: datetime) -> None:
    """Raise the versions of the bookings whose planned bed has changed, and tell of each.

    Their patients are locked with the encounter, so nobody else changes them meanwhile.
    """
    ids = dict.fromkeys(slot.step.appointment.public_id for slot in changed if slot.step is not None)
    for public_id in ids:
        appointment = rows.whole(session, public_id)
        rows.touch(session, appointment, now=now)
        tell(session, appointment, "bed-changed", actor=actor, now=now)


@contextmanager
def _guarded(session: Session, bed: str, locked: rows.Locked, starts: datetime, ends: datetime) -> Iterator[None]:
    nested = session.begin_nested()
    try:
        yield
        session.flush()
    except DBAPIError as error:
        nested.rollback()
        if "overlap_bed_stay" not in str(error.orig) and "guard_bed_stay" not in str(error.orig):
            raise
        raise _occupied(session, bed, locked.ids[bed], starts, ends) from error
    nested.commit()


def _occupied(session: Session, bed: str, bed_id: int, starts: datetime, ends: datetime) -> SlotTaken:
    row = session.execute(
        select(BedStay.starts, BedStay.ends).where(
            BedStay.resource_id == bed_id,
            BedStay.status == "active",
            BedStay.starts < ends,
            BedStay.ends > starts,
        )
    ).first()
    span = {"starts": row.starts, "ends": None if row.ends == FAR_FUTURE else row.ends} if row else {}
    return SlotTaken("bed-occupied", resource=bed, **span)


def _tell(
    session: Session,
    encounter: Encounter,
    verb: str,
    locked: rows.Locked,
    freed: list[Held],
    *,
    actor: Actor,
    now: datetime,
    at: datetime,
) -> None:
    session.flush()
    rows.settle(session, locked, freed)
    outbox.append(
        session,
        topic=f"encounter.{verb}",
        dedupe_key=f"encounter:{encounter.public_id}:{encounter.version}",
        payload={"encounter": encounter.public_id, "version": encounter.version, "verb": verb},
        now=now,
    )
    by_id = {id_: code for code, id_ in locked.ids.items()}
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"encounter.{verb}",
        entity="encounter",
        entity_id=encounter.public_id,
        patient=encounter.patient.public_id,
        detail={"at": at.isoformat(), "bed": by_id.get(encounter.stays[-1].resource_id)},
    )


@dataclass(frozen=True, slots=True)
class Lying:
    """Who lies in a bed."""

    encounter: str
    version: int
    patient: str
    record_number: str
    name: str
    sex: str
    birth_date: date
    flags: tuple[Flag, ...]
    since: datetime
    admitted_at: datetime
    expected_end: datetime
    appointment: str | None


@dataclass(frozen=True, slots=True)
class Expected:
    """Whom a bed is planned for: one planned stay."""

    appointment: str
    patient: str
    record_number: str
    name: str
    sex: str
    flags: tuple[Flag, ...]
    """Those in force on the day the bed is taken."""
    protocol: str
    starts: datetime
    ends: datetime
    provisional: bool
    status: str


@dataclass(frozen=True, slots=True)
class BedState:
    """One bed at an instant, with what is planned for it from then on."""

    code: str
    name_zh: str
    name_en: str
    bay: str | None
    attributes: tuple[str, ...]
    closed_until: datetime | None
    lying: Lying | None
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Census:
    """The ward at an instant."""

    at: datetime
    beds: tuple[BedState, ...]

    @property
    def open_beds(self) -> int:
        return sum(1 for bed in self.beds if bed.closed_until is None)

    @property
    def occupied(self) -> int:
        return sum(1 for bed in self.beds if bed.lying is not None)


def census(session: Session, at: datetime, *, ahead_days: int = 14) -> Census:
    """Return every bed at an instant: who lies there, until when it is closed, whom it is planned for next."""
    beds = session.scalars(
        select(Resource).where(Resource.kind == "bed", Resource.active).order_by(Resource.ordinal, Resource.code)
    ).all()
    lying, expected, closed = _lying(session, at), _expected(session, at, ahead_days), _closed(session, at)
    return Census(
        at,
        tuple(
            BedState(
                code=bed.code,
                name_zh=bed.name_zh,
                name_en=bed.name_en,
                bay=bed.bay,
                attributes=tuple(bed.attributes),
                closed_until=closed.get(bed.id),
                lying=lying.get(bed.id),
                expected=tuple(expected.get(bed.id, ())),
            )
            for bed in beds
        ),
    )


def _lying(session: Session, at: datetime) -> dict[int, Lying]:
    query = (
        select(
            BedStay.resource_id,
            Encounter.public_id,
            Encounter.version,
            Patient.public_id,
            Patient.record_number,
            Patient.name,
            Patient.sex,
            Patient.birth_date,
            Patient.flags,
            BedStay.starts,
            Encounter.admitted_at,
            Encounter.expected_end,
            Appointment.public_id,
        )
        .join(Encounter, Encounter.id == BedStay.encounter_id)
        .join(Patient, Patient.id == Encounter.patient_id)
        .outerjoin(Appointment, Appointment.id == Encounter.appointment_id)
        .where(BedStay.status == "active", BedStay.starts <= at, BedStay.ends > at)
    )
    zone = availability.settings(session).zone
    return {
        bed: Lying(encounter, version, patient, number, name, sex, born, _minded(flags, at, zone), *rest)
        for bed, encounter, version, patient, number, name, sex, born, flags, *rest in session.execute(query)
    }


def _expected(session: Session, at: datetime, ahead_days: int) -> dict[int, list[Expected]]:
    query = (
        select(
            Slot.resource_id,
            Appointment.public_id,
            Patient.public_id,
            Patient.record_number,
            Patient.name,
            Patient.sex,
            Patient.flags,
            ProtocolVersion.code,
            Slot.starts,
            Slot.ends,
            Slot.provisional,
            Slot.status,
        )
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
        .where(
            Slot.kind == "bed",
            Slot.status.in_(ACTIVE_STATUSES),
            Slot.ends > at,
            Slot.starts < at + timedelta(days=ahead_days),
            Slot.starts > at - taken.LONGEST_SLOT,
            availability.counts(at),
        )
        .order_by(Slot.starts)
    )
    found: dict[int, list[Expected]] = {}
    zone = availability.settings(session).zone
    for bed, booking, patient, number, name, sex, flags, protocol, starts, *rest in session.execute(query):
        minded = _minded(flags, starts, zone)
        expected = Expected(booking, patient, number, name, sex, minded, protocol, starts, *rest)
        found.setdefault(bed, []).append(expected)
    return found


def _minded(flags: list[Any], at: datetime, zone: str) -> tuple[Flag, ...]:
    """Return the flags in force on the local day of an instant."""
    return in_force(flags, local_date(to_seconds(at), zone))


def _closed(session: Session, at: datetime) -> dict[int, datetime]:
    query = (
        select(Closure.resource_id, Closure.ends)
        .join(Resource, Resource.id == Closure.resource_id)
        .where(Resource.kind == "bed", Closure.starts <= at, Closure.ends > at)
        .order_by(Closure.ends)
    )
    return {row.resource_id: row.ends for row in session.execute(query)}


@dataclass(frozen=True, slots=True)
class Stay:
    """A fact: who lay in a bed from when to when (`ends` None: still there, expected to leave at `expected_end`)."""

    bed: str
    encounter: str
    appointment: str | None
    patient: str
    name: str
    flags: tuple[Flag, ...]
    """Those in force on the day the stay began."""
    starts: datetime
    ends: datetime | None
    expected_end: datetime


def stays(session: Session, starts: datetime, ends: datetime) -> list[Stay]:
    """Return the stays that overlap [starts, ends), by start."""
    query = (
        select(
            Resource.code,
            Encounter.public_id,
            Appointment.public_id,
            Patient.public_id,
            Patient.name,
            Patient.flags,
            BedStay.starts,
            BedStay.ends,
            Encounter.expected_end,
        )
        .join(Resource, Resource.id == BedStay.resource_id)
        .join(Encounter, Encounter.id == BedStay.encounter_id)
        .join(Patient, Patient.id == Encounter.patient_id)
        .outerjoin(Appointment, Appointment.id == Encounter.appointment_id)
        .where(BedStay.status == "active", BedStay.starts < ends, BedStay.ends > starts)
        .order_by(BedStay.starts, BedStay.id)
    )
    zone = availability.settings(session).zone
    return [
        Stay(
            bed,
            encounter,
            appointment,
            patient,
            name,
            _minded(flags, first, zone),
            first,
            None if last == FAR_FUTURE else last,
            expected,
        )
        for bed, encounter, appointment, patient, name, flags, first, last, expected in session.execute(query)
    ]


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
    found: dict[tuple[date, str], int] = {}
    for verb, column in (("admitted", Encounter.admitted_at), ("discharged", Encounter.discharged_at)):
        query = select(column).where(Encounter.status != "entered-in-error", column >= first, column < last)
        for instant in session.scalars(query):
            if instant is not None:
                day = local_date(int(instant.timestamp()), zone)
                found[day, verb] = found.get((day, verb), 0) + 1
    return found
