"""GET /census, GET /occupancy, and the stays: POST /encounters, transfer, discharge, extend."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Response, g
from pydantic import Field
from sqlalchemy.orm import Session

from models import FAR_FUTURE, Encounter
from scheduler import ward
from scheduler.actor import Actor
from scheduler.errors import Invalid
from web.api.blueprint import CHANGES, WRITES, api, refuses
from web.api.conditional import IfMatch, answer, version_asked
from web.api.idempotency import IdempotencyKey, written_once
from web.api.patients import FlagTold, flag_told
from web.api.wire import Asked, Code, Day, Instant, IsoDay, Moment, Names, PublicId, Told
from web.policy import READ, WARD, policy
from web.privacy import patient_name
from web.site import place, site

# --- Census.


class LyingTold(Told):
    encounter: str
    version: int
    patient: str
    record_number: str
    name: str
    sex: str
    birth_date: IsoDay
    flags: list[FlagTold]
    since: Instant
    admitted_at: Instant
    expected_end: Instant
    appointment: str | None


class ExpectedTold(Told):
    appointment: str
    patient: str
    protocol: str
    starts: Instant
    ends: Instant
    provisional: bool
    status: str


class BedTold(Told):
    code: str
    names: Names
    bay: str | None
    attributes: list[str]
    closed_until: Instant | None
    lying: LyingTold | None
    expected: list[ExpectedTold]


class LodgerTold(Told):
    """A patient of ours on another ward, in none of our beds."""

    encounter: str
    version: int
    patient: str
    record_number: str
    name: str
    sex: str
    birth_date: IsoDay
    flags: list[FlagTold]
    ward: str
    admitted_at: Instant
    expected_end: Instant
    appointment: str | None


class CensusTold(Told):
    at: Instant
    open_beds: int
    occupied: int
    beds: list[BedTold]
    lodgers: list[LodgerTold]


class CensusAsked(Asked):
    at: Moment | None = None


@api.get("/census")
@api.input(CensusAsked, location="query")
@api.output(CensusTold)
@refuses()
@policy(READ)
def get_census(query_data: CensusAsked) -> dict[str, Any]:
    """Return every bed at an instant (now, unless `at` says otherwise): who lies there, who is expected next.

    For roles that do not treat, document or mend, names are shortened and flags are told without their particulars.
    """
    with site().read() as session:
        found = ward.census(session, query_data.at or site().now())
    return {
        "at": found.at,
        "open_beds": found.open_beds,
        "occupied": found.occupied,
        "beds": [_bed(bed) for bed in found.beds],
        "lodgers": [_lodger(each) for each in found.lodgers],
    }


def _bed(bed: ward.BedState) -> dict[str, Any]:
    return {
        "code": bed.code,
        "names": {"zh": bed.name_zh, "en": bed.name_en},
        "bay": bed.bay,
        "attributes": sorted(bed.attributes),
        "closed_until": bed.closed_until,
        "lying": None if bed.lying is None else _lying(bed.lying),
        "expected": [_expected(each) for each in bed.expected],
    }


def _lying(lying: ward.Lying) -> dict[str, Any]:
    told = {name: getattr(lying, name) for name in LyingTold.model_fields}
    return told | {"flags": [flag_told(flag) for flag in lying.flags], "name": patient_name(lying.name)}


def _lodger(lodger: ward.Lodger) -> dict[str, Any]:
    told = {name: getattr(lodger, name) for name in LodgerTold.model_fields}
    return told | {"flags": [flag_told(flag) for flag in lodger.flags], "name": patient_name(lodger.name)}


def _expected(expected: ward.Expected) -> dict[str, Any]:
    return {name: getattr(expected, name) for name in ExpectedTold.model_fields}


# --- Occupancy.


class Forecast(Told):
    """Null until the ward is forecast."""

    p10: int | None
    p50: int | None
    p90: int | None
    over_capacity: float | None


class DayTold(Told):
    """`occupied_midnight` is counted at the instant the day ends, null while that lies ahead; `planned` are the beds
    that plans and the estimates of open stays take at that instant."""

    date: IsoDay
    open_beds: int
    occupied_midnight: int | None
    planned: int
    forecast: Forecast
    admissions: int
    discharges: int


class Indicators(Told):
    """Of the whole period; null until they are defined."""

    occupancy_rate: float | None
    mean_stay_nights: float | None
    turnover: float | None


class OccupancyTold(Told):
    days: list[DayTold]
    indicators: Indicators


class OccupancyAsked(Asked):
    from_: Annotated[Day, Field(alias="from")]
    to: Annotated[Day, Field(description="The last day, inclusive")]


@api.get("/occupancy")
@api.input(OccupancyAsked, location="query")
@api.output(OccupancyTold)
@refuses()
@policy(READ)
def get_occupancy(query_data: OccupancyAsked) -> dict[str, Any]:
    """Return one row for each local day from `from` to `to`, both inclusive."""
    with site().read() as session:
        days = ward.occupancy(session, query_data.from_, query_data.to, now=site().now())
    return {
        "days": [_day(day) for day in days],
        "indicators": dict.fromkeys(Indicators.model_fields),
    }


def _day(day: ward.OccupancyDay) -> dict[str, Any]:
    return {
        "date": day.date,
        "open_beds": day.open_beds,
        "occupied_midnight": day.occupied_midnight,
        "planned": day.planned,
        "forecast": dict.fromkeys(Forecast.model_fields),
        "admissions": day.admissions,
        "discharges": day.discharges,
    }


# --- Stays.


class StayTold(Told):
    bed: str
    starts: Instant
    ends: Instant | None


class EncounterTold(Told):
    id: str
    version: int
    status: str
    patient: str
    appointment: str | None
    admitted_at: Instant
    discharged_at: Instant | None
    expected_end: Instant
    lodger_ward: str | None
    stays: list[StayTold]


class AdmitAsked(Asked):
    patient: PublicId
    bed: Annotated[Code, Field(description="One of our beds; or else `lodger_ward`")] | None = None
    lodger_ward: Annotated[str, Field(max_length=100, description="The ward that takes the patient in")] | None = None
    expected_end: Moment
    at: Annotated[Moment, Field(description="Now, unless it is said")] | None = None
    appointment: Annotated[PublicId, Field(description="The booking whose planned bed this is")] | None = None


class TransferAsked(Asked):
    bed: Code
    at: Moment | None = None


class DischargeAsked(Asked):
    at: Moment | None = None


class ExtendAsked(Asked):
    expected_end: Moment


@api.post("/encounters")
@api.input(AdmitAsked)
@api.input(IdempotencyKey, location="headers")
@api.output(EncounterTold, status_code=201)
@refuses(*WRITES)
@policy(WARD)
def admit_patient(json_data: AdmitAsked, headers_data: IdempotencyKey) -> Response:
    """Admit a patient to a bed, or as a lodger on another ward.

    409 `bed-occupied` names the span; a plan for the bed gives way to the fact.
    """
    asked, actor = json_data, g.actor
    place()

    def work(session: Session, now: datetime) -> dict[str, Any]:
        return _told(session, _admitted(session, asked, actor, now))

    body = written_once(asked, work)
    return answer(body, status=201, location=f"/api/v1/encounters/{body['id']}")


def _admitted(session: Session, asked: AdmitAsked, actor: Actor, now: datetime) -> Encounter:
    span = (asked.at or now, asked.expected_end, asked.appointment)
    if asked.bed is not None and asked.lodger_ward is None:
        return ward.admit(session, ward.Admission(asked.patient, asked.bed, *span), actor=actor, now=now)
    if asked.lodger_ward is not None and asked.bed is None:
        return ward.lodge(session, ward.Lodging(asked.patient, asked.lodger_ward, *span), actor=actor, now=now)
    raise Invalid("bed-or-lodger-ward")


@api.get("/encounters/<uuid:id>")
@api.output(EncounterTold)
@refuses()
@policy(READ)
def get_encounter(id: UUID) -> Response:
    """Return one stay on the ward."""
    place()
    with site().read() as session:
        return answer(_plain(ward.encounter_by_public_id(session, str(id))))


@api.post("/encounters/<uuid:id>/transfer")
@api.input(TransferAsked)
@api.input(IfMatch, location="headers")
@api.output(EncounterTold)
@refuses(*CHANGES)
@policy(WARD)
def transfer_patient(id: UUID, json_data: TransferAsked, headers_data: IfMatch) -> Response:
    """Move a patient to another bed, or a lodger home to one of ours."""
    asked, actor = json_data, g.actor

    def work(session: Session, key: str, version: int, now: datetime) -> Encounter:
        at = asked.at or now
        return ward.transfer(session, key, version=version, bed=asked.bed, at=at, actor=actor, now=now)

    return _change(id, work)


@api.post("/encounters/<uuid:id>/discharge")
@api.input(DischargeAsked)
@api.input(IfMatch, location="headers")
@api.output(EncounterTold)
@refuses(*CHANGES)
@policy(WARD)
def discharge_patient(id: UUID, json_data: DischargeAsked, headers_data: IfMatch) -> Response:
    """End the stay; what the plan still held of the bed is freed."""
    asked, actor = json_data, g.actor

    def work(session: Session, key: str, version: int, now: datetime) -> Encounter:
        return ward.discharge(session, key, version=version, at=asked.at or now, actor=actor, now=now)

    return _change(id, work)


@api.post("/encounters/<uuid:id>/extend")
@api.input(ExtendAsked)
@api.input(IfMatch, location="headers")
@api.output(EncounterTold)
@refuses(*CHANGES)
@policy(WARD)
def extend_stay(id: UUID, json_data: ExtendAsked, headers_data: IfMatch) -> Response:
    """Set a new estimate of when the stay ends."""
    ends, actor = json_data.expected_end, g.actor

    def work(session: Session, key: str, version: int, now: datetime) -> Encounter:
        return ward.extend(session, key, version=version, expected_end=ends, actor=actor, now=now)

    return _change(id, work)


def _change(id: UUID, work: Callable[[Session, str, int, datetime], Encounter]) -> Response:
    version = version_asked()
    place()
    return answer(site().transact(lambda session, now: _told(session, work(session, str(id), version, now))))


def _told(session: Session, encounter: Encounter) -> dict[str, Any]:
    return _plain(ward.encounter_by_public_id(session, encounter.public_id))


def _plain(encounter: Encounter) -> dict[str, Any]:
    return EncounterTold(
        id=encounter.public_id,
        version=encounter.version,
        status=encounter.status,
        patient=encounter.patient.public_id,
        appointment=encounter.appointment.public_id if encounter.appointment else None,
        admitted_at=encounter.admitted_at,
        discharged_at=encounter.discharged_at,
        expected_end=encounter.expected_end,
        lodger_ward=encounter.lodger_ward,
        stays=[
            StayTold(bed=stay.resource.code, starts=stay.starts, ends=None if stay.ends == FAR_FUTURE else stay.ends)
            for stay in encounter.stays
            if stay.status == "active"
        ],
    ).model_dump(mode="json")
