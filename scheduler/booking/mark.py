"""Write down what happened: milestones. A fact is never refused because somebody had planned otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from models import MILESTONES, Appointment, Milestone, whole_second
from models.database import written
from scheduler import lifecycle
from scheduler.actor import Actor
from scheduler.booking import rows, standing
from scheduler.booking.standing import Held, Standing, Visit
from scheduler.booking.telling import Subject, announce
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
    before, locked = standing.lock(session, public_id, version)
    visit = before.visit(step)
    _judge_order(visit, happened)
    after = before.with_visits([_moved_on(visit, happened)])
    _record(session, visit, happened, actor, now)
    return settle(session, before, after, locked, f"marked-{next(reversed(happened))}", actor=actor, now=now)


def settle(
    session: Session,
    before: Standing,
    after: Standing,
    locked: rows.Locked,
    verb: str,
    *,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
) -> Appointment:
    """Write what a change makes of an appointment, let go what it frees, tell of it, and return the appointment."""
    standing.write(session, before, after, now)
    rows.settle(session, locked, list(standing.freed(before, after)))
    announce(
        session,
        Subject(after.public_id, after.version, after.patient),
        verb,
        actor=actor,
        now=now,
        reason=reason,
        before=before.summary(),
        after=after.summary(),
    )
    return written(
        session, Appointment, after.id, public_id=after.public_id, version=after.version, status=after.status
    )


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


def _judge_order(visit: Visit, happened: Mapping[str, datetime]) -> None:
    """The five milestones of a step happen in their order; the same minute is allowed."""
    known = {**{kind: at for kind, (at, _) in visit.happened.items()}, **happened}
    for kind, at in happened.items():
        mine = MILESTONES.index(kind)
        for other, other_at in known.items():
            theirs = MILESTONES.index(other)
            if (theirs < mine and other_at > at) or (theirs > mine and other_at < at):
                raise Invalid("milestone-order", kind=kind, at=at, other=other, other_at=other_at)


def _moved_on(visit: Visit, happened: Mapping[str, datetime]) -> Visit:
    """Return the step with the status that the milestones give it, cut where the patient is out."""
    status = visit.status
    for kind in happened:
        status = lifecycle.after(status, lifecycle.MILESTONE_EVENT[kind])
    held = [
        replace(each, status=status) if each.status not in ("cancelled", "unplaced") else each for each in visit.held
    ]
    if "out" in happened:
        held = [_cut(each, visit.ends, happened["out"]) for each in held]
    return replace(visit, status=status, held=tuple(held))


def _cut(held: Held, ends: datetime, out: datetime) -> Held:
    """Out early: what room and team still had planned is cut at the real end, which frees the rest.

    Done before it was to begin, a slot keeps one minute, so that the case still has its place. Recovery comes
    after the room and is not cut.
    """
    planned = held.kind == "procedure" and held.status == "fulfilled" and held.starts < ends
    if not planned or out >= held.ends:
        return held
    return replace(held, ends=max(out, held.starts + timedelta(minutes=1)))


_MILESTONE = Milestone.__table__.c
_ADD = Milestone.__table__.insert()  # type: ignore[attr-defined]
_CORRECT = (
    Milestone.__table__.update()  # type: ignore[attr-defined]
    .where(_MILESTONE.step_id == bindparam("step"), _MILESTONE.kind == bindparam("which"))
    .values(at=bindparam("new_at"), recorded_at=bindparam("now"), recorded_by=bindparam("by"))
)


def _record(session: Session, visit: Visit, happened: Mapping[str, datetime], actor: Actor, now: datetime) -> None:
    rooms = [held.resource_id for held in visit.held if held.role == "room"]
    # A fact has no slots; its other milestones know the room.
    rooms += [room for _, room in visit.happened.values() if room is not None]
    room = next(iter(rooms), None)
    new = [
        {"step_id": visit.id, "kind": kind, "at": at, "resource_id": room, "recorded_at": now, "recorded_by": actor.id}
        for kind, at in happened.items()
        if kind not in visit.happened
    ]
    corrected = [
        {"step": visit.id, "which": kind, "new_at": at, "now": now, "by": actor.id}
        for kind, at in happened.items()
        if kind in visit.happened
    ]
    if new:
        session.execute(_ADD, new)
    if corrected:
        session.execute(_CORRECT, corrected)
