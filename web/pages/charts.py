"""Lines, bands and bars as SVG geometry in a box that the page stretches to its width. No styles, only numbers.

The box is BOX wide and high whatever is drawn in it; classes of manage.css give colour, and labels stand outside of
it as text, so that they keep their size on a telephone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

BOX = (1000, 200)


@dataclass(frozen=True, slots=True)
class Dot:
    """One point of a line; `number` is its place among the points."""

    number: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line with gaps where there is no value, and a band from the least to the greatest."""

    runs: tuple[str, ...]
    """SVG point lists, one for each stretch without a gap."""
    bands: tuple[str, ...]
    dots: tuple[Dot, ...]
    target: float | None
    """The y of where it should be."""
    ticks: tuple[float, ...]
    """Values at the foot, the middle and the top of the box."""


Value = float | None


def line(
    values: Sequence[Value], lows: Sequence[Value] = (), highs: Sequence[Value] = (), *, target: Value = None
) -> Line:
    """Return the picture of values from left to right; the axis begins at nought."""
    known = [each for each in (*values, *highs, target) if each is not None]
    top = nice(max(known, default=1))
    x = _places(len(values))

    def y(value: float) -> float:
        return round(BOX[1] * (1 - value / top), 1)

    dots = tuple(Dot(number, x[number], y(value)) for number, value in enumerate(values) if value is not None)
    band = [
        (x[number], y(low), y(high))
        for number, (low, high) in enumerate(zip(lows, highs, strict=True))
        if low is not None and high is not None
    ]
    return Line(
        tuple(" ".join(f"{dot.x},{dot.y}" for dot in run) for run in _runs(dots)),
        (_outline(band),) if len(band) > 1 else (),
        dots,
        y(target) if target is not None else None,
        (0, top / 2, top),
    )


def _places(count: int) -> list[float]:
    if count < 2:
        return [BOX[0] / 2] * count
    return [round(number * BOX[0] / (count - 1), 1) for number in range(count)]


def _runs(dots: Sequence[Dot]) -> list[list[Dot]]:
    found: list[list[Dot]] = []
    for dot in dots:
        if found and found[-1][-1].number == dot.number - 1:
            found[-1].append(dot)
        else:
            found.append([dot])
    return found


def _outline(band: Sequence[tuple[float, float, float]]) -> str:
    up = [f"{x},{high}" for x, _, high in band]
    return " ".join([*up, *(f"{x},{low}" for x, low, _ in reversed(band))])


def shares(values: Sequence[Value]) -> tuple[float, ...]:
    """Return bars' lengths in percent of the longest one's round top."""
    top = nice(max((value for value in values if value is not None), default=1))
    return tuple(round((value or 0) / top * 100, 1) for value in values)


def nice(value: float) -> float:
    """Return the next round number (1, 2, 2.5, 4, 5 or 8 of its power of ten) that is not less."""
    if value <= 0:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 2.5, 4, 5, 8) if step * power >= value), 10 * power)
