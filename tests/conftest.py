"""What every test may ask for: a migrated database on both engines, the department, the application, a browser."""

import shutil
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from models import migrate
from models.database import Database
from scheduler import department_file
from tests import postgres
from web.settings import Settings
from web.settings import load as load_settings

ROOT = Path(__file__).resolve().parent.parent
DEPARTMENT = ROOT / "scheduler" / "department"
DATABASES = ("sqlite", "postgresql")
NOW = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
"""Tuesday 2026-12-01, 08:00 in Shanghai: the department has just opened. No test asks the machine's clock."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

SERVER = pytest.StashKey[postgres.Server | str]()
"""The PostgreSQL of this run, or the reason why there is none."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--databases", default=",".join(DATABASES), help="which databases to test on, with commas")
    parser.addoption("--long", action="store_true", help="give the proofs their nightly sizes")


def pytest_configure(config: pytest.Config) -> None:
    unknown = set(chosen_databases(config)) - set(DATABASES)
    if unknown:
        raise pytest.UsageError(f"--databases: {', '.join(sorted(unknown))} is none of {', '.join(DATABASES)}")

    # -ra would give every skipped test a line of its own; pytest_terminal_summary gives every reason one.
    config.option.reportchars = config.option.reportchars.replace("a", "fExX").replace("s", "")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was skipped, one line a reason."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"SKIPPED {count}: {reason.removeprefix('Skipped: ')}", yellow=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(SERVER, None)
    if isinstance(server, postgres.Server):
        server.stop()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each parallel worker where the one PostgreSQL is; the run that starts the workers owns it."""
    if "postgresql" in chosen_databases(node.config):
        server = the_server(node.config)
        node.workerinput["postgresql"] = server if isinstance(server, str) else {"url": server.url}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a browser; leave the slow proofs out unless -m asks for something else."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    if config.option.markexpr:
        return
    proofs = [item for item in items if item.get_closest_marker("proof")]
    if proofs:
        items[:] = [item for item in items if not item.get_closest_marker("proof")]
        config.hook.pytest_deselected(items=proofs)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on every database, unless a test names the one it runs on."""
    chosen = any("backend" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "backend" in metafunc.fixturenames and not chosen:
        metafunc.parametrize("backend", chosen_databases(metafunc.config), indirect=True)


def chosen_databases(config: pytest.Config) -> list[str]:
    return [name.strip() for name in config.getoption("--databases").split(",") if name.strip()]


def the_server(config: pytest.Config) -> postgres.Server | str:
    """Return the PostgreSQL of this run, started when first asked for, or why there is none."""
    if SERVER not in config.stash:
        try:
            config.stash[SERVER] = postgres.start()
        except postgres.CannotStart as error:
            config.stash[SERVER] = f"no PostgreSQL: {error}"
    return config.stash[SERVER]


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> postgres.Server:
    """The PostgreSQL server of this run; tests that need it are skipped, with the reason, where there is none."""
    told = getattr(request.config, "workerinput", {}).get("postgresql")
    if isinstance(told, dict):
        return postgres.Server(told["url"])
    server = told or the_server(request.config)
    if isinstance(server, str):
        pytest.skip(server)
    return server


class Store:
    """Makes databases of one engine. What is slow to fill is filled once and copied for each test."""

    def __init__(self) -> None:
        self.filled: set[str] = set()
        self.ours = uuid.uuid4().hex[:8]

    def fresh(self) -> str:
        """Return the address of a new, empty database."""
        return self.new(f"np_{self.ours}_{uuid.uuid4().hex[:12]}", None)

    def template(self, name: str, fill: Callable[[Database], object], *, base: str | None = None) -> str:
        """Return the name of a database that `fill` has filled, once a run, starting from `base` or from nothing."""
        full = f"np_{self.ours}_{name}"
        if full not in self.filled:
            db = Database(self.new(full, base))
            fill(db)
            db.close()  # PostgreSQL copies no database that is open, SQLite only one whose log is written back
            self.filled.add(full)
        return full

    def copy(self, template: str) -> str:
        """Return the address of a new database like the template."""
        return self.new(f"np_{self.ours}_{uuid.uuid4().hex[:12]}", template)

    def new(self, name: str, template: str | None) -> str:
        raise NotImplementedError

    def drop(self, url: str) -> None:
        raise NotImplementedError

    def end(self) -> None:
        """Remove the templates."""


class SqliteStore(Store):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def new(self, name: str, template: str | None) -> str:
        if template is not None:
            shutil.copyfile(self.folder / f"{template}.db", self.folder / f"{name}.db")
        return f"sqlite:///{self.folder / name}.db"

    def drop(self, url: str) -> None:
        for path in self.folder.glob(Path(url.removeprefix("sqlite:///")).name + "*"):
            path.unlink()


class PostgresStore(Store):
    def __init__(self, server: postgres.Server) -> None:
        super().__init__()
        self.server = server

    def new(self, name: str, template: str | None) -> str:
        self.server.run(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
        return self.server.database(name)

    def drop(self, url: str) -> None:
        name = postgres.make_url(url).database
        self.server.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def end(self) -> None:
        for template in self.filled:
            self.drop(self.server.database(template))


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    return SqliteStore(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_store(postgresql: postgres.Server) -> Iterator[PostgresStore]:
    store = PostgresStore(postgresql)
    yield store
    store.end()


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """Which engine this test runs on: sqlite or postgresql."""
    return request.param


@pytest.fixture
def store(backend: str, request: pytest.FixtureRequest) -> Store:
    return request.getfixturevalue("sqlite_store" if backend == "sqlite" else "postgres_store")


def opened(store: Store, url: str) -> Iterator[Database]:
    db = Database(url)
    yield db
    db.close()
    store.drop(url)


@pytest.fixture
def blank_db(store: Store) -> Iterator[Database]:
    """A database with nothing in it, not even tables."""
    yield from opened(store, store.fresh())


@pytest.fixture
def db(store: Store) -> Iterator[Database]:
    """A migrated database without a row."""
    yield from opened(store, store.copy(store.template("empty", migrate.upgrade)))


@pytest.fixture
def department(store: Store) -> Iterator[Database]:
    """A database with the real department loaded (scheduler/department), as of NOW."""
    empty = store.template("empty", migrate.upgrade)
    yield from opened(store, store.copy(store.template("department", load_department, base=empty)))


def load_department(db: Database) -> None:
    db.transact(lambda session, now: department_file.load(session, DEPARTMENT, now=now), now=NOW)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **spans: float) -> datetime:
        """Put it forward by `timedelta(**spans)` and return the new time."""
        self.now += timedelta(**spans)
        return self.now


@pytest.fixture
def now() -> datetime:
    """The tests' present: see NOW."""
    return NOW


@pytest.fixture
def clock(now: datetime) -> Clock:
    """The clock of `app`; it stands at `now`."""
    return Clock(now)


@pytest.fixture
def settings(department: Database, tmp_path: Path) -> Settings:
    """Settings of an application on `department`: its own free port, cheap password hashes, nothing from .env."""
    return load_settings(
        _env_file=None,
        database_url=department.url.render_as_string(hide_password=False),
        port=free_port(),
        secret_key="a key that only tests know, 32+ characters",
        argon2_memory_kib=8,
        argon2_time=1,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def app(settings: Settings, department: Database, clock: Clock) -> Flask:
    """The application on the real department; its clock stands at `now`."""
    # Here, so that a page that does not import stops only the tests of pages.
    from web.app import create_app

    application = create_app(settings, department, clock=clock)
    application.testing = True
    return application


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def address(app: Flask, settings: Settings) -> Iterator[str]:
    """The address of `app`, really served over HTTP by threads of this process."""
    server = make_server("127.0.0.1", settings.port, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, name="live server", daemon=True)
    thread.start()
    yield settings.address
    server.shutdown()
    thread.join()
    server.server_close()


class Quiet(WSGIRequestHandler):
    """Answers without a line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@pytest.fixture(scope="session")
def calendar_clients() -> Path:
    """The folder of the programs `khal` and `vdirsyncer`; tests that need them are skipped where they are not."""
    programs = ROOT / ".venv-clients" / "bin"
    if not (programs / "khal").exists() or not (programs / "vdirsyncer").exists():
        pytest.skip("no khal and vdirsyncer (make clients installs them)")
    return programs


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium, started once a run; without one the test is skipped."""
    program = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if program is None:
        pytest.skip("no Chromium (make browser installs it)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh browser page on `address`, Chinese, 1440 x 900; a script error or a breach of the CSP fails the test."""
    context = browser.new_context(
        base_url=address, locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def long(pytestconfig: pytest.Config) -> bool:
    """True when proofs are wanted at their nightly sizes."""
    return bool(pytestconfig.getoption("--long"))
