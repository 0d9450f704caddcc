"""A roster file as people keep it: what its cells say, and all it can be refused for, named by sheet and cell."""

import zipfile
from collections.abc import Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calendars.roster import BadRoster, signs
from calendars.roster.reading import LARGEST_FILE, LARGEST_UNPACKED, MOST_COLUMNS, MOST_ROWS, unpack
from calendars.roster.sheets import Known, letters, wishes_of
from calendars.roster.signs import UnknownSign, meant
from scheduler.roster.plan import ANY_REASON, LEAVE, PLAN, WORK, DayPlan, HalfPlan
from tests.calendars.books import TUESDAY, book, month
from tests.conftest import ROOT
from web.error_codes import CODES

PEOPLE = (
    ("dr-01", "王一", "Wang Yi"),
    ("dr-02", "李二", "Li Er"),
    ("dr-03", "张三", "Zhang San"),
    ("nurse-1", "张三", "Zhang San (nurse)"),
)
ROOMS = {"OR-1": "OR-1", "手术间1": "OR-1"}
KNOWN = Known(PEOPLE, ROOMS, TUESDAY)

WORKS, FREE, REST = HalfPlan(WORK), HalfPlan(PLAN), HalfPlan(LEAVE, reason="rest")


def away(reason: str) -> HalfPlan:
    return HalfPlan(LEAVE, reason=reason)


def read(content: bytes) -> dict[tuple[str, date], DayPlan]:
    return wishes_of(unpack(content, "roster.xlsx"), KNOWN)


def faults(content: bytes) -> list[tuple[str, str, str]]:
    """Return what a file is refused for: (code, sheet, cell)."""
    with pytest.raises(BadRoster) as refused:
        read(content)
    return [(each["code"], each["sheet"], each["cell"]) for each in refused.value.facts["violations"]]


def told(content: bytes) -> dict[str, Any]:
    """Return the facts of the one fault of a file."""
    with pytest.raises(BadRoster) as refused:
        read(content)
    (fault,) = refused.value.facts["violations"]
    return dict(fault)


# --- What a cell says.


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("班", DayPlan(WORKS, WORKS)),
        (" d ", DayPlan(WORKS, WORKS)),
        ("休", DayPlan(REST, REST)),
        ("空", DayPlan()),
        ("-", DayPlan()),
        ("年", DayPlan(away("annual"), away("annual"))),
        ("病假", DayPlan(away("sick"), away("sick"))),
        ("假", DayPlan(away(ANY_REASON), away(ANY_REASON))),
        ("A", DayPlan(WORKS, REST)),
        ("Ｐ", DayPlan(REST, WORKS)),
        ("下午", DayPlan(REST, WORKS)),
        ("值", DayPlan(on_call=True)),
        ("值+晚", DayPlan(on_call=True, late=True)),
        ("班值", DayPlan(WORKS, WORKS, on_call=True)),
        ("年/班＋值", DayPlan(away("annual"), WORKS, on_call=True)),
        ("S/T+N+E", DayPlan(away("sick"), away("study"), on_call=True, late=True)),
        ("or-1/手术间 1", DayPlan(HalfPlan(WORK, "OR-1"), HalfPlan(WORK, "OR-1"))),
        ("OR-1/空", DayPlan(HalfPlan(WORK, "OR-1"), FREE)),
    ],
)
def test_a_cell_says_what_the_whole_day_is(text: str, day: DayPlan) -> None:
    assert meant(text, ROOMS) == day


@pytest.mark.parametrize("text", ["", "  ", "\u3000"])
def test_a_blank_cell_says_nothing(text: str) -> None:
    assert meant(text, ROOMS) is None


@pytest.mark.parametrize(
    "text", ["?", "班/班/班", "/", "值/值", "A/P", "OR-9", "班+年", "+", "🩺", "班🩺", "值班值", "0"]
)
def test_a_cell_that_means_nothing_is_unknown(text: str) -> None:
    with pytest.raises(UnknownSign):
        meant(text, ROOMS)


def test_no_spelling_means_two_things() -> None:
    spellings = [signs.plain(each) for sign in signs.ALL for each in {sign.zh, sign.en, *sign.also}]
    assert len(spellings) == len(set(spellings))


