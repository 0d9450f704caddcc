"""A real calendar client over HTTP: vdirsyncer fetches a feed, khal shows it. `make clients` installs both."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from models.database import Database
from scheduler import booking
from tests.calendars.cases import book, change, move
from tests.conftest import Clock
from tests.web.people import signed_in
from tests.web.test_feeds import one_feed, post, subscribe

CLIENTS = Path(__file__).resolve().parents[2] / ".venv-clients" / "bin"
LINE = "{start-date} {start-time}-{end-time}|{title}|{status}|{location}"


@dataclass(frozen=True)
class Calendar:
    """The calendar of somebody who subscribed: vdirsyncer and khal with a folder of their own."""

    home: Path

    def sync(self) -> subprocess.CompletedProcess[str]:
        return self.run("vdirsyncer", "sync")

    def events(self) -> list[str]:
        """Return what khal shows for the week of 2026-11-30."""
        done = self.run("khal", "list", "--day-format", "", "--format", LINE, "2026-11-30", "7d")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if "|" in line]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Nothing of this machine's own calendars: every folder and the language are given.
        environment = {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home),
            "VDIRSYNCER_CONFIG": str(self.home / "vdirsyncer.conf"),
            "LC_ALL": "C.UTF-8",
            "TZ": "Asia/Shanghai",
        }
        command = [str(CLIENTS / program), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


VDIRSYNCER = """
[general]
status_path = "{home}/status"
[pair list]
a = "feed"
b = "here"
collections = null
conflict_resolution = "a wins"
[storage feed]
type = "http"
url = "{url}"
[storage here]
type = "filesystem"
path = "{home}/events"
fileext = ".ics"
"""

KHAL = """
[calendars]
[[list]]
path = {home}/events
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
default_timezone = Asia/Shanghai
local_timezone = Asia/Shanghai
"""


@pytest.fixture
def subscribed(tmp_path: Path) -> Callable[[str], Calendar]:
    """Subscribe a fresh calendar to an address."""
    if not (CLIENTS / "vdirsyncer").exists() or not (CLIENTS / "khal").exists():
        pytest.skip("no vdirsyncer and khal (make clients installs them)")

    def make(url: str) -> Calendar:
        (tmp_path / "events").mkdir()
        (tmp_path / "khal").mkdir()
        (tmp_path / "vdirsyncer.conf").write_text(VDIRSYNCER.format(home=tmp_path, url=url), "utf-8")
        (tmp_path / "khal" / "config").write_text(KHAL.format(home=tmp_path), "utf-8")
        calendar = Calendar(tmp_path)
        done = calendar.run("vdirsyncer", "discover", "list")
        assert done.returncode == 0, done.stderr
        return calendar

    return make


def test_a_booking_its_move_its_cancellation_and_the_end_of_the_subscription(
    address: str, app: Flask, department: Database, clock: Clock, subscribed: Callable[[str], Calendar]
) -> None:
    nurse = signed_in(app, "nina", "nurse")
    calendar = subscribed(address + subscribe(nurse, "OR-1"))
    assert calendar.sync().returncode == 0
    assert calendar.events() == []

    made = book(department, require={"room": "OR-1"})
    clock.forward(minutes=1)
    assert calendar.sync().returncode == 0
    (shown,) = calendar.events()
    starts = made.steps[0].starts + timedelta(hours=8)
    ends = made.steps[0].ends + timedelta(hours=8)
    when, title, _, place = shown.split("|")
    assert when == f"{starts:%Y-%m-%d %H:%M}-{ends:%H:%M}"
    assert title.startswith("AB-LIV-1 · OR-1 · ")
    assert place == "手术间 1 / Operating room 1"

    move(department, made, by=60, now=clock.forward(minutes=1))
    assert calendar.sync().returncode == 0
    (moved,) = calendar.events()
    later = starts + timedelta(hours=1)
    assert moved.startswith(f"{later:%Y-%m-%d %H:%M}-")

    change(department, booking.cancel, made, reason="fever", now=clock.forward(minutes=1))
    assert calendar.sync().returncode == 0
    (cancelled,) = calendar.events()
    assert cancelled.split("|")[1].startswith("【取消】AB-LIV-1")
    assert "CANCELLED" in cancelled.split("|")[2].upper()

    assert post(nurse, f"/feeds/{one_feed(department).public_id}/revoke").status_code == 303
    refused = calendar.sync()
    assert refused.returncode != 0
    assert "NOT FOUND" in refused.stderr


def test_a_step_that_leaves_a_room_is_cancelled_there_and_shown_where_it_went(
    address: str, app: Flask, department: Database, clock: Clock, subscribed: Callable[[str], Calendar]
) -> None:
    nurse = signed_in(app, "nina", "nurse")
    calendar = subscribed(address + subscribe(nurse, "OR-1"))
    made = book(department, require={"room": "OR-1"})
    assert calendar.sync().returncode == 0
    move(department, made, room="OR-2", now=clock.forward(minutes=1))
    assert calendar.sync().returncode == 0
    (shown,) = calendar.events()
    assert shown.split("|")[1].startswith("【取消】AB-LIV-1")
