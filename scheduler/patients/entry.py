"""What a person types about a patient, and how it is cleaned before anything is stored."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from scheduler.errors import Invalid
from scheduler.patients import flags as marks
from scheduler.patients.flags import Flag
from scheduler.texts import clean_text, digits

SEXES = ("female", "male", "other", "unknown")
"""FHIR administrative gender."""

LONGEST_NAME = 100
LONGEST_NUMBER = 64
OLDEST_YEARS = 130


@dataclass(frozen=True, slots=True)
class PatientEntry:
    """What a person types about a patient. `phone` may hold blanks, +, - and brackets."""

    record_number: str
    name: str
    sex: str
    birth_date: date
    phone: str | None = None
    flags: tuple[Flag, ...] = ()


def cleaned(entry: PatientEntry, *, today: date) -> PatientEntry:
    """Return an entry as it is stored: texts in NFC without blanks around them, flags sorted, telephone in digits.

    `today` is the department's date. Raises Invalid with the code of the first fault: control-characters,
    empty-text or text-too-long (facts: field), unknown-sex, bad-phone, birth-date-in-future, birth-date-too-old,
    or as `flags.cleaned` does.
    """
    if entry.sex not in SEXES:
        raise Invalid("unknown-sex", sex=entry.sex, known=list(SEXES))
    return PatientEntry(
        record_number=clean_text("record_number", entry.record_number, LONGEST_NUMBER),
        name=clean_text("name", entry.name, LONGEST_NAME),
        sex=entry.sex,
        birth_date=_birth_date(entry.birth_date, today),
        phone=_phone(entry.phone),
        flags=marks.cleaned(entry.flags, today=today),
    )


def _birth_date(day: date, today: date) -> date:
    if day > today:
        raise Invalid("birth-date-in-future", birth_date=day.isoformat())
    if day.year < today.year - OLDEST_YEARS:
        raise Invalid("birth-date-too-old", birth_date=day.isoformat(), years=OLDEST_YEARS)
    return day


def _phone(phone: str | None) -> str | None:
    """Return a number as its digits, with the + of a country code before them; None for a blank one."""
    text = unicodedata.normalize("NFKC", phone or "").strip()
    if not text:
        return None
    found = re.fullmatch(r"(\+?)([0-9][0-9 ().-]*|\([0-9 ().-]*)", text)
    if found is None or not 3 <= len(digits(text)) <= 20:
        raise Invalid("bad-phone")
    return found[1] + digits(text)
