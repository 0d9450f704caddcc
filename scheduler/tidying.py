"""Tidying that nobody waits for: lapsed holds and old idempotency keys. Bookings do not depend on it."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler import idempotency
from scheduler.booking import rows
from scheduler.jobs import Job

GRACE = timedelta(seconds=30)
"""A lapsed hold is left alone this long: a booking that needs its place releases it anyway."""


def release_lapsed_holds(session: Session, now: datetime) -> int:
    """Cancel holds that lapsed; return how many. Each is released under the locks of all it held."""
    lapsed = rows.lapsed(session, now - GRACE)
    if not lapsed:
        return 0
    locked = rows.lock(session, set().union(*lapsed.values()), lapsed_by=now - GRACE)
    released = rows.release_expired(session, locked, now=now)
    rows.settle(session, locked)
    return released


def forget_old_keys(session: Session, now: datetime) -> int:
    return idempotency.forget_old(session, now=now)


JOBS = [
    Job("release-lapsed-holds", 60, release_lapsed_holds),
    Job("forget-old-idempotency-keys", 3600, forget_old_keys),
]
