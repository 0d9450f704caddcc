"""Commands that serve: serve, jobs, all; and those that open doors: user, token. `run.py` registers them."""

import contextlib
import gc
import signal
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from gunicorn.app.base import BaseApplication

from models import migrate
from models.account import ROLES
from models.database import Database, database_now
from scheduler import availability, demo, department_file, jobs, patients, tidying
from scheduler.commands import DEPARTMENT, Told, begin_demonstration
from scheduler.demo import living
from web import assets
from web.accounts import demonstration, tokens, users
from web.accounts.tidying import JOBS as ACCOUNT_JOBS
from web.app import create_app
from web.settings import Settings

ALL_JOBS = [*tidying.JOBS, *ACCOUNT_JOBS, *living.JOBS]
"""Every job of every package; each process that runs jobs tries all of them."""

ROOT = Path(__file__).resolve().parent.parent


class Server(BaseApplication):
    """gunicorn around the application: threads on SQLite (one process), processes of threads on PostgreSQL."""

    def __init__(self, settings: Settings, *, with_jobs: bool) -> None:
        self._settings, self._with_jobs = settings, with_jobs
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "workers": 1 if Database(self._settings.database_url).is_sqlite else self._settings.workers,
            "threads": 8,
            "worker_class": "gthread",
            "loglevel": "warning",
            "timeout": 60,
            "graceful_timeout": 10,
            "control_socket_disable": True,
            "post_worker_init": self._start_jobs,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        # Opened in the worker: no connection is shared across the fork.
        db = Database(self._settings.database_url)
        threading.Thread(target=warm, args=(db,), name="warm masks", daemon=True).start()
        return create_app(self._settings, db)

    def _start_jobs(self, worker: Any) -> None:
        if self._with_jobs:
            worker.ticker = jobs.ticker(Database(self._settings.database_url), ALL_JOBS)


def warm(db: Database) -> None:
    """Fill the masks before the first nurse asks; a search that comes earlier fills them itself."""
    with contextlib.suppress(Exception), db.read() as session:
        now = database_now(session)
        availability.world_for_find(session, patient=None, now=now, earliest=now, latest=now + timedelta(days=90))
    patients.readings("王")
    settle()


def settle() -> None:
    """Spare the garbage collection what lives as long as the process: a full one took 140 ms every dozen pages."""
    gc.collect()
    gc.freeze()


@click.command("serve")
@click.pass_obj
def serve(installation: Any) -> None:
    """Serve the site on HOST:PORT; the database must be migrated."""
    _judge_port(installation.settings)
    migrate.upgrade(installation.db)
    installation.db.close()
    Server(installation.settings, with_jobs=False).run()


@click.command("jobs")
@click.pass_obj
def jobs_command(installation: Any) -> None:
    """Tick the jobs; any number of such processes may run."""
    migrate.upgrade(installation.db)
    ticker = jobs.ticker(installation.db, ALL_JOBS)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    click.echo(f"{len(ALL_JOBS)} jobs tick")
    stop.wait()
    ticker.shutdown()


@click.command("all")
@click.option("--demo/--no-demo", "fill", default=True, help="Fill an empty database with a demonstration.")
@click.pass_obj
def all_command(installation: Any, fill: bool) -> None:
    """Migrate, load the department, fill an empty database with a demonstration, serve and tick the jobs."""
    settings, db = installation.settings, installation.db
    _judge_port(settings)
    migrate.upgrade(db)
    try:
        db.transact(lambda session, now: department_file.load(session, DEPARTMENT, now=now))
    except department_file.BadDepartment as bad:
        raise Told("\n".join(str(fault) for fault in bad.faults)) from bad
    filling = fill and settings.demonstration and _begin_demonstration(db)
    _greet(settings, db)
    db.close()
    child = _fill_in_background() if filling else None
    try:
        Server(settings, with_jobs=True).run()
    finally:
        if child is not None:
            child.terminate()


def _judge_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise Told(f"cannot serve on {where}: {error.strerror}; set PORT or HOST to another") from error


def _begin_demonstration(db: Database) -> bool:
    pending = db.transact(begin_demonstration)
    db.transact(lambda session, now: _demonstration_users(session, now))
    return pending


def _demonstration_users(session: Any, now: Any) -> None:
    if demo.exists(session):
        demonstration.create_demonstration_users(session, now=now)


def _fill_in_background() -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(ROOT / "run.py"), "demo", "--resume"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)  # noqa: S603 - our own


def _greet(settings: Settings, db: Database) -> None:
    click.echo(f"Needlepoint: http://{settings.host}:{settings.port}")
    with db.read() as session:
        if demo.exists(session):
            logins = ", ".join(login for login, _ in demonstration.LOGINS)
            click.echo(f"Demonstration logins: {logins}; password: {demonstration.PASSWORD}")
    if not assets.is_current():
        click.echo("Front-end files are missing; the pages work plainly. `make assets` fetches them.", err=True)


@click.group("user")
def user() -> None:
    """Accounts of people."""


def _password(given: str | None) -> str:
    return given or users.made_up()


@user.command("add")
@click.argument("login")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--practitioner", help="Code of the practitioner whose list is this person's own.")
@click.option("--password", envvar="NEEDLEPOINT_PASSWORD", help="Without it one is made and printed.")
@click.pass_obj
def user_add(
    installation: Any, login: str, name: str, role: str, practitioner: str | None, password: str | None
) -> None:
    """Make an account and print its first password unless one was given."""
    secret = _password(password)
    installation.db.transact(
        lambda session, now: users.create_user(
            session, login, name, secret, role, practitioner, now=now, cost=installation.settings.cost
        )
    )
    click.echo(login if password else f"{login} {secret}")


@user.command("password")
@click.argument("login")
@click.option("--password", envvar="NEEDLEPOINT_PASSWORD", help="Without it one is made and printed.")
@click.pass_obj
def user_password(installation: Any, login: str, password: str | None) -> None:
    """Set a new password; every session of the account ends."""
    secret = _password(password)
    installation.db.transact(
        lambda session, now: users.set_password(session, login, secret, now=now, cost=installation.settings.cost)
    )
    click.echo(login if password else f"{login} {secret}")


@user.command("disable")
@click.argument("login")
@click.pass_obj
def user_disable(installation: Any, login: str) -> None:
    """Close an account: its sessions and feeds end at once."""
    installation.db.transact(lambda session, now: users.disable(session, login, now=now))
    click.echo(login)


@click.command("token")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--days", type=click.IntRange(1), default=400, show_default=True)
@click.pass_obj
def token(installation: Any, name: str, role: str, days: int) -> None:
    """Print an API token for a program; it cannot be read again."""
    click.echo(
        installation.db.transact(
            lambda session, now: tokens.issue_token(session, name, role, now=now, expires_days=days)
        )
    )


COMMANDS = (serve, jobs_command, all_command, user, token)
