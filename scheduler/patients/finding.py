"""Find patients by number, name, pinyin, initials or the end of a telephone number, best first."""

import unicodedata
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Patient, PatientKey
from scheduler.patients.entry import LONGEST_NAME
from scheduler.patients.keys import beginnings, number_key
from scheduler.texts import is_control

MOST = 100
KEYS_ALIKE = 8
"""Keys of one patient that begin alike, such as three spellings of one reading; more only in a name that repeats."""
LAST_SIGN = "\U0010ffff"
"""Comes after every sign of a text, in the order of both databases: bytes of UTF-8."""


def search(session: Session, text: str, limit: int = 20) -> list[Patient]:
    """Find patients by record number, name, pinyin, initials or the last digits of a telephone number (3 or more).

    Best first: a whole record number, then initials and beginnings, then what is found inside; alike in these, the
    shortest and then the one entered last. Each kind of key is asked for only while there is room, so that the
    commonest surname costs no more than a rare one. Text that no patient could have finds nobody.
    """
    asked = unicodedata.normalize("NFC", text).strip()
    if not asked or len(asked) > LONGEST_NAME or any(is_control(sign) for sign in asked):
        return []
    most = max(1, min(limit, MOST))
    ids: dict[int, None] = {}
    for found in _found(session, asked, most):
        ids.setdefault(found)
        if len(ids) == most:
            break
    rows = {row.id: row for row in session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    return [rows[id_] for id_ in ids]


def _found(session: Session, asked: str, most: int) -> Iterator[int]:
    """Yield ids of patients, best first and some more than once."""
    key, patient = PatientKey.key, PatientKey.patient_id
    yield from session.scalars(select(patient).where(key == number_key(asked)))
    for beginning in beginnings(asked):
        span = select(patient).where(key >= beginning, key < beginning + LAST_SIGN)
        yield from session.scalars(span.order_by(key, patient.desc()).limit(most * KEYS_ALIKE))
