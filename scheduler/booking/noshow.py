"""Write down that nobody came: the places are free again, for the visits that would have followed too."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from models import Appointment
from scheduler import audit, lifecycle, waitlist
from scheduler.actor import Actor
from scheduler.booking import rows, standing
from scheduler.booking.mark import settle
from scheduler.booking.standing import Visit
from scheduler.errors import Conflict


def noshow(
    session: Session, public_id: str, *, version: int | None, step: str, actor: Actor, now: datetime
) -> Appointment:
    """Record that the patient did not come to a step; the later steps that are not over are cancelled with it.

    Raises Invalid("unknown-step"), Conflict("not-due-yet") before its planned start, Conflict("illegal-transition")
    once it has begun or is over, StaleVersion.
    """
    before, locked = standing.lock(session, public_id, version)
    missed = before.visit(step)
    if now < missed.starts:
        raise Conflict("not-due-yet", step=step, starts=missed.starts)
    later = [each for each in before.visits[before.visits.index(missed) + 1 :] if each.status not in lifecycle.OVER]
    changed = [_ended(missed, "noshow"), *(_ended(each, "cancel") for each in later)]
    after = before.with_visits(changed)
    waitlist.follow(session, before.id, after.status, actor=actor, now=now)
    return settle(session, before, after, locked, "noshow", actor=actor, now=now)


def _ended(visit: Visit, event: str) -> Visit:
    status = lifecycle.after(visit.status, event)
    return _with_status(visit, status, {visit.status})


def _with_status(visit: Visit, status: str, among: set[str]) -> Visit:
    """Return the step with another status, and with it those of its slots that stood in one of these."""
    held = (replace(each, status=status) if each.status in among else each for each in visit.held)
    return replace(visit, status=status, held=tuple(held))


def came_after_all(
    session: Session, public_id: str, *, version: int | None, actor: Actor, now: datetime
) -> Appointment:
    """Take a no-show back where nothing was done since: every step stands again as it stood before.

    Raises Conflict("nothing-to-undo"), SlotTaken where somebody was given one of its places, StaleVersion.
    """
    before, locked = standing.lock(session, public_id, version, lapsed_by=now)
    rows.release_expired(session, locked, now=now)
    stood = _stood(session, public_id)
    changed = [
        _with_status(visit, stood[visit.code], {visit.status})
        for visit in before.visits
        if stood.get(visit.code, visit.status) != visit.status
    ]
    after = before.with_visits(changed)
    wanted = [(held.resource_id, held.starts, held.ends) for visit in changed for held in visit.held]
    with rows.guarded(session, wanted):
        waitlist.follow(session, before.id, after.status, actor=actor, now=now)
        return settle(session, before, after, locked, "came-after-all", actor=actor, now=now)


def _stood(session: Session, public_id: str) -> dict[str, str]:
    """Return the steps' statuses before the no-show, from the audit trail's last link."""
    last = next(reversed(audit.history(session, "appointment", public_id)), None)
    if last is None or last.action != "appointment.noshow":
        raise Conflict("nothing-to-undo", appointment=public_id)
    return {step["step"]: step["status"] for step in last.detail["before"]["steps"]}
