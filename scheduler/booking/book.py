"""Book a placement: the patient, every step, every resource and every bed night, or nothing."""

from datetime import datetime

from sqlalchemy.orm import Session

from models import Appointment, ProtocolVersion, Step, from_seconds, to_seconds
from scheduler import availability, catalogue, patients
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.booking.propose import check, current_protocol
from scheduler.booking.requests import BookRequest
from scheduler.booking.telling import tell
from scheduler.engine.grid import local_date
from scheduler.engine.protocol import Protocol
from scheduler.engine.world import Placement
from scheduler.errors import Conflict, Invalid


def book(session: Session, request: BookRequest, *, actor: Actor, now: datetime) -> Appointment:
    """Book or hold the placement and return the appointment with its steps and slots.

    Raises SlotTaken (somebody holds a resource, or the patient is elsewhere), RuleBroken (violations),
    Invalid("unknown-protocol" | "unknown-resource" | "no-steps" | "reason-missing"), NotFound("unknown-patient"),
    Conflict("protocol-superseded") for a version that is not in force on the day of the first visit.
    """
    if not request.placement.steps:
        raise Invalid("no-steps")
    patient = patients.by_public_id(session, request.patient)
    first = from_seconds(request.placement.steps[0].starts)
    version = (
        _named_version(session, request.protocol, request.protocol_version, first)
        if request.protocol_version is not None
        else current_protocol(session, request.protocol, first)
    )
    settings = availability.settings(session)
    codes = {slot.resource for slot in rows.plans(request.placement)} | {patient.resource.code}
    locked = rows.lock(session, codes | rows.expired_holders(session, codes, now))
    rows.release_expired(session, locked, now=now)
    violations = check(
        session,
        request.protocol,
        request.placement,
        patient=request.patient,
        now=now,
        protocol_version=version.version,
    )
    rows.judge(violations, override=request.override, role=actor.role)
    appointment = Appointment(
        status="pending" if request.hold else "booked",
        patient=patient,
        protocol_version=version,
        urgency=request.urgency or catalogue.parsed(version).urgency,
        hold_until=now + settings.hold if request.hold else None,
        source=request.source,
        source_ref=request.source_ref,
        override=request.override and request.override.kept(actor.id, now),
        note=request.note,
        created_at=now,
        created_by=actor.id,
        updated_at=now,
    )
    with rows.guarded(session, request.placement, locked):
        session.add(appointment)
        _add_steps(session, appointment, catalogue.parsed(version), request, locked, settings, now)
    rows.settle(session, locked)
    verb = "held" if request.hold else "booked"
    tell(session, appointment, verb, actor=actor, now=now, override=request.override)
    return appointment


def _named_version(session: Session, code: str, number: int, first: datetime) -> ProtocolVersion:
    """Return the version a placement was found under; refuse one that another has followed by the visit's day."""
    named = catalogue.version(session, code, number)
    day = local_date(to_seconds(first), availability.settings(session).zone)
    newest = catalogue.newest(session, code, day)
    if newest > number:
        raise Conflict("protocol-superseded", protocol=code, version=number, current=newest)
    return named


def _add_steps(
    session: Session,
    appointment: Appointment,
    protocol: Protocol,
    request: BookRequest,
    locked: rows.Locked,
    settings: availability.Settings,
    now: datetime,
) -> None:
    for ordinal, plan in enumerate(in_protocol_order(protocol, request.placement).steps):
        later = "reserved" if protocol.step(plan.step).provisional else "booked"
        step = Step(
            code=plan.step,
            ordinal=ordinal,
            status="pending" if request.hold else later,
            starts=from_seconds(plan.starts),
            ends=from_seconds(plan.ends),
            created_at=now,
            updated_at=now,
            appointment=appointment,
        )
        rows.add_slots(session, step, plan, locked=locked, settings=settings, now=now)


def in_protocol_order(protocol: Protocol, placement: Placement) -> Placement:
    order = {step.code: number for number, step in enumerate(protocol.steps)}
    return Placement(tuple(sorted(placement.steps, key=lambda plan: order[plan.step])))
