"""What each figure of the department is called, how it is defined, and how its value is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from scheduler.indicators import FIGURES


@dataclass(frozen=True, slots=True)
class Words:
    """A figure in words; `numerator` and `denominator` head the columns of its table."""

    name: Any
    definition: Any
    numerator: Any
    denominator: Any


FIGURE_WORDS: Mapping[str, Words] = {
    "occupancy": Words(
        _("Bed occupancy"),
        _(
            "Beds occupied at midnight, of the beds open then; a bed that is closed is not open. Patients who come and"
            " leave between two midnights are not counted."
        ),
        _("occupied bed-days"),
        _("open bed-days"),
    ),
    "theatre": Words(
        _("Theatre use"),
        _(
            "Time with a patient in an operating room (from “in the room” to “out”), of the rooms' opening hours less"
            " closures. Time outside opening hours counts as used."
        ),
        _("hours used"),
        _("hours open"),
    ),
    "capped": Words(
        _("Theatre use within hours"),
        _("As theatre use, but only the time within opening hours counts as used."),
        _("hours used"),
        _("hours open"),
    ),
    "first-case": Words(
        _("First case on time"),
        _(
            "First planned case of each operating room and day whose patient was in the room no later than the planned"
            " start and the grace, of all first cases with a time written down."
        ),
        _("on time"),
        _("first cases"),
    ),
    "cancelled": Words(
        _("Cancelled on the day"),
        _(
            "Visits cancelled on the day they were for, of all visits that stood on the list when that day began. Holds"
            " that lapsed or were given back were never on the list."
        ),
        _("cancelled on the day"),
        _("on the list"),
    ),
    "no-show": Words(
        _("No-shows"),
        _("Patients who did not come, of those who should have come and were not cancelled."),
        _("did not come"),
        _("should have come"),
    ),
    "waiting": Words(
        _("Days waited (elective, cancer)"),
        _(
            "Median of the days from the request to the operation, of operations that began in this time; of a pathway"
            " only the first visit. For now the request is when the booking was made, because no earlier date is kept."
        ),
        "",
        _("operations"),
    ),
    "exams": Words(
        _("Examinations a working day"),
        _("Examinations done (abdominal, superficial, cardiac, endoluminal, vascular, contrast), by working days."),
        _("examinations"),
        _("working days"),
    ),
    "lodgers": Words(
        _("Lodgers a night"),
        _("Patients of this department in beds of other wards at midnight, on average."),
        _("lodger-nights"),
        _("nights counted"),
    ),
}


def written(code: str, value: float | None) -> str:
    """Write a figure's value with its unit; a dash for none."""
    if value is None:
        return "–"
    unit = FIGURES[code].unit
    if unit == "percent":
        return f"{value:.1f} %"
    return gettext("%(days)s d", days=f"{value:g}") if unit == "days" else f"{value:.1f}"


def counted(code: str, number: int) -> str:
    """Write a numerator or denominator: seconds as hours, everything else as it is."""
    return f"{number / 3600:,.0f}" if code in ("theatre", "capped") else f"{number:,}"
