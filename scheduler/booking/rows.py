"""Rows of a booking: lock what it touches, judge under the lock, add the slots and let the guard speak."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, joinedload, selectinload

from models import ACTIVE_STATUSES, Appointment, Resource, Slot, Step, from_seconds
from scheduler import availability, closures, lifecycle
from scheduler.actor import SYSTEM
from scheduler.booking.telling import summary, tell
from scheduler.engine.grid import at_minute, local_date
from scheduler.engine.world import Placement, SlotPlan, StepPlan, Violation
from scheduler.errors import Invalid, NotFound, RuleBroken, SlotTaken, StaleVersion

SOFT_RULES = {"outside-opening": ("manager", "administrator")}
"""Rule → roles that may set it aside with a reason. Every other rule is hard."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The resources of one booking, locked until the commit."""

    ids: dict[str, int]
    external: frozenset[str]
    rows: dict[str, Resource]


_WHOLE = (
    select(Appointment)
    .where(Appointment.public_id == bindparam("public_id"))
    .options(
        joinedload(Appointment.patient),
        joinedload(Appointment.protocol_version),
        selectinload(Appointment.steps).selectinload(Step.slots).joinedload(Slot.resource),
        selectinload(Appointment.steps).selectinload(Step.milestones),
    )
    .execution_options(populate_existing=True)
)
_HELD = (
    select(Resource.code)
    .join(Slot, Slot.resource_id == Resource.id)
    .join(Step, Step.id == Slot.step_id)
    .join(Appointment, Appointment.id == Step.appointment_id)
    .where(Appointment.public_id == bindparam("public_id"))
)
_LAPSED = (
    select(Appointment.public_id)
    .where(Appointment.status == "pending", Appointment.hold_until <= bindparam("now"))
    .order_by(Appointment.id)
)
_CHANGED = (
    update(Resource)
    .where(Resource.id.in_(bindparam("ids", expanding=True)))
    .values(revision=Resource.revision + 1)
    .execution_options(synchronize_session=False)
)
"""Statements of every booking, built once: building them took longer than the database did."""


def whole(session: Session, public_id: str) -> Appointment:
    """Read an appointment with everything that hangs on it; raises NotFound("unknown-appointment")."""
    found = session.scalar(_WHOLE, {"public_id": public_id})
    if found is None:
        raise NotFound("unknown-appointment", appointment=public_id)
    return found


def lock(session: Session, codes: Iterable[str]) -> Locked:
    """Lock resources by code, always in id order, so that no two bookings ever wait for each other.

    Raises Invalid("unknown-resource") naming the first code that does not exist.
    """
    wanted = set(codes)
    query = select(Resource).where(Resource.code.in_(wanted)).order_by(Resource.id)
    rows = tuple(session.scalars(query.with_for_update(key_share=True)))
    missing = wanted - {row.code for row in rows}
    if missing:
        raise Invalid("unknown-resource", resource=min(missing))
    external = frozenset(row.code for row in rows if row.external)
    return Locked({row.code: row.id for row in rows}, external, {row.code: row for row in rows})


def lock_appointment(
    session: Session, public_id: str, version: int | None, *, codes: Iterable[str] = (), now: datetime
) -> tuple[Appointment, Locked]:
    """Lock all resources of an appointment and of what it is to become, then the appointment; judge its version.

    Raises NotFound, StaleVersion(expected, actual). `version` None skips the judgement (jobs).
    """
    # It is read whole only under the lock; before it, what it holds is enough to know what to lock.
    held = session.scalars(_HELD, {"public_id": public_id}).all()
    locked = lock(session, {*held, *expired_holders(session, codes, now), *codes})
    session.execute(select(Appointment.id).where(Appointment.public_id == public_id).with_for_update())
    appointment = whole(session, public_id)
    if codes_of(appointment) - locked.ids.keys() or (version is not None and appointment.version != version):
        raise StaleVersion(appointment=public_id, expected=version, actual=appointment.version)
    return appointment, locked


def codes_of(appointment: Appointment) -> set[str]:
    return {slot.resource.code for step in appointment.steps for slot in step.slots}


def plans(placement: Placement) -> list[SlotPlan]:
    return [slot for step in placement.steps for slot in step.slots]