HALF_PLANS = st.sampled_from([WORKS, FREE, REST, away("annual"), away("sick"), HalfPlan(WORK, "OR-1")])


@given(st.builds(DayPlan, HALF_PLANS, HALF_PLANS, st.booleans(), st.booleans()), st.sampled_from(["zh", "en"]))
def test_what_is_written_reads_as_it_was_meant(day: DayPlan, language: str) -> None:
    assert meant(signs.written(day, language=language), ROOMS) == day


# --- A sheet.


def test_people_are_known_by_code_or_name_and_days_by_dates() -> None:
    days = {"dr-01": "年", "李二": "值", "wang  yi": None, "Zhang San (nurse)": "休"}
    found = read(month(*([who, None, sign] for who, sign in days.items())))
    assert dict(found.keys()) == {
        "dr-01": date(2026, 12, 2),
        "dr-02": date(2026, 12, 2),
        "nurse-1": date(2026, 12, 2),
    }


def test_days_may_be_numbers_with_the_month_in_the_title_or_the_sheets_name() -> None:
    rows = [["工号", "姓名", 1, 2], ["dr-01", "王一", "年", None]]
    for content in (
        book([["超声科 2026年12月 排班表"], *rows], merged=["A1:D1"]),
        book([[None, None, date(2026, 12, 1)], *rows]),
        book(rows, names=["2026.12"]),
    ):
        assert list(read(content)) == [("dr-01", TUESDAY)]


def test_rows_of_weekdays_headings_and_notes_and_columns_of_sums_are_passed_over() -> None:
    content = book(
        [
            ["2026-12"],
            ["姓名", "职称", 1, 2, "合计", "备注"],
            [None, None, "二", "周三"],
            ["主任医师"],
            ["王一", "主任", "班", "班", 2, "老师"],
            [],
            ["注：值=值班", None],
        ],
        [["班 = 在岗", 1]],
        [["nobody", "?"]],
        names=["十二月", "说明", "旧"],
        hidden=2,
        merged=["A1:F1", "A7:F7"],
    )
    assert list(read(content)) == [("dr-01", TUESDAY), ("dr-01", date(2026, 12, 2))]


def test_a_formula_counts_with_the_value_it_had() -> None:
    content = month(["王一", "年"], days=[TUESDAY])
    typed, counted = '<c r="B2" t="inlineStr"><is><t>年</t></is></c>', '<c r="B2" t="str"><f>B3</f><v>年</v></c>'
    content = rewritten(content, typed.encode(), counted.encode())
    assert read(content) == {("dr-01", TUESDAY): DayPlan(away("annual"), away("annual"))}


def rewritten(content: bytes, old: bytes, new: bytes, part: str = "xl/worksheets/sheet1.xml") -> bytes:
    """Return a workbook with a piece of one part replaced."""
    kept = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as before, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as after:
        for each in before.infolist():
            body = before.read(each)
            if each.filename == part:
                assert old in body
                body = body.replace(old, new)
            after.writestr(each, body)
    return kept.getvalue()


# --- Faults, each with its sheet and cell.


