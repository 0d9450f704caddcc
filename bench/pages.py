"""Every page with everything loaded: time in the server, beside a route that does nothing, and the board painted.

The database is the one that BENCH_DATABASE_URL names (a copy: accounts are added), such as a year made by
`run.py demo`; without one, the eight weeks of demonstration that bench/demonstration.py has left in the folder, which
are filled here where it has not run.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import sync_playwright

from bench.timing import once_ms
from models import migrate
from models.database import Database
from scheduler import department_file
from scheduler.commands import DEPARTMENT, begin_demonstration
from scheduler.demo import fill
from scheduler.working_days import Calendar
from tests.browser.addresses import PAGES, names
from tests.conftest import BROWSERS, free_port
from tests.queries import asked
from tests.web.people import PASSWORD, sign_in
from web import accounts
from web.accounts.passwords import Cost
from web.accounts.sessions import cookie_name
from web.app import create_app
from web.commands import warm
from web.settings import load

TIMES = 40
SERVED_MS, PAINTED_MS = 100, 300
"""What a page may take in the server at the 95th percentile, and the board until it is painted (issue 3)."""
LOGIN = "bench"
SECRET = "measuring needs no secret, but 32 characters"


@dataclass(frozen=True, slots=True)
class Row:
    """One page in milliseconds: the first answer, the best one, the median and the 95th percentile of TIMES.

    Time on the clock; on a machine that is busy with other work the best one tells what the page itself takes.
    """

    address: str
    first_ms: float
    best_ms: float
    p50_ms: float
    p95_ms: float
    queries: int
    kilobytes: int
    limit_ms: int = SERVED_MS

    @property
    def is_slow(self) -> bool:
        """Tell whether the page misses its limit even in its better half: a busy machine spoils the other."""
        return self.p50_ms > self.limit_ms


def rows(folder: Path) -> Iterator[Row]:
    """Yield a row for each page, an empty route first and the board as a browser paints it last."""
    db = _database(folder)
    day = _working_day(db)
    app = create_app(load(_env_file=None, database_url=_url(db), secret_key=SECRET, argon2_memory_kib=8), db)
    _add_account(db)
    client = app.test_client()
    sign_in(client, LOGIN)
    warm(db)  # as `serve` does, which spares the garbage collection all that lives as long as the process
    yield _measured(_empty(), "an empty Flask route", "/", db)
    ids = names(db, day)
    for address in (address.format(**ids) for addresses in PAGES.values() for address in addresses):
        if "somebody" not in address:
            yield _measured(client, address.replace(ids["step"], "…").replace(ids["patient"], "…"), address, db)
    cookie = client.get_cookie(cookie_name(secure=False))
    yield from _painted(db, cookie.value if cookie else "", f"/board/{day}")
    db.close()


def _working_day(db: Database) -> str:
    """Return today or the next day that is worked, as ISO."""
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    with db.read() as session:
        return next(Calendar.load(session).working_days(today, today + timedelta(days=30))).isoformat()


def _database(folder: Path) -> Database:
    given = os.environ.get("BENCH_DATABASE_URL")
    db = Database(given or f"sqlite:///{folder}/pages.db")
    migrate.upgrade(db)
    if given:
        return db
    db.transact(lambda session, now: department_file.load(session, DEPARTMENT, now=now))
    db.transact(begin_demonstration)
    fill.fill(db, lambda done, days: None)
    return db


def _url(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)


def _add_account(db: Database) -> None:
    def work(session: object, now: datetime) -> None:
        cost = Cost(8, 1, 1)
        accounts.create_user(session, LOGIN, LOGIN, PASSWORD, "administrator", None, now=now, cost=cost)  # type: ignore[arg-type]

    db.transact(work)


def _empty() -> FlaskClient:
    bare = Flask("empty")
    bare.add_url_rule("/", view_func=lambda: "nothing")
    return bare.test_client()


def _measured(client: FlaskClient, name: str, address: str, db: Database) -> Row:
    with asked(db) as statements:
        first = once_ms(lambda: client.get(address))
    times = sorted(once_ms(lambda: client.get(address)) for _ in range(TIMES))
    size = len(client.get(address).data) // 1024
    return Row(name, first, *_spread(times), len(statements), size)


def _spread(times: list[float]) -> tuple[float, float, float]:
    """Return the least, the median and the 95th percentile of sorted times."""
    return times[0], statistics.median(times), times[int(len(times) * 0.95) - 1]


PAINTED = """window.painted = new Promise((told) => addEventListener("DOMContentLoaded",
    () => requestAnimationFrame(() => requestAnimationFrame(() => told(performance.now())))))"""
"""Milliseconds from the start of the navigation until the second frame after the page's own script has drawn it."""


def _painted(db: Database, cookie: str, path: str) -> Iterator[Row]:
    """Yield the board from the start of the navigation until it is painted; nothing where there is no Chromium."""
    program = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if program is None:
        return
    port = str(free_port())
    environment = os.environ | {"DATABASE_URL": _url(db), "PORT": port, "NEEDLEPOINT_SECRET_KEY": SECRET}
    server = subprocess.Popen([sys.executable, "run.py", "serve"], env=environment, stdout=subprocess.DEVNULL)
    try:
        _await(port)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            address = f"http://127.0.0.1:{port}"
            context.add_cookies([{"name": cookie_name(secure=False), "value": cookie, "url": address}])
            page = context.new_page()
            page.add_init_script(PAINTED)
            times = []
            for _ in range(TIMES // 2):
                page.goto(address + path)
                times.append(page.evaluate("window.painted"))
            cases = page.locator("[data-room] .case").count()
            first, times = times[0], sorted(times[1:])
            name = f"{path}, painted in Chromium ({cases} bookings)"
            yield Row(name, first, *_spread(times), 0, 0, PAINTED_MS)
            browser.close()
    finally:
        server.terminate()
        server.wait()


def _await(port: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")
