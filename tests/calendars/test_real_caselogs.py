"""Two real case logs through the one road, compared with a plain recount of the same files.

The data stays where it is (NEEDLEPOINT_DATA, else `shared/data` beside the checkout); without it these are skipped.
"""

import csv
import os
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calendars import caselog
from calendars.commands import MAPPINGS
from models.database import Database
from scheduler import dayboard, invariants

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NEEDLEPOINT_DATA") or ROOT.parent / "shared" / "data")
FILES = {
    "or-utilization-2022q1": DATA / "or-utilization-2022q1" / "cases_2022-01_02.csv",
    "endoscopy-suite": DATA / "endoscopy-suite" / "procedures_2020.csv",
}
SHANGHAI = ZoneInfo("Asia/Shanghai")
BUSIEST = {"or-utilization-2022q1": date(2022, 2, 11), "endoscopy-suite": date(2020, 8, 12)}

pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in FILES.values()), reason="no real case logs (NEEDLEPOINT_DATA names their folder)"
)


@cache
def read(name: str) -> tuple[caselog.Mapping, caselog.Log]:
    mapping = caselog.read_mapping(MAPPINGS / f"{name}.toml")
    return mapping, caselog.cases_of(caselog.read_file(FILES[name], mapping), mapping)


def raw(name: str) -> list[dict[str, str]]:
    with FILES[name].open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def at(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%y %H:%M")  # noqa: DTZ007


def refused_by_hand() -> set[str]:
    """Return the cases of the operating-room log that overlap one booked before them, by scheduled time."""
    booked: dict[str, list[tuple[datetime, datetime]]] = {}
    refused = set()
    for row in sorted(raw("or-utilization-2022q1"), key=lambda row: at(row["OR Schedule"])):
        starts = at(row["OR Schedule"])
        ends = starts + timedelta(minutes=int(row["Booked Time (min)"]))
        room = booked.setdefault(row["OR Suite"], [])
        if any(first < ends and last > starts for first, last in room):
            refused.add(row["Encounter ID"])
        else:
            room.append((starts, ends))
    return refused


ORDER = ("IN_ROOM", "PAIN_MED_GIVEN", "SCOPE_IN", "SCOPE_OUT", "OUT_ROOM", "PACU_ENTRY", "PACU_DISCHARGE")


def backwards_by_hand() -> set[int]:
    """Return the rows of the endoscopy log (the header is 1) in which a time runs backwards."""
    times = [[at(row[f"{name}_TIME"]) for name in ORDER] for row in raw("endoscopy-suite")]
    return {number for number, row in enumerate(times, start=2) if row != sorted(row)}


def test_every_row_of_the_operating_room_log_is_a_case() -> None:
    _, log = read("or-utilization-2022q1")
    assert (log.rows, len(log.cases), log.refused) == (1357, 1357, ())


def test_the_endoscopy_log_refuses_exactly_the_rows_whose_times_run_backwards() -> None:
    _, log = read("endoscopy-suite")
    assert {each.row for each in log.refused} == backwards_by_hand()
    assert {each.refusal.code for each in log.refused} == {"case-order"}
    assert (log.rows, len(log.cases), len(log.refused)) == (2867, 2648, 219)


def test_the_endoscopy_logs_rooms_never_overlap_and_seven_suffice() -> None:
    _, log = read("endoscopy-suite")
    free: dict[str | None, datetime] = {}
    for case in log.cases:
        assert case.room is not None
        assert free.get(case.room, case.starts) <= case.starts
        free[case.room] = case.ends
    assert len(free) == 7


def around(log: caselog.Log, day: date) -> caselog.Log:
    """Return the log's cases of one day, and the refused rows left out."""
    of_day = tuple(case for case in log.cases if case.starts.astimezone(SHANGHAI).date() == day)
    return replace(log, cases=of_day, refused=())


def shown(db: Database, day: date, prefix: str) -> tuple[Counter[str], int]:
    """Return how many cases each room's lane has on the board, and how many of all are mere facts."""
    with db.read() as session:
        lanes = [lane for lane in dayboard.board(session, day).lanes if lane.code.startswith(prefix)]
    found = Counter({lane.code: len(lane.cases) for lane in lanes})
    return +found, sum(case.fact_only for lane in lanes for case in lane.cases)


def test_the_operating_rooms_busiest_day_is_on_the_board_as_it_was(department: Database) -> None:
    mapping, log = read("or-utilization-2022q1")
    day = BUSIEST["or-utilization-2022q1"]
    caselog.import_cases(department, around(log, day), mapping, caselog.Options(facts=True), lambda *_: None)
    rows = [row for row in raw("or-utilization-2022q1") if at(row["OR Schedule"]).date() == day]
    lanes, facts = shown(department, day, "LOG-OR-")
    assert lanes == Counter(f"LOG-OR-{row['OR Suite']}" for row in rows)
    assert facts == sum(row["Encounter ID"] in refused_by_hand() for row in rows) == 3
    assert lanes.total() == 42


def test_the_endoscopy_suites_busiest_day_is_on_the_board_as_it_was(department: Database) -> None:
    mapping, log = read("endoscopy-suite")
    day = BUSIEST["endoscopy-suite"]
    report = caselog.import_cases(department, around(log, day), mapping, caselog.Options(), lambda *_: None)
    left = [
        number
        for number, row in enumerate(raw("endoscopy-suite"), start=2)
        if at(row["IN_ROOM_TIME"]).date() == day and number not in backwards_by_hand()
    ]
    lanes, _ = shown(department, day, "LOG-ENDO-")
    assert report.count("booked") == lanes.total() == len(left)
    assert invariants.faults(department) == []


@pytest.mark.proof
def test_the_whole_operating_room_log_goes_in_but_for_what_overlaps(department: Database) -> None:
    mapping, log = read("or-utilization-2022q1")
    report = caselog.import_cases(department, log, mapping, caselog.Options(), lambda *_: None)
    assert {each.case for each in report.told} == refused_by_hand()
    assert (report.count("booked"), report.count("refused"), report.lived) == (1344, 13, 1344)
    again = caselog.import_cases(department, log, mapping, caselog.Options(facts=True), lambda *_: None)
    assert (again.count("already"), again.count("fact"), again.count("refused")) == (1344, 13, 0)
    assert invariants.faults(department) == []


@pytest.mark.proof
def test_the_whole_endoscopy_log_goes_in_but_for_what_runs_backwards(department: Database) -> None:
    mapping, log = read("endoscopy-suite")
    report = caselog.import_cases(department, log, mapping, caselog.Options(), lambda *_: None)
    assert dict(report.reasons) == {"case-order": 219}
    assert (report.count("booked"), report.lived) == (2648, 2648)
    assert invariants.faults(department) == []
