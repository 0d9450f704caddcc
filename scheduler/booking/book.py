"""Book a placement: the patient, every step, every resource and every bed night, or nothing."""

import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models import Appointment, Patient, ProtocolVersion, Step, from_seconds
from models.database import written
from scheduler import availability, catalogue, lifecycle, patients, waitlist
from scheduler.actor import Actor
from scheduler.booking import rows, terms
from scheduler.booking.propose import violations
from scheduler.booking.requests import BookRequest
from scheduler.booking.telling import Subject, announce, told, told_step
from scheduler.engine.grid import local_date
from scheduler.engine.protocol import Protocol
from scheduler.engine.world import Placement, StepPlan
from scheduler.errors import Conflict, Invalid

_ADD_APPOINTMENT = Appointment.__table__.insert().returning(Appointment.__table__.c.id)  # type: ignore[attr-defined]
_ADD_STEP = Step.__table__.insert().returning(Step.__table__.c.id)  # type: ignore[attr-defined]
"""Rows, not objects: the unit of work took longer than all the rest of a booking."""

_NEW = {"version": 1, "hold_until": None, "override": None, "cancel_reason": None, "fact_only": False}
"""What stands in the columns that a new booking leaves out."""


def book(session: Session, request: BookRequest, *, actor: Actor, now: datetime) -> Appointment:
    """Book or hold the placement and return the appointment; what hangs on it is read when it is asked for.

    Raises SlotTaken (somebody holds a resource, or the patient is elsewhere), RuleBroken (violations),
    Invalid("unknown-protocol" | "unknown-resource" | "no-steps" | "reason-missing" |
    "unknown-option" | "option-too-often" | "options-exclude"), NotFound("unknown-patient"),
    Conflict("protocol-superseded") for a version that is not in force on the day of the first visit, and as
    `waitlist.claim` does.
    """
    if not request.placement.steps:
        raise Invalid("no-steps")
    patient = patients.by_public_id(session, request.patient)
    codes = {slot.resource for slot in rows.plans(request.placement)} | {patient.resource.code}
    locked = rows.lock(session, codes, lapsed_by=now)
    rows.release_expired(session, locked, now=now)
    # Only now: whoever held the locks may have changed somebody's licences, and with them the department's revision.
    settings = availability.settings(session)
    version = _version(session, request, local_date(request.placement.steps[0].starts, settings.zone))
    protocol = catalogue.meant(version, request.options)
    broken = violations(
        session,
        protocol,
        request.placement,
        owner=patient.resource.code,
        resources=[locked.rows[code] for code in codes],
        settings=settings,
        judged_by=terms.new(patient.sex, request.urgency or protocol.urgency, zone=settings.zone, now=now),
        now=now,
    )
    rows.judge(broken, override=request.override, role=actor.role)
    claimed = (
        waitlist.claim(session, request.request, patient_id=patient.id, protocol=protocol.code)
        if request.request
        else None
    )
    steps = list(_steps(protocol, request))
    row = _appointment(request, patient, version, steps, actor, now) | {
        "urgency": request.urgency or protocol.urgency,
        "options": {code: count for code, count in sorted(request.options.items()) if count},
    }
    if request.hold:
        row["hold_until"] = now + settings.hold
    with rows.guarded(session, rows.wanted(request.placement, locked)):
        id_ = session.execute(_ADD_APPOINTMENT, row).scalar_one()
        for ordinal, (plan, status) in enumerate(steps):
            row_ = _step(id_, ordinal, plan, status, now) | {"use_by": _use_by(protocol, plan, settings.zone)}
            step = session.execute(_ADD_STEP, row_).scalar_one()
            rows.add_slots(session, step, status, plan, locked=locked, settings=settings, now=now)
    rows.settle(session, locked)
    if claimed is not None:
        waitlist.booked(session, claimed, id_, row["status"], actor=actor, now=now)
    announce(
        session,
        Subject(row["public_id"], 1, patient.public_id),
        "held" if request.hold else "booked",
        actor=actor,
        now=now,
        after=told(1, row["status"], map(_told, steps)),
        override=request.override,
    )
    return written(session, Appointment, id_, **_NEW | row)


def _version(session: Session, request: BookRequest, day: date) -> ProtocolVersion:
    """Return the version in force, or the one the placement was found under unless another has followed it by then."""
    if request.protocol_version is None:
        return catalogue.current(session, request.protocol, day)
    named = catalogue.version(session, request.protocol, request.protocol_version)
    newest = catalogue.newest(session, request.protocol, day)
    if newest > named.version:
        raise Conflict("protocol-superseded", protocol=named.code, version=named.version, current=newest)
    return named


_Planned = tuple[StepPlan, str]
"""A step to be booked and the status it begins with."""


def _steps(protocol: Protocol, request: BookRequest) -> Iterator[_Planned]:
    for plan in in_protocol_order(protocol, request.placement).steps:
        later = "reserved" if protocol.step(plan.step).provisional else "booked"
        yield plan, "pending" if request.hold else later


def _appointment(
    request: BookRequest,
    patient: Patient,
    version: ProtocolVersion,
    steps: list[_Planned],
    actor: Actor,
    now: datetime,
) -> dict[str, Any]:
    row = {
        "public_id": str(uuid.uuid4()),
        "status": lifecycle.of_appointment(status for _, status in steps),
        "patient_id": patient.id,
        "protocol_version_id": version.id,
        "source": request.source,
        "source_ref": request.source_ref,
        "note": request.note,
        "created_at": now,
        "created_by": actor.id,
        "updated_at": now,
    }
    return row | {"override": request.override.kept(actor.id, now)} if request.override else row


def _step(appointment_id: int, ordinal: int, plan: StepPlan, status: str, now: datetime) -> dict[str, Any]:
    return {
        "public_id": str(uuid.uuid4()),
        "appointment_id": appointment_id,
        "code": plan.step,
        "ordinal": ordinal,
        "status": status,
        "starts": from_seconds(plan.starts),
        "ends": from_seconds(plan.ends),
        "created_at": now,
        "updated_at": now,
    }


def _told(planned: _Planned) -> dict[str, object]:
    plan, status = planned
    held = ((slot.role, slot.resource) for slot in plan.slots)
    return told_step(plan.step, status, from_seconds(plan.starts), from_seconds(plan.ends), held)


def _use_by(protocol: Protocol, plan: StepPlan, zone: str) -> date | None:
    """Return until when what is ordered for a step's day keeps; None where nothing is."""
    supply = protocol.supply
    if supply is None or supply.step != plan.step:
        return None
    return local_date(plan.starts, zone) + timedelta(days=supply.use_by_days)


def in_protocol_order(protocol: Protocol, placement: Placement) -> Placement:
    order = {step.code: number for number, step in enumerate(protocol.steps)}
    return Placement(tuple(sorted(placement.steps, key=lambda plan: order[plan.step])))
