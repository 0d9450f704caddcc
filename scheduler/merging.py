"""Two records of one person become one, and can be taken apart again: bookings, stays and flags go over, or nothing.

The losing record stays as a forwarding address: its number finds the survivor, and so does its public id. What went
over is written down in it, so that it can be taken back. A person cannot be in two places: where the plans or the stays
of the two overlap, the merge is refused and the bookings are named; the database's guard has the last word on that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased

from models import (
    ACTIVE_STATUSES,
    FAR_FUTURE,
    Appointment,
    Encounter,
    Patient,
    Resource,
    ServiceRequest,
    Slot,
    Step,
)
from scheduler import audit, outbox, patients, texts, waitlist
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.booking.telling import tell
from scheduler.errors import Conflict, Invalid, NotFound, StaleVersion
from scheduler.patients.flags import read, stored
from scheduler.patients.record import reindex


@dataclass(frozen=True, slots=True)
class Merge:
    """Which record goes into which (public ids), at the versions that were seen, and why."""

    survivor: str
    loser: str
    survivor_version: int
    loser_version: int
    reason: str


@dataclass(frozen=True, slots=True)
class Clash:
    """Two bookings (public ids) or two stays that one person cannot both have, and the time both take."""

    kind: str
    """booking or stay."""
    one: str
    other: str
    starts: datetime
    ends: datetime | None


def merge(session: Session, wanted: Merge, *, actor: Actor, now: datetime) -> Patient:
    """Let one record go into another and return the one that stays.

    Raises NotFound("unknown-patient"), Invalid("same-record" | "reason-missing" | "text-too-long"), StaleVersion,
    Conflict("merge-overlap") with `clashes`: what one person cannot have at once.
    """
    reason = texts.reason(wanted.reason)
    survivor, loser = (patients.by_public_id(session, each) for each in (wanted.survivor, wanted.loser))
    if survivor is loser:
        raise Invalid("same-record")
    locked = _lock(session, (survivor, loser), loser, now)
    _judge(survivor, wanted.survivor_version)
    _judge(loser, wanted.loser_version)
    rows.release_expired(session, locked, now=now)
    if found := clashes(session, survivor, loser):
        raise _overlap(found)
    carried = Carried(*(_ids(session, kind, loser) for kind in (Appointment, Encounter, ServiceRequest)))
    _close(survivor, loser, carried)
    _carry(session, carried, loser, survivor, "merged", locked, actor=actor, now=now)
    _tell(session, survivor, loser, "merge", reason, carried, actor=actor, now=now)
    return survivor


def separate(session: Session, public_id: str, *, reason: str, actor: Actor, now: datetime) -> Patient:
    """Take a merged record out again with what it brought and return it; what came since stays with the survivor.

    Flags that came with it stay too: a warning too many does less harm than one too few. Raises
    NotFound("unknown-patient"), Invalid("reason-missing" | "text-too-long"), Conflict("not-merged" | "merged-further").
    """
    reason = texts.reason(reason)
    loser = session.scalar(select(Patient).where(Patient.public_id == public_id))
    if loser is None:
        raise NotFound("unknown-patient", patient=public_id)
    survivor = loser.merged_into
    if survivor is None:
        raise Conflict("not-merged", record_number=loser.record_number)
    locked = _lock(session, (survivor, loser), survivor, now)
    if loser.merged_into is not survivor:
        raise StaleVersion(expected=survivor.version, actual=loser.version)
    if survivor.merged_into is not None:
        raise Conflict("merged-further", record_number=survivor.record_number)
    carried = _still_there(session, loser, survivor)
    _open(survivor, loser)
    _carry(session, carried, survivor, loser, "separated", locked, actor=actor, now=now)
    _tell(session, survivor, loser, "separate", reason, carried, actor=actor, now=now)
    return loser


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes over: public ids of appointments, encounters and requests on the waiting list."""

    appointments: tuple[str, ...]
    encounters: tuple[str, ...]
    requests: tuple[str, ...]

    def plain(self) -> dict[str, list[str]]:
        return {"appointments": [*self.appointments], "encounters": [*self.encounters], "requests": [*self.requests]}


def merged_here(session: Session, patient: Patient) -> list[Patient]:
    """Return the records that went into this one, as they were, the last one entered first."""
    query = select(Patient).where(Patient.merged_into_id == patient.id).order_by(Patient.id.desc())
    return list(session.scalars(query))