@pytest.mark.parametrize(
    ("content", "code", "cell"),
    [
        (month(["王一", "年", None], merged=["B2:C2"]), "roster-merged", "B2:C2"),
        (month(["王一", "年"], ["李二", "年"], merged=["A2:A3"]), "roster-merged", "A2:A3"),
        (month(["王一", "年"], merged=["B1:C1"]), "roster-merged", "B1:C1"),
        (month(["王一", "年"], days=["2026-12-01", date(2026, 12, 2)]), "roster-date-text", "B1"),
        (month(["王一", "年"], days=["12月1日", date(2026, 12, 2)]), "roster-date-text", "B1"),
        (month(["王一", "年"], days=["1日（周二）", date(2026, 12, 2)]), "roster-date-text", "B1"),
        (month(["王一", "年"], days=[TUESDAY, "tomorrow", date(2026, 12, 2)]), "roster-not-a-date", "C1"),
        (month(["王一", None, "年"], days=[TUESDAY, None, date(2026, 12, 3)]), "roster-not-a-date", "C1"),
        (month(["王一", "年"], days=[3, 4]), "roster-no-month", "B1"),
        (book([["2026年11月"], ["姓名", 30, 31], ["王一", "年"]]), "roster-no-such-day", "C2"),
        (month(["王一", "年"], days=[TUESDAY, TUESDAY]), "roster-day-twice", "C1"),
        (month(["王一", "年"], days=[date(2062, 12, 1)]), "roster-day-far", "B1"),
        (book([["姓名", "职称"], ["王一", "年"]]), "roster-no-dates", "A1"),
        (month(["王五", "年"]), "roster-unknown-person", "A2"),
        (month(["张三", "年"]), "roster-two-people", "A2"),
        (month(["王一", "年"], ["dr-01", None, "年"]), "roster-person-twice", "A3"),
        (month([None, "年"]), "roster-no-person", "A2"),
        (book([["工号", "姓名", TUESDAY], ["dr-01", "李二", "年"]]), "roster-code-and-name", "A2"),
        (month(["王一", "年", "啥"]), "roster-unknown-sign", "C2"),
        (month(["王一", "🩺"]), "roster-unknown-sign", "B2"),
        (month(["王一", 8]), "roster-unknown-sign", "B2"),
        (month(["王一", TUESDAY]), "roster-unknown-sign", "B2"),
        (month(["王一", "=B3"]), "roster-formula", "B2"),
        (month(["=B3", "年"]), "roster-formula", "A2"),
        (month(["王一", "年"], days=[TUESDAY, "=B1+1", date(2026, 12, 3)]), "roster-formula", "C1"),
    ],
)
def test_a_fault_is_named_with_its_sheet_and_cell(content: bytes, code: str, cell: str) -> None:
    assert (code, "S1", cell) in faults(content)
    assert CODES[code].status is None


def test_all_faults_of_all_sheets_are_told_at_once() -> None:
    content = book(
        [["姓名", "2026-12-01", TUESDAY], ["王一", "年", "?"], ["王五", "年", None], ["李二", "病", None]],
        [["姓名", 1], ["王一", "年"]],
        merged=["B4:C4"],
    )
    assert sorted(faults(content)) == [
        ("roster-date-text", "S1", "B1"),
        ("roster-merged", "S1", "B4:C4"),
        ("roster-no-month", "S2", "B1"),
        ("roster-unknown-person", "S1", "A3"),
        ("roster-unknown-sign", "S1", "C2"),
    ]


def test_one_day_of_one_person_on_two_sheets_is_told_with_both_cells() -> None:
    rows = [["姓名", TUESDAY], ["王一", "年"]]
    assert told(book(rows, rows))["other"] == "S1!B2"


def test_a_fault_says_what_stands_there_and_what_would_do() -> None:
    assert told(month(["Wang Yii", "年"]))["nearest"] == "Wang Yi"
    assert told(month(["张三", "年"]))["people"] == ["dr-03", "nurse-1"]
    assert told(month(["王一", "x" * 500]))["value"] == "x" * 20 + "…"
    assert told(month(["王一", "a\nb"]))["value"] == "a b"


def test_a_name_that_two_bear_is_no_fault_beside_a_code() -> None:
    content = book([["工号", "姓名", TUESDAY], ["nurse-1", "张三", "年"]])
    assert list(read(content)) == [("nurse-1", TUESDAY)]


def test_thousands_of_faults_are_counted_and_the_first_are_told() -> None:
    with pytest.raises(BadRoster) as refused:
        read(month(*(["王一", *["?"] * 3] for _ in range(400))))
    assert refused.value.facts["count"] == 400 * 3 + 399
    assert len(refused.value.facts["violations"]) == 200


@pytest.mark.parametrize("column", range(1, 60))
def test_columns_have_a_spreadsheets_letters(column: int) -> None:
    from openpyxl.utils import get_column_letter

    assert letters(column - 1) == get_column_letter(column)


# --- Files that are no roster at all.


def zipped(**parts: bytes) -> bytes:
    kept = BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in parts.items():
            file.writestr({"types": "[Content_Types].xml"}.get(name, name), body)
    return kept.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
