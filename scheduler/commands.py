"""Commands over the database: migrate, load-department, demo, check, audit verify. `run.py` registers them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.orm import Session

from models import migrate, to_seconds
from models.database import Database
from scheduler import audit, availability, closures, demo, department_file, invariants
from scheduler.actor import SYSTEM
from scheduler.engine.grid import local_date

DEPARTMENT = Path(__file__).resolve().parent / "department"


class Installation(Protocol):
    """What `run.py` puts into click's context: the database, opened when first asked for."""

    @property
    def db(self) -> Database: ...


class Told(click.ClickException):
    """A refusal whose text is already a clear line."""

    exit_code = 1


@contextmanager
def progress_bar(what: str) -> Iterator[Any]:
    """Give a function (done, total) that draws a bar on a terminal and is silent elsewhere."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@click.command("migrate")
@click.pass_obj
def migrate_command(installation: Installation) -> None:
    """Bring the database to the newest schema and try its guards."""
    migrate.upgrade(installation.db)
    click.echo(f"schema {migrate.head()}, guards hold")


@click.command("load-department")
@click.option("--folder", type=click.Path(path_type=Path), default=DEPARTMENT, show_default=False)
@click.option("--dry-run", is_flag=True, help="Only validate the files.")
@click.pass_obj
def load_department(installation: Installation, folder: Path, dry_run: bool) -> None:
    """Read department.toml, protocols and holidays into the database; names every fault and changes nothing then."""
    try:
        if dry_run:
            department_file.validate(folder)
            click.echo("valid")
            return
        loaded = installation.db.transact(lambda session, now: department_file.load(session, folder, now=now))
    except department_file.BadDepartment as bad:
        raise Told("\n".join(str(fault) for fault in bad.faults)) from bad
    click.echo(str(loaded))
    for each in loaded.left:
        click.echo(f"left alone: protocol {each}: a newer version was published in /admin")


@click.command("demo")
@click.option("--operations", type=click.IntRange(1, 100_000), default=None, help="How many procedures in all.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), default=None)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), default=None)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--resume", is_flag=True, help="Only finish a demonstration that was begun.")
@click.pass_obj
def demo_command(
    installation: Installation,
    operations: int | None,
    first: datetime | None,
    last: datetime | None,
    seed: int,
    resume: bool,
) -> None:
    """Fill an empty database with invented patients and bookings; goes on where it was cut off."""
    db = installation.db
    if not resume:
        db.transact(
            lambda session, now: demo.begin(
                session, _request(session, now, operations, _day(first), _day(last), seed), now=now
            )
        )
    with progress_bar("demonstration") as tell:
        tally = demo.fill(db, tell)
    for line in _told(tally):
        click.echo(line)


def _told(tally: demo.Tally) -> Iterator[str]:
    """Yield a table of what was wanted and booked by family, and of what found no place, and why."""
    yield f"{'':28}{'wanted':>8}{'booked':>8}{'%':>7}{'later':>7}{'lodging':>9}"
    for name in ("operations", "examinations"):
        families = sorted(group for group in tally.wanted if group[0] == name)
        yield from (_line(f"  {group[1]}", tally, [group]) for group in families)
        yield _line(name, tally, families)
    for (group, why), count in sorted(tally.refused.items()):
        yield f"no place: {group[1]}: {why}: {count}"


def _line(name: str, tally: demo.Tally, groups: list[demo.Group]) -> str:
    wanted, booked, later, lodging = (
        sum(counter[group] for group in groups) for counter in (tally.wanted, tally.booked, tally.later, tally.lodging)
    )
    return f"{name:28}{wanted:8}{booked:8}{100 * booked / max(wanted, 1):7.1f}{later:7}{lodging:9}"


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


DEMO_DAYS_BACK, DEMO_DAYS_AHEAD = 28, 27
"""Eight weeks around today."""

DEMO_OPERATIONS_A_DAY = 20_000 / 248
"""The department's year (CLINICAL §12)."""


def _request(
    session: Any, now: datetime, operations: int | None, first: date | None, last: date | None, seed: int
) -> demo.DemoRequest:
    today = local_date(to_seconds(now), availability.settings(session).zone)
    first = first or today - timedelta(days=DEMO_DAYS_BACK)
    last = last or today + timedelta(days=DEMO_DAYS_AHEAD)
    if last < first:
        raise click.BadParameter("--to lies before --from")
    days = len(demo.working_days(session, first, last))
    if not days:
        raise click.BadParameter("no day from --from to --to is worked")
    return demo.DemoRequest(operations or round(days * DEMO_OPERATIONS_A_DAY), first, last, seed)


def begin_demonstration(session: Any, now: datetime) -> bool:
    """Mark an empty database for a demonstration of eight weeks; return whether one is to be filled."""
    if demo.is_empty(session):
        demo.begin(session, _request(session, now, None, None, None, 1), now=now)
    return demo.pending(session)


@click.command("close")
@click.argument("resource")
@click.option("--kind", type=click.Choice(closures.KINDS), required=True)
@click.option("--from", "starts", type=click.DateTime(["%Y-%m-%dT%H:%M"]), required=True)
@click.option("--to", "ends", type=click.DateTime(["%Y-%m-%dT%H:%M"]), required=True)
@click.option("--reason")
@click.pass_obj
def close(
    installation: Installation, resource: str, kind: str, starts: datetime, ends: datetime, reason: str | None
) -> None:
    """Record leave, a closure or maintenance; times are the department's wall clock. Names the bookings inside."""

    def work(session: Session, now: datetime) -> tuple[int, list[str]]:
        zone = ZoneInfo(availability.settings(session).zone)
        span = (starts.replace(tzinfo=zone), ends.replace(tzinfo=zone))
        entry = closures.ClosureEntry(resource, kind, *span, reason)
        record = closures.record(session, entry, actor=SYSTEM, now=now)
        return record.id, closures.bookings_inside(session, record)

    number, inside = installation.db.transact(work)
    click.echo(f"closure {number}; bookings inside: {', '.join(inside) or 'none'}")


@click.command("reopen")
@click.argument("closure", type=int)
@click.pass_obj
def reopen(installation: Installation, closure: int) -> None:
    """Take a closure back by the number that `close` printed."""
    installation.db.transact(lambda session, now: closures.withdraw(session, closure, actor=SYSTEM, now=now))
    click.echo(f"closure {closure} withdrawn")


@click.command("check")
@click.pass_obj
def check_command(installation: Installation) -> None:
    """Verify the guards, the audit chain and every invariant; name each fault and exit with 1."""
    faults = invariants.faults(installation.db)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise Told(f"{len(faults)} faults")
    click.echo("guards hold, audit chain whole, no overlap, nothing half-booked")


@click.group("audit")
def audit_group() -> None:
    """The audit trail."""


@audit_group.command("verify")
@click.pass_obj
def audit_verify(installation: Installation) -> None:
    """Walk the hash chain; name the first bad link and exit with 1."""
    with installation.db.read() as session:
        bad = audit.verify(session)
    if bad is not None:
        raise Told(f"audit link {bad.seq}: {bad.kind}")
    click.echo("audit chain whole")


COMMANDS = (migrate_command, load_department, demo_command, close, reopen, check_command, audit_group)