def clashes(session: Session, survivor: Patient, loser: Patient) -> list[Clash]:
    """Return what the two records have that one person cannot have at once, by time."""
    found = [*_booking_clashes(session, survivor, loser), *_stay_clashes(session, survivor, loser)]
    return sorted(found, key=lambda clash: clash.starts)


def _booking_clashes(session: Session, survivor: Patient, loser: Patient) -> Iterator[Clash]:
    own, foreign = aliased(Slot), aliased(Slot)
    steps, appointments = (aliased(Step), aliased(Step)), (aliased(Appointment), aliased(Appointment))
    query = (
        select(appointments[0].public_id, appointments[1].public_id, own.starts, own.ends, foreign.starts, foreign.ends)
        .join_from(own, foreign, (own.starts < foreign.ends) & (own.ends > foreign.starts))
        .join(steps[0], steps[0].id == own.step_id)
        .join(appointments[0], appointments[0].id == steps[0].appointment_id)
        .join(steps[1], steps[1].id == foreign.step_id)
        .join(appointments[1], appointments[1].id == steps[1].appointment_id)
        .where(own.resource_id == survivor.resource_id, own.status.in_(ACTIVE_STATUSES))
        .where(foreign.resource_id == loser.resource_id, foreign.status.in_(ACTIVE_STATUSES))
    )
    for one, other, starts, ends, other_starts, other_ends in session.execute(query):
        yield Clash("booking", one, other, max(starts, other_starts), min(ends, other_ends))


def _stay_clashes(session: Session, survivor: Patient, loser: Patient) -> Iterator[Clash]:
    own, foreign = (_stays(session, patient) for patient in (survivor, loser))
    for one, starts, ends in own:
        for other, other_starts, other_ends in foreign:
            if starts < other_ends and other_starts < ends:
                last = min(ends, other_ends)
                yield Clash("stay", one, other, max(starts, other_starts), None if last == FAR_FUTURE else last)


def _stays(session: Session, patient: Patient) -> list[tuple[str, datetime, datetime]]:
    query = select(Encounter.public_id, Encounter.admitted_at, Encounter.discharged_at).where(
        Encounter.patient_id == patient.id, Encounter.status != "entered-in-error"
    )
    return [(public_id, starts, ends or FAR_FUTURE) for public_id, starts, ends in session.execute(query)]


def _overlap(found: Iterable[Clash]) -> Conflict:
    told = [
        {"kind": each.kind, "one": each.one, "other": each.other, "starts": each.starts, "ends": each.ends}
        for each in found
    ]
    return Conflict("merge-overlap", count=len(told), clashes=told)


# --- Locks and judgements.


def _lock(session: Session, both: tuple[Patient, Patient], source: Patient, now: datetime) -> rows.Locked:
    """Lock both patients' own days and all that the source's bookings hold, then both records.

    Whoever books or admits locks the patient's own day as well, so nothing new comes between.
    """
    own = {patient.resource.code for patient in both}
    locked = rows.lock(session, own | _held_by(session, source), lapsed_by=now)
    ids = [patient.id for patient in both]
    query = select(Patient).where(Patient.id.in_(ids)).order_by(Patient.id).with_for_update(of=Patient)
    session.scalars(query.execution_options(populate_existing=True)).all()
    if not _held_by(session, source) <= locked.rows.keys():
        raise StaleVersion(expected=source.version, actual=source.version)
    return locked


def _held_by(session: Session, patient: Patient) -> set[str]:
    query = (
        select(Resource.code)
        .join(Slot, Slot.resource_id == Resource.id)
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(Appointment.patient_id == patient.id)
    )
    return set(session.scalars(query))


def _judge(patient: Patient, version: int) -> None:
    if patient.version != version or patient.merged_into_id is not None:
        raise StaleVersion(expected=version, actual=patient.version)


# --- The records themselves.


