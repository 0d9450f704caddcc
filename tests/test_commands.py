"""The command line as a person types it: each refusal is one clear line and a non-zero exit."""

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

import run
from models.database import Database
from tests.calendars.books import month
from tests.conftest import ROOT
from tests.factories import booked, done


def needlepoint(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"NEEDLEPOINT_SECRET_KEY": "only tests know this key, 32+ characters"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def refused(result: "subprocess.CompletedProcess[str]", word: str) -> None:
    assert result.returncode != 0
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stderr.startswith("needlepoint: ")
    assert word in result.stderr


def url(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("mysql://somewhere/db", "DATABASE_URL"),
        ("not a url", "DATABASE_URL"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", "cannot be reached"),
        ("sqlite:////proc/needlepoint/n.db", "cannot be written"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(address: str, word: str) -> None:
    refused(needlepoint("migrate", DATABASE_URL=address), word)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(needlepoint("all", DATABASE_URL=f"sqlite:///{tmp_path}/n.db", PORT=port), port)


def test_a_setting_that_cannot_be_meant_is_one_line() -> None:
    refused(needlepoint("migrate", PORT="eighty"), "PORT")


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "n.db").mkdir()  # root may write anywhere, but nobody can open a folder as a database
    refused(needlepoint("migrate", DATABASE_URL=f"sqlite:///{folder}/n.db"), "database")


@pytest.fixture
def cli(department: Database, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("DATABASE_URL", url(department))

    def call(*arguments: str):  # type: ignore[no-untyped-def]
        return CliRunner().invoke(run.cli, arguments, catch_exceptions=True)

    return call


def test_the_check_is_silent_on_a_sound_database_and_names_a_fault(cli, department: Database) -> None:  # type: ignore[no-untyped-def]
    done(department, booked)
    sound = cli("check")
    assert (sound.exit_code, "nothing half-booked" in sound.output) == (0, True)
    assert cli("audit", "verify").output.strip() == "audit chain whole"
    done(department, lambda session: session.execute(run_sql("DELETE FROM slot WHERE role = 'patient'")))
    broken = cli("check")
    assert broken.exit_code == 1
    assert "steps without their patient's own slot" in broken.output


def run_sql(statement: str):  # type: ignore[no-untyped-def]
    from sqlalchemy import text

    return text(statement)


def test_a_resource_is_closed_and_reopened_by_name(cli) -> None:  # type: ignore[no-untyped-def]
    closed = cli("close", "OR-1", "--kind", "maintenance", "--from", "2026-12-02T08:00", "--to", "2026-12-02T12:00")
    assert closed.exit_code == 0, closed.output
    number = closed.output.split(";")[0].split()[1]
    assert cli("reopen", number).exit_code == 0
    assert cli("reopen", number).exit_code != 0
    nowhere = ("close", "OR-9", "--kind", "leave", "--from", "2026-12-02T08:00", "--to", "2026-12-02T12:00")
    assert cli(*nowhere).exit_code != 0


def test_users_and_tokens_are_made_by_command(cli) -> None:  # type: ignore[no-untyped-def]
    made = cli("user", "add", "li", "--name", "李护士", "--role", "nurse")
    assert made.exit_code == 0, made.output
    assert made.output.startswith("li ")
    assert cli("user", "password", "li").exit_code == 0
    assert cli("user", "disable", "li").exit_code == 0
    assert cli("user", "add", "li", "--name", "x", "--role", "king").exit_code != 0
    token = cli("token", "robot", "--role", "nurse")
    assert token.output.startswith("np_")
    assert cli("token", "robot", "--role", "nurse").exit_code != 0


def test_loading_an_unchanged_department_changes_nothing(cli) -> None:  # type: ignore[no-untyped-def]
    assert "unchanged=True" in cli("load-department").output
    assert cli("load-department", "--dry-run").output.strip() == "valid"


def test_a_broken_department_names_its_faults(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "department.toml").write_text("[department]\ncode = 1\n", encoding="utf-8")
    result = cli("load-department", "--folder", str(tmp_path))
    assert result.exit_code != 0
    assert "department.toml" in result.output + str(result.exception)


def test_the_demonstration_refuses_a_database_with_bookings_of_its_own(cli, department: Database) -> None:  # type: ignore[no-untyped-def]
    done(department, booked)
    assert cli("demo", "--operations", "1").exit_code != 0


def test_a_roster_is_looked_at_stored_and_refused_from_the_command_line(department: Database, tmp_path: Path) -> None:
    good, bad, text = tmp_path / "good.xlsx", tmp_path / "bad.xlsx", tmp_path / "text.xlsx"
    day = datetime.now(UTC).date() + timedelta(days=7)  # the command has the real clock
    good.write_bytes(month(["nurse-01", "值"], days=[day]))
    bad.write_bytes(month(["nurse-01", "年", "?"], days=[day, "2026-12-02"], merged=["B2:C2"]))
    text.write_bytes("姓名".encode("gbk"))
    address = {"DATABASE_URL": url(department)}
    assert "would change" in needlepoint("import-roster", str(good), "--dry-run", **address).stdout
    first = needlepoint("import-roster", str(good), **address).stdout.splitlines()[0]
    assert first.startswith(f"nurse-01 {day}: ")
    assert first.endswith(" → 值")
    assert needlepoint("import-roster", str(good), **address).stdout.startswith("0 days of 1 people changed")
    refused(needlepoint("import-roster", str(text), **address), "GBK")
    refused(needlepoint("import-roster", str(tmp_path / "none.xlsx"), **address), "none.xlsx")
    told = needlepoint("import-roster", str(bad), **address)
    assert told.returncode == 1
    assert [line.split(":")[0] for line in told.stderr.splitlines()[1:]] == ["S1!C1", "S1!B2"]
