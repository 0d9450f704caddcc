"""Jobs: every process ticks, the ledger decides. A job commits together with the row that says it ran.

APScheduler is only a clock here (memory store): two processes that share a job store each run every job
(RELIABILITY §2.5), while one row per (job, slot) can be inserted once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import JobRun
from models.database import Database

log = logging.getLogger(__name__)

Work = Callable[[Session, datetime], Any]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due once in each slot of `every_seconds`, counted from the epoch by the database's clock."""

    name: str
    every_seconds: int
    work: Work


def run_due(db: Database, job: Job) -> bool:
    """Run a job unless some process already ran it in this slot; return whether this one did."""

    def attempt(session: Session, now: datetime) -> bool:
        slot = datetime.fromtimestamp(int(now.timestamp()) // job.every_seconds * job.every_seconds, UTC)
        if not _claim(session, job.name, slot, now):
            return False
        job.work(session, now)
        return True

    return db.transact(attempt)


def _claim(session: Session, name: str, slot: datetime, now: datetime) -> bool:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    row = dialect.insert(JobRun).values(job=name, slot=slot, ran_at=now, detail={})
    return session.execute(row.on_conflict_do_nothing().returning(JobRun.id)).scalar() is not None


def ticker(db: Database, jobs: list[Job]) -> BackgroundScheduler:
    """Return a started scheduler that tries every job a few times in each of its slots."""
    scheduler = BackgroundScheduler(timezone=UTC)
    for job in jobs:
        scheduler.add_job(
            _tick,
            "interval",
            args=(db, job),
            seconds=max(1, job.every_seconds // 3),
            id=job.name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=300,
        )
    scheduler.start()
    return scheduler


def _tick(db: Database, job: Job) -> None:
    try:
        run_due(db, job)
    except Exception:
        # One failed slot must not stop the clock; the next slot tries again.
        log.exception("job %s failed", job.name)
