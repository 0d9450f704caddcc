"""GET /patients?q=, POST /patients, GET /patients/{id}."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response, g
from pydantic import Field
from sqlalchemy.orm import Session

from models import Patient
from scheduler import patients
from scheduler.patients import FLAGS, SEXES, PatientEntry
from web.api.blueprint import WRITES, api, refuses
from web.api.conditional import answer
from web.api.idempotency import IdempotencyKey, written_once
from web.api.wire import COUNTED, NO_CONTROLS, Asked, Day, Told
from web.pages.viewing import note_view
from web.policy import BOOK, policy
from web.privacy import FULL_NAMES
from web.site import site

MOST = 100

KnownFlag = Literal[FLAGS]  # type: ignore[valid-type]
Sex = Literal[SEXES]  # type: ignore[valid-type]


class PatientAsked(Asked):
    record_number: Annotated[str, Field(min_length=1, max_length=patients.LONGEST_NUMBER, pattern=NO_CONTROLS)]
    name: Annotated[str, Field(min_length=1, max_length=patients.LONGEST_NAME, pattern=NO_CONTROLS)]
    sex: Sex
    birth_date: Day
    phone: Annotated[str, Field(max_length=40, pattern=NO_CONTROLS)] | None = None
    flags: Annotated[tuple[KnownFlag, ...], Field(max_length=20)] = ()


class PatientTold(Told):
    id: str
    version: int
    record_number: str
    name: str
    sex: str
    birth_date: date
    phone: str | None
    flags: list[str]


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
    """Enter a patient. 409 `duplicate-record-number` names the one who has the number already."""
    entry, actor = PatientEntry(**json_data.model_dump()), g.actor

    def work(session: Session, now: datetime) -> dict[str, Any]:
        return _patient(patients.create(session, entry, actor=actor, now=now))

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


def _patient(patient: Patient) -> dict[str, Any]:
    return PatientTold(
        id=patient.public_id,
        version=patient.version,
        record_number=patient.record_number,
        name=patient.name,
        sex=patient.sex,
        birth_date=patient.birth_date,
        phone=patient.phone,
        flags=list(patient.flags),
    ).model_dump(mode="json")