GOOD = month(["王一", "年"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "roster-empty"),
        (b"\r\n \n", "roster-empty"),
        (book([[None]]), "roster-empty"),
        ("姓名,12-01\n王一,年\n".encode("gbk"), "roster-text-file"),
        ("姓名,12-01\n王一,年\n".encode("utf-8-sig"), "roster-text-file"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "roster-text-file"),
        (OLE, "roster-old-excel"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "roster-encrypted"),
        (b"%PDF-1.7\n\xff\xfe\x00\x01", "roster-not-excel"),
        (zipped(word=b"x"), "roster-not-excel"),
        (zipped(types=b"<Types/>"), "roster-damaged"),
        (GOOD[:-200], "roster-damaged"),
        (GOOD[: len(GOOD) // 2], "roster-damaged"),
        (b"PK\x03\x04" + b"x" * LARGEST_FILE, "roster-too-large"),
        (zipped(types=b"", bomb=b"\0" * (LARGEST_UNPACKED + 1)), "roster-too-large"),
        (month(*(["王一"] for _ in range(MOST_ROWS + 2))), "roster-too-many"),
        (month(["王一", *["年"] * (MOST_COLUMNS + 2)]), "roster-too-many"),
        (book(*([["姓名", TUESDAY]] for _ in range(25))), "roster-too-many"),
    ],
)
def test_a_file_that_is_no_roster_is_refused_as_a_whole(content: bytes, code: str) -> None:
    with pytest.raises(BadRoster) as refused:
        read(content)
    assert refused.value.code == code
    assert refused.value.facts["file"] == "roster.xlsx"
    assert CODES[code].status == 422


def test_the_encoding_of_a_renamed_text_is_told() -> None:
    for text, encoding in (("姓名".encode("gbk"), "GBK"), ("姓名".encode(), "UTF-8")):
        with pytest.raises(BadRoster) as refused:
            read(text)
        assert refused.value.facts["encoding"] == encoding


def test_an_entity_that_swells_does_not_swell() -> None:
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"x" * 1000
        + b'">'
        + b"".join(b'<!ENTITY %c "%s">' % (97 + n, b"&%c;" % (96 + n) * 100) for n in range(1, 8))
        + b"]>"
    )
    content = rewritten(GOOD, b"<worksheet", bomb + b"<worksheet")
    content = rewritten(content, b"<sheetData>", b"<sheetData>&h;")
    with pytest.raises(BadRoster, match="roster-damaged"):
        read(content)


CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        ["班", "年", "值", "A", "年/班+值", "OR-1", "?", "🩺", " ", "=1+1", "王一", "dr-02", "姓名", "合计"]
    ),
    st.integers(-5, 40),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.dates(date(2025, 1, 1), date(2028, 12, 31)),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
    st.booleans(),
)
ROWS = st.lists(st.lists(CELLS, max_size=6), max_size=7)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.sets(st.sampled_from(["A1:B1", "B2:C3", "A2:A4"]), max_size=2))
def test_any_workbook_is_either_read_or_refused_with_known_reasons(
    rows: Sequence[Sequence[Any]], merged: set[str]
) -> None:
    try:
        found = read(book([["姓名", TUESDAY, date(2026, 12, 2)], *rows], merged=sorted(merged)[:1]))
    except BadRoster as refused:
        reasons = [each["code"] for each in refused.facts.get("violations", [])] or [refused.code]
        assert set(reasons) <= CODES.keys()
        return
    assert {who for who, _ in found} <= {code for code, _, _ in PEOPLE}
    assert all(abs(day - TUESDAY) < timedelta(days=401) for _, day in found)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_any_damage_to_a_file_is_refused_or_harmless(at: int, bytes_: bytes, cut: bool) -> None:
    content = GOOD[:at] + bytes_ + (b"" if cut else GOOD[at + len(bytes_) :])
    try:
        read(content)
    except BadRoster as refused:
        assert refused.code in CODES


def test_the_guide_lists_every_sign() -> None:
    guide = (ROOT / "docs" / "import.md").read_text("utf-8")
    assert [sign for sign in signs.ALL if f"| {sign.zh} | {sign.en} | {sign.means} |" not in guide] == []
