"""A request follows its appointment: held, booked, and active again once nothing of it stands."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Patient, ServiceRequest
from scheduler import audit, outbox
from scheduler.actor import Actor
from scheduler.errors import Conflict, Invalid, NotFound


def claim(session: Session, public_id: str, *, patient_id: int, protocol: str) -> ServiceRequest:
    """Lock a request that is to be booked from, before its booking is written.

    Raises NotFound("unknown-request"), Conflict("request-not-active") when somebody was quicker or took it back,
    Invalid("request-differs") when the booking is for another patient or procedure.
    """
    found = locked(session, public_id)
    if found.status != "active":
        raise Conflict("request-not-active", status=found.status)
    if (found.patient_id, found.protocol) != (patient_id, protocol):
        raise Invalid("request-differs", protocol=found.protocol)
    return found


def locked(session: Session, public_id: str) -> ServiceRequest:
    """Lock one request and read it as it now is; raises NotFound("unknown-request")."""
    query = select(ServiceRequest).where(ServiceRequest.public_id == public_id).with_for_update(of=ServiceRequest)
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound("unknown-request", request=public_id)
    return found


def booked(
    session: Session, request: ServiceRequest, appointment_id: int, status: str, *, actor: Actor, now: datetime
) -> None:
    """Let a claimed request have become an appointment of this status."""
    request.appointment_id = appointment_id
    _become(session, request, _STATUS.get(status, "completed"), actor=actor, now=now)


def follow(session: Session, appointment_id: int, status: str, *, actor: Actor, now: datetime) -> None:
    """Bring the request of an appointment to what the appointment has become; without one nothing happens.

    A cancelled or missed appointment leads back to active: the patient still waits. A request that was revoked or
    booked elsewhere meanwhile stays as it is.
    """
    query = select(ServiceRequest).where(ServiceRequest.appointment_id == appointment_id)
    found = session.scalar(query.with_for_update(of=ServiceRequest).execution_options(populate_existing=True))
    meant = _STATUS.get(status, "completed")
    if found is not None and found.status not in ("revoked", meant):
        _become(session, found, meant, actor=actor, now=now)


def hand_over(session: Session, public_id: str, target: Patient, verb: str, *, actor: Actor, now: datetime) -> None:
    """Give a request to another patient, whose record it is now part of."""
    found = locked(session, public_id)
    before = summary(found)
    found.patient = target
    tell(session, found, verb, actor=actor, now=now, before=before)


_STATUS = {"pending": "on-hold", "cancelled": "active", "noshow": "active", "entered-in-error": "active"}
"""Status of an appointment → of its request; every other completes it."""


def _become(session: Session, request: ServiceRequest, status: str, *, actor: Actor, now: datetime) -> None:
    before = summary(request)
    request.status = status
    tell(session, request, status, actor=actor, now=now, before=before)


def tell(
    session: Session,
    request: ServiceRequest,
    verb: str,
    *,
    actor: Actor,
    now: datetime,
    before: object = None,
    reason: str | None = None,
) -> None:
    """Raise the version of a request that changed (a new one keeps 1), queue its outbox row and write its link."""
    if before is not None:
        request.version += 1
    request.updated_at = now
    session.flush()
    outbox.append(
        session,
        topic=f"service-request.{verb}",
        dedupe_key=f"service-request:{request.public_id}:{request.version}",
        payload={"request": request.public_id, "version": request.version, "verb": verb},
        now=now,
    )
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"service-request.{verb}",
        entity="service-request",
        entity_id=request.public_id,
        patient=request.patient.public_id,
        reason=reason,
        detail={"before": before, "after": summary(request)},
    )


def summary(request: ServiceRequest) -> dict[str, object]:
    """Return a request as codes and days, for the audit trail."""
    days = {name: getattr(request, name) for name in ("due", "earliest", "latest")}
    return {
        "version": request.version,
        "status": request.status,
        "protocol": request.protocol,
        "options": request.options,
        "urgency": request.urgency,
        "wishes": request.wishes,
        **{name: day.isoformat() if day else None for name, day in days.items()},
    }
