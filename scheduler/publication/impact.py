"""What is booked under a protocol and keeps its version; which of it would not fit the new one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import Appointment, Patient, ProtocolVersion, Slot, Step, from_seconds, to_seconds
from scheduler import availability, taken
from scheduler.booking import terms
from scheduler.booking.change import plan_of
from scheduler.engine import check as engine_check
from scheduler.engine import find as engine_find
from scheduler.engine.grid import day_start
from scheduler.engine.options import varied
from scheduler.engine.protocol import MOST_NIGHTS, MOST_NIGHTS_BEFORE, Protocol
from scheduler.engine.rules.reading import MINUTE
from scheduler.engine.world import Placement, Problem, StepPlan, Violation, World
from scheduler.errors import Invalid

MOST_JUDGED = 100
"""Bookings that are judged one by one, the soonest; a protocol booked for half a year may have thousands."""

STANDING = ("pending", "reserved", "booked")
"""Steps that have places and have not begun."""

_REACH = timedelta(days=max(MOST_NIGHTS, MOST_NIGHTS_BEFORE) + 2)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A booking that would break rules under the new version, were it not to keep its own."""

    appointment: str
    record_number: str
    starts: datetime
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """`kept` bookings begin on or after the day and keep the version they have; the first `judged` were tried."""

    kept: int
    judged: int
    misfits: tuple[Misfit, ...]


def impact(session: Session, protocol: Protocol, on: date, *, now: datetime) -> Impact:
    """Tell what is booked of a protocol's code from a local day on, and what of it would not fit this document.

    Every booking is timed anew where it stands, with the people and places it has, and judged by the engine.
    """
    since = max(now, from_seconds(day_start(on, availability.settings(session).zone)))
    kept = session.scalar(_coming(protocol.code, since).with_only_columns(func.count()).order_by(None)) or 0
    ids = session.scalars(_coming(protocol.code, since).limit(MOST_JUDGED)).all()
    booked = _whole(session, ids)
    world = _world(session, booked, now)
    judged = [(each, tuple(_violations(protocol, each, world))) for each in booked]
    misfits = tuple(_misfit(each, broken) for each, broken in judged if broken)
    return Impact(kept, len(booked), misfits)


def _misfit(booked: Appointment, broken: tuple[Violation, ...]) -> Misfit:
    return Misfit(booked.public_id, booked.patient.record_number, booked.steps[0].starts, broken)


def _coming(code: str, since: datetime) -> Select[int]:
    return (
        select(Appointment.id)
        .join(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
        .join(Step, Step.appointment_id == Appointment.id)
        .where(
            ProtocolVersion.code == code,
            Step.ordinal == 0,
            Step.starts >= since,
            Step.status.in_(STANDING),
        )
        .order_by(Step.starts, Appointment.id)
    )


def _whole(session: Session, ids: Sequence[int]) -> list[Appointment]:
    query = (
        select(Appointment)
        .where(Appointment.id.in_(ids))
        .options(
            joinedload(Appointment.patient).joinedload(Patient.resource),
            selectinload(Appointment.steps).selectinload(Step.slots).joinedload(Slot.resource),
        )
    )
    return sorted(session.scalars(query), key=lambda each: (each.steps[0].starts, each.id))


def _world(session: Session, booked: Iterable[Appointment], now: datetime) -> World:
    """Return the world of everything these bookings hold, over all their days and the nights around them."""
    steps = [step for each in booked for step in each.steps]
    codes = {slot.resource.code for step in steps for slot in step.slots}
    starts = min((step.starts for step in steps), default=now) - _REACH
    ends = max((step.ends for step in steps), default=now) + _REACH
    return availability.world_for_check(
        session,
        taken.rows(session, codes),
        availability.settings(session),
        starts=to_seconds(starts),
        ends=to_seconds(ends),
        now=now,
    )


def _violations(protocol: Protocol, booked: Appointment, world: World) -> list[Violation]:
    """Return what a booking breaks under the protocol, with the options it has; an option that is gone is one rule."""
    try:
        meant = varied(protocol, booked.options)
    except Invalid as gone:
        return [Violation(gone.code, gone.facts)]
    codes = {slot.resource.code for step in booked.steps for slot in step.slots}
    others = {code: tuple(b for b in world.busy.get(code, ()) if b.holder != booked.public_id) for code in codes}
    starts = [to_seconds(step.starts) for step in booked.steps]
    problem = Problem(
        meant,
        replace(world, busy=others, masks={}, taken={}),
        booked.patient.resource.code,
        earliest=min(starts),
        latest=max(starts),
        terms=terms.standing(booked, zone=world.grid.zone),
    )
    return engine_check.check(problem, Placement(tuple(_plan(problem, step) for step in booked.steps)))


def _plan(problem: Problem, booked: Step) -> StepPlan:
    """Return a booked step timed by the new protocol; one that the protocol no longer has stays as it is."""
    step = next((each for each in problem.protocol.steps if each.code == booked.code), None)
    if step is None:
        return plan_of(booked)
    minutes = int((booked.ends - booked.starts).total_seconds()) // MINUTE
    return engine_find.plan(problem, step.lasting(minutes), to_seconds(booked.starts), _filled(booked))


def _filled(booked: Step) -> dict[str, list[str]]:
    filled: dict[str, list[str]] = {}
    for slot in sorted(booked.slots, key=lambda each: each.id):
        if slot.role != "patient" and slot.status != "cancelled":
            filled.setdefault(slot.role, []).append(slot.resource.code)
    return filled
