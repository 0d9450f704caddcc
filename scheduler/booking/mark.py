"""Write down what happened: milestones. A fact is never refused because somebody had planned otherwise."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models import MILESTONES, Appointment, Milestone, Step, whole_second
from scheduler import lifecycle
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.booking.telling import summary, tell
from scheduler.errors import Invalid

CLOCK_TOLERANCE = timedelta(minutes=5)
"""Room clocks run apart; a milestone further ahead than this is a typing error."""


def mark(
    session: Session,
    public_id: str,
    *,
    version: int | None,
    step: str,
    kind: str,
    at: datetime,
    actor: Actor,
    now: datetime,
) -> Appointment:
    """Record (or correct) one milestone of a step and move its status along.

    `out` fulfils the step and frees what its room and team still had planned. Raises Invalid("unknown-milestone" |
    "unknown-step" | "milestone-in-future" | "milestone-order"), Conflict("illegal-transition"), StaleVersion.
    """
    at = whole_second(at)
    if kind not in MILESTONES:
        raise Invalid("unknown-milestone", kind=kind)
    if at > now + CLOCK_TOLERANCE:
        raise Invalid("milestone-in-future", at=at)
    appointment, locked = rows.lock_appointment(session, public_id, version, now=now)
    chosen = next((each for each in appointment.steps if each.code == step), None)
    if chosen is None:
        raise Invalid("unknown-step", step=step)
    before = summary(appointment)
    _judge_order(chosen, kind, at)
    status = lifecycle.after(chosen.status, lifecycle.MILESTONE_EVENT[kind])
    sequenced = [chosen] if status != chosen.status else []
    _record(session, chosen, kind, at, actor, now)
    _advance(chosen, status, at)
    rows.touch(session, appointment, now=now, sequenced=sequenced)
    session.flush()
    rows.settle(session, locked)
    tell(session, appointment, f"marked-{kind}", actor=actor, now=now, before=before)
    return appointment


def _judge_order(step: Step, kind: str, at: datetime) -> None:
    """The five milestones of a step happen in their order; the same minute is allowed."""
    mine = MILESTONES.index(kind)
    for other in step.milestones:
        theirs = MILESTONES.index(other.kind)
        if (theirs < mine and other.at > at) or (theirs > mine and other.at < at):
            raise Invalid("milestone-order", kind=kind, at=at, other=other.kind, other_at=other.at)


def _record(session: Session, step: Step, kind: str, at: datetime, actor: Actor, now: datetime) -> None:
    known = next((each for each in step.milestones if each.kind == kind), None)
    if known is not None:
        known.at, known.recorded_at, known.recorded_by = at, now, actor.id
        return
    room = next((slot.resource_id for slot in step.slots if slot.role == "room"), None)
    step.milestones.append(
        Milestone(step_id=step.id, kind=kind, at=at, resource_id=room, recorded_at=now, recorded_by=actor.id)
    )


def _advance(step: Step, status: str, at: datetime) -> None:
    step.status = status
    for slot in step.slots:
        if slot.status in ("cancelled", "unplaced"):
            continue
        slot.status = status
        # Fulfilled early: what was still running is cut at the real end, which frees the rest.
        if status == "fulfilled" and slot.kind == "procedure" and slot.starts < at < slot.ends:
            slot.ends = at