def _close(survivor: Patient, loser: Patient, carried: Carried) -> None:
    """Make the loser a forwarding address; the survivor takes its flags and, having none, its telephone.

    Both versions end above either's: no form that was opened on one of them fits the other.
    """
    loser.merged_into = survivor
    loser.merged = carried.plain()
    loser.resource.code = f"merged:{loser.public_id}"
    loser.resource.active = False
    kept = {flag.code: flag for flag in read(survivor.flags)}
    added = [flag for flag in read(loser.flags) if flag.code not in kept]
    survivor.flags = stored(sorted([*kept.values(), *added], key=lambda flag: flag.code))
    survivor.phone = survivor.phone or loser.phone
    survivor.version = loser.version = max(survivor.version, loser.version) + 1


def _open(survivor: Patient, loser: Patient) -> None:
    loser.merged_into, loser.merged = None, None
    loser.resource.code = f"patient:{loser.public_id}"
    loser.resource.active = True
    survivor.version = loser.version = max(survivor.version, loser.version) + 1


def _ids(session: Session, kind: type[Appointment | Encounter | ServiceRequest], patient: Patient) -> tuple[str, ...]:
    return tuple(session.scalars(select(kind.public_id).where(kind.patient_id == patient.id).order_by(kind.id)))


def _still_there(session: Session, loser: Patient, survivor: Patient) -> Carried:
    """Return what the loser brought and the survivor still has."""
    brought = loser.merged or {}
    kinds: dict[str, type[Appointment | Encounter | ServiceRequest]] = {
        "appointments": Appointment,
        "encounters": Encounter,
        "requests": ServiceRequest,
    }
    there = {name: set(_ids(session, kind, survivor)) for name, kind in kinds.items()}
    return Carried(**{name: tuple(each for each in brought.get(name, ()) if each in there[name]) for name in kinds})


# --- What goes over.


def _carry(
    session: Session,
    carried: Carried,
    source: Patient,
    target: Patient,
    verb: str,
    locked: rows.Locked,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Give bookings with their own-day slots, and stays, to another patient; raise every version that shows it."""
    session.flush()
    try:
        with session.begin_nested():
            _move_slots(session, carried, source, target)
    except DBAPIError as error:
        if "overlap_slot" not in str(error.orig) and "guard_slot" not in str(error.orig):
            raise
        raise _overlap(clashes(session, target, source)) from error
    for public_id in carried.appointments:
        appointment = rows.whole(session, public_id)
        appointment.patient = target
        rows.touch(session, appointment, now=now)
        tell(session, appointment, verb, actor=actor, now=now)
    for public_id in carried.encounters:
        _hand_over(session, public_id, target, verb, actor=actor, now=now)
    for public_id in carried.requests:
        waitlist.hand_over(session, public_id, target, verb, actor=actor, now=now)
    for patient in sorted((source, target), key=lambda each: each.merged_into_id is None):
        reindex(session, patient)
    rows.settle(session, locked)


def _move_slots(session: Session, carried: Carried, source: Patient, target: Patient) -> None:
    steps = (
        select(Step.id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .where(Appointment.public_id.in_(carried.appointments))
    )
    session.execute(
        update(Slot)
        .where(Slot.resource_id == source.resource_id, Slot.step_id.in_(steps))
        .values(resource_id=target.resource_id)
        .execution_options(synchronize_session=False)
    )


def _hand_over(session: Session, public_id: str, target: Patient, verb: str, *, actor: Actor, now: datetime) -> None:
    encounter = session.scalars(select(Encounter).where(Encounter.public_id == public_id).with_for_update()).one()
    encounter.patient = target
    encounter.version += 1
    outbox.append(
        session,
        topic=f"encounter.{verb}",
        dedupe_key=f"encounter:{public_id}:{encounter.version}",
        payload={"encounter": public_id, "version": encounter.version, "verb": verb},
        now=now,
    )
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"encounter.{verb}",
        entity="encounter",
        entity_id=public_id,
        patient=target.public_id,
    )


def _tell(
    session: Session,
    survivor: Patient,
    loser: Patient,
    verb: str,
    reason: str,
    carried: Carried,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Write one link for each record, the other one named in it."""
    detail: dict[str, Any] = carried.plain()
    for own, other, role in ((survivor, loser, "kept"), (loser, survivor, "merged")):
        audit.record(
            session,
            actor=actor,
            now=now,
            action=verb,
            entity="patient",
            entity_id=own.public_id,
            patient=own.public_id,
            reason=reason,
            detail=detail | {"other": other.public_id, "this": role, "version": own.version},
        )
