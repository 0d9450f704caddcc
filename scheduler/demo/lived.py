"""Let demonstration cases happen: milestones with a little lateness, ward stays, here and there a cancellation."""

from datetime import datetime, timedelta
from random import Random

from sqlalchemy.orm import Session

from models import Step
from models.database import Database
from scheduler import booking, ward
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.demo.wishes import Wish
from scheduler.errors import DomainError

STAFF = Actor("demonstration", "nurse")


def live(db: Database, appointment: str, wish: Wish, real_now: datetime) -> None:
    """Write down everything that has happened to one case by now."""
    random = Random(wish.key)  # noqa: S311 - a fixed demonstration, not a secret
    with db.read() as session:
        steps = rows.whole(session, appointment).steps
    if wish.cancel_reason is not None:
        if steps[0].status == "booked":  # else it was cancelled before the filling was cut off
            db.transact(
                lambda session, now: booking.cancel(
                    session, appointment, version=None, reason=wish.cancel_reason or "", actor=STAFF, now=now
                ),
                now=real_now,
            )
        return
    for step in steps:
        _stay(db, appointment, step, random, real_now)
        _milestones(db, appointment, step, random, real_now)


def _milestones(db: Database, appointment: str, step: Step, random: Random, real_now: datetime) -> None:
    if step.milestones:
        return
    late = _lateness(step)
    length = (step.ends - step.starts) * random.uniform(0.72, 1.0)
    instants = {
        "called": step.starts + late - timedelta(minutes=4),
        "in-room": step.starts + late,
        "started": step.starts + late + length * 0.25,
        "ended": step.starts + late + length * 0.85,
        "out": step.starts + late + length,
    }
    happened = {kind: at.replace(second=0) for kind, at in instants.items() if at <= real_now}
    if happened:
        db.transact(
            lambda session, now: booking.mark_all(
                session, appointment, version=None, step=step.code, happened=happened, actor=STAFF, now=now
            ),
            now=real_now,
        )


WORST_DRIFT_MINUTES = 28


def _lateness(step: Step) -> timedelta:
    """Each room drifts behind its plan over a day, some more, some less; so no case comes in before the last is out."""
    room = next((slot.resource.code for slot in step.slots if slot.role == "room"), "")
    drift = Random(f"{room}:{step.starts:%Y%m%d}").random() ** 2 * WORST_DRIFT_MINUTES  # noqa: S311 - not a secret
    since_opening = (step.starts.hour * 60 + step.starts.minute) / (9.5 * 60)  # 08:00 in Shanghai is 00:00 UTC
    return timedelta(minutes=int(drift * since_opening))


def _stay(db: Database, appointment: str, step: Step, random: Random, real_now: datetime) -> None:
    bed = next((slot for slot in step.slots if slot.kind == "bed"), None)
    if bed is None:
        return
    came = bed.starts + timedelta(minutes=random.randrange(0, 90))
    left = bed.ends + timedelta(minutes=random.randrange(-90, 60))
    if came > real_now:
        return
    try:
        db.transact(
            lambda session, now: _admit_and_leave(session, appointment, bed.resource.code, came, left, now),
            now=real_now,
        )
    except DomainError:
        # The bed is still taken by a stay that ran on: this demonstration patient simply came later.
        return


def _admit_and_leave(
    session: Session, appointment: str, bed: str, came: datetime, left: datetime, now: datetime
) -> None:
    patient = rows.whole(session, appointment).patient.public_id
    encounter = ward.admit(
        session,
        ward.Admission(patient, bed, came, max(left, came + timedelta(hours=2)), appointment),
        actor=STAFF,
        now=now,
    )
    if left <= now:
        ward.discharge(session, encounter.public_id, version=None, at=left, actor=STAFF, now=now)
