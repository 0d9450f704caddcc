"""Let the ward live through one day: who leaves, who comes, into which bed, and who sleeps on another ward."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp
from random import Random

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, selectinload

from models import (
    ACTIVE_STATUSES,
    FAR_FUTURE,
    Appointment,
    BedStay,
    Encounter,
    Patient,
    ProtocolVersion,
    Resource,
    Slot,
    Step,
    from_seconds,
    to_seconds,
)
from scheduler import availability, catalogue, ward
from scheduler.demo.desk import DEMO, SOURCE
from scheduler.demo.terms import LODGER
from scheduler.engine.grid import at_minute, day_start, local_date
from scheduler.engine.protocol import MOST_NIGHTS_BEFORE, Protocol
from scheduler.engine.rules import beds
from scheduler.errors import Conflict, DomainError

SIGMA = 0.3
"""Of the logarithm of a stay's nights around what was planned (CLINICAL §4)."""

LEAVES = (8 * 60 + 20, 12 * 60)
"""Between which minutes of the day patients leave (CLINICAL §13: by 11:00, and not everybody does)."""

SEEN = 9 * 60 + 30
"""When the round has seen who stays longer than planned."""

COMES_WITHIN_MINUTES = 240
"""How long after the admission hour patients come."""

WARDS = ("肝胆外科病区", "肿瘤内科病区", "普外科病区", "甲状腺外科病区", "泌尿外科病区", "妇科病区")


@dataclass(frozen=True, slots=True)
class Coming:
    """A planned stay that begins on the day; `bed` None: planned on another ward."""

    at: datetime
    key: str
    appointment: str
    patient: str
    bed: str | None
    ends: datetime


@dataclass(frozen=True, slots=True)
class Staying:
    """A stay that should end on the day and is seen to last longer."""

    at: datetime
    key: str
    encounter: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Leaving:
    """A stay that ends on the day."""

    at: datetime
    key: str
    encounter: str
    bed: str | None


def live(session: Session, day: date, seed: int, zone: str, now: datetime) -> None:
    """Let everything happen on the ward that happened on a local day by now, in its order."""
    there = _Beds(session, day, zone)
    moves: list[Leaving | Staying | Coming] = [
        *_leaving(session, day, seed, zone),
        *_coming(session, day, seed, zone),
        *_lodging(session, day, seed, zone),
    ]
    for move in sorted(moves, key=lambda each: (each.at, isinstance(each, Coming), each.key)):
        if move.at > now:
            return
        if isinstance(move, Staying):
            with suppress(DomainError):
                ward.extend(session, move.encounter, version=None, expected_end=move.ends, actor=DEMO, now=move.at)
        elif isinstance(move, Leaving):
            with suppress(DomainError):  # somebody has discharged or moved this patient since
                ward.discharge(session, move.encounter, version=None, at=move.at, actor=DEMO, now=move.at)
            there.occupied.discard(move.bed)
        else:
            _admit(session, move, there, seed)


def _admit(session: Session, coming: Coming, there: "_Beds", seed: int) -> None:
    """Admit a patient into the planned bed, else into a free one, else on another ward."""
    for bed in there.choices(coming.bed) if coming.bed else ():
        admission = ward.Admission(coming.patient, bed, coming.at, coming.ends, coming.appointment)
        try:
            ward.admit(session, admission, actor=DEMO, now=coming.at)
        except Conflict as refusal:  # closed for repair, or the patient lies here for something else
            if refusal.code == "already-admitted":
                return
        else:
            there.occupied.add(bed)
            return
    name = WARDS[Random(f"{seed}:{coming.key}:ward").randrange(len(WARDS))]  # noqa: S311 - not a secret
    lodging = ward.Lodging(coming.patient, name, coming.at, coming.ends, coming.appointment)
    with suppress(Conflict):
        ward.lodge(session, lodging, actor=DEMO, now=coming.at)


class _Beds:
    """Which beds are taken as the day goes on, and which are promised to those who come."""

    def __init__(self, session: Session, day: date, zone: str) -> None:
        rows = session.execute(
            select(Resource.code, Resource.attributes)
            .where(Resource.kind == "bed", Resource.active)
            .order_by(Resource.ordinal, Resource.code)
        )
        self._attributes = {row.code: frozenset(row.attributes) for row in rows}
        taken = select(Resource.code).join(BedStay, BedStay.resource_id == Resource.id)
        self.occupied: set[str | None] = set(
            session.scalars(taken.where(BedStay.status == "active", BedStay.ends == FAR_FUTURE))
        )
        tomorrow = from_seconds(day_start(day + timedelta(days=2), zone))
        promised = select(Resource.code).join(Slot, Slot.resource_id == Resource.id)
        self._promised = set(
            session.scalars(
                promised.where(
                    Slot.kind == "bed",
                    Slot.status.in_(ACTIVE_STATUSES),
                    Slot.starts < tomorrow,
                    Slot.ends > from_seconds(day_start(day, zone)),
                )
            )
        )

    def choices(self, planned: str) -> list[str]:
        """Return the free beds for a patient: the planned one, then those that nobody waits for and that do as well."""
        wanted = self._attributes[planned] & {"radiation-ready"}
        free = [code for code in self._attributes if code not in self.occupied and wanted <= self._attributes[code]]
        return sorted(
            (code for code in free if code == planned or code not in self._promised), key=lambda code: code != planned
        )


