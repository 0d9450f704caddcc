"""The common figures of a protocol document as a flat form: lead, minutes, counts, levels, nights, lags. Pure."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.engine.protocol import PHASES
from scheduler.errors import Invalid

STAY = ("nights_before", "nights")
APART = ("before_minutes", "after_minutes")
SUPPLY = ("order_days", "use_by_days")
MINUTES, DAYS = ("min_minutes", "max_minutes"), ("min_days", "max_days")


@dataclass(frozen=True, slots=True)
class Figure:
    """One field of the form. `name` finds its entry again: `step.0.phases.setup`, places counted from 0."""

    name: str
    value: int | None

    @property
    def key(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one entry, named by `at`: what is ordered, a step's phases, a need, a stay, or a lag."""

    kind: str
    at: tuple[str, ...]
    figures: tuple[Figure, ...]


def figures(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """Return every common figure of a valid document, grouped, in its order."""
    return (*_ahead(document), *_steps(document), *_lags(document))


def _ahead(document: Mapping[str, Any]) -> Iterator[Group]:
    """Yield how long before the first step a booking is made; with what is ordered, when that is ordered."""
    if "supply" in document:
        yield Group("supply", (), _figures("supply", document["supply"], SUPPLY))
    elif "lead_days" in document:
        yield Group("lead", (), (Figure("lead_days", document["lead_days"]),))


def _steps(document: Mapping[str, Any]) -> Iterator[Group]:
    for place, step in enumerate(document["step"]):
        name, code = f"step.{place}", step["code"]
        yield Group("phases", (code,), _figures(f"{name}.phases", step["phases"], PHASES))
        for number, need in enumerate(step.get("need", ())):
            keys = ("count", *(("level",) if "privilege" in need else ()), *(key for key in APART if key in need))
            shown = {"count": 1, "level": 1} | need
            yield Group("need", (code, need["role"]), _figures(f"{name}.need.{number}", shown, keys))
        if "stay" in step:
            yield Group("stay", (code,), _figures(f"{name}.stay", step["stay"], STAY))


def _lags(document: Mapping[str, Any]) -> Iterator[Group]:
    for place, lag in enumerate(document.get("lag", ())):
        keys = MINUTES if any(key in lag for key in MINUTES) else DAYS
        yield Group("lag", (lag["from"], lag["to"]), _figures(f"lag.{place}", lag, keys))


def _figures(name: str, table: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Figure, ...]:
    return tuple(Figure(f"{name}.{key}", table.get(key)) for key in keys)


def apply_figures(document: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the document with the form's figures in place; a field left empty takes the figure out.

    Fields that are no figure of the document are ignored. Raises Invalid("figure-bad") for what is no whole number.
    """
    made = copy.deepcopy(dict(document))
    for group in figures(document):
        for figure in group.figures:
            if figure.name in given:
                _set(made, figure, _whole(given[figure.name], figure))
    return made


def _whole(text: str, figure: Figure) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 8):
        raise Invalid("figure-bad", field=figure.key, value=text[:40])
    return int(text)


def _set(document: dict[str, Any], figure: Figure, value: int | None) -> None:
    table: Any = document
    *way, key = figure.name.split(".")
    for part in way:
        table = table[int(part)] if isinstance(table, list) else table[part]
    if value is None:
        table.pop(key, None)
    elif not (key not in table and value == figure.value):  # a default that was only shown is not written down
        table[key] = value
