"""Put on the waiting list, change, take back with a reason; read it, what is late first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, case, func, select, text, tuple_
from sqlalchemy.orm import Session, joinedload

from models import Patient, Resource, ServiceRequest
from models.service_request import WAITING
from scheduler import availability, catalogue, patients, texts
from scheduler.actor import Actor
from scheduler.errors import Conflict, Invalid, NotFound, StaleVersion
from scheduler.waitlist.entry import Wanted
from scheduler.waitlist.following import locked, summary, tell
from scheduler.waitlist.urgency import due


def request(session: Session, patient: str, wanted: Wanted, *, actor: Actor, now: datetime) -> ServiceRequest:
    """Put a patient (public id) on the list and return the request.

    Raises NotFound("unknown-patient"), Conflict("already-waiting") when this patient waits for this procedure, and
    what `Wanted.judged_note` and the catalogue raise of what is wanted.
    """
    person = patients.by_public_id(session, patient)
    session.execute(select(Patient.id).where(Patient.id == person.id).with_for_update())
    values = _values(session, wanted, now)
    twice = select(ServiceRequest.public_id).where(
        ServiceRequest.patient_id == person.id, ServiceRequest.protocol == wanted.protocol, text(WAITING)
    )
    if waiting := session.scalar(twice.limit(1)):
        raise Conflict("already-waiting", protocol=wanted.protocol, request=waiting)
    made = ServiceRequest(
        **values, version=1, status="active", patient=person, requested_at=now, requested_by=actor.id, updated_at=now
    )
    session.add(made)
    tell(session, made, "requested", actor=actor, now=now)
    return made


def change(
    session: Session, public_id: str, wanted: Wanted, *, version: int | None, actor: Actor, now: datetime
) -> ServiceRequest:
    """Replace what is wanted; the procedure stays. Raises as `request` does, StaleVersion, Conflict
    ("request-not-active"), Invalid("request-differs") for another procedure."""
    found = _active(session, public_id, version)
    if wanted.protocol != found.protocol:
        raise Invalid("request-differs", protocol=found.protocol)
    before = summary(found)
    for name, value in _values(session, wanted, found.requested_at).items():
        setattr(found, name, value)
    tell(session, found, "changed", actor=actor, now=now, before=before)
    return found


def revoke(
    session: Session, public_id: str, *, version: int | None, reason: str, actor: Actor, now: datetime
) -> ServiceRequest:
    """Take a request back. Raises Invalid as `texts.reason` does, StaleVersion, Conflict("request-not-active")."""
    said = texts.reason(reason)
    found = _active(session, public_id, version)
    before = summary(found)
    found.status, found.revoke_reason = "revoked", said
    tell(session, found, "revoked", actor=actor, now=now, before=before, reason=said)
    return found


def _active(session: Session, public_id: str, version: int | None) -> ServiceRequest:
    found = locked(session, public_id)
    if version not in (None, found.version):
        raise StaleVersion(request=public_id, expected=version, actual=found.version)
    if found.status != "active":
        raise Conflict("request-not-active", status=found.status)
    return found


def _values(session: Session, wanted: Wanted, asked: datetime) -> dict[str, Any]:
    note = wanted.judged_note()
    today = availability.today(session, asked)
    row = catalogue.current(session, wanted.protocol, max(wanted.earliest or today, today))
    catalogue.meant(row, wanted.options)
    _judge_picks(session, set(wanted.wishes.pick.values()))
    urgency = wanted.urgency or catalogue.parsed(row).urgency
    target = due(urgency, today)
    if wanted.due is None and wanted.earliest is not None:
        target = max(target, wanted.earliest)
    if wanted.due is None and wanted.latest is not None:
        target = min(target, wanted.latest)
    return {
        "protocol": wanted.protocol,
        "options": {code: count for code, count in sorted(wanted.options.items()) if count},
        "urgency": urgency,
        "due": wanted.due or target,
        "earliest": wanted.earliest,
        "latest": wanted.latest,
        "wishes": wanted.wishes.stored(),
        "note": note,
    }


def _judge_picks(session: Session, codes: Collection[str]) -> None:
    if not codes:
        return
    known = session.scalars(select(Resource.code).where(Resource.code.in_(codes), Resource.kind != "patient"))
    if missing := set(codes) - set(known):
        raise Invalid("unknown-resource", resource=min(missing))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the list ended: due day, urgency and key of its last request."""

    due: date
    urgency: str
    id: int


def waiting(session: Session, *, after: Place | None = None, limit: int = 200) -> list[ServiceRequest]:
    """Return who waits, the latest first: by due day, then by urgency, then by age of the request."""
    query = _read().where(text(WAITING)).limit(limit)
    query = query.order_by(ServiceRequest.due, ServiceRequest.urgency, ServiceRequest.id)
    if after is not None:
        here = tuple_(ServiceRequest.due, ServiceRequest.urgency, ServiceRequest.id)
        query = query.where(here > (after.due, after.urgency, after.id))
    return list(session.scalars(query))


def one(session: Session, public_id: str) -> ServiceRequest:
    """Read a request; raises NotFound("unknown-request")."""
    found: ServiceRequest | None = session.scalar(_read().where(ServiceRequest.public_id == public_id))
    if found is None:
        raise NotFound("unknown-request", request=public_id)
    return found


def appointment_of(request: ServiceRequest) -> str | None:
    """Return the public id of the appointment a request is held or completed by."""
    if request.appointment is None or request.status not in ("on-hold", "completed"):
        return None
    return request.appointment.public_id


def fulfilled_by(session: Session, appointment_id: int) -> str | None:
    """Return the public id of the request that an appointment came from last, or None."""
    return session.scalar(select(ServiceRequest.public_id).where(ServiceRequest.appointment_id == appointment_id))


def counts(session: Session, day: date) -> tuple[int, int]:
    """Return how many wait, and how many of them are overdue on a local day."""
    late = func.count(case((ServiceRequest.due < day, 1)))
    count, overdue = session.execute(select(func.count(ServiceRequest.id), late).where(text(WAITING))).one()
    return count, overdue


def _read() -> "Select[Any]":
    return select(ServiceRequest).options(joinedload(ServiceRequest.patient), joinedload(ServiceRequest.appointment))
