"""GET /patients?q=, POST /patients, GET /patients/{id}."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response, g
from pydantic import Field, StrictBool
from sqlalchemy.orm import Session

from models import Patient
from scheduler import patients
from scheduler.patients import FLAGS, LONGEST_NOTE, SEXES, Flag, PatientEntry
from scheduler.patients.flags import read
from web.api.blueprint import WRITES, api, refuses
from web.api.conditional import answer
from web.api.idempotency import IdempotencyKey, written_once
from web.api.wire import COUNTED, NO_CONTROLS, Asked, Day, IsoDay, Told
from web.pages.viewing import note_view
from web.policy import BOOK, policy
from web.privacy import FULL_NAMES, sees_names
from web.site import site

MOST = 100

KnownFlag = Literal[FLAGS]  # type: ignore[valid-type]
Sex = Literal[SEXES]  # type: ignore[valid-type]


class FlagAsked(Asked):
    """Something to be minded; which particulars it has depends on the code (docs/api.md)."""

    code: KnownFlag
    note: Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE, pattern=NO_CONTROLS)] | None = None
    until: Day | None = None
    last_dose: Day | None = None


class FlagTold(Told):
    code: str
    note: str | None
    until: IsoDay | None
    last_dose: IsoDay | None


class PatientAsked(Asked):
    record_number: Annotated[str, Field(min_length=1, max_length=patients.LONGEST_NUMBER, pattern=NO_CONTROLS)]
    name: Annotated[str, Field(min_length=1, max_length=patients.LONGEST_NAME, pattern=NO_CONTROLS)]
    sex: Sex
    birth_date: Day
    phone: Annotated[str, Field(max_length=40, pattern=NO_CONTROLS)] | None = None
    flags: Annotated[tuple[FlagAsked | KnownFlag, ...], Field(max_length=20)] = ()
    anyway: Annotated[StrictBool, Field(description="Although somebody here looks like the same person")] = False


class PatientTold(Told):
    id: str
    version: int
    record_number: str
    name: str
    sex: str
    birth_date: date
    phone: str | None
    flags: list[FlagTold]


class Patients(Told):
    patients: list[PatientTold]


class PatientsAsked(Asked):
    q: Annotated[str, Field(min_length=1, max_length=patients.LONGEST_NAME, pattern=NO_CONTROLS)]
    limit: Annotated[int, Field(ge=1, le=MOST), COUNTED] = 20


@api.get("/patients")
@api.input(PatientsAsked, location="query")
@api.output(Patients)
@refuses()
@policy(FULL_NAMES)
def search_patients(query_data: PatientsAsked) -> dict[str, Any]:
    """Find patients by record number, name, pinyin, initials or the end of a telephone number, best first."""
    with site().read() as session:
        return {"patients": [_patient(each) for each in patients.search(session, query_data.q, query_data.limit)]}


@api.post("/patients")
@api.input(PatientAsked)
@api.input(IdempotencyKey, location="headers")
@api.output(PatientTold, status_code=201)
@refuses(*WRITES)
@policy(BOOK)
def create_patient(json_data: PatientAsked, headers_data: IdempotencyKey) -> Response:
    """Enter a patient. 409 `duplicate-record-number` names the one who has the number already.

    409 `likely-duplicate` names those who may be the same person; with `anyway` the patient is entered all the same.
    """
    given = json_data.model_dump(exclude={"flags", "anyway"})
    flags = tuple(Flag(each) if isinstance(each, str) else Flag(**each.model_dump()) for each in json_data.flags)
    entry, actor = PatientEntry(**given, flags=flags), g.actor

    def work(session: Session, now: datetime) -> dict[str, Any]:
        return _patient(patients.create(session, entry, actor=actor, now=now, anyway=json_data.anyway))

    body = written_once(json_data, work)
    return answer(body, status=201, location=f"/api/v1/patients/{body['id']}")


@api.get("/patients/<uuid:id>")
@api.output(PatientTold)
@refuses()
@policy(FULL_NAMES)
def get_patient(id: UUID) -> Response:
    """Return one patient; the look is recorded in the audit trail."""
    with site().read() as session:
        body = _patient(patients.by_public_id(session, str(id)))
    note_view(body["id"])
    return answer(body)


def flag_told(flag: Flag) -> FlagTold:
    """Tell a flag; whoever reads no names reads no particulars either, here as on the pages."""
    if not sees_names():
        return FlagTold(code=flag.code, note=None, until=None, last_dose=None)
    return FlagTold(code=flag.code, note=flag.note, until=flag.until, last_dose=flag.last_dose)


def _patient(patient: Patient) -> dict[str, Any]:
    return PatientTold(
        id=patient.public_id,
        version=patient.version,
        record_number=patient.record_number,
        name=patient.name,
        sex=patient.sex,
        birth_date=patient.birth_date,
        phone=patient.phone,
        flags=[flag_told(flag) for flag in read(patient.flags)],
    ).model_dump(mode="json")
