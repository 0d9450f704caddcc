"""Weeks, months, quarters and years of local days, the one before each, and the parts that a trend is drawn of."""

from dataclasses import dataclass
from datetime import date, timedelta

KINDS = ("week", "month", "quarter", "year")
MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """Local days from `first` to `last`, both inclusive; `kind` is one of KINDS, or a part of such a period."""

    kind: str
    first: date
    last: date

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))

    def before(self) -> "Period":
        return period_of(self.kind, self.first - timedelta(days=1))

    def after(self) -> "Period":
        return period_of(self.kind, self.last + timedelta(days=1))

    def parts(self) -> tuple["Period", ...]:
        """Return the points of this period's trend: days, for a quarter its weeks, for a year its months."""
        if self.kind == "year":
            return tuple(period_of("month", date(self.first.year, month, 1)) for month in range(1, 13))
        if self.kind == "quarter":
            mondays = sorted({day - timedelta(days=day.weekday()) for day in self.days})
            return tuple(
                Period("week", max(monday, self.first), min(monday + timedelta(days=6), self.last))
                for monday in mondays
            )
        return tuple(Period("day", day, day) for day in self.days)


def period_of(kind: str, day: date) -> Period:
    """Return the week, month, quarter or year that a day lies in."""
    if kind == "week":
        monday = day - timedelta(days=day.weekday())
        return Period(kind, monday, monday + timedelta(days=6))
    months = MONTHS[kind]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return Period(kind, first, _months_on(first, months) - timedelta(days=1))


def _months_on(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