def expired_holders(session: Session, codes: Iterable[str], now: datetime) -> set[str]:
    """Return every resource code held by lapsed holds that also hold one of these codes."""
    if session.scalars(_LAPSED, {"now": now}).first() is None:
        return set()
    appointments = (
        select(Step.appointment_id)
        .join(Slot, Slot.step_id == Step.id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .join(Resource, Resource.id == Slot.resource_id)
        .where(Appointment.status == "pending", Appointment.hold_until <= now, Resource.code.in_(list(codes)))
    )
    query = (
        select(Resource.code)
        .join(Slot, Slot.resource_id == Resource.id)
        .join(Step, Step.id == Slot.step_id)
        .where(Step.appointment_id.in_(appointments))
    )
    return set(session.scalars(query))


def release_expired(session: Session, locked: Locked, *, now: datetime) -> int:
    """Cancel lapsed holds whose resources are all locked; return how many. Holds lapse by this clock alone."""
    released = 0
    for public_id in session.scalars(_LAPSED, {"now": now}).all():
        appointment = whole(session, public_id)
        if codes_of(appointment) <= locked.ids.keys() and appointment.status == "pending":
            _expire(session, appointment, now=now)
            released += 1
    return released


def _expire(session: Session, appointment: Appointment, *, now: datetime) -> None:
    before = summary(appointment)
    appointment.cancel_reason = "hold-expired"
    for step in appointment.steps:
        step.status = lifecycle.after(step.status, "expire")
        for slot in step.slots:
            slot.status = "cancelled"
    touch(session, appointment, now=now, sequenced=appointment.steps)
    tell(session, appointment, "lapsed", actor=SYSTEM, now=now, before=before)


def judge(violations: Sequence[Violation], *, override: Any, role: str) -> None:
    """Raise what a placement's violations mean: SlotTaken for the first occupied resource, else RuleBroken.

    Soft rules named in the override pass when the role may set them aside.
    """
    waived = set(override.rules) if override else set()
    for rule in sorted(waived):
        if role not in SOFT_RULES.get(rule, ()):
            raise RuleBroken("rule-is-hard" if rule not in SOFT_RULES else "no-right-to-override", rule=rule)
    if override and not override.reason.strip():
        raise Invalid("reason-missing")
    left = [violation for violation in violations if violation.code not in waived]
    taken = next((each for each in left if each.code in ("occupied", "patient-elsewhere")), None)
    if taken is not None and all(each.code == taken.code or each.code == "occupied" for each in left):
        raise _taken(taken)
    if left:
        raise RuleBroken(violations=[{"code": each.code, **each.facts} for each in left])


def _taken(violation: Violation) -> SlotTaken:
    """Say it as the guard does: starts..ends is the span of whoever is in the way, not the one asked for."""
    facts = dict(violation.facts)
    facts["starts"], facts["ends"] = facts.pop("since"), facts.pop("until")
    return SlotTaken("patient-elsewhere" if violation.code == "patient-elsewhere" else None, **facts)


def add_slots(
    session: Session,
    step: Step,
    plan: StepPlan,
    *,
    locked: Locked,
    settings: availability.Settings,
    now: datetime,
) -> None:
    """Add a step's slots in resource-id order; the guard is asked when `guarded` writes them."""
    firm_until = at_minute(
        local_date(int(now.timestamp()), settings.zone) + timedelta(days=settings.bed_firm_days + 1),
        0,
        settings.zone,
    )
    for slot in sorted(plan.slots, key=lambda each: locked.ids[each.resource]):
        external = slot.resource in locked.external
        kind = slot.role if slot.role in ("bed", "patient") else "procedure"
        session.add(
            Slot(
                resource_id=locked.ids[slot.resource],
                resource=locked.rows[slot.resource],
                starts=from_seconds(slot.starts),
                ends=from_seconds(slot.ends),
                status=step.status,
                kind=kind,
                role=slot.role,
                step=step,
                provisional=kind == "bed" and slot.starts >= firm_until,
                confirmation="requested" if external else None,
                answer_by=min(now + settings.answer_within, from_seconds(slot.starts)) if external else None,
            )
        )


@contextmanager
def guarded(session: Session, placement: Placement, locked: Locked) -> Iterator[None]:
    """Add slots inside; at the end they are written, and when the guard refuses, say who is in the way.

    Raises SlotTaken(resource, starts, ends, status, holder). The locks make this rare: it is the last word.
    """
    nested = session.begin_nested()
    try:
        yield
        session.flush()
    except DBAPIError as error:
        nested.rollback()
        if "overlap_slot" not in str(error.orig) and "guard_slot" not in str(error.orig):
            raise
        spans = [(locked.ids[s.resource], from_seconds(s.starts), from_seconds(s.ends)) for s in plans(placement)]
        raise _blocking(session, spans) from error
    nested.commit()


def _blocking(session: Session, spans: Iterable[tuple[int, datetime, datetime]]) -> SlotTaken:
    for resource_id, starts, ends in spans:
        row = session.execute(
            select(Resource.code, Slot.starts, Slot.ends, Slot.status, Appointment.public_id)
            .join(Resource, Resource.id == Slot.resource_id)
            .outerjoin(Step, Step.id == Slot.step_id)
            .outerjoin(Appointment, Appointment.id == Step.appointment_id)
            .where(
                Slot.resource_id == resource_id,
                Slot.status.in_(ACTIVE_STATUSES),
                Slot.starts < ends,
                Slot.ends > starts,
            )
        ).first()
        if row is not None:
            return SlotTaken(
                resource=row.code, starts=row.starts, ends=row.ends, status=row.status, holder=row.public_id
            )
    return SlotTaken()


def touch(session: Session, appointment: Appointment, *, now: datetime, sequenced: Iterable[Step] = ()) -> None:
    """Raise the versions that a change raises: the appointment's, every step's, SEQUENCE of the steps that moved."""
    appointment.version += 1
    appointment.updated_at = now
    appointment.status = lifecycle.of_appointment(step.status for step in appointment.steps)
    if appointment.status != "pending":
        appointment.hold_until = None
    moved = {id(step) for step in sequenced}
    for step in appointment.steps:
        step.version += 1
        step.updated_at = now
        if id(step) in moved:
            step.sequence += 1


def settle(session: Session, locked: Locked) -> None:
    """After the slots have changed: let closures grow into what was left, and make every cache look again."""
    ids = sorted(locked.ids.values())
    closures.regrow(session, ids)
    session.execute(_CHANGED, {"ids": ids})
