"""The database: how it is opened, how a write transaction runs, whose clock counts.

SQLite runs from pysqlite3 (Debian's own has the WAL-reset bug), in WAL with synchronous=FULL; every write is
BEGIN IMMEDIATE behind a fair queue of threads and processes. PostgreSQL runs READ COMMITTED with short timeouts.
"""

import fcntl
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

T = TypeVar("T")

ATTEMPTS = 8
"""How often a write is tried when the database reports a deadlock, a lock timeout or a busy file."""

TRANSIENT = {"40001", "40P01", "55P03"}
"""SQLSTATEs that say: nothing was written, try again."""


class DatabaseProblem(RuntimeError):
    """The database cannot be used as configured. `reason` is a code, `detail` what the driver said."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class Database:
    """One database, opened. Reads through `read`, writes through `transact`, nothing else."""

    def __init__(self, url: str) -> None:
        """Open lazily; raises DatabaseProblem("bad-url" | "folder") for what can be seen without connecting."""
        self.url = _parse(url)
        self.engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)
        self._writer = self.engine.execution_options(needlepoint_write=True)
        self._queue = _WriteQueue(str(self.url.database) + ".lock") if self.is_sqlite else None

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session on one snapshot (SQLite) or statement snapshots (PostgreSQL); never commits."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def transact(self, work: Callable[[Session, datetime], T], *, now: datetime | None = None) -> T:
        """Run `work(session, now)` in one write transaction and commit it.

        `now` is the database's clock, read once, unless given (imports, demonstration, tests). Work that lost a
        deadlock or waited too long for a lock runs again from the start, so it must not act on the world outside.
        Raises what work raises, DatabaseProblem("busy") after ATTEMPTS tries.
        """
        for attempt in range(ATTEMPTS):
            try:
                with self.turn(), Session(self._writer, expire_on_commit=False) as session, session.begin():
                    return work(session, now or database_now(session))
            except DBAPIError as error:
                if not is_transient(error):
                    raise
                # A jitter that grows keeps two losers from meeting again.
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - not a secret
        raise DatabaseProblem("busy")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait in line for the right to write (SQLite has one writer); PostgreSQL needs no line."""
        if self._queue is None:
            yield
        else:
            with self._queue:
                yield

    def ping(self) -> None:
        """Connect once; raises DatabaseProblem("unreachable") with the driver's first line."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            raise DatabaseProblem("unreachable", str(error.orig).strip().splitlines()[0]) from error

    def close(self) -> None:
        self.engine.dispose()
        if self._queue is not None:
            self._queue.close()


def written(session: Session, entity: type[T], id_: int, **known: Any) -> T:
    """Return the object of what was written as a row: what is named is known, the rest is read when it is asked for.

    An object of it that the session holds already is this one, and forgets what it had read.
    """
    held = session.identity_map.get(identity_key(entity, id_))
    if held is None:
        held = entity(id=id_)  # type: ignore[call-arg]
        make_transient_to_detached(held)
        session.add(held)
    else:
        session.expire(held)
    for name, value in known.items():
        set_committed_value(held, name, value)
    return held


def is_transient(error: DBAPIError) -> bool:
    """Tell whether the database refused only because somebody else was in the way just then."""
    if getattr(error.orig, "sqlstate", None) in TRANSIENT:
        return True
    return "database is locked" in str(error.orig)


def database_now(session: Session) -> datetime:
    """Return the database's clock as an aware UTC datetime, in whole seconds."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    clock = "unixepoch()" if sqlite else "floor(extract(epoch FROM clock_timestamp()))::bigint"
    return datetime.fromtimestamp(session.execute(text(f"SELECT {clock}")).scalar_one(), UTC)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseProblem("bad-url", "") from error
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise DatabaseProblem("bad-url", parsed.drivername)
    return parsed


def _sqlite(url: URL) -> Engine:
    from pysqlite3 import dbapi2

    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DatabaseProblem("folder", str(path.parent)) from error
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise DatabaseProblem("folder", str(path.parent))
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        module=dbapi2,
        pool_size=16,
        max_overflow=32,
        connect_args={"timeout": 10, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in (
        "busy_timeout=10000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "cache_size=-65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("needlepoint_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        pool_size=16,
        max_overflow=32,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "options": "-c lock_timeout=3s -c statement_timeout=30s -c timezone=UTC",
        },
    )


class _WriteQueue:
    """First come, first served, among the threads of this process and, by a lock file, among processes.

    SQLite's own busy handler sleeps and retries: with 8 writers the worst wait was 600 times the median
    (PERFORMANCE §2). Waiting in line costs one fcntl call.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held = False
        self._file: IO[bytes] | None = None

    def __enter__(self) -> None:
        with self._mutex:
            if not self._held and not self._waiting:
                self._held = True
                ticket = None
            else:
                ticket = threading.Lock()
                ticket.acquire()
                self._waiting.append(ticket)
        if ticket is not None:
            ticket.acquire()  # the one before us releases it
        try:
            fcntl.flock(self._open(), fcntl.LOCK_EX)
        except BaseException:
            self._pass_on()
            raise

    def __exit__(self, *exc: object) -> None:
        fcntl.flock(self._open(), fcntl.LOCK_UN)
        self._pass_on()

    def _pass_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False

    def _open(self) -> int:
        if self._file is None or self._pid != os.getpid():
            # A forked child must not share its parent's open file description, or both would hold the lock.
            self._file = open(self._path, "ab")  # noqa: SIM115 - kept open for the process's life
            self._pid = os.getpid()
        return self._file.fileno()

    _pid = 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
