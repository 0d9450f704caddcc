"""Let a demonstration go on living: what was planned for today happens as the day goes by."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Demonstration, to_seconds
from scheduler import availability
from scheduler.demo import lived, stays, wishes
from scheduler.demo.mix import KINDS
from scheduler.engine.grid import local_date
from scheduler.errors import DomainError
from scheduler.jobs import Job

DAYS_BACK = 3
"""What happened while nothing ran is made up for so many days; before that it stays undone."""

MOST = 60
"""Acts in one go, so that nobody who books waits for long; the rest comes a minute later."""


def live_on(session: Session, now: datetime) -> int:
    """Write down what has happened in a complete demonstration since the last time; return how much."""
    marker = session.scalars(select(Demonstration)).first()
    if marker is None or marker.finished_at is None:
        return 0
    seed, zone = marker.parameters["seed"], availability.settings(session).zone
    today = local_date(to_seconds(now), zone)
    left = MOST
    for day in (today - timedelta(days=back) for back in range(DAYS_BACK, -1, -1)):
        left -= _live_cases(session, day, seed, zone, now, left)
        if left > 0:
            stays.live(session, day, seed, zone, now)
    return MOST - left


def _live_cases(session: Session, day: date, seed: int, zone: str, now: datetime, most: int) -> int:
    if not lived.due(session, day, zone, now):
        return 0
    found = lived.cases(session, day, zone)
    fates = {case.key: _fate(case, seed) for case in found}
    given_up = lived.cancellations(session, {case.key: fates[case.key] for case in found if not case.happened}, now)
    acts: list[Callable[[], object]] = [partial(lived.cancel, session, each) for each in given_up]
    acts += [partial(lived.apply, session, act) for act in lived.course(found, fates, seed, now)]
    for act in acts[:most]:
        with suppress(DomainError):  # somebody has changed the case, and knows better
            act()
    return min(len(acts), most)


def _fate(case: lived.Case, seed: int) -> str:
    """Return what becomes of a case; whoever came without notice has come."""
    if case.urgency in ("1", "2a", "2b") or case.protocol not in KINDS:
        return ""
    return wishes.fate(case.key, KINDS[case.protocol], seed)


JOBS = [Job("demonstration-lives", 60, live_on)]