def _random(seed: int, *parts: object) -> Random:
    return Random(":".join(map(str, (seed, *parts))))  # noqa: S311 - a fixed demonstration, not a secret


def _leaving(session: Session, day: date, seed: int, zone: str) -> Iterator[Leaving | Staying]:
    query = (
        select(Encounter, Appointment.source_ref, ProtocolVersion)
        .join(Appointment, Appointment.id == Encounter.appointment_id)
        .join(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
        .where(Encounter.status == "in-progress", Appointment.source == SOURCE)
        .order_by(Encounter.id)
        .options(selectinload(Encounter.stays).selectinload(BedStay.resource))
    )
    for encounter, ref, version in session.execute(query):
        key, came = str(ref), local_date(to_seconds(encounter.admitted_at), zone)
        at = _leaves(seed, key, came, _nights(catalogue.parsed(version)), zone)
        bed = encounter.stays[-1].resource.code if encounter.stays else None
        if local_date(to_seconds(at), zone) <= day:
            yield Leaving(at, key, encounter.public_id, bed)
        elif local_date(to_seconds(encounter.expected_end), zone) <= day:
            seen, ends = at_minute(day, SEEN, zone), at_minute(local_date(to_seconds(at), zone), LEAVES[1], zone)
            yield Staying(from_seconds(seen), key, encounter.public_id, from_seconds(ends))


def _nights(protocol: Protocol) -> int:
    """Return the nights that a stay for a protocol usually takes, the longest of its steps'."""
    return max((step.stay.nights_before + step.stay.nights for step in protocol.steps if step.stay), default=1)


def _leaves(seed: int, key: str, came: date, planned: int, zone: str) -> datetime:
    """Return when a patient leaves: some a night or two earlier or later than was planned."""
    random = _random(seed, key, came)
    nights = max(1, round(planned * exp(random.gauss(0, SIGMA))))
    return from_seconds(at_minute(came + timedelta(days=nights), random.randrange(*LEAVES), zone))


def _coming(session: Session, day: date, seed: int, zone: str) -> Iterator[Coming]:
    query = (
        select(Slot.starts, Slot.ends, Resource.code, Appointment.public_id, Appointment.source_ref, Patient.public_id)
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(Resource, Resource.id == Slot.resource_id)
        .where(
            Resource.kind == "bed",  # few, and each has its index: a year is not read for one day
            Slot.kind == "bed",
            Slot.status.in_(ACTIVE_STATUSES),
            Slot.starts >= from_seconds(day_start(day, zone)),
            Slot.starts < from_seconds(day_start(day + timedelta(days=1), zone)),
            Appointment.source == SOURCE,
            _not_here(day, zone),
        )
        .order_by(Slot.starts, Slot.id)
    )
    for starts, ends, bed, appointment, ref, patient in session.execute(query):
        yield Coming(_comes(seed, str(ref), starts), str(ref), appointment, patient, bed, ends)


def _not_here(day: date, zone: str) -> ColumnElement[bool]:
    """No stay of the appointment has begun on the day: the ward may live through a day in several goes."""
    begun = select(Encounter.appointment_id).where(
        Encounter.appointment_id.is_not(None), Encounter.admitted_at >= from_seconds(day_start(day, zone))
    )
    return Appointment.id.not_in(begun)


def _comes(seed: int, key: str, starts: datetime) -> datetime:
    return starts + timedelta(minutes=_random(seed, key, "comes", starts).randrange(COMES_WITHIN_MINUTES))


def _lodging(session: Session, day: date, seed: int, zone: str) -> Iterator[Coming]:
    """Yield who was booked with a bed on another ward and comes there on the day."""
    hours = availability.settings(session).ward
    query = (
        select(Step, Appointment, ProtocolVersion, Patient.public_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .join(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(
            Step.starts >= from_seconds(day_start(day, zone)),
            Step.starts < from_seconds(day_start(day + timedelta(days=MOST_NIGHTS_BEFORE + 1), zone)),
            Step.status.in_(ACTIVE_STATUSES),
            Appointment.source == SOURCE,
            Appointment.options[LODGER].as_integer() > 0,
            _not_here(day, zone),
        )
        .order_by(Step.starts, Step.id)
    )
    for step, appointment, version, patient in session.execute(query):
        stay = catalogue.parsed(version).step(step.code).stay
        if stay is None:
            continue
        first, last = beds.span(stay, local_date(to_seconds(step.starts), zone), hours, zone)
        if local_date(first, zone) == day:
            key, ends = str(appointment.source_ref), from_seconds(last)
            yield Coming(_comes(seed, key, from_seconds(first)), key, appointment.public_id, patient, None, ends)
