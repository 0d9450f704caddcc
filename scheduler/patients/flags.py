"""What must be minded wherever a patient is: seven flags, each with the particulars that belong to it.

A flag is in force until its `until` day, that day included; without one until somebody takes it away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from scheduler.errors import Invalid
from scheduler.texts import optional_text

FIELDS: Mapping[str, tuple[str, ...]] = {
    "allergy": ("note",),
    "anticoagulant": ("note", "last_dose"),
    "diabetes": (),
    "isolation": ("note", "until"),
    "pacemaker": (),
    "pregnancy": ("until",),
    "radiation": ("until",),
}
"""Flag → its particulars. `note` is the substance, the drug or the organism (CLINICAL §5.2, §5.3, §9)."""

FLAGS = tuple(FIELDS)
LONGEST_NOTE = 60
YEARS = range(1900, 2200)


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing to be minded."""

    code: str
    note: str | None = None
    until: date | None = None
    last_dose: date | None = None

    def in_force(self, day: date) -> bool:
        """Tell whether it is still to be minded on a local day."""
        return self.until is None or day <= self.until


def stored(flags: Iterable[Flag]) -> list[dict[str, str]]:
    """Return flags as the database keeps them: a list of objects without empty members."""
    return [_stored(flag) for flag in flags]


def _stored(flag: Flag) -> dict[str, str]:
    members = {"code": flag.code, "note": flag.note, "until": flag.until, "last_dose": flag.last_dose}
    return {name: str(value) for name, value in members.items() if value is not None}


def read(rows: Iterable[Mapping[str, Any]]) -> tuple[Flag, ...]:
    """Return flags from what the database keeps."""
    return tuple(_read(row) for row in rows)


def _read(row: Mapping[str, Any]) -> Flag:
    return Flag(row["code"], row.get("note"), _day(row.get("until")), _day(row.get("last_dose")))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def in_force(rows: Iterable[Mapping[str, Any]], day: date) -> tuple[Flag, ...]:
    """Return those of the stored flags that are to be minded on a local day."""
    return tuple(flag for flag in read(rows) if flag.in_force(day))


def past(rows: Iterable[Mapping[str, Any]], day: date) -> tuple[Flag, ...]:
    """Return those of the stored flags whose time is over on a local day."""
    return tuple(flag for flag in read(rows) if not flag.in_force(day))


def cleaned(flags: Iterable[Flag], *, today: date) -> tuple[Flag, ...]:
    """Return flags as they are stored: each code once, the last one said, in order of code.

    `today` is the department's date. Raises Invalid("unknown-flag" | "flag-particular" | "control-characters" |
    "text-too-long" | "time-out-of-range"), and Invalid("time-in-future") for a dose that is still to be taken.
    """
    by_code = {flag.code: _cleaned(flag, today) for flag in flags}
    return tuple(by_code[code] for code in sorted(by_code))


def _cleaned(flag: Flag, today: date) -> Flag:
    if flag.code not in FIELDS:
        raise Invalid("unknown-flag", flag=flag.code, known=list(FLAGS))
    given = {"note": _note(flag.note), "until": flag.until, "last_dose": flag.last_dose}
    for name, value in given.items():
        if value is not None and name not in FIELDS[flag.code]:
            raise Invalid("flag-particular", flag=flag.code, field=name)
        if isinstance(value, date) and value.year not in YEARS:
            raise Invalid("time-out-of-range", field=name, value=value.isoformat())
    if flag.last_dose is not None and flag.last_dose > today:
        raise Invalid("time-in-future", at=flag.last_dose)
    return Flag(flag.code, **given)  # type: ignore[arg-type]


def _note(text: str | None) -> str | None:
    return optional_text("note", text, LONGEST_NOTE)
