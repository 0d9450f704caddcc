"""Many bookers, few places: no overlap, no half-booked pathway, nothing lost; and a race that can be seen to fail."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from models import Appointment, Step, guard
from models.database import Database
from scheduler import invariants
from tests.conftest import ROOT, Store
from tests.races import arena

THREADS, PROCESSES = 16, 4


@pytest.fixture
def contested(store: Store, db: Database) -> Iterator[Database]:
    db.transact(arena.build, now=arena.EVENING)
    yield db


def address(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)


def race_processes(
    db: Database, *, attempts: int, days: int, mutant: str = "none", count: int = PROCESSES
) -> arena.Score:
    start = str(time.time() + 4)
    command = [sys.executable, "-m", "tests.races.racer", address(db)]
    racers = [
        subprocess.Popen(
            [*command, str(seed), str(attempts), str(days), mutant, start], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for seed in range(count)
    ]
    total = arena.Score()
    for racer in racers:
        said, _ = racer.communicate(timeout=300)
        assert racer.returncode == 0
        total.add(score_of(json.loads(said)))
    return total


def score_of(said: dict[str, Any]) -> arena.Score:
    return arena.Score(said["booked"], Counter(said["refused"]), said["broken"])


def stored(db: Database) -> tuple[set[str], int]:
    with db.read() as session:
        ids = set(session.scalars(select(Appointment.public_id)))
        halves = session.scalar(
            select(func.count())
            .select_from(Appointment)
            .where(
                select(func.count())
                .where(Step.appointment_id == Appointment.id)
                .correlate(Appointment)
                .scalar_subquery()
                != 2
            )
        )
    return ids, int(halves or 0)


def judge(db: Database, score: arena.Score) -> None:
    ids, halves = stored(db)
    assert score.broken == []
    assert halves == 0, "a pathway of two steps is stored with another number"
    assert ids == set(score.booked), "what was acknowledged is what is stored"
    assert invariants.faults(db) == []


def test_sixteen_threads_leave_no_overlap_and_no_half_booked_pathway(contested: Database) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        scores = list(pool.map(lambda seed: arena.race(contested, seed, 12, 3), range(THREADS)))
    total = arena.Score()
    for score in scores:
        total.add(score)
    judge(contested, total)
    assert set(total.refused) >= {"room", "physician", "device", "bed", "patient"}, "every kind was fought for"


def test_four_processes_leave_no_overlap_and_no_half_booked_pathway(contested: Database) -> None:
    total = race_processes(contested, attempts=50, days=3)
    judge(contested, total)
    assert set(total.refused) >= {"room", "physician", "device", "bed", "patient"}, "every kind was fought for"


def test_the_guard_alone_keeps_bookings_apart_when_the_program_does_not_look(contested: Database) -> None:
    total = race_processes(contested, attempts=30, days=2, mutant="trusting")
    judge(contested, total)
    assert sum(total.refused.values()) > 0


def test_the_same_race_without_the_guard_is_seen_to_fail(contested: Database) -> None:
    with contested.engine.execution_options(needlepoint_write=True).begin() as connection:
        guard.remove(connection)
    race_processes(contested, attempts=30, days=2, mutant="trusting")
    found = invariants.faults(contested)
    assert any(fault.startswith("overlapping slots") for fault in found)
    assert any(fault.startswith("guard") for fault in found)
