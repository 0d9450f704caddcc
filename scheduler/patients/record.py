"""A patient's record: entered, corrected, read."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from models import Department, Patient, PatientKey, Resource, to_seconds
from models.database import written
from scheduler import audit
from scheduler.actor import Actor
from scheduler.engine.grid import local_date
from scheduler.errors import Conflict, NotFound, StaleVersion
from scheduler.patients.entry import PatientEntry, cleaned
from scheduler.patients.flags import stored
from scheduler.patients.keys import keys, number_key
from scheduler.patients.likeness import Alike, likely
from scheduler.patients.sounds import readings

_ADD_RESOURCE = Resource.__table__.insert().returning(Resource.__table__.c.id)  # type: ignore[attr-defined]
_ADD_PATIENT = Patient.__table__.insert().returning(Patient.__table__.c.id)  # type: ignore[attr-defined]
_NEW = {"version": 1, "merged_into_id": None, "merged": None}
"""What stands in the columns that a new record leaves out."""


def create(session: Session, entry: PatientEntry, *, actor: Actor, now: datetime, anyway: bool = False) -> Patient:
    """Enter a patient, with the resource that keeps them from being in two places.

    `anyway`: although records here look like one of the same person. Raises Invalid as `cleaned` does,
    Conflict("duplicate-record-number" | "likely-duplicate").
    """
    entry = cleaned(entry, today=_today(session, now))
    _refuse_taken(session, entry.record_number, None)
    if not anyway:
        _refuse_alike(likely(session, entry))
    public_id = str(uuid.uuid4())
    row = {"public_id": public_id, "created_at": now} | _columns(entry)
    with _numbered(session, entry.record_number):
        # No name on the resource: whoever may see what is occupied need not learn by whom.
        resource = {"code": f"patient:{public_id}", "kind": "patient", "name_zh": "患者", "name_en": "Patient"}
        row["resource_id"] = session.execute(_ADD_RESOURCE, resource).scalar_one()
        id_ = session.execute(_ADD_PATIENT, row).scalar_one()
    patient = written(session, Patient, id_, **_NEW | row)
    _index(session, patient)
    audit.record(
        session, actor=actor, now=now, action="create", entity="patient", entity_id=public_id, patient=public_id
    )
    return patient


def update(
    session: Session, public_id: str, entry: PatientEntry, *, version: int, actor: Actor, now: datetime
) -> Patient:
    """Replace what is known of a patient.

    Raises NotFound, StaleVersion, Invalid as `cleaned` does, Conflict("duplicate-record-number").
    """
    entry = cleaned(entry, today=_today(session, now))
    patient = by_public_id(session, public_id, lock=True)
    if patient.version != version:
        raise StaleVersion(expected=version, actual=patient.version)
    _refuse_taken(session, entry.record_number, patient.id)
    columns = _columns(entry)
    changed = sorted(name for name, value in columns.items() if getattr(patient, name) != value)
    with _numbered(session, entry.record_number):
        for name, value in columns.items():
            setattr(patient, name, value)
        patient.version += 1
    reindex(session, patient)
    # The trail names what changed, never the values: it outlives the right to read them.
    detail = {"changed": changed, "version": patient.version}
    audit.record(
        session,
        actor=actor,
        now=now,
        action="update",
        entity="patient",
        entity_id=public_id,
        patient=public_id,
        detail=detail,
    )
    return patient


_ONE = select(Patient).where(Patient.public_id == bindparam("public_id")).options(joinedload(Patient.resource))
_LOCKED = _ONE.with_for_update(of=Patient)
"""Built once: every booking asks."""


def by_public_id(session: Session, public_id: str, *, lock: bool = False) -> Patient:
    """Return a patient, or the one whose record a merge has put in its place; raises NotFound.

    `lock` keeps others from changing it until the transaction ends.
    """
    patient = session.scalars(_LOCKED if lock else _ONE, {"public_id": public_id}).first()
    if patient is None:
        raise NotFound("unknown-patient", patient=public_id)
    survivor = patient.merged_into
    return patient if survivor is None else by_public_id(session, survivor.public_id, lock=lock)


_ZONE = select(Department.__table__.c.zone)
_PATIENT = Patient.__table__.c
_HOLDER = select(_PATIENT.public_id).where(
    _PATIENT.record_number == bindparam("number"), _PATIENT.id.is_distinct_from(bindparam("own", type_=BigInteger))
)


def _today(session: Session, now: datetime) -> date:
    zone = session.execute(_ZONE).scalar()
    return local_date(to_seconds(now), zone or "UTC")


def _refuse_taken(session: Session, record_number: str, own: int | None) -> None:
    if (holder := session.execute(_HOLDER, {"number": record_number, "own": own}).scalar()) is not None:
        raise Conflict("duplicate-record-number", record_number=record_number, patient=holder)


def _refuse_alike(found: list[Alike]) -> None:
    if found:
        alike = [{"patient": each.patient.public_id, "why": each.why} for each in found]
        raise Conflict("likely-duplicate", count=len(alike), alike=alike)


@contextmanager
def _numbered(session: Session, record_number: str) -> Iterator[None]:
    """Write a record inside; raises Conflict("duplicate-record-number") when the database knows its number."""
    try:
        with session.begin_nested():
            yield
            session.flush()
    except IntegrityError as error:  # somebody entered the same number since it was looked up
        raise Conflict("duplicate-record-number", record_number=record_number) from error


def _columns(entry: PatientEntry) -> dict[str, Any]:
    return {
        "record_number": entry.record_number,
        "name": entry.name,
        "pinyin": readings(entry.name)[0],
        "sex": entry.sex,
        "birth_date": entry.birth_date,
        "phone": entry.phone,
        "flags": stored(entry.flags),
    }


def reindex(session: Session, patient: Patient) -> None:
    """Write the search keys of a patient anew; a merged record has none, its number is the survivor's as well."""
    session.execute(delete(PatientKey).where(PatientKey.patient_id == patient.id))
    if patient.merged_into_id is None:
        _index(session, patient, *_numbers_merged(session, patient))


def _index(session: Session, patient: Patient, *numbers: str) -> None:
    found = keys(patient.record_number, patient.name, patient.phone) | {number_key(each) for each in numbers}
    session.execute(insert(PatientKey), [{"key": key, "patient_id": patient.id} for key in sorted(found)])


def _numbers_merged(session: Session, patient: Patient) -> Iterator[str]:
    """Yield the record numbers of all that went into this record, by whatever way."""
    for each in session.scalars(select(Patient).where(Patient.merged_into_id == patient.id)).all():
        yield each.record_number
        yield from _numbers_merged(session, each)
