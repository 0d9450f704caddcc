"""The department in figures, day by day: what was open and used, what was on time, what fell out, who waited.

`periods` says which days, `reading` reads them as plain rows, `facts` counts one day, `figures` makes figures of many.
Definitions follow CLINICAL §11 and §13; every figure keeps its numerator and denominator.
"""

from scheduler.indicators.cases import behind
from scheduler.indicators.facts import DayFacts, Ratio
from scheduler.indicators.figures import FIGURES, GRACE_MINUTES, TARGET_DAYS, Figure, Point, figure
from scheduler.indicators.periods import KINDS, Period, period_of
from scheduler.indicators.reading import counted

__all__ = [
    "FIGURES",
    "GRACE_MINUTES",
    "KINDS",
    "TARGET_DAYS",
    "DayFacts",
    "Figure",
    "Period",
    "Point",
    "Ratio",
    "behind",
    "counted",
    "figure",
    "period_of",
]
