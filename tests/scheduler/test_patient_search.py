"""How patients are found: in which order, by which ends, and as fast among many as among few."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from models.database import Database
from scheduler import patients
from scheduler.actor import Actor
from scheduler.patients import keys
from scheduler.patients.entry import PatientEntry
from tests.queries import planned

NURSE = Actor("user:nurse", "nurse")
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


def enter(db: Database, number: str, name: str, phone: str | None = None) -> None:
    entry = PatientEntry(number, name, "male", date(1970, 1, 1), phone)
    db.transact(lambda session, now: patients.create(session, entry, actor=NURSE, now=now, anyway=True), now=NOW)


def found(db: Database, asked: str, **options: Any) -> list[str]:
    with db.read() as session:
        return [patient.record_number for patient in patients.search(session, asked, **options)]


def test_the_keys_of_a_patient_are_few_and_say_their_kind() -> None:
    assert keys.keys("M1", "单晓明", "+86 138") == {
        "nm1",
        "a单晓明", "b晓明", "b明",
        "isxm", "idxm", "pshanxiaoming", "pdanxiaoming", "sxiaoming", "sming",
        "t83168",
    }  # fmt: skip


def test_a_shorter_name_comes_before_a_longer_one_and_of_one_name_the_last_entered_first(db: Database) -> None:
    for number, name in (("1", "王伟东"), ("2", "王伟"), ("3", "王伟")):
        enter(db, number, name)
    assert found(db, "王伟") == found(db, "wangwei") == ["3", "2", "1"]


def test_beginnings_come_before_what_is_found_inside(db: Database) -> None:
    enter(db, "1", "张明")
    enter(db, "2", "明亮")
    assert found(db, "明") == found(db, "ming") == ["2", "1"]


def test_initials_come_before_pinyin(db: Database) -> None:
    enter(db, "1", "安安")  # anan, aa
    enter(db, "2", "艾宁")  # aining, an
    assert found(db, "an") == ["2", "1"]


def test_four_digits_are_a_telephones_end_first_and_five_a_numbers_beginning(db: Database) -> None:
    enter(db, "80001", "甲")
    enter(db, "2", "乙", "13912348000")
    enter(db, "3", "丙", "13912380001")
    assert found(db, "8000") == ["2", "80001"]
    assert found(db, "80001") == ["80001", "3"]


def test_two_digits_are_no_telephones_end(db: Database) -> None:
    enter(db, "1", "甲", "13912348000")
    assert found(db, "00") == []


def test_case_is_no_matter_in_any_script_on_any_database(db: Database) -> None:
    enter(db, "Ä1", "ÖZGÜR Ünal")
    assert [found(db, asked) for asked in ("ä1", "özgür", "ÜNAL", "ozgur", "unal", "ou")] == [["Ä1"]] * 6


def test_somebody_who_matches_twice_is_found_once(db: Database) -> None:
    enter(db, "11", "吕绿绿", "13912340011")
    assert found(db, "l") == found(db, "lv") == found(db, "11") == ["11"]


def test_more_than_are_shown_are_cut_where_the_order_says(db: Database) -> None:
    for number in range(30):
        enter(db, f"N{number:02d}", "王伟")
    assert found(db, "wang", limit=3) == ["N29", "N28", "N27"]
    assert found(db, "N", limit=3) == ["N00", "N01", "N02"]


@pytest.mark.parametrize("asked", ["wang", "王", "w", "N0", "139", "龘", "伟"])
def test_no_search_reads_the_whole_of_anything(db: Database, asked: str) -> None:
    """What a search really asks goes by an index; a plan that scans would take longer with every patient."""
    enter(db, "N1", "王伟")
    with planned(db) as plans:
        found(db, asked)
    assert any("FROM patient_key" in statement for statement, _ in plans)
    assert [plan for _, plan in plans if not goes_by_an_index(plan)] == []


def goes_by_an_index(plan: str) -> bool:
    """Tell by the words of SQLite or PostgreSQL; the latter asks nothing at all for one of no patients."""
    finds = ("SEARCH ", "Index Cond: ", "One-Time Filter: false")
    return any(words in plan for words in finds) and "SCAN patient" not in plan and "Seq Scan" not in plan
