"""Case logs: what a mapping may say, what a row may hold, and the road each case takes into the department."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from calendars import caselog
from calendars.caselog import importing
from calendars.caselog.deriving import coloured
from calendars.caselog.mapping import BadMapping
from calendars.caselog.reading import BadCaseFile, Line
from calendars.commands import MAPPINGS, import_cases
from models import Appointment, Department, Milestone, Patient, Resource, Slot, Step
from models.database import Database
from scheduler import availability, booking, catalogue, dayboard, department_file, invariants, merging
from scheduler.errors import Conflict, DomainError
from tests import factories
from tests.conftest import DEPARTMENT, NOW

SHANGHAI = ZoneInfo("Asia/Shanghai")

MAPPING = """
code = "small"
zone = "Asia/Shanghai"
encoding = "{encoding}"
dates = ["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M"]

[columns]
case = "病例"
room = "房间"
scheduled = "计划"
minutes = "分钟"
in-room = "入室"
out = "出室"
sex = "性别"

[rooms]
values = ["一", "二"]
code = "LOG-{{n}}"
zh = "导入 {{value}}"
en = "Imported {{n}}"

[procedure]
name = "术式"

[patient]
record = "S-{{case}}"
sexes = {{ "男" = "male", "女" = "female" }}
"""

HEADER = ("病例", "房间", "计划", "分钟", "入室", "出室", "性别", "术式")


def mapping(tmp_path: Path, text: str = MAPPING, *, encoding: str = "utf-8", **given: Any) -> caselog.Mapping:
    path = tmp_path / "small.toml"
    path.write_text(text.format(encoding=encoding), "utf-8")
    return replace(caselog.read_mapping(path), **given)


def row(case: str = "1", **given: str) -> tuple[str, ...]:
    """Return a row of HEADER: one hour booked at 09:00, done in 40 minutes."""
    cells = {
        "病例": case,
        "房间": "一",
        "计划": "2025-03-04 09:00",
        "分钟": "60",
        "入室": "2025-03-04 09:05",
        "出室": "2025-03-04 09:40",
        "性别": "女",
        "术式": "胃镜",
    }
    return tuple((cells | given)[name] for name in HEADER)


def csv_file(tmp_path: Path, *rows: tuple[str, ...], encoding: str = "utf-8", header: Any = HEADER) -> Path:
    path = tmp_path / "log.csv"
    path.write_bytes("".join(",".join(cells) + "\r\n" for cells in (header, *rows)).encode(encoding))
    return path


def log_of(tmp_path: Path, *rows: tuple[str, ...], chosen: caselog.Mapping | None = None) -> caselog.Log:
    chosen = chosen or mapping(tmp_path)
    return caselog.cases_of(caselog.read_file(csv_file(tmp_path, *rows), chosen), chosen)


def refusal(log: caselog.Log) -> DomainError:
    (refused,) = log.refused
    return refused.refusal


# --- mappings


@pytest.mark.parametrize("name", [path.stem for path in sorted(MAPPINGS.glob("*.toml"))])
def test_the_mappings_that_come_along_are_valid(name: str) -> None:
    assert len(caselog.read_mapping(MAPPINGS / f"{name}.toml").rooms.codes) == 8


@pytest.mark.parametrize(
    ("old", "new", "entry"),
    [
        ('code = "small"', "", "code"),
        ('code = "small"', 'code = "a b"', "code"),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Nowhere"', "zone"),
        ("dates = [", "dats = [", "dats"),
        ('encoding = "{encoding}"', 'encoding = "ebcdic"', "encoding"),
        ('encoding = "{encoding}"', 'delimiter = ""', "delimiter"),
        ('encoding = "{encoding}"', 'shift_weeks = "2"', "shift_weeks"),
        ('encoding = "{encoding}"', "shift_weeks = true", "shift_weeks"),
        ('"%Y/%m/%d %H:%M"', '"no format"', "dates"),
        ('case = "病例"', "", "columns.case"),
        ('room = "房间"', "", "columns.room"),
        ('minutes = "分钟"', "", "columns.ends"),
        ('minutes = "分钟"', 'minutes = "分钟"\nends = "出室"', "columns.minutes"),
        ('minutes = "分钟"', "minutes = 60", "columns.minutes"),
        ('sex = "性别"', 'sex = "性别"\nheight = "身高"', "columns.height"),
        ("[rooms]", '[derived]\nroom = "guess"\n[rooms]', "derived.room"),
        ("[rooms]", '[derived]\nroom = "colouring"\n[rooms]', "derived.room"),
        ('values = ["一", "二"]', "values = []", "rooms.values"),
        ('values = ["一", "二"]', 'values = ["一", "一"]', "rooms.values"),
        ("LOG-{{n}}", "LOG", "rooms.code"),
        ("LOG-{{n}}", "LOG-{{value}}", "rooms.code"),
        ("S-{{case}}", "S", "patient.record"),
        ('"male"', '"m"', "patient.sexes.男"),
        ("[patient]", "[patients]", "patients"),
        ("[rooms]", "[rooms", "file"),
    ],
)
def test_a_mapping_that_cannot_be_meant_names_file_and_entry(tmp_path: Path, old: str, new: str, entry: str) -> None:
    assert old in MAPPING
    with pytest.raises(BadMapping) as refused:
        mapping(tmp_path, MAPPING.replace(old, new))
    assert (refused.value.facts["file"], refused.value.facts["entry"]) == ("small.toml", entry)
    assert refused.value.facts["reason"]


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadMapping) as refused:
        caselog.read_mapping(tmp_path / "none.toml")
    assert refused.value.facts == {"file": "none.toml", "entry": "file", "reason": "No such file or directory"}


def test_a_derived_time_needs_the_column_it_comes_from(tmp_path: Path) -> None:
    text = MAPPING.replace('scheduled = "计划"', "").replace("[rooms]", '[derived]\nscheduled = "started"\n[rooms]')
    with pytest.raises(BadMapping) as refused:
        mapping(tmp_path, text)
    assert refused.value.facts["reason"] == "needs columns.started"


# --- files


@pytest.mark.parametrize(
    ("declared", "written"), [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("gbk", "gbk"), ("gbk", "gb18030")]
)
def test_chinese_is_read_in_every_encoding_a_mapping_may_name(tmp_path: Path, declared: str, written: str) -> None:
    chosen = mapping(tmp_path, encoding=declared)
    log = caselog.cases_of(caselog.read_file(csv_file(tmp_path, row(), encoding=written), chosen), chosen)
    assert log.cases[0].procedure == ("", "胃镜")


LATIN = """
code = "latin"
zone = "Europe/Berlin"
encoding = "latin-1"
delimiter = ";"
dates = ["%d.%m.%Y %H:%M"]
columns = { case = "Fall", room = "Saal", scheduled = ["Tag", "Zeit"], ends = ["Tag", "Schluß"] }
rooms = { values = ["Süd"], code = "SUED", zh = "{value}", en = "{value}" }
"""


def latin(tmp_path: Path, *lines: str, encoding: str = "latin-1") -> caselog.Log:
    (tmp_path / "latin.toml").write_text(LATIN, "utf-8")
    (tmp_path / "log.csv").write_bytes("\n".join(("Fall;Saal;Tag;Zeit;Schluß", *lines)).encode(encoding))
    chosen = caselog.read_mapping(tmp_path / "latin.toml")
    return caselog.cases_of(caselog.read_file(tmp_path / "log.csv", chosen), chosen)


def test_latin_1_semicolons_and_a_time_in_two_columns_are_read(tmp_path: Path) -> None:
    (case,) = latin(tmp_path, "7;Süd;04.03.2025;09:00;09:50").cases
    assert (case.room, case.starts) == ("SUED", datetime(2025, 3, 4, 8, 0, tzinfo=UTC))
    assert case.ends - case.starts == timedelta(minutes=50)


@pytest.mark.parametrize("clock", ["02:00", "02:59"])
def test_a_time_that_the_clocks_skipped_is_refused(tmp_path: Path, clock: str) -> None:
    assert refusal(latin(tmp_path, f"7;Süd;30.03.2025;{clock};03:30")).code == "case-no-such-time"


def test_of_the_hour_that_comes_twice_the_first_is_meant(tmp_path: Path) -> None:
    (case,) = latin(tmp_path, "7;Süd;26.10.2025;02:30;02:50").cases
    assert case.starts == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)


def test_utf_8_is_not_taken_for_latin_1(tmp_path: Path) -> None:
    with pytest.raises(BadCaseFile) as refused:
        latin(tmp_path, "7;Süd;04.03.2025;09:00;09:50", encoding="utf-8")
    assert (refused.value.code, refused.value.facts["found"]) == ("case-file-encoding", "utf-8")


@pytest.mark.parametrize(("declared", "written"), [("utf-8", "gbk"), ("gbk", "utf-8-sig"), ("utf-8", "utf-16")])
def test_another_encoding_is_named_with_its_line(tmp_path: Path, declared: str, written: str) -> None:
    chosen = mapping(tmp_path, encoding=declared)
    with pytest.raises(BadCaseFile) as refused:
        caselog.read_file(csv_file(tmp_path, row(), encoding=written), chosen)
    assert refused.value.code == "case-file-encoding"
    assert (refused.value.facts["encoding"], refused.value.facts["line"]) == (declared, 1)


def test_a_file_that_is_empty_or_only_a_header_is_refused(tmp_path: Path) -> None:
    for content in ("", "\n", ",".join(HEADER)):
        (tmp_path / "log.csv").write_text(content, "utf-8")
        with pytest.raises(BadCaseFile, match="case-file-empty"):
            caselog.read_file(tmp_path / "log.csv", mapping(tmp_path))


def test_missing_and_doubled_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadCaseFile, match=r"case-file-columns.*columns=计划, 出室"):
        caselog.read_file(
            csv_file(tmp_path, row(), header=("病例", "房间", "x", "分钟", "入室", "y", "性别", "术式")),
            mapping(tmp_path),
        )
    with pytest.raises(BadCaseFile, match=r"case-file-column-twice.*columns=房间"):
        caselog.read_file(csv_file(tmp_path, row(), header=(*HEADER[:-1], "术式", "房间")), mapping(tmp_path))


def test_a_file_that_is_no_csv_no_workbook_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open.csv").write_text(",".join(HEADER) + '\n"1,2', "utf-8")
    (tmp_path / "not.xlsx").write_bytes(b"PK not a workbook")
    for name, reason in (("open.csv", "line 2"), ("not.xlsx", "not an XLSX workbook"), ("none.csv", "No such file")):
        with pytest.raises(BadCaseFile, match=f"case-file-unreadable.*{reason}"):
            caselog.read_file(tmp_path / name, mapping(tmp_path))


# --- rows


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"病例": ""}, "case-cell-empty"),
        ({"病例": "x" * 101}, "case-bad-reference"),
        ({"房间": ""}, "case-cell-empty"),
        ({"房间": "三"}, "case-unknown-room"),
        ({"计划": ""}, "case-cell-empty"),
        ({"计划": "2025-02-30 09:00"}, "case-bad-date"),
        ({"计划": "soon"}, "case-bad-date"),
        ({"计划": "0001-01-01 09:00"}, "case-bad-date"),
        ({"分钟": ""}, "case-cell-empty"),
        ({"分钟": "sixty"}, "case-bad-minutes"),
        ({"分钟": "7.5"}, "case-bad-minutes"),
        ({"分钟": "nan"}, "case-bad-minutes"),
        ({"分钟": "inf"}, "case-bad-minutes"),
        ({"分钟": "0"}, "case-bad-duration"),
        ({"分钟": "-30"}, "case-bad-duration"),
        ({"分钟": "1441"}, "case-bad-duration"),
        ({"入室": "2025-03-04 10:00"}, "case-order"),
        ({"出室": "?"}, "case-bad-date"),
        ({"性别": "X"}, "case-bad-sex"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_by_number_and_the_others_stay(
    tmp_path: Path, given: dict[str, str], code: str
) -> None:
    log = log_of(
        tmp_path, row("1"), row(**{"case": "2"} | given) if "病例" not in given else row(given["病例"]), row("3")
    )
    assert (refusal(log).code, log.refused[0].row) == (code, 3)
    assert [case.ref for case in log.cases] == ["1", "3"]


def test_times_out_of_order_name_both_columns(tmp_path: Path) -> None:
    facts = refusal(log_of(tmp_path, row(入室="2025-03-04 10:00"))).facts
    assert (facts["column"], facts["other_column"]) == ("入室", "出室")
    assert facts["at"] == datetime(2025, 3, 4, 10, 0, tzinfo=SHANGHAI)


def test_columns_of_the_mappings_order_are_judged_though_nothing_is_made_of_them(tmp_path: Path) -> None:
    chosen = mapping(tmp_path, order=("出室", "计划"))
    assert refusal(log_of(tmp_path, row(), chosen=chosen)).facts["other_column"] == "计划"


def test_a_row_with_too_few_or_too_many_cells_is_refused(tmp_path: Path) -> None:
    log = log_of(tmp_path, row()[:5], (*row(), "more"), (*row("3"), ""))
    assert [(each.row, each.refusal.code) for each in log.refused] == [(2, "case-row-shape"), (3, "case-row-shape")]
    assert [case.ref for case in log.cases] == ["3"]


def test_a_case_number_that_stands_twice_counts_once(tmp_path: Path) -> None:
    log = log_of(tmp_path, row("1"), row("1", 房间="二"))
    assert (refusal(log).code, refusal(log).facts) == ("case-duplicate", {"case": "1", "row": 2})
    assert len(log.cases) == 1


def test_blank_lines_are_no_rows_and_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    log = log_of(tmp_path, ("",) * 8, row(计划="bad"))
    assert (log.rows, log.refused[0].row) == (1, 3)


def test_what_the_log_does_not_say_stays_unknown(tmp_path: Path) -> None:
    (case,) = log_of(tmp_path, row(入室="", 出室="", 性别="", 术式="")).cases
    assert case.happened == {}
    assert (case.patient.sex, case.patient.birth_date) == ("unknown", date(1900, 1, 1))
    assert importing.protocol_code(case.procedure) == "IMPORTED"


def test_an_age_becomes_a_year_of_birth(tmp_path: Path) -> None:
    chosen = mapping(tmp_path, columns=mapping(tmp_path).columns | {"age": ("术式",)})
    assert log_of(tmp_path, row(术式="77"), chosen=chosen).cases[0].patient.birth_date == date(1948, 1, 1)
    assert refusal(log_of(tmp_path, row(术式="-1"), chosen=chosen)).code == "case-bad-age"


def test_weeks_are_shifted_on_the_logs_own_clock(tmp_path: Path) -> None:
    (case,) = log_of(tmp_path, row(), chosen=mapping(tmp_path, shift_weeks=2, zone="America/New_York")).cases
    # 2025-03-04 is before, 03-18 after the clocks go forward: still 09:00 there.
    assert case.starts == datetime(2025, 3, 18, 13, 0, tzinfo=UTC)


def workbook(tmp_path: Path, *rows: tuple[Any, ...]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for cells in (HEADER, *rows):
        sheet.append(cells)
    book.save(tmp_path / "log.xlsx")
    return tmp_path / "log.xlsx"


def test_a_workbook_is_read_with_its_own_dates_and_numbers(tmp_path: Path) -> None:
    nine = datetime(2025, 3, 4, 9, 0)  # noqa: DTZ001 - a spreadsheet knows no zone
    path = workbook(
        tmp_path,
        (10001.0, "一", nine, 60, nine, None, None, "胃镜"),
        (10002, "一", nine, "=6*10", nine, None, "女", "胃镜"),
        (None, "一", nine, 60, nine, None, "女", "胃镜"),
        (None,) * 8,
    )
    chosen = mapping(tmp_path)
    log = caselog.cases_of(caselog.read_file(path, chosen), chosen)
    assert [(case.ref, case.starts.astimezone(SHANGHAI).hour) for case in log.cases] == [("10001", 9)]
    assert [(each.row, each.case, each.refusal.code) for each in log.refused] == [
        (3, "10002", "case-cell-formula"),
        (4, None, "case-cell-empty"),
    ]


def test_a_workbooks_day_and_time_in_two_cells_are_one_instant(tmp_path: Path) -> None:
    chosen = mapping(tmp_path, columns=mapping(tmp_path).columns | {"scheduled": ("计划", "术式")})
    cells = dict(zip(HEADER, row(), strict=True)) | {"计划": datetime(2025, 3, 4), "术式": time(9, 30)}  # noqa: DTZ001
    (case,) = caselog.cases_of([Line(2, dict(cells))], chosen).cases
    assert case.starts == datetime(2025, 3, 4, 1, 30, tzinfo=UTC)


def test_a_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCaseFile, match="no sheet 二月"):
        caselog.read_file(workbook(tmp_path, row()), mapping(tmp_path, sheet="二月"))


# --- derived rooms


def spans(*minutes: tuple[int, int]) -> list[caselog.Case]:
    """Return cases that begin and end so many minutes after 09:00."""
    whole = caselog.deriving.Patient("", "", "unknown", date(2000, 1, 1))
    nine = datetime(2025, 3, 4, 1, 0, tzinfo=UTC)
    return [
        caselog.Case(
            n, str(n), "?", nine + timedelta(minutes=first), nine + timedelta(minutes=last), {}, whole, ("", ""), None
        )
        for n, (first, last) in enumerate(minutes)
    ]


def test_colouring_uses_the_first_room_free_and_as_few_as_run_at_once() -> None:
    # A 0-30, B 10-20, C 20-40 (after B), D 30-50 (after A), E 35-36 finds both taken.
    found = coloured(spans((0, 30), (10, 20), (20, 40), (30, 50), (35, 36)), ("R1", "R2"))
    assert [case.room for case in found] == ["R1", "R2", "R2", "R1", None]


def test_cases_are_split_where_nothing_is_booked() -> None:
    # A long case spans the gap between the two after it; at 90 nothing runs any more.
    groups = importing.quiet_groups(spans((0, 60), (10, 20), (40, 90), (90, 100)))
    assert [[case.row for case in group] for group in groups] == [[0, 1, 2], [3]]


# --- the road


def silent(done: int, total: int) -> None:
    assert done <= total


def run(
    db: Database,
    log: caselog.Log,
    chosen: caselog.Mapping,
    *,
    progress: Callable[[int, int], Any] = silent,
    **options: bool,
) -> caselog.Report:
    return caselog.import_cases(db, log, chosen, caselog.Options(**options), progress)


def counts(report: caselog.Report) -> dict[str, int]:
    return {what: report.count(what) for what in ("booked", "fact", "already", "refused") if report.count(what)}


def rows_in(db: Database, *tables: type) -> list[int]:
    with db.read() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


OVERLAPPING = (row("1"), row("2", 计划="2025-03-04 09:45"), row("3", 计划="2025-03-04 10:00"), row("4", 房间="二"))
"""Case 2 begins in room 一 while case 1 (9:00 to 10:00) is booked there, though that one left at 9:40."""


def test_a_case_is_booked_to_the_minute_and_fulfilled_with_its_milestones(department: Database, tmp_path: Path) -> None:
    chosen = mapping(tmp_path)
    report = run(department, log_of(tmp_path, row("1", 分钟="37")), chosen)
    assert (counts(report), report.lived) == ({"booked": 1}, 1)
    with department.read() as session:
        (case,) = dayboard.cases(session, resource="LOG-1")
        assert (case.status, case.protocol_zh, case.source) == ("fulfilled", "胃镜", "import:small")
        assert case.ends - case.starts == timedelta(minutes=37)
        assert case.minutes == (("procedure", 37),)
        assert case.actual == tuple(datetime(2025, 3, 4, 1, minute, tzinfo=UTC) for minute in (5, 40))
        assert (case.patient.record_number, case.patient.name, case.patient.sex) == ("S-1", "病例 1", "female")
        made = session.scalars(select(Appointment)).one()
        assert (made.source_ref, made.created_at) == ("1", case.starts - timedelta(days=1))
    assert invariants.faults(department) == []


def test_overlapping_bookings_are_refused_by_name(department: Database, tmp_path: Path) -> None:
    report = run(department, log_of(tmp_path, *OVERLAPPING), mapping(tmp_path))
    assert counts(report) == {"booked": 3, "refused": 1}
    (told,) = report.told
    assert told.refusal is not None
    assert (told.row, told.refusal.code) == (3, "case-overlap")
    hour = datetime(2025, 3, 4, 9, 0, tzinfo=SHANGHAI)
    assert told.refusal.facts == {
        "case": "2",
        "other": "1",
        "resource": "LOG-1",
        "starts": hour + timedelta(minutes=45),
        "ends": hour + timedelta(minutes=105),
        "other_starts": hour,
        "other_ends": hour + timedelta(minutes=60),
    }


def test_a_second_run_imports_nothing_twice_and_lets_in_nothing_that_was_refused(
    department: Database, tmp_path: Path
) -> None:
    # Since the first run case 1's slot ends at 9:40, so the guard alone would now take case 2 at 9:45.
    log, chosen = log_of(tmp_path, *OVERLAPPING), mapping(tmp_path)
    first = run(department, log, chosen)
    before = rows_in(department, Appointment, Slot, Milestone, Patient, Resource)
    second = run(department, log, chosen)
    assert counts(second) == {"already": 3, "refused": 1}
    assert second.reasons == first.reasons
    assert second.lived == 0
    assert rows_in(department, Appointment, Slot, Milestone, Patient, Resource) == before


def test_what_overlaps_is_recorded_as_a_fact_by_an_option(department: Database, tmp_path: Path) -> None:
    log, chosen = log_of(tmp_path, *OVERLAPPING), mapping(tmp_path)
    assert counts(run(department, log, chosen, facts=True)) == {"booked": 3, "fact": 1}
    with department.read() as session:
        made = session.scalars(select(Appointment).filter_by(source_ref="2")).one()
        assert (made.fact_only, made.status) == (True, "fulfilled")
        assert session.scalar(select(func.count(Slot.id)).join(Step).where(Step.appointment_id == made.id)) == 0
        lane = next(lane for lane in dayboard.board(session, date(2025, 3, 4)).lanes if lane.code == "LOG-1")
        assert len(lane.cases) == 3
    assert counts(run(department, log, chosen, facts=True)) == {"already": 4}
    assert invariants.faults(department) == []


def test_a_refused_case_without_milestones_is_no_fact(department: Database, tmp_path: Path) -> None:
    log = log_of(tmp_path, row("1"), row("2", 入室="", 出室=""))
    assert counts(run(department, log, mapping(tmp_path), facts=True)) == {"booked": 1, "refused": 1}


def test_a_dry_run_says_the_same_and_writes_nothing(department: Database, tmp_path: Path) -> None:
    rows = (*OVERLAPPING, row("5", 计划="2025-03-05 09:00", 入室="", 出室=""), row("6", 分钟="0"))
    log, chosen = log_of(tmp_path, *rows), mapping(tmp_path)
    before = rows_in(department, Appointment, Patient, Resource)
    dry = run(department, log, chosen, facts=True, dry_run=True)
    assert rows_in(department, Appointment, Patient, Resource) == before
    real = run(department, log, chosen, facts=True)
    assert (counts(dry), dry.reasons, dry.lived) == (counts(real), real.reasons, real.lived)
    assert counts(real) == {"booked": 4, "fact": 1, "refused": 1}
    again = run(department, log, chosen, facts=True, dry_run=True)
    assert counts(again) == {"already": 5, "refused": 1}


def test_a_run_that_is_cut_off_goes_on_where_it_was(
    department: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 1)
    rows = [row(str(n), 计划=f"2025-03-{n:02d} 09:00") for n in range(1, 6)]
    log, chosen = log_of(tmp_path, *rows), mapping(tmp_path)
    for cut in (2, 6):  # once while booking, once while writing milestones (5 cases, then 5 times milestones)

        def stop(done: int, total: int, cut: int = cut) -> None:
            if done == cut:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(department, log, chosen, progress=stop)
        assert invariants.faults(department) == []
    assert rows_in(department, Appointment) == [5]
    last = run(department, log, chosen)
    assert counts(last) == {"already": 5}
    assert rows_in(department, Appointment, Milestone) == [5, 10]


def test_a_case_of_the_future_is_booked_and_has_not_happened(department: Database, tmp_path: Path) -> None:
    later = {"计划": "2190-03-04 09:00", "入室": "2190-03-04 09:05", "出室": "2190-03-04 09:40"}
    report = run(department, log_of(tmp_path, row(**later)), mapping(tmp_path))
    assert (counts(report), report.lived, report.unlived) == ({"booked": 1}, 0, [])
    with department.read() as session:
        assert session.scalars(select(Appointment.status)).one() == "booked"


def test_one_patient_in_two_cases_is_never_in_two_places(department: Database, tmp_path: Path) -> None:
    chosen = mapping(tmp_path)
    chosen = replace(chosen, columns=chosen.columns | {"patient": ("术式",)})
    report = run(department, log_of(tmp_path, row("1"), row("2", 房间="二"), chosen=chosen), chosen)
    assert (counts(report), dict(report.reasons)) == ({"booked": 1, "refused": 1}, {"case-patient-elsewhere": 1})


def test_a_later_case_of_a_merged_patient_is_the_survivors(department: Database, tmp_path: Path) -> None:
    chosen = mapping(tmp_path)
    chosen = replace(chosen, columns=chosen.columns | {"patient": ("术式",)})
    run(department, log_of(tmp_path, row("1"), chosen=chosen), chosen)

    def merge(session: Session) -> str:
        known = session.scalars(select(Patient)).one()
        kept = factories.patient(session, sex="female")
        wanted = merging.Merge(kept.public_id, known.public_id, 1, 1, "同一人")
        return merging.merge(session, wanted, actor=factories.NURSE, now=NOW).public_id

    survivor = factories.done(department, merge)
    later = {"计划": "2025-03-05 09:00", "入室": "2025-03-05 09:05", "出室": "2025-03-05 09:40"}
    report = run(department, log_of(tmp_path, row("2", **later), chosen=chosen), chosen)
    assert (counts(report), report.reasons) == ({"booked": 1}, {})
    with department.read() as session:
        whose = session.scalars(select(Patient.public_id).join(Appointment, Appointment.patient_id == Patient.id))
        assert whose.all() == [survivor, survivor]


def test_rooms_that_do_not_suffice_refuse_by_name_or_keep_a_fact_without_a_room(
    department: Database, tmp_path: Path
) -> None:
    text = MAPPING.replace('room = "房间"', "").replace("[rooms]", '[derived]\nroom = "colouring"\n[rooms]')
    chosen = mapping(tmp_path, text)
    log = log_of(tmp_path, row("1"), row("2"), row("3"), chosen=chosen)
    assert dict(run(department, log, chosen).reasons) == {"case-room-full": 1}
    assert counts(run(department, log, chosen, facts=True)) == {"already": 2, "fact": 1}


def test_imported_rooms_are_always_open_and_stay_when_the_department_is_loaded_again(
    department: Database, tmp_path: Path
) -> None:
    with department.read() as session:
        before = availability.settings(session).revision
    night = row(计划="2025-01-28 23:30", 入室="2025-01-28 23:30", 出室="2025-01-29 00:30")  # the Spring Festival
    assert counts(run(department, log_of(tmp_path, night), mapping(tmp_path))) == {"booked": 1}

    def reload(session: Session, now: datetime) -> None:
        session.scalars(select(Department)).one().digest = "other"
        session.flush()
        department_file.load(session, DEPARTMENT, now=now)

    department.transact(reload, now=NOW)
    with department.read() as session:
        assert availability.settings(session).revision > before
        assert session.scalars(select(Resource.active).where(Resource.code.startswith("LOG-"))).all() == [True, True]


def test_nobody_is_offered_the_imported_protocol_or_room(department: Database, tmp_path: Path) -> None:
    run(department, log_of(tmp_path, row()), mapping(tmp_path))
    with department.read() as session:
        offered = catalogue.in_force(session, NOW.date())
        assert [each.code for each in offered if each.code.startswith("IMPORTED")] == []
        wish = booking.FindRequest("BX-FNA", NOW, NOW + timedelta(days=3), require={"room": "LOG-1"})
        assert booking.find(session, wish, now=NOW).proposals == ()


def test_a_room_of_the_department_is_not_taken_over(department: Database, tmp_path: Path) -> None:
    chosen = mapping(tmp_path, MAPPING.replace("LOG-{{n}}", "US-0{{n}}"))
    with pytest.raises(Conflict, match="room-not-imported"):
        run(department, log_of(tmp_path, row()), chosen)
    assert rows_in(department, Appointment) == [0]


def test_without_a_department_nothing_is_imported(db: Database, tmp_path: Path) -> None:
    for dry_run in (False, True):
        with pytest.raises(Conflict, match="no-department"):
            run(db, log_of(tmp_path, row()), mapping(tmp_path), dry_run=dry_run)


@pytest.mark.parametrize(
    ("procedure", "code"),
    [
        (("28110", "Bunionectomy"), "IMPORTED-28110"),
        (("Lower GI", ""), "IMPORTED-LOWER-GI"),
        (("", ""), "IMPORTED"),
        # The first eight signs of the text's SHA-256 tell apart what has no letters of ours.
        (("", "胃镜"), "IMPORTED-6D7CE78C"),
    ],
)
def test_a_procedure_of_the_log_has_a_code_of_its_own(procedure: tuple[str, str], code: str) -> None:
    assert importing.protocol_code(procedure) == code


# --- the command


@dataclass
class Installation:
    db: Database

    def say(self, error: DomainError) -> str:
        return f"said {error.code}"


def command(db: Database, *arguments: str) -> Any:
    return CliRunner().invoke(import_cases, arguments, obj=Installation(db))


def test_the_command_reports_on_screen_and_in_a_file(department: Database, tmp_path: Path) -> None:
    mapping(tmp_path)
    path, report = csv_file(tmp_path, *OVERLAPPING, row("=1+1", 分钟="0")), tmp_path / "report.csv"
    options = ("--mapping", str(tmp_path / "small.toml"), "--report", str(report))
    told = command(department, str(path), *options)
    assert told.exit_code == 0
    assert "row 3, case 2: refused: said case-overlap" in told.output
    assert "rows read 5\nbooked 3\nrecorded as facts 0\nalready there 0\n" in told.output
    assert "refused 2, case-overlap 1, case-bad-duration 1" in told.output
    lines = report.read_text("utf-8-sig").splitlines()
    assert lines[1].startswith("3,2,refused,LOG-1,case-overlap,said case-overlap,case=2; other=1; resource=LOG-1;")
    assert lines[2].startswith("6,'=1+1,refused,,case-bad-duration")  # no spreadsheet runs it


def test_the_commands_shift_stands_for_the_mappings(department: Database, tmp_path: Path) -> None:
    mapping(tmp_path)
    path = csv_file(tmp_path, row())
    told = command(department, str(path), "--mapping", str(tmp_path / "small.toml"), "--shift-weeks", "1")
    assert told.exit_code == 0
    with department.read() as session:
        assert session.scalars(select(Step.starts)).one() == datetime(2025, 3, 11, 1, 0, tzinfo=UTC)


def test_a_report_that_cannot_be_written_loses_nothing(department: Database, tmp_path: Path) -> None:
    mapping(tmp_path)
    path = csv_file(tmp_path, *OVERLAPPING)
    nowhere = str(tmp_path / "none" / "report.csv")
    told = command(department, str(path), "--mapping", str(tmp_path / "small.toml"), "--report", nowhere)
    assert told.exit_code == 1
    assert "booked 3" in told.output
    assert rows_in(department, Appointment) == [3]
