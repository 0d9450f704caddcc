"""Write down what happened: milestones. A fact is never refused because somebody had planned otherwise."""

from collections.abc import Mapping
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
    return mark_all(session, public_id, version=version, step=step, happened={kind: at}, actor=actor, now=now)


def mark_all(
    session: Session,
    public_id: str,
    *,
    version: int | None,
    step: str,
    happened: Mapping[str, datetime],
    actor: Actor,
    now: datetime,
) -> Appointment:
    """Record (or correct) several milestones of a step as one change: kind → instant. Raises as `mark` does."""
    happened = judged(happened, now)
    appointment, locked = rows.lock_appointment(session, public_id, version, now=now)
    chosen = next((each for each in appointment.steps if each.code == step), None)
    if chosen is None:
        raise Invalid("unknown-step", step=step)
    before, status = summary(appointment), chosen.status
    _judge_order(chosen, happened)
    for kind, at in happened.items():
        _advance(chosen, lifecycle.after(chosen.status, lifecycle.MILESTONE_EVENT[kind]))
        _record(session, chosen, kind, at, actor, now)
    if "out" in happened:
        _cut(chosen, happened["out"])
    rows.touch(session, appointment, now=now, sequenced=[chosen] if chosen.status != status else [])
    session.flush()
    rows.settle(session, locked)
    tell(session, appointment, f"marked-{next(reversed(happened))}", actor=actor, now=now, before=before)
    return appointment


def judged(happened: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """Return milestones in their order, in whole seconds.

    Raises Invalid("no-milestones" | "unknown-milestone" | "milestone-in-future").
    """
    if not happened:
        raise Invalid("no-milestones")
    for kind, at in happened.items():
        if kind not in MILESTONES:
            raise Invalid("unknown-milestone", kind=kind)
        if at > now + CLOCK_TOLERANCE:
            raise Invalid("milestone-in-future", at=at)
    return {kind: whole_second(happened[kind]) for kind in MILESTONES if kind in happened}


def _judge_order(step: Step, happened: Mapping[str, datetime]) -> None:
    """The five milestones of a step happen in their order; the same minute is allowed."""
    known = {**{each.kind: each.at for each in step.milestones}, **happened}
    for kind, at in happened.items():
        mine = MILESTONES.index(kind)
        for other, other_at in known.items():
            theirs = MILESTONES.index(other)
            if (theirs < mine and other_at > at) or (theirs > mine and other_at < at):
                raise Invalid("milestone-order", kind=kind, at=at, other=other, other_at=other_at)


def _record(session: Session, step: Step, kind: str, at: datetime, actor: Actor, now: datetime) -> None:
    known = next((each for each in step.milestones if each.kind == kind), None)
    if known is not None:
        known.at, known.recorded_at, known.recorded_by = at, now, actor.id
        return
    rooms = [slot.resource_id for slot in step.slots if slot.role == "room"]
    # A fact has no slots; its other milestones know the room.
    rooms += [each.resource_id for each in step.milestones if each.resource_id is not None]
    room = next(iter(rooms), None)
    step.milestones.append(
        Milestone(step_id=step.id, kind=kind, at=at, resource_id=room, recorded_at=now, recorded_by=actor.id)
    )


def _advance(step: Step, status: str) -> None:
    step.status = status
    for slot in step.slots:
        if slot.status not in ("cancelled", "unplaced"):
            slot.status = status


def _cut(step: Step, out: datetime) -> None:
    """Out early: what room and team still had planned is cut at the real end, which frees the rest.

    Done before it was to begin, a slot keeps one minute, so that the case still has its place. Recovery comes
    after the room and is not cut.
    """
    for slot in step.slots:
        planned = slot.kind == "procedure" and slot.status == "fulfilled" and slot.starts < step.ends
        if planned and out < slot.ends:
            slot.ends = max(out, slot.starts + timedelta(minutes=1))
