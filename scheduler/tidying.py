"""Tidying that nobody waits for: lapsed holds and old idempotency keys. Bookings do not depend on it."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Appointment
from scheduler import idempotency
from scheduler.booking import rows
from scheduler.jobs import Job

GRACE = timedelta(seconds=30)
"""A lapsed hold is left alone this long: a booking that needs its place releases it anyway."""


def release_lapsed_holds(session: Session, now: datetime) -> int:
    """Cancel holds that lapsed; return how many. Each is released under the locks of all it held."""
    query = select(Appointment.public_id).where(Appointment.status == "pending", Appointment.hold_until <= now - GRACE)
    lapsed = list(session.scalars(query.order_by(Appointment.id)))
    if not lapsed:
        return 0
    codes = {code for public_id in lapsed for code in rows.codes_of(rows.whole(session, public_id))}
    locked = rows.lock(session, codes)
    released = rows.release_expired(session, locked, now=now)
    rows.settle(session, locked)
    return released


def forget_old_keys(session: Session, now: datetime) -> int:
    return idempotency.forget_old(session, now=now)


JOBS = [
    Job("release-lapsed-holds", 60, release_lapsed_holds),
    Job("forget-old-idempotency-keys", 3600, forget_old_keys),
]
