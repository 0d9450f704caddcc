"""Change a booking: confirm or renew a hold, reschedule, cancel. Each judges the version it was asked on."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models import Appointment, Departure, Slot, Step, from_seconds
from scheduler import availability, catalogue, lifecycle, texts, waitlist
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.booking.propose import check_again, touches
from scheduler.booking.requests import Override
from scheduler.booking.telling import summary, tell
from scheduler.engine.world import Placement, SlotPlan, StepPlan
from scheduler.errors import Conflict, Invalid


def confirm(session: Session, public_id: str, *, version: int | None, actor: Actor, now: datetime) -> Appointment:
    """Turn a hold into a booking. Raises Conflict("hold-expired") once the database's clock has passed it."""
    appointment, locked = rows.lock_appointment(session, public_id, version)
    _judge_hold(appointment, now)
    before = summary(appointment)
    protocol = catalogue.booked(appointment)
    for step in appointment.steps:
        event = "confirm-provisional" if protocol.step(step.code).provisional else "confirm"
        step.status = lifecycle.after(step.status, event)
        for slot in step.slots:
            slot.status = step.status
    rows.touch(session, appointment, now=now, sequenced=appointment.steps)
    session.flush()
    rows.settle(session, locked)
    waitlist.follow(session, appointment.id, appointment.status, actor=actor, now=now)
    tell(session, appointment, "booked", actor=actor, now=now, before=before)
    return appointment


def renew(session: Session, public_id: str, *, version: int | None, actor: Actor, now: datetime) -> Appointment:
    """Give a live hold its full time again. Raises Conflict("hold-expired")."""
    appointment, _ = rows.lock_appointment(session, public_id, version)
    _judge_hold(appointment, now)
    before = summary(appointment)
    appointment.hold_until = now + availability.settings(session).hold
    rows.touch(session, appointment, now=now)
    tell(session, appointment, "renewed", actor=actor, now=now, before=before)
    return appointment


def _judge_hold(appointment: Appointment, now: datetime) -> None:
    if appointment.status == "cancelled" and appointment.cancel_reason == "hold-expired":
        raise Conflict("hold-expired", hold_until=appointment.updated_at)
    if appointment.status != "pending" or appointment.hold_until is None:
        raise Conflict("not-a-hold", status=appointment.status)
    if appointment.hold_until <= now:
        raise Conflict("hold-expired", hold_until=appointment.hold_until)


