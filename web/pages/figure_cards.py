"""A figure as a card: name, value, trend and what it was; for the page of figures and the manager's first page."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from scheduler import indicators
from scheduler.indicators import DayFacts, Figure, Period
from web.figure_words import FIGURE_WORDS, written
from web.pages import charts


@dataclass(frozen=True, slots=True)
class Card:
    """One card; `sign` tells whether the value rose or fell, and leads to nothing where one of the two is unknown."""

    code: str
    name: str
    value: str
    sign: str
    before: str
    target: str
    spark: charts.Line
    path: str


def figures(session: Session, period: Period, days: Mapping[date, DayFacts], *, grace: int, now: int) -> list[Figure]:
    """Return every figure of a period, whose days have been counted, beside the period before."""
    before = indicators.counted(session, period.before(), now=now)
    return [indicators.figure(code, period, days.values(), before.values(), grace=grace) for code in indicators.FIGURES]


def this_month(session: Session, day: date, now: int) -> list[Card]:
    """Return the cards of the month a day is in, each leading to its figure."""
    month = indicators.period_of("month", day)
    days = indicators.counted(session, month, now=now)
    found = figures(session, month, days, grace=indicators.GRACE_MINUTES, now=now)
    return cards(found, lambda code: f"/manage?figure={code}")


def cards(found: Iterable[Figure], path: Callable[[str], str]) -> list[Card]:
    """Return figures as cards; `path` tells where a figure's card leads."""
    return [_card(each, path(each.kind.code)) for each in found]


def _card(figure: Figure, path: str) -> Card:
    code = figure.kind.code
    return Card(
        code=code,
        name=str(FIGURE_WORDS[code].name),
        value=written(code, figure.value),
        sign=_sign(figure.value, figure.before),
        before=written(code, figure.before),
        target=written(code, figure.kind.target) if figure.kind.target else "",
        spark=charts.line([point.value for point in figure.points]),
        path=path,
    )


def _sign(value: float | None, before: float | None) -> str:
    if value is None or before is None:
        return ""
    return "▲" if value > before else "▼" if value < before else "="
