"""Tidying of sessions nobody can use and of counters that hold nobody up. Signing in does not depend on it."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.jobs import Job
from web.accounts import sessions, throttle

IDLE = timedelta(hours=12)
"""Longer than any setting lets a session idle, so that the job needs no settings."""


def forget_dead_sessions(session: Session, now: datetime) -> int:
    return sessions.sweep(session, now=now, idle=IDLE)


def forget_old_failures(session: Session, now: datetime) -> int:
    return throttle.sweep(session, now=now)


JOBS = [
    Job("forget-dead-sessions", 3600, forget_dead_sessions),
    Job("forget-old-sign-in-failures", 3600, forget_old_failures),
]
