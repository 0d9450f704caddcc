"""The ward at an instant: who lies in each bed, until when it is closed, whom it is planned for, who is out.

Frozen rows in a fixed number of queries.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

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
    to_seconds,
)
from scheduler import availability, taken
from scheduler.engine.grid import local_date
from scheduler.patients.flags import Flag, in_force


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
    protocol_zh: str | None
    protocol_en: str | None
    treated_at: datetime | None
    """When the first visit of the booking is planned: what the patient is here for."""


@dataclass(frozen=True, slots=True)
class Lodger:
    """Who of ours lies on another ward."""

    encounter: str
    version: int
    patient: str
    record_number: str
    name: str
    sex: str
    birth_date: date
    flags: tuple[Flag, ...]
    ward: str
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
    lodgers: tuple[Lodger, ...] = ()

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
        _lodgers(session, at),
    )


def _lodgers(session: Session, at: datetime) -> tuple[Lodger, ...]:
    """Return who lodged at an instant, by admission: admitted on another ward and not yet in a bed of ours."""
    came_home = select(BedStay.id).where(
        BedStay.encounter_id == Encounter.id, BedStay.status == "active", BedStay.starts <= at
    )
    query = (
        select(
            Encounter.public_id,
            Encounter.version,
            Patient.public_id,
            Patient.record_number,
            Patient.name,
            Patient.sex,
            Patient.birth_date,
            Patient.flags,
            Encounter.lodger_ward,
            Encounter.admitted_at,
            Encounter.expected_end,
            Appointment.public_id,
        )
        .join(Patient, Patient.id == Encounter.patient_id)
        .outerjoin(Appointment, Appointment.id == Encounter.appointment_id)
        .where(
            Encounter.lodger_ward.is_not(None),
            Encounter.status != "entered-in-error",
            Encounter.admitted_at <= at,
            or_(Encounter.discharged_at.is_(None), Encounter.discharged_at > at),
            ~came_home.exists(),
        )
        .order_by(Encounter.admitted_at, Encounter.id)
    )
    zone = availability.settings(session).zone
    return tuple(
        Lodger(encounter, version, patient, number, name, sex, born, _minded(flags, at, zone), str(ward), *rest)
        for encounter, version, patient, number, name, sex, born, flags, ward, *rest in session.execute(query)
    )


def _lying(session: Session, at: datetime) -> dict[int, Lying]:
    first_visit = select(func.min(Step.starts)).where(
        Step.appointment_id == Appointment.id, Step.status.not_in(("cancelled", "entered-in-error"))
    )
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
            ProtocolVersion.name_zh,
            ProtocolVersion.name_en,
            first_visit.scalar_subquery(),
        )
        .join(Encounter, Encounter.id == BedStay.encounter_id)
        .join(Patient, Patient.id == Encounter.patient_id)
        .outerjoin(Appointment, Appointment.id == Encounter.appointment_id)
        .outerjoin(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
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
            Slot.resource_id.in_(select(Resource.id).where(Resource.kind == "bed")),
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
