"""Patients: entered, corrected, found by number, name, pinyin, initials or the end of a telephone number."""

from scheduler.patients.entry import LONGEST_NAME, LONGEST_NUMBER, OLDEST_YEARS, SEXES, PatientEntry, cleaned
from scheduler.patients.finding import search
from scheduler.patients.flags import FIELDS, FLAGS, LONGEST_NOTE, Flag
from scheduler.patients.likeness import Alike, likely
from scheduler.patients.record import by_public_id, create, update
from scheduler.patients.sounds import SURNAMES, readings

__all__ = [
    "FIELDS",
    "FLAGS",
    "LONGEST_NAME",
    "LONGEST_NOTE",
    "LONGEST_NUMBER",
    "OLDEST_YEARS",
    "SEXES",
    "SURNAMES",
    "Alike",
    "Flag",
    "PatientEntry",
    "by_public_id",
    "cleaned",
    "create",
    "likely",
    "readings",
    "search",
    "update",
]
