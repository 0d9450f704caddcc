"""Privilege: who fills a need is licensed for its family, at its level or above, on every day the slot touches."""

from collections.abc import Iterator
from datetime import date, timedelta

from scheduler.engine.grid import Grid, Span, day_start, local_date
from scheduler.engine.protocol import Need
from scheduler.engine.rules.reading import Reading, broken, need_of, real_span
from scheduler.engine.world import Licence, Resource, Violation


def _sufficient(need: Need, resource: Resource) -> list[Licence]:
    return [held for held in resource.licences if held.family == need.privilege and held.level >= need.level]


def mask(grid: Grid, need: Need, resource: Resource) -> int:
    """Return the cells of the days on which a resource may fill a need; all ones when no privilege is needed.

    -1 stands for every cell, so that the common case costs nothing.
    """
    if need.privilege is None:
        return -1
    licensed = 0
    for held in _sufficient(need, resource):
        if held.first <= grid.first and held.last >= grid.last:
            return -1
        if held.first <= held.last and held.first < grid.last and held.last >= grid.first:
            licensed |= grid.free_bits(*_bounds(grid, held))
    return licensed


def _bounds(grid: Grid, held: Licence) -> tuple[int, int]:
    """Return the licence's instants, cut to the grid so that `date.max` ("for ever") is no trouble."""
    first, last = max(held.first, grid.first), min(held.last, grid.last)
    return day_start(first, grid.zone), day_start(last + timedelta(days=1), grid.zone)


def lowest_level(need: Need, resource: Resource) -> int:
    """Return the lowest level of the licences that suffice: the least that would be spent on this need."""
    return min((held.level for held in _sufficient(need, resource)), default=0)


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield privilege-missing with family, level and the first local day that is not covered (ISO)."""
    zone = reading.problem.world.grid.zone
    for step, slot in reading.slots():
        need, span = need_of(step, slot.role), real_span(slot)
        resource = reading.problem.world.resources.get(slot.resource)
        if need is None or need.privilege is None or resource is None or span is None:
            continue
        day = _first_uncovered(_sufficient(need, resource), span, zone)
        if day is not None:
            facts = {"family": need.privilege, "level": need.level, "date": day.isoformat()}
            yield broken("privilege-missing", step, slot, **facts)


def _first_uncovered(licences: list[Licence], span: Span, zone: str) -> date | None:
    day, last = local_date(span.starts, zone), local_date(span.ends - 1, zone)
    while day <= last:
        if not any(held.first <= day <= held.last for held in licences):
            return day
        day += timedelta(days=1)
    return None
