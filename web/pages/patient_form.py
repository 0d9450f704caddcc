"""Read the form in which a patient is entered or corrected."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from scheduler import patients
from scheduler.errors import DomainError, Invalid
from scheduler.patients import FIELDS, Alike, Flag, PatientEntry
from web.pages.wishes import coming_day, day_of, past_day

ID_CARD_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CARD_CHECKS = "10X98765432"
"""GB 11643-1999: the eighteenth sign of a number is the one the weighted sum of the others points at."""

DAYS = {"until": coming_day, "last_dose": past_day}
"""How a flag's day is read where its year is not typed: a flag is in force until a day, a dose was taken on one."""

MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)


def begun(asked: str) -> dict[str, str]:
    """Return what a new patient's form begins with: what was searched for in vain, in the field it belongs to."""
    text = asked.strip()
    if MOBILE.fullmatch(text):
        return {"phone": text}
    return {"record_number" if any(sign.isdecimal() for sign in text) else "name": text}


def looking_alike(session: Session, refusal: DomainError | None) -> list[Alike]:
    """Return the patients a refusal names as perhaps the one being entered."""
    facts = refusal.facts if refusal is not None else {}
    named = [(each["patient"], each["why"]) for each in facts.get("alike", ())]
    if refusal is not None and refusal.code == "duplicate-record-number" and "patient" in facts:
        named = [(facts["patient"], "same-number")]
    return [Alike(patients.by_public_id(session, patient), why) for patient, why in named]


def patient_entry(form: Any, today: date) -> PatientEntry:
    """Read what a person typed about a patient.

    Where the date of birth is asked for, the eighteen signs of an identity card number do as well: they give date and
    sex and are forgotten. Raises Invalid("birth-date-bad" | "id-card-bad" | "sex-missing" | "flag-date-bad").
    """
    born, sex = _born(form.get("birth_date", ""))
    return PatientEntry(
        record_number=form.get("record_number", ""),
        name=form.get("name", ""),
        sex=_sex(form.get("sex", ""), sex),
        birth_date=born,
        phone=form.get("phone") or None,
        flags=tuple(_flag(form, code, today) for code in form.getlist("flags")),
    )


def _born(typed: str) -> tuple[date, str | None]:
    """Return the date of birth and, when an identity card number was typed, the sex it says."""
    text = typed.strip().upper()
    try:
        if len(text) == 18 and text[:17].isdecimal():
            return _of_id_card(text)
        return day_of(text), None
    except ValueError:
        raise Invalid("birth-date-bad", birth_date=typed) from None


def _of_id_card(text: str) -> tuple[date, str]:
    total = sum(int(digit) * weight for digit, weight in zip(text, ID_CARD_WEIGHTS, strict=False))
    if not text.isascii() or ID_CARD_CHECKS[total % 11] != text[17]:
        raise Invalid("id-card-bad")
    return day_of(text[6:14]), "male" if int(text[16]) % 2 else "female"


def _sex(chosen: str, said: str | None) -> str:
    if not (chosen or said):
        raise Invalid("sex-missing")
    if chosen in ("female", "male") and said not in (None, chosen):
        raise Invalid("id-card-bad")
    return said or chosen


def _flag(form: Any, code: str, today: date) -> Flag:
    given = {field: form.get(f"{field}.{code}", "").strip() for field in FIELDS.get(code, ())}
    days = {field: _day(given.get(field), read, today) for field, read in DAYS.items()}
    return Flag(code, note=given.get("note") or None, **days)


def _day(text: str | None, read: Callable[[str, date], date], today: date) -> date | None:
    try:
        return read(text, today) if text else None
    except ValueError:
        raise Invalid("flag-date-bad", value=text) from None
