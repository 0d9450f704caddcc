"""When two records are taken for one person, and when they are not."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from models import Patient
from models.database import Database
from scheduler import merging, patients
from scheduler.actor import Actor
from scheduler.errors import Conflict
from scheduler.merging import Merge
from scheduler.patients.entry import PatientEntry
from scheduler.patients.likeness import Person, likeness, pairs

NURSE = Actor("user:nurse", "nurse")
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
BORN, OTHER = date(1960, 1, 2), date(1960, 2, 1)


def zhang(**given: Any) -> Person:
    facts = {"name": "张晓明", "sex": "male", "birth_date": BORN, "phone": "13800138000"} | given
    return Person.of(PatientEntry("1", **facts))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"phone": None}, "same-name"),
        ({"phone": None, "sex": "female"}, "same-name"),
        ({"name": "章晓鸣", "phone": None}, "same-name"),
        ({"birth_date": OTHER}, "same-phone"),
        ({"birth_date": OTHER, "name": "张小敏"}, "same-phone"),  # ming and min sound alike
        ({"birth_date": OTHER, "name": "张明"}, "same-phone"),
        ({"name": "张晓红", "phone": None}, "near-name"),
        ({"name": "张晓", "phone": None}, "near-name"),
        ({"name": "詹晓明", "phone": None}, "near-name"),  # zhan and zhang sound alike
        ({"name": "李晓明", "phone": None}, None),
        ({"name": "张晓红", "phone": None, "sex": "female"}, None),
        ({"birth_date": OTHER, "phone": None}, None),
        ({"name": "李雷", "phone": "13800138000"}, None),
    ],
)
def test_two_records_are_alike_by_the_first_rule_that_holds(other: dict[str, Any], why: str | None) -> None:
    assert likeness(zhang(), zhang(**other)) == why


@pytest.mark.parametrize(("one", "other"), [("王伟", "王芳"), ("王", "王伟"), ("😀", "😁")])
def test_one_sign_in_common_is_too_little(one: str, other: str) -> None:
    assert likeness(zhang(name=one), zhang(name=other)) is None


def entered(db: Database, number: str, *, anyway: bool = False, **given: Any) -> Patient:
    facts = {"name": "张晓明", "sex": "male", "birth_date": BORN, "phone": None} | given
    entry = PatientEntry(number, **facts)
    made: Patient = db.transact(
        lambda session, now: patients.create(session, entry, actor=NURSE, now=now, anyway=anyway), now=NOW
    )
    return made


def test_who_looks_like_somebody_here_is_not_entered_unasked(db: Database) -> None:
    first = entered(db, "1")
    with pytest.raises(Conflict) as refused:
        entered(db, "2", name="章晓鸣")
    assert refused.value.code == "likely-duplicate"
    assert refused.value.facts == {"count": 1, "alike": [{"patient": first.public_id, "why": "same-name"}]}
    with db.read() as session:
        assert patients.search(session, "2") == []


def test_who_looks_like_somebody_here_is_entered_all_the_same_when_told_so(db: Database) -> None:
    entered(db, "1")
    assert entered(db, "2", anyway=True).record_number == "2"


def test_the_likeliest_are_named_first_and_nobody_twice(db: Database) -> None:
    phone = "13800138000"
    near, far, same = (
        entered(db, "1", name="张晓红", anyway=True),
        entered(db, "2", birth_date=OTHER, phone=phone, anyway=True),
        entered(db, "3", phone=phone, anyway=True),
    )
    with pytest.raises(Conflict) as refused:
        entered(db, "4", phone=phone)
    assert [each["patient"] for each in refused.value.facts["alike"]] == [
        same.public_id,
        far.public_id,
        near.public_id,
    ]


def test_pairs_are_told_the_last_entered_first_and_without_merged_records(db: Database) -> None:
    (first, *_, last) = [entered(db, str(number), anyway=True) for number in range(3)]
    wanted = Merge(first.public_id, last.public_id, 1, 1, "同一人")
    db.transact(lambda session, now: merging.merge(session, wanted, actor=NURSE, now=now), now=NOW)
    entered(db, "4", name="李雷", anyway=True)
    entered(db, "5", name="李雷", anyway=True)
    with db.read() as session:
        numbers = [(later.record_number, earlier.record_number) for later, earlier in pairs(session)]
    assert numbers == [("5", "4"), ("1", "0")]


def test_a_stranger_is_entered_without_a_question(db: Database) -> None:
    entered(db, "1")
    assert entered(db, "2", name="李雷", birth_date=OTHER).record_number == "2"
