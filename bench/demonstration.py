"""The demonstration's eight weeks, filled as `make run` fills them: how long they take, and what a case costs.

The claims: eight weeks in less than 120 seconds, and a year of 20,000 operations and 100,000 examinations in less than
20 minutes; the year is told at the pace of the eight weeks.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from models import migrate
from models.database import Database
from scheduler import demo, department_file
from scheduler.commands import DEPARTMENT, begin_demonstration

YEAR = 120_000
FILE = "pages.db"
"""Left in the folder: the pages are measured on it (bench/pages.py)."""


@dataclass(frozen=True, slots=True)
class Row:
    """Cases wanted and booked, and the seconds on the clock and of the processor."""

    claim: str
    wanted: int
    booked: int
    seconds: float
    cpu_seconds: float
    limit_seconds: int

    @property
    def case_ms(self) -> float:
        return self.cpu_seconds / self.wanted * 1000


def rows(folder: Path) -> list[Row]:
    """Fill a fresh SQLite database in `folder` and return what it took, and what a year takes at that pace."""
    db = Database(f"sqlite:///{folder / FILE}")
    migrate.upgrade(db)
    db.transact(lambda session, now: department_file.load(session, DEPARTMENT, now=now))
    db.transact(begin_demonstration)
    began, worked = time.perf_counter(), time.process_time()
    tally = demo.fill(db, lambda done, wanted: None)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    db.close()
    wanted, booked = tally.wanted.total(), tally.booked.total()
    year = YEAR / wanted
    return [
        Row("eight weeks", wanted, booked, seconds, cpu, 120),
        Row("a year at this pace", YEAR, round(booked * year), seconds * year, cpu * year, 1200),
    ]
