"""Commands over the department's formats: import-cases, import-roster. `run.py` registers them."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import click
from sqlalchemy.orm import Session

from calendars import caselog, roster
from calendars.caselog import report as reports
from models import migrate
from models.database import Database
from scheduler import availability
from scheduler.actor import SYSTEM
from scheduler.commands import Told, progress_bar
from scheduler.errors import DomainError, Invalid
from scheduler.roster.plan import Change, DayPlan

MOST_LINES = 25
"""Changes and bookings told on the screen."""

MAPPINGS = Path(__file__).resolve().parent / "mappings"


class Installation(Protocol):
    """What `run.py` puts into click's context: the database, and the words of refusals."""

    @property
    def db(self) -> Database: ...

    def say(self, error: DomainError) -> str: ...


@click.command("import-cases")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--mapping", required=True, help="A TOML file (docs/import.md), or the name of one that comes along.")
@click.option("--dry-run", is_flag=True, help="Judge every row and write nothing.")
@click.option("--facts", is_flag=True, help="Record bookings that overlap as they happened, without a slot.")
@click.option("--shift-weeks", type=int, default=None, help="Instead of the mapping's shift_weeks.")
@click.option("--report", type=click.Path(path_type=Path), help="Write every refused row and why, as CSV.")
@click.pass_obj
def import_cases(
    installation: Installation,
    file: Path,
    mapping: str,
    dry_run: bool,
    facts: bool,
    shift_weeks: int | None,
    report: Path | None,
) -> None:
    """Book the cases of a CSV or XLSX log and write down how they went; what is there already is left alone."""
    chosen = caselog.read_mapping(_found(mapping), shift_weeks=shift_weeks)
    log = caselog.cases_of(caselog.read_file(file, chosen), chosen)
    migrate.upgrade(installation.db)
    with progress_bar("cases") as tell:
        done = caselog.import_cases(installation.db, log, chosen, caselog.Options(facts, dry_run), tell)
    if report is not None:
        _write(report, done, installation)
    for line in reports.lines(done, installation.say):
        click.echo(line)


def _found(mapping: str) -> Path:
    """Return a mapping by path, or one of ours by name."""
    own = MAPPINGS / f"{mapping}.toml"
    return own if not Path(mapping).exists() and own.exists() else Path(mapping)


def _write(path: Path, done: caselog.Report, installation: Installation) -> None:
    try:
        reports.write(path, done.told, installation.say)
    except OSError as error:
        # The import itself is done; only its report could not be kept.
        for line in reports.lines(done, installation.say):
            click.echo(line, file=sys.stdout)
        raise Told(f"{path}: {error.strerror}; the import is done") from error


@click.command("import-roster")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change and store nothing.")
@click.pass_obj
def import_roster(installation: Installation, file: Path, dry_run: bool) -> None:
    """Make a roster from an XLSX file true (docs/import.md): all of it, or nothing when it has a fault."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Told(f"{file}: {error.strerror}") from error
    migrate.upgrade(installation.db)
    try:
        done = _stored(installation.db, content, file.name, dry_run)
    except roster.BadRoster as refused:
        raise Told("\n".join(_faults(refused, installation))) from refused
    for line in _changes(done):
        click.echo(line)
    click.echo(f"{len(done.changes)} days of {done.people} people {'would change' if dry_run else 'changed'}")
    click.echo(f"bookings in new leave: {len(done.hits)}; nobody is moved")


def _stored(db: Database, content: bytes, name: str, dry_run: bool) -> roster.Preview:
    sheets = roster.unpack(content, name)  # here, lest everybody else's writing waits for it

    def work(session: Session, now: datetime) -> roster.Preview:
        today = availability.today(session, now)
        wishes = roster.read(session, sheets, today=today)
        if dry_run:
            return roster.look(session, wishes, today=today)
        return roster.store(session, wishes, name, actor=SYSTEM, now=now)

    return db.transact(work)


def _faults(refused: roster.BadRoster, installation: Installation) -> Iterator[str]:
    yield installation.say(refused)
    for fault in refused.facts.get("violations", ()):
        facts = {name: value for name, value in fault.items() if name != "code"}
        yield f"{fault['sheet']}!{fault['cell']}: {installation.say(Invalid(fault['code'], **facts))}"


def _said(day: DayPlan, change: Change) -> str:
    return roster.written(day, change.halves) or "空"


def _changes(done: roster.Preview) -> Iterator[str]:
    told = [
        f"{each.person} {each.date}: {_said(each.before, each)} → {_said(each.after, each)}" for each in done.changes
    ]
    told += [f"{hit.person} {hit.starts:%Y-%m-%d %H:%M} UTC: {hit.name_en} {hit.record_number}" for hit in done.hits]
    yield from told[:MOST_LINES]
    if len(told) > MOST_LINES:
        yield f"... and {len(told) - MOST_LINES} more"


COMMANDS = (import_cases, import_roster)
