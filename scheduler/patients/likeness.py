"""Tell records that may be of one person: a warning for who enters them, never a refusal of the truth.

Each rule is a name and a judgement over two records; the first that holds is told.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Patient, PatientKey
from scheduler.patients.entry import PatientEntry
from scheduler.patients.keys import PHONE
from scheduler.patients.sounds import readings
from scheduler.texts import digits

MOST_TOLD = 8
MOST_LOOKED_AT = 400
"""Born on one day: about ten among 300,000; the limit is for lists whose unknown dates of birth are all one day."""

CONFUSED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"))
"""Sounds that speech runs together, as input methods offer them: 张晓明 and 章小敏 are heard alike."""


@dataclass(frozen=True, slots=True)
class Person:
    """As much of a record as likeness asks for."""

    name: str
    sex: str
    birth_date: date
    phone: str | None
    heard: frozenset[str]
    """The readings of the name; a stored record has them, so that reading it needs no dictionary."""

    @classmethod
    def of(cls, record: PatientEntry | Patient) -> "Person":
        pinyin = record.pinyin if isinstance(record, Patient) else readings(record.name)[0]
        return cls(record.name, record.sex, record.birth_date, record.phone, frozenset(pinyin.split()))


@dataclass(frozen=True, slots=True)
class Alike:
    """A record that may be of the same person, and why: a key of RULES."""

    patient: Patient
    why: str


def same_name_and_birth_date(one: Person, other: Person) -> bool:
    return one.birth_date == other.birth_date and _sounds_same(one, other)


def same_phone_and_similar_name(one: Person, other: Person) -> bool:
    return one.phone is not None and one.phone == other.phone and _is_near(one, other)


def same_birth_date_and_similar_name(one: Person, other: Person) -> bool:
    return (one.birth_date, one.sex) == (other.birth_date, other.sex) and _is_near(one, other)


RULES: dict[str, Callable[[Person, Person], bool]] = {
    "same-name": same_name_and_birth_date,
    "same-phone": same_phone_and_similar_name,
    "near-name": same_birth_date_and_similar_name,
}


def likeness(one: Person, other: Person) -> str | None:
    """Return the first rule by which two records may be of one person, or None."""
    return next((name for name, holds in RULES.items() if holds(one, other)), None)


def _sounds_same(one: Person, other: Person) -> bool:
    return one.name.casefold() == other.name.casefold() or not one.heard.isdisjoint(other.heard)


def _is_near(one: Person, other: Person) -> bool:
    """Heard alike, or one sign of the given name another, missing or too many: 张晓明 and 张晓鸣, 张明 and 张晓明.

    Two signs at least must be the same, or every 王 of two signs would be like every other.
    """
    if not {_blurred(each) for each in one.heard}.isdisjoint(_blurred(each) for each in other.heard):
        return True
    return one.name == other.name or _one_replaced(one.name, other.name) or _one_missing(one.name, other.name)


def _blurred(pinyin: str) -> str:
    for heard, written in CONFUSED:
        pinyin = pinyin.replace(heard, written)
    return pinyin


def _one_replaced(one: str, other: str) -> bool:
    differing = sum(a != b for a, b in zip(one, other, strict=False))
    return len(one) == len(other) >= 3 and one[0] == other[0] and differing <= 1


def _one_missing(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(long) == len(short) + 1 >= 3 and any(
        long[:place] + long[place + 1 :] == short for place in range(1, len(long))
    )


def likely(session: Session, entry: PatientEntry | Patient) -> list[Alike]:
    """Return the other records that may be of this person, the likeliest first."""
    own = Person.of(entry)
    others = {patient.id: patient for patient in _candidates(session, entry) if patient is not entry}
    judged = [(likeness(own, Person.of(patient)), patient) for patient in others.values()]
    found = [Alike(patient, why) for why, patient in judged if why is not None]
    order = list(RULES)
    return sorted(found, key=lambda each: (order.index(each.why), -each.patient.id))[:MOST_TOLD]


def _candidates(session: Session, entry: PatientEntry | Patient) -> Iterator[Patient]:
    """Yield who was born on the same day or has the same telephone; both are looked up, not read through."""
    same = [Patient.birth_date == entry.birth_date]
    if entry.phone:
        key = PHONE + digits(entry.phone)[::-1]
        same.append(Patient.id.in_(select(PatientKey.patient_id).where(PatientKey.key == key)))
    for each in same:
        query = select(Patient).where(each, Patient.merged_into_id.is_(None)).limit(MOST_LOOKED_AT)
        yield from session.scalars(query)


NEWEST = 3_000
"""Records looked at for others like them: a month of new patients. What is older was looked at when it was new."""
MOST_PAIRS = 60


def pairs(session: Session) -> list[tuple[Patient, Patient]]:
    """Return pairs of one name and one date of birth, the later entered record first, among those entered last."""
    stands = Patient.merged_into_id.is_(None)
    newest = (
        select(Patient.id, Patient.birth_date, Patient.pinyin)
        .where(stands, Patient.pinyin != "")
        .order_by(Patient.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    alike = (Patient.birth_date == newest.c.birth_date) & (Patient.pinyin == newest.c.pinyin)
    query = (
        select(newest.c.id, Patient.id)
        .join(Patient, alike & (Patient.id < newest.c.id))
        .where(stands)
        .order_by(newest.c.id.desc(), Patient.id.desc())
        .limit(MOST_PAIRS)
    )
    found = [tuple(row) for row in session.execute(query)]
    ids = {id_ for pair in found for id_ in pair}
    rows = {row.id: row for row in session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    return [(rows[later], rows[earlier]) for later, earlier in found]
