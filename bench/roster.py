"""A week of the roster with a year of bookings loaded: what a browser waits for (claim: under 100 ms)."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from models import PERSON_KINDS, Resource, Slot, migrate
from models.database import Database
from scheduler import department_file
from scheduler.commands import DEPARTMENT
from web import accounts
from web.accounts.passwords import Cost
from web.app import create_app
from web.commands import settle
from web.settings import load

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 365
A_DAY = 6
"""Bookings of each person a day: 20,000 procedures and 100,000 examinations with two or three people each."""

TIMES = 40
PASSWORD = "a long way home"


@dataclass(frozen=True, slots=True)
class Row:
    """One request, `slots` rows of people in the table: CPU and wall milliseconds, and how much is sent."""

    claim: str
    slots: int
    cpu_p50_ms: float
    cpu_p95_ms: float
    wall_p50_ms: float
    kib: int


def rows(folder: Path) -> Iterator[Row]:
    """Fill an SQLite database with a year of bookings and ask for weeks of it."""
    db = Database(f"sqlite:///{folder}/roster.db")
    migrate.upgrade(db)
    db.transact(lambda session, now: department_file.load(session, DEPARTMENT, now=now))
    slots = db.transact(lambda session, _: _fill(session))
    db.transact(_account)
    client = _signed_in(db)
    for claim, path in (
        ("roster: a week of everybody", "/roster/2026-06-10"),
        ("roster: the same with a half day open", "/roster/2026-06-10?cell=dr-12.2026-06-10.am"),
        ("roster: API, a month of everybody", "/api/v1/roster?from=2026-06-01&to=2026-06-30"),
    ):
        yield _measured(client, claim, path, slots)
    db.close()


def _fill(session: Session) -> int:
    people = session.scalars(select(Resource.id).where(Resource.kind.in_(PERSON_KINDS))).all()
    made = [
        {
            "resource_id": person,
            "starts": FIRST + timedelta(days=day, minutes=40 * number),
            "ends": FIRST + timedelta(days=day, minutes=40 * number + 25),
            "status": "booked",
            "kind": "procedure",
            "role": "operator",
            "provisional": False,
        }
        for person in people
        for day in range(DAYS)
        for number in range(A_DAY)
    ]
    session.execute(insert(Slot), made)
    return len(made)


def _account(session: Session, now: datetime) -> None:
    accounts.create_user(session, "bench", "Bench", PASSWORD, "nurse", None, now=now, cost=Cost(8, 1, 1))


def _signed_in(db: Database) -> FlaskClient:
    address, key = db.url.render_as_string(), "a key that this bench alone knows, 32+"
    settings = load(_env_file=None, database_url=address, secret_key=key)
    client = create_app(settings, db, clock=lambda: FIRST + timedelta(days=160, hours=1)).test_client()
    page = client.get("/login").text
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    answer = client.post("/login", data={"login": "bench", "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303, answer.status
    return client


def _measured(client: FlaskClient, claim: str, path: str, slots: int) -> Row:
    size = len(client.get(path).data)
    settle()
    cpu, wall = [], []
    for _ in range(TIMES):
        began, spent = time.perf_counter(), time.process_time()
        answer = client.get(path)
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - spent) * 1000)
        assert answer.status_code == 200, answer.status
    return Row(
        claim, slots, statistics.median(cpu), sorted(cpu)[int(TIMES * 0.95)], statistics.median(wall), size // 1024
    )
