"""Commands over the department's formats: import-cases. `run.py` registers them."""

import sys
from pathlib import Path
from typing import Protocol

import click

from calendars import caselog
from calendars.caselog import report as reports
from models import migrate
from models.database import Database
from scheduler.commands import Told, progress_bar
from scheduler.errors import DomainError

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


COMMANDS = (import_cases,)
