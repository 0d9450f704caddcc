"""The ward as it is lived: admit, lodge, transfer, discharge, extend.

Facts are guarded by the database's second table: two patients cannot lie in one bed. A fact is never refused
because somebody had planned otherwise; the plan follows the fact.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
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
    Resource,
    Slot,
    Step,
    whole_second,
)
from scheduler import audit, outbox, patients
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.booking.telling import tell
from scheduler.closures import Held
from scheduler.errors import Conflict, Invalid, NotFound, SlotTaken, StaleVersion
from scheduler.texts import clean_text

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A ward clock may be this far ahead; later than that is a typing error."""

LONGEST_WARD = 100
"""Signs of another ward's name."""

EARLY = timedelta(days=1)
"""Whoever comes earlier than this before the planned bed comes for something else."""


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
    admission = _judged(admission, now)
    patient = patients.by_public_id(session, admission.patient)
    own = {admission.bed, patient.resource.code}
    locked = _lock_beds(session, own | _beds_of(_planned(session, patient, admission)), admission.bed)
    # Read again: under the lock of the patient's own day nobody can move or cancel it any more.
    planned = _planned(session, patient, admission)
    if not _beds_of(planned) <= locked.ids.keys():
        locked = _lock_beds(session, own | _beds_of(planned), admission.bed)
    _judge_bed(session, locked, admission.bed, admission.at)
    encounter = _opened(session, patient, admission, planned)
    with _guarded(session, admission.bed, locked, admission.at, FAR_FUTURE):
        session.add(encounter)
        _open_stay(encounter, locked.ids[admission.bed], admission.at)
    freed = _spans(planned)
    changed = [slot for slot in planned if _follow(session, slot, locked.ids[admission.bed])]
    _tell_bookings(session, changed, actor=actor, now=now)
    _tell(session, encounter, "admitted", locked, freed, actor=actor, now=now, at=admission.at)
    return encounter


def _judged(admission: Admission, now: datetime) -> Admission:
    """Return an admission in whole seconds; raises Invalid("time-in-future" | "ends-before-start")."""
    admission = replace(admission, at=whole_second(admission.at), expected_end=whole_second(admission.expected_end))
    _judge_time(admission.at, now)
    if admission.expected_end <= admission.at:
        raise Invalid("ends-before-start", starts=admission.at, ends=admission.expected_end)
    return admission


def _opened(session: Session, patient: Patient, admission: Admission, planned: list[Slot]) -> Encounter:
    """Return a new encounter; raises Conflict("already-admitted")."""
    if session.scalar(select(Encounter.id).filter_by(patient_id=patient.id, status="in-progress")) is not None:
        raise Conflict("already-admitted", patient=admission.patient)
    return Encounter(
        status="in-progress",
        patient=patient,
        appointment=planned[0].step.appointment if planned and planned[0].step else _named(session, admission),
        admitted_at=admission.at,
        expected_end=admission.expected_end,
    )


def _named(session: Session, admission: Admission) -> Appointment | None:
    """Return the booking that an admission names although no bed is planned for it."""
    if admission.appointment is None:
        return None
    return session.scalar(select(Appointment).filter_by(public_id=admission.appointment))


@dataclass(frozen=True, slots=True)
class Lodging:
    """Patient (public id) onto another ward, by its name, at an instant, expected to stay until another."""

    patient: str
    ward: str
    at: datetime
    expected_end: datetime
    appointment: str | None = None
    """Public id of the booking the stay belongs to; when None, the one whose planned bed covers `at`, if any."""


def lodge(session: Session, lodging: Lodging, *, actor: Actor, now: datetime) -> Encounter:
    """Open an encounter on another ward, in none of our beds; a bed that was planned is free for somebody else.

    Raises NotFound("unknown-patient" | "unknown-appointment"), Invalid("empty-text" | "control-characters" |
    "text-too-long" | "time-in-future" | "ends-before-start"), Conflict("already-admitted").
    """
    name = clean_text("lodger_ward", lodging.ward, LONGEST_WARD)
    admission = _judged(Admission(lodging.patient, "", lodging.at, lodging.expected_end, lodging.appointment), now)
    patient = patients.by_public_id(session, lodging.patient)
    locked = rows.lock(session, {patient.resource.code} | _beds_of(_planned(session, patient, admission)))
    planned = _planned(session, patient, admission)
    if not _beds_of(planned) <= locked.ids.keys():
        locked = rows.lock(session, {patient.resource.code} | _beds_of(planned))
    encounter = _opened(session, patient, admission, planned)
    encounter.lodger_ward = name
    session.add(encounter)
    freed = _spans(planned)
    for slot in planned:
        slot.status = "unplaced"
    session.flush()
    _tell_bookings(session, planned, actor=actor, now=now)
    _tell(session, encounter, "lodged", locked, freed, actor=actor, now=now, at=admission.at)
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
    """Move a patient to another bed at an instant, or a lodger home to one of ours.

    Raises NotFound("unknown-encounter"), StaleVersion, Conflict("not-admitted" | "bed-closed"), Invalid("unknown-bed"
    | "time-in-future" | "same-bed" | "before-last-move"), SlotTaken("bed-occupied").
    """
    at = whole_second(at)
    _judge_time(at, now)
    encounter, locked = _lock_encounter(session, public_id, version, bed)
    stay = _open(encounter)
    if stay is not None and stay.resource.code == bed:
        raise Invalid("same-bed", bed=bed)
    if at <= _begun(encounter, stay):
        raise Invalid("before-last-move", at=at, starts=_begun(encounter, stay))
    _judge_bed(session, locked, bed, at)
    with _guarded(session, bed, locked, at, FAR_FUTURE):
        if stay is not None:
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
    begun = _begun(encounter, stay)
    if at <= begun:
        raise Invalid("discharge-before-admission", at=at, starts=begun)
    if stay is not None:
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
    begun = _begun(encounter, stay)
    if expected_end <= max(begun, now):
        raise Invalid("ends-before-start", starts=max(begun, now), ends=expected_end)
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


def _open(encounter: Encounter) -> BedStay | None:
    """Return the stay in one of our beds, none for a lodger; raises Conflict("not-admitted")."""
    if encounter.status != "in-progress":
        raise Conflict("not-admitted", status=encounter.status)
    return next((stay for stay in encounter.stays if stay.ends == FAR_FUTURE and stay.status == "active"), None)


def _begun(encounter: Encounter, stay: BedStay | None) -> datetime:
    """Return since when the patient lies where they lie now."""
    return encounter.admitted_at if stay is None else stay.starts


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
    where = {"bed": by_id.get(encounter.stays[-1].resource_id)} if encounter.stays else {"ward": encounter.lodger_ward}
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"encounter.{verb}",
        entity="encounter",
        entity_id=encounter.public_id,
        patient=encounter.patient.public_id,
        detail={"at": at.isoformat(), **where},
    )
