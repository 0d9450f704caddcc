"""kill -9 of the server while clients book: nothing that was acknowledged is lost, no pathway is half-booked."""

import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import Appointment
from models.database import Database
from scheduler import booking, invariants
from scheduler.engine.grid import day_start
from tests.conftest import free_port
from tests.proofs.server import KillableServer
from tests.races import arena
from web.accounts import tokens

CLIENTS, DAYS = 4, 150


@dataclass
class Book:
    """What one client was told, request by request. A key without an answer is one whose fate it does not know."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: int = 0
    strange: list[str] = field(default_factory=list)


def wire(placement: Any) -> list[dict[str, Any]]:
    def at(instant: int) -> str:
        return datetime.fromtimestamp(instant, UTC).isoformat()

    return [
        {
            "step": step.step,
            "starts": at(step.starts),
            "ends": at(step.ends),
            "slots": [
                {"resource": s.resource, "role": s.role, "starts": at(s.starts), "ends": at(s.ends)}
                for s in step.slots
                if s.role != "patient"
            ],
        }
        for step in placement.steps
    ]


def ask(server: KillableServer, token: str, key: str, body: dict[str, Any], book: Book) -> None:
    """Send one booking; remember it as unknown until an answer is read to its end."""
    book.unknown[key] = body
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        connection.request("POST", "/api/v1/appointments", json.dumps(body), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        time.sleep(0.05)
        return
    finally:
        connection.close()
    if answer.status == 503:
        return
    del book.unknown[key]
    if answer.status == 201:
        book.acknowledged[key] = said["id"]
    elif answer.status == 409:
        book.refused += 1
    else:
        book.strange.append(f"{answer.status}: {said}")


def client(server: KillableServer, token: str, seed: int, book: Book, stop: threading.Event) -> None:
    chance = random.Random(seed)
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    midnight = day_start(date(tomorrow.year, tomorrow.month, tomorrow.day), "Asia/Shanghai")
    while not stop.is_set():
        patient, wanted = arena.placement(chance, DAYS, midnight)
        body = {"patient": patient, "protocol": "RACE", "steps": wire(wanted)}
        key = str(uuid.UUID(int=chance.getrandbits(128)))
        ask(server, token, key, body, book)
        while key in book.unknown and not stop.is_set():
            ask(server, token, key, body, book)  # as a careful client does: the same request under the same key


@pytest.fixture
def server(db: Database, tmp_path: Path) -> Iterator[KillableServer]:
    db.transact(arena.build, now=arena.EVENING)
    running = KillableServer(db.url.render_as_string(hide_password=False), free_port(), tmp_path)
    running.start()
    yield running
    running.kill()


def kill_in_a_loop(server: KillableServer, db: Database, times: int) -> None:
    token = db.transact(lambda session, now: tokens.issue_token(session, "killer", "nurse", now=now))
    books, stop, chance = [Book() for _ in range(CLIENTS)], threading.Event(), random.Random(1)
    threads = [
        threading.Thread(target=client, args=(server, token, seed, book, stop)) for seed, book in enumerate(books)
    ]
    for thread in threads:
        thread.start()
    for _ in range(times):
        await_bookings(books, chance.randrange(1, 8))
        time.sleep(chance.uniform(0, 0.05))  # somewhere inside the next bookings
        server.kill()
        server.start()
    stop.set()
    for thread in threads:
        thread.join()
    # Every request whose answer was lost is asked again under its own key: it happens once or not at all.
    for book in books:
        for key, body in list(book.unknown.items()):
            ask(server, token, key, body, book)
        assert book.unknown == {}
        assert book.strange == []
    judge(db, books)


def await_bookings(books: list[Book], more: int) -> None:
    """Wait until that many more bookings are acknowledged, so that every kill comes in the middle of work."""
    wanted = sum(len(book.acknowledged) for book in books) + more
    deadline = time.monotonic() + 60
    while sum(len(book.acknowledged) for book in books) < wanted:
        assert time.monotonic() < deadline, "no bookings are acknowledged"
        time.sleep(0.005)


def judge(db: Database, books: list[Book]) -> None:
    acknowledged = [public_id for book in books for public_id in book.acknowledged.values()]
    with db.read() as session:
        stored = set(session.scalars(select(Appointment.public_id)))
        sizes = {len(booking.whole(session, public_id).steps) for public_id in stored}
    assert len(acknowledged) == len(set(acknowledged)), "two keys never share a booking"
    assert set(acknowledged) == stored, "what was acknowledged is stored, and nothing else is"
    assert sizes == {2}
    assert invariants.faults(db) == []
    print(f"{len(acknowledged)} bookings acknowledged, {sum(book.refused for book in books)} refused")


def test_five_kills_lose_nothing(server: KillableServer, db: Database) -> None:
    kill_in_a_loop(server, db, 5)


@pytest.mark.proof
def test_fifty_kills_lose_nothing(server: KillableServer, db: Database) -> None:
    kill_in_a_loop(server, db, 50)