def cancel(
    session: Session,
    public_id: str,
    *,
    version: int | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Appointment:
    """Cancel every step that is not over and free all it held; done steps stay done.

    Raises Invalid as `texts.reason` does, Conflict("already-over") when nothing is left to cancel.
    """
    said = texts.reason(reason)
    appointment, locked = rows.lock_appointment(session, public_id, version)
    left = [step for step in appointment.steps if step.status not in lifecycle.OVER]
    if not left:
        raise Conflict("already-over", status=appointment.status)
    before = summary(appointment)
    for step in left:
        step.status = lifecycle.after(step.status, "cancel")
        for slot in step.slots:
            slot.status = "cancelled"
    appointment.cancel_reason = said
    rows.touch(session, appointment, now=now, sequenced=left)
    session.flush()
    rows.settle(session, locked, rows.spans(left))
    waitlist.follow(session, appointment.id, appointment.status, actor=actor, now=now)
    tell(session, appointment, "cancelled", actor=actor, now=now, reason=said, before=before)
    return appointment


def reschedule(
    session: Session,
    public_id: str,
    *,
    version: int | None,
    placement: Placement,
    actor: Actor,
    now: datetime,
    override: Override | None = None,
) -> Appointment:
    """Move steps to a new placement, whole pathway judged again; the steps not named stay where they are.

    The appointment keeps its options. A moved step's slots leave and its new ones come in the same transaction. The
    newest override stands on the appointment, every one in the trail. Raises as `book` does, and
    Conflict("not-movable") for a step that has begun or is over, Invalid("unknown-step").
    """
    codes = {slot.resource for slot in rows.plans(placement)}
    appointment, locked = rows.lock_appointment(session, public_id, version, codes=codes, lapsed_by=now)
    rows.release_expired(session, locked, now=now)
    moving = _moving(appointment, placement)
    before = summary(appointment)
    complete = _complete(appointment, moving)
    violations = check_again(session, appointment, complete, now=now)
    # A step that stays was judged when it was booked; by now it may have begun or been cut at its real end.
    fixed = {step.code for step in appointment.steps} - moving.keys()
    violations = [each for each in violations if touches(each, moving) or not touches(each, fixed)]
    rows.judge(violations, override=override, role=actor.role)
    freed = rows.spans(step for step in appointment.steps if step.code in moving)
    with rows.guarded(session, rows.wanted(placement, locked)):
        _move(session, appointment, moving, locked, now)
        if override is not None:
            appointment.override = override.kept(actor.id, now)
        rows.touch(session, appointment, now=now, sequenced=[s for s in appointment.steps if s.code in moving])
    rows.settle(session, locked, freed)
    appointment = rows.whole(session, public_id)
    tell(session, appointment, "rescheduled", actor=actor, now=now, before=before, override=override)
    return appointment


def _moving(appointment: Appointment, placement: Placement) -> dict[str, StepPlan]:
    """Return the steps whose plan differs from what is booked; judge that each may move."""
    by_code = {step.code: step for step in appointment.steps}
    moving = {}
    for plan in placement.steps:
        step = by_code.get(plan.step)
        if step is None:
            raise Invalid("unknown-step", step=plan.step)
        if plan_of(step) == _sorted(plan):
            continue
        if step.status not in lifecycle.MOVABLE:
            raise Conflict("not-movable", step=plan.step, status=step.status)
        moving[plan.step] = plan
    return moving


def plan_of(step: Step) -> StepPlan:
    """Return what a booked step occupies, as the engine's plan."""
    slots = (
        SlotPlan(slot.resource.code, slot.role, int(slot.starts.timestamp()), int(slot.ends.timestamp()))
        for slot in step.slots
        if slot.status != "cancelled"
    )
    return _sorted(StepPlan(step.code, int(step.starts.timestamp()), int(step.ends.timestamp()), tuple(slots)))


def _sorted(plan: StepPlan) -> StepPlan:
    return StepPlan(plan.step, plan.starts, plan.ends, tuple(sorted(plan.slots, key=lambda s: (s.role, s.resource))))


def _complete(appointment: Appointment, moving: dict[str, StepPlan]) -> Placement:
    return Placement(tuple(moving.get(step.code) or plan_of(step) for step in appointment.steps))


def _move(
    session: Session, appointment: Appointment, moving: dict[str, StepPlan], locked: rows.Locked, now: datetime
) -> None:
    settings = availability.settings(session)
    for step in appointment.steps:
        plan = moving.get(step.code)
        if plan is None:
            continue
        _note_departures(session, step, plan, locked, now)
        session.execute(delete(Slot).where(Slot.step_id == step.id))
        session.expire(step, ["slots"])
        step.starts, step.ends = from_seconds(plan.starts), from_seconds(plan.ends)
        if step.status == "unplaced":
            step.status = lifecycle.after(step.status, "place")
    session.flush()
    for step in appointment.steps:
        if step.code in moving:
            rows.add_slots(session, step.id, step.status, moving[step.code], locked=locked, settings=settings, now=now)


def _note_departures(session: Session, step: Step, plan: StepPlan, locked: rows.Locked, now: datetime) -> None:
    """Remember whose list the step leaves: that feed shows it cancelled for 30 days (DESIGN §3a.13)."""
    staying = {locked.ids[slot.resource] for slot in plan.slots}
    session.execute(delete(Departure).where(Departure.step_id == step.id, Departure.resource_id.in_(staying)))
    known = set(session.scalars(select(Departure.resource_id).where(Departure.step_id == step.id)))
    for slot in step.slots:
        if slot.kind == "procedure" and slot.resource_id not in staying | known:
            known.add(slot.resource_id)
            session.add(
                Departure(
                    resource_id=slot.resource_id, step_id=step.id, left_at=now, starts=step.starts, ends=step.ends
                )
            )
