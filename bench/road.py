"""The road of one booking on the real department: search, explanation and a durable booking, beside their floors."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bench import booking as bookings
from bench.timing import cpu_ms, fdatasync_ms
from models import migrate, to_seconds
from models.database import Database
from scheduler import availability, catalogue, demo, department_file
from scheduler.commands import DEPARTMENT
from scheduler.engine import bitmap, explain, find
from scheduler.engine.world import Problem

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HORIZON = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Row:
    """One claim: what was measured, beside the floor of the same run, in milliseconds."""

    claim: str
    measured_ms: float
    floor: str
    floor_ms: float

    @property
    def ratio(self) -> float:
        return self.measured_ms / self.floor_ms if self.floor_ms else 0.0


def rows(folder: Path) -> Iterator[Row]:
    """Yield every row, on a fresh SQLite database in `folder` with two weeks of demonstration bookings."""
    db = Database(f"sqlite:///{folder}/bench.db")
    migrate.upgrade(db)
    db.transact(lambda session, now: department_file.load(session, DEPARTMENT, now=now), now=NOW)
    request = demo.DemoRequest(120, date(2026, 12, 1), date(2026, 12, 14), seed=1)
    db.transact(lambda session, now: demo.begin(session, request, now=now), now=NOW)
    demo.fill(db, lambda done, days: None, now=NOW)
    for code in ("BX-FNA", "AB-LIV-1", "CP-TACE-ABL-S"):
        problem = _problem(db, code)
        bare = cpu_ms(lambda p=problem: _bare_search(p), times=50)  # type: ignore[misc]
        yield Row(f"find {code}, masks warm", cpu_ms(lambda p=problem: find.find(p), times=50), "bare bitmaps", bare)  # type: ignore[misc]
    problem = _problem(db, "AB-LIV-1")
    search = cpu_ms(lambda: find.find(problem), times=50)
    yield Row("explain 90 days", cpu_ms(lambda: explain.explain(problem, None), times=10), "its search", search)
    yield Row("durable booking, wall", bookings.wall_ms(db), "one fdatasync", fdatasync_ms(folder))
    for claim, measured, bare in bookings.cpu_ms(db):
        yield Row(claim, measured, "bare ORM rows", bare)
    db.close()


def _problem(db: Database, code: str) -> Problem:
    with db.read() as session:
        version = catalogue.current(session, code, NOW.date())
        world = availability.world_for_find(session, patient=None, now=NOW, earliest=NOW, latest=NOW + HORIZON)
        protocol = catalogue.parsed(version)
    return Problem(protocol, world, None, earliest=to_seconds(NOW), latest=to_seconds(NOW + HORIZON))


def _bare_search(problem: Problem) -> int:
    """Erode and OR every resource of a need's kind, AND the needs: what any search over these masks must do."""
    found = -1
    for step in problem.protocol.steps:
        for need in step.needs:
            able, (offset, minutes) = 0, step.taken(need)
            for code, resource in problem.world.resources.items():
                if resource.kind == need.kind and need.attributes <= resource.attributes:
                    able |= bitmap.runs(problem.world.masks.get(code, 0), minutes // 5)
            found &= bitmap.earlier(able, offset // 5)
    return found
