"""Patients: what may be entered, how names sound, how a patient is found."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from models import Audit, Patient
from models.database import Database
from scheduler import patients
from scheduler.actor import Actor
from scheduler.errors import Conflict, Invalid, NotFound, StaleVersion
from scheduler.patients import Flag, PatientEntry

NURSE = Actor("user:nurse", "nurse")
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
TODAY = date(2026, 11, 23)


def entry(**given: Any) -> PatientEntry:
    usual: dict[str, Any] = {
        "record_number": "M0001",
        "name": "张晓明",
        "sex": "male",
        "birth_date": date(1970, 1, 1),
    }
    return PatientEntry(**(usual | given))


def create(db: Database, **given: Any) -> Patient:
    made = entry(**given)
    patient: Patient = db.transact(
        lambda session, now: patients.create(session, made, actor=NURSE, now=now, anyway=True), now=NOW
    )
    return patient


def found(db: Database, text: str, **options: Any) -> list[str]:
    with db.read() as session:
        return [patient.name for patient in patients.search(session, text, **options)]


@pytest.mark.parametrize(
    ("name", "pinyin", "initials"),
    [
        ("张晓明", "zhangxiaoming", "zxm"),
        ("单晓明", "shanxiaoming", "sxm"),
        ("曾小贤", "zengxiaoxian", "zxx"),
        ("仇英", "qiuying", "qy"),
        ("解晓东", "xiexiaodong", "xxd"),
        ("区伟", "ouwei", "ow"),
        ("查良镛", "zhaliangyong", "zly"),
        ("盖聂", "genie", "gn"),
        ("朴树", "piaoshu", "ps"),
        ("任静", "renjing", "rj"),
        ("华佗", "huatuo", "ht"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("万俟雨", "moqiyu", "mqy"),
        ("长孙无忌", "zhangsunwuji", "zswj"),
        ("澹台明", "tantaiming", "ttm"),
        ("单于静", "chanyujing", "cyj"),
        ("欧阳静", "ouyangjing", "oyj"),
        ("吕布", "lvbu", "lb"),
        ("买买提·吐尔逊", "maimaitituerxun", "mmttex"),
        ("Anna Weiß", "annaweiss", "aw"),
        ("张😀", "zhang", "z"),
    ],
)
def test_a_name_is_read_as_its_bearer_reads_it_first(name: str, pinyin: str, initials: str) -> None:
    sound, letters = patients.readings(name)
    assert (sound.split()[0], letters.split()[0]) == (pinyin, initials)


def test_the_dictionarys_reading_of_a_surname_is_kept_beside_the_right_one() -> None:
    assert patients.readings("单晓明") == ("shanxiaoming danxiaoming", "sxm dxm")


def test_u_umlaut_is_found_by_v_by_u_and_by_yu() -> None:
    assert patients.readings("吕布")[0] == "lvbu lubu lyubu"


def test_a_latin_name_with_a_v_is_left_alone() -> None:
    assert patients.readings("Victor") == ("victor", "v")


def test_a_name_without_a_latin_reading_has_none() -> None:
    assert patients.readings("😀") == ("", "")


def test_the_readings_of_the_longest_name_fit_their_columns() -> None:
    sound, letters = patients.readings("单" + "庄" * 99)
    assert (len(sound), len(letters.split()[0])) == (255, 100)


def test_every_table_surname_has_as_many_syllables_as_characters() -> None:
    wrong = [name for name, heard in patients.SURNAMES.items() if any(len(each.split()) != len(name) for each in heard)]
    assert wrong == []


def test_a_patient_has_a_resource_without_a_name(db: Database) -> None:
    public_id = create(db).public_id
    with db.read() as session:
        patient = patients.by_public_id(session, public_id)
    assert patient.resource.code == f"patient:{patient.public_id}"
    assert patient.resource.kind == "patient"
    assert "张" not in patient.resource.name_zh


def test_entering_a_patient_is_audited_without_the_name(db: Database) -> None:
    patient = create(db)
    with db.read() as session:
        link = session.scalars(select(Audit)).one()
    assert (link.action, link.entity, link.patient, link.actor) == (
        "create",
        "patient",
        patient.public_id,
        "user:nurse",
    )
    assert "张" not in str(link.detail)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": ""}, "empty-text"),
        ({"name": "  \u3000"}, "empty-text"),
        ({"name": "\u200d\u200d"}, "empty-text"),
        ({"name": "张" * 101}, "text-too-long"),
        ({"name": "张\x00明"}, "control-characters"),
        ({"name": "张\n明"}, "control-characters"),
        ({"name": "张\ud800"}, "control-characters"),
        ({"name": "张\u202e明"}, "control-characters"),
        ({"record_number": " "}, "empty-text"),
        ({"record_number": "1" * 65}, "text-too-long"),
        ({"record_number": "1\t2"}, "control-characters"),
        ({"sex": "m"}, "unknown-sex"),
        ({"flags": (Flag("vip"),)}, "unknown-flag"),
        ({"flags": (Flag("diabetes", note="II"),)}, "flag-particular"),
        ({"flags": (Flag("allergy", note="碘" * 61),)}, "text-too-long"),
        ({"flags": (Flag("allergy", note="碘\n剂"),)}, "control-characters"),
        ({"flags": (Flag("pregnancy", until=date(9999, 1, 1)),)}, "time-out-of-range"),
        ({"flags": (Flag("anticoagulant", last_dose=TODAY + timedelta(days=1)),)}, "time-in-future"),
        ({"birth_date": date(2026, 11, 24)}, "birth-date-in-future"),
        ({"birth_date": date(1895, 12, 31)}, "birth-date-too-old"),
        ({"phone": "12"}, "bad-phone"),
        ({"phone": "1" * 21}, "bad-phone"),
        ({"phone": "call me"}, "bad-phone"),
        ({"phone": "138+0013"}, "bad-phone"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(given: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        patients.cleaned(entry(**given), today=TODAY)
    assert refused.value.code == code


def test_texts_are_composed_trimmed_and_may_hold_emoji() -> None:
    family = "👩\u200d👧"
    cleaned = patients.cleaned(entry(name=f" Zoe\u0308 {family} ", record_number=" M1 "), today=TODAY)
    assert (cleaned.name, cleaned.record_number) == (f"Zoë {family}", "M1")


def test_a_hundred_characters_and_a_birth_today_are_accepted() -> None:
    cleaned = patients.cleaned(entry(name="张" * 100, birth_date=TODAY), today=TODAY)
    assert (len(cleaned.name), cleaned.birth_date) == (100, TODAY)


def test_flags_are_kept_once_and_in_order() -> None:
    flags = (Flag("isolation"), Flag("allergy", note="  碘剂 "), Flag("isolation", note="MRSA"))
    kept = patients.cleaned(entry(flags=flags), today=TODAY).flags
    assert kept == (Flag("allergy", note="碘剂"), Flag("isolation", note="MRSA"))


def test_a_last_dose_of_today_is_kept() -> None:
    flags = (Flag("anticoagulant", note="华法林", last_dose=TODAY),)
    assert patients.cleaned(entry(flags=flags), today=TODAY).flags == flags


def test_a_telephone_number_is_kept_as_digits_with_its_country_code() -> None:
    numbers = ("+86 138-0013-8000", "(0571) 8765 4321", "１３８００１３８０００", " ")
    kept = [patients.cleaned(entry(phone=number), today=TODAY).phone for number in numbers]
    assert kept == ["+8613800138000", "057187654321", "13800138000", None]


def test_a_child_born_today_in_the_departments_zone_is_entered_though_it_is_yesterday_in_utc(
    department: Database,
) -> None:
    late = datetime(2026, 11, 23, 17, tzinfo=UTC)  # 01:00 on the 24th in Shanghai
    born = entry(birth_date=date(2026, 11, 24))
    patient = department.transact(lambda session, now: patients.create(session, born, actor=NURSE, now=now), now=late)
    assert patient.birth_date == date(2026, 11, 24)


def test_a_record_number_is_given_once(db: Database) -> None:
    first = create(db, record_number="M7")
    with pytest.raises(Conflict) as refused:
        create(db, record_number=" M7 ", name="李雷")
    assert refused.value.code == "duplicate-record-number"
    assert refused.value.facts["patient"] == first.public_id


def test_of_eight_who_enter_one_number_in_the_same_moment_one_wins(db: Database) -> None:
    start = Barrier(8)

    def enter(name: str) -> str:
        start.wait()
        try:
            return create(db, record_number="M7", name=name).name
        except Conflict as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(enter, "甲乙丙丁戊己庚辛"))
    assert outcomes[:7] == ["duplicate-record-number"] * 7
    assert found(db, "M7") == outcomes[7:]


def test_correcting_a_patient_renews_the_readings_and_raises_the_version(db: Database) -> None:
    patient = create(db)
    new = entry(name="单晓明", phone="13800138000", flags=(Flag("allergy"),))
    changed = db.transact(
        lambda session, now: patients.update(session, patient.public_id, new, version=1, actor=NURSE, now=now), now=NOW
    )
    assert (changed.name, changed.pinyin, changed.phone_tail, changed.version) == (
        "单晓明",
        "shanxiaoming danxiaoming",
        "8000",
        2,
    )
    assert (found(db, "sxm"), found(db, "8000"), found(db, "zxm")) == (["单晓明"], ["单晓明"], [])
    with db.read() as session:
        link = session.scalars(select(Audit).order_by(Audit.seq.desc()).limit(1)).one()
    assert "name" in link.detail["changed"]
    assert "单" not in str(link.detail)


def test_correcting_an_older_version_is_refused(db: Database) -> None:
    patient = create(db)
    with pytest.raises(StaleVersion) as refused:
        db.transact(
            lambda session, now: patients.update(session, patient.public_id, entry(), version=0, actor=NURSE, now=now)
        )
    assert refused.value.facts == {"expected": 0, "actual": 1}


def test_correcting_to_anothers_number_is_refused_and_to_ones_own_is_not(db: Database) -> None:
    create(db, record_number="M1")
    second = create(db, record_number="M2")

    def number(text: str) -> None:
        new = entry(record_number=text)
        db.transact(
            lambda session, now: patients.update(session, second.public_id, new, version=1, actor=NURSE, now=now)
        )

    with pytest.raises(Conflict):
        number("M1")
    number("M2")
    assert found(db, "M2") == ["张晓明"]


def test_an_unknown_patient_is_not_found(db: Database) -> None:
    with db.read() as session, pytest.raises(NotFound) as refused:
        patients.by_public_id(session, "nobody")
    assert refused.value.code == "unknown-patient"


@pytest.fixture
def three(db: Database) -> Database:
    create(db, record_number="M0001", name="张晓明", phone="138 0013 8000")
    create(db, record_number="M0002", name="单晓明", phone="13912345678")
    create(db, record_number="A10%", name="Anna Weiß")
    return db


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("zxm", ["张晓明"]),
        ("ZXM", ["张晓明"]),
        ("zhangxiao", ["张晓明"]),
        ("zhang xiao ming", ["张晓明"]),
        ("xiaoming", ["单晓明", "张晓明"]),
        ("sxm", ["单晓明"]),
        ("dxm", ["单晓明"]),
        ("shan", ["单晓明"]),
        ("晓明", ["单晓明", "张晓明"]),
        ("张", ["张晓明"]),
        ("8000", ["张晓明"]),
        ("13800138000", ["张晓明"]),
        ("00138000", ["张晓明"]),
        ("678", ["单晓明"]),
        ("99138000", []),
        ("m0001", ["张晓明"]),
        ("M000", ["单晓明", "张晓明"]),
        ("weiß", ["Anna Weiß"]),
        ("anna w", ["Anna Weiß"]),
        ("aw", ["Anna Weiß"]),
        ("10%", []),
        ("A10%", ["Anna Weiß"]),
        ("%", []),
        ("_", []),
        ("", []),
        ("  ", []),
        ("\x00", []),
        ("\ud800", []),
        ("a" * 101, []),
        ("'; drop table patient", []),
    ],
)
def test_a_patient_is_found_by_what_the_desk_knows(three: Database, text: str, names: list[str]) -> None:
    assert sorted(found(three, text)) == sorted(names)


def test_a_whole_record_number_comes_before_everything_else(db: Database) -> None:
    create(db, record_number="80001", name="甲")
    create(db, record_number="8000", name="乙")
    create(db, record_number="M3", name="丙", phone="13800138000")
    assert found(db, "8000")[0] == "乙"
    assert len(found(db, "8000")) == 3


def test_no_more_patients_than_asked_for_are_returned(three: Database) -> None:
    assert len(found(three, "晓明", limit=1)) == 1
    assert len(found(three, "晓明", limit=0)) == 1
