"""Needlepoint's command line: the only place where the parts are joined. `python run.py --help` lists the commands."""

import sys
from functools import cached_property

import click
from sqlalchemy.exc import DBAPIError

from calendars import commands as formats
from models.database import Database, DatabaseProblem
from models.guard import GuardMissing
from scheduler import commands as department
from scheduler.errors import DomainError
from web import commands as site
from web.errors import terminal_line
from web.settings import Settings, load

PROBLEMS = {
    "bad-url": "DATABASE_URL is not usable; give sqlite:///path/to/file.db or postgresql+psycopg://user@host/name",
    "folder": "the database's folder cannot be written",
    "unreachable": "the database cannot be reached",
    "newer-schema": "the database was migrated by a newer Needlepoint; update the program",
    "busy": "the database is busy; try again",
}


class Installation:
    """Settings and database of this process, read when a command first asks."""

    @cached_property
    def settings(self) -> Settings:
        return load()

    @cached_property
    def db(self) -> Database:
        db = Database(self.settings.database_url)
        db.ping()
        return db

    def say(self, error: DomainError) -> str:
        return terminal_line(error)


@click.group(invoke_without_command=True)
@click.pass_context
def cli(context: click.Context) -> None:
    """Needlepoint schedules a department of diagnostic and interventional ultrasound. Without a command: all."""
    context.obj = Installation()
    if context.invoked_subcommand is None:
        context.invoke(site.all_command)


for command in (*department.COMMANDS, *formats.COMMANDS, *site.COMMANDS):
    cli.add_command(command)


def main() -> int:
    """Run a command; every refusal is one clear line on standard error and a non-zero exit."""
    try:
        cli.main(standalone_mode=False)
    except DatabaseProblem as problem:
        return _refuse(PROBLEMS[problem.reason] + (f": {problem.detail}" if problem.detail else ""))
    except GuardMissing as missing:
        return _refuse(f"the database does not refuse what it must ({missing.guard}); run migrate on a sound copy")
    except DomainError as error:
        return _refuse(terminal_line(error))
    except DBAPIError as error:
        return _refuse(f"the database failed: {str(error.orig).strip().splitlines()[0]}")
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        return _refuse(error.format_message(), error.exit_code)
    return 0


def _refuse(line: str, status: int = 1) -> int:
    click.echo(f"needlepoint: {line}", err=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
