"""The places of a few days, read once and kept in step with what is booked: where the demonstration looks first.

It only proposes: `booking.book` judges what is found under its locks, like everything that is booked.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import RESOURCE_KINDS, Resource
from scheduler import availability, taken
from scheduler.engine import explain as engine_explain
from scheduler.engine import find as engine_find
from scheduler.engine.grid import Grid, Span
from scheduler.engine.protocol import Need, Protocol
from scheduler.engine.rules import eligibility
from scheduler.engine.world import Busy, Placement, Problem, World
from scheduler.engine.world import Resource as Known

NIGHTS_BEFORE, NIGHTS_AFTER = 2, 9
"""How many nights around the days the beds are read for; a longer stay finds no place here."""


class Places:
    """What is free from a local day up to, not including, another, and in the beds on the nights around them."""

    def __init__(self, session: Session, first: date, last: date, codes: Collection[str], *, now: datetime) -> None:
        chosen = availability.settings(session)
        lasting = availability.facts(session, chosen.revision)
        grid = Grid(first - timedelta(days=NIGHTS_BEFORE), last + timedelta(days=NIGHTS_AFTER), chosen.zone)
        days = Grid(first, last, chosen.zone)
        rows = taken.rows(session, codes)
        beds = [row for row in rows if row.kind == "bed"]
        others = [row for row in rows if row.kind != "bed"]
        busy = taken.of(session, others, days.origin, days.end, now=now)
        busy |= taken.of(session, beds, grid.origin, grid.end, now=now)
        opening: dict[str, tuple[Span, ...]] = {row.code: lasting.opening(row.schedule_id, days) for row in others}
        self._busy = {row.code: tuple(sorted(busy.get(row.id, ()), key=_by_start)) for row in rows}
        self._world = World(grid, dict(lasting.resources), opening, self._busy, chosen.ward)

    def find(
        self, protocol: Protocol, window: Span, *, patient: str | None, prefer: dict[str, str]
    ) -> Placement | None:
        """Return the first placement whose first step starts in a window."""
        return next(iter(engine_find.find(self._problem(protocol, window, patient, prefer), limit=1)), None)

    def blocker(self, protocol: Protocol, window: Span) -> str:
        """Return in a word why nothing fits on the first day of a window: a blocker's code and the role it hits."""
        refusals = engine_explain.explain(self._problem(protocol, window, None, {}), None)
        first = next((each for refusal in refusals for each in refusal.blocked_by), None)
        return " ".join(filter(None, (first.code, first.role))) if first else "no-place"

    def _problem(self, protocol: Protocol, window: Span, patient: str | None, prefer: dict[str, str]) -> Problem:
        return Problem(protocol, self._world, patient, window.starts, window.ends - 1, prefer=prefer)

    def know(self, session: Session, patient: str, *, now: datetime) -> None:
        """Read a patient's own days, so that nobody is wanted in two places."""
        if patient not in self._busy:
            grid, rows = self._world.grid, taken.rows(session, [patient])
            found = taken.of(session, rows, grid.origin, grid.end, now=now)
            self._busy[patient] = tuple(busy for row in rows for busy in found.get(row.id, ()))

    def take(self, placement: Placement, holder: str) -> None:
        """Note what a booking has taken of what is known here; a patient's own day is read when it is asked for."""
        grid, masks = self._world.grid, self._world.masks
        slots = (each for plan in placement.steps for each in plan.slots)
        for slot in (each for each in slots if each.resource in self._busy):
            held = (*self._busy.get(slot.resource, ()), Busy(slot.starts, slot.ends, slot.role, "booked", holder))
            self._busy[slot.resource] = tuple(sorted(held, key=_by_start))
            if slot.resource in masks:
                masks[slot.resource] &= ~grid.busy_bits(slot.starts, slot.ends)
            self._world.taken.pop(slot.resource, None)


def _by_start(busy: Busy) -> int:
    return busy.starts


def everything(session: Session) -> list[str]:
    """Return the codes of all that can be planned, patients excepted."""
    query = select(Resource.code).where(Resource.active, Resource.kind.in_(RESOURCE_KINDS))
    return list(session.scalars(query.order_by(Resource.ordinal, Resource.code)))


def able(protocols: Iterable[Protocol], resources: dict[str, Known]) -> list[str]:
    """Return the codes of all that could ever fill a need of the protocols: few rows to read for many days."""
    needs = {need for protocol in protocols for step in protocol.steps for need in step.needs}
    needs |= {eligibility.as_need(step.stay) for protocol in protocols for step in protocol.steps if step.stay}
    return [code for code, known in resources.items() if any(_able(need, known) for need in needs)]


def _able(need: Need, known: Known) -> bool:
    licensed = need.privilege is None or any(
        held.family == need.privilege and held.level >= need.level for held in known.licences
    )
    named = not need.codes or known.code in need.codes
    return known.kind == need.kind and need.attributes <= known.attributes and named and licensed
