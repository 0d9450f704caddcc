"""A placement in words: its visits with room, people, devices and bed nights, and what is not yet sure of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask_babel import gettext, ngettext

from scheduler.engine.protocol import Protocol, Step
from scheduler.engine.world import Placement, SlotPlan, StepPlan
from scheduler.errors import Invalid
from scheduler.team import TRAINEE, called
from web.i18n import local, localname
from web.pages import preparation
from web.pages.names import Names, Thing
from web.pages.preparation import Preparation, Supplied
from web.pages.timeline import Timeline, draw


@dataclass(frozen=True, slots=True)
class Part:
    """Who or what fills a role."""

    role: str
    thing: Thing
    waiting: bool
    """Another department has yet to confirm it."""
    leading: bool
    """The room, or the physician who leads: what is said on the telephone."""


@dataclass(frozen=True, slots=True)
class Nights:
    """The bed of a visit. `provisional`: held by number, may still change (DESIGN §3a.2)."""

    thing: Thing
    starts: int
    ends: int
    count: int
    provisional: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One step of a placement."""

    code: str
    name: str
    starts: int
    ends: int
    away: int
    """When the patient is free again, recovery included."""
    provisional: bool
    gap: str
    """How long after the visit before; empty for the first."""
    parts: tuple[Part, ...]
    nights: Nights | None
    preparation: Preparation
    supplied: Supplied | None

    @property
    def room(self) -> Thing | None:
        return next((part.thing for part in self.parts if part.role == "room"), None)

    @property
    def waiting(self) -> list[Part]:
        return [part for part in self.parts if part.waiting]


@dataclass(frozen=True, slots=True)
class Card:
    """One placement as the page shows it. `token` is the placement itself, to be sent back."""

    number: int
    starts: int
    visits: tuple[Visit, ...]
    timeline: Timeline
    labels: tuple[str, ...]
    unsure_days: tuple[int, ...]
    """Visits on days whose official list is not out yet."""
    token: str
    key: str = ""

    @property
    def waiting(self) -> list[Part]:
        """Who has to be asked, each once."""
        seen: dict[str, Part] = {}
        for visit in self.visits:
            for part in visit.waiting:
                seen.setdefault(part.thing.code, part)
        return list(seen.values())


@dataclass(frozen=True, slots=True)
class Told:
    """What makes words of placements of one protocol."""

    protocol: Protocol
    names: Names
    firm_until: int
    """Beds from this instant on are provisional."""
    use_by: Mapping[str, date] = field(default_factory=dict)
    """Of a booking: until when what was ordered for a step keeps."""

    def card(
        self,
        placement: Placement,
        number: int,
        *,
        labels: Iterable[str] = (),
        unsure: Iterable[str] = (),
        key: str = "",
    ) -> Card:
        visits = self.visits(placement)
        days = frozenset(unsure)
        return Card(
            number=number,
            starts=visits[0].starts,
            visits=visits,
            timeline=draw(placement, self.protocol),
            labels=tuple(labels),
            unsure_days=tuple(visit.starts for visit in visits if local(visit.starts).date().isoformat() in days),
            token=pack(placement),
            key=key,
        )

    def visits(
        self, placement: Placement, *, confirmations: Mapping[str, str | None] | None = None
    ) -> tuple[Visit, ...]:
        """Return the visits in order. `confirmations` by resource code, for what is booked already."""
        found: list[Visit] = []
        for plan in placement.steps:
            found.append(self._visit(plan, found[-1] if found else None, confirmations))
        return tuple(found)

    def _visit(self, plan: StepPlan, before: Visit | None, confirmations: Mapping[str, str | None] | None) -> Visit:
        step = self.protocol.step(plan.step)
        beds = [slot for slot in plan.slots if slot.role == "bed"]
        order = [need.role for need in step.needs]
        leading = leading_roles(step)
        slots = sorted((slot for slot in plan.slots if slot.role in order), key=lambda slot: order.index(slot.role))
        roles = {slot.role for slot in slots}
        parts = tuple(self._part(slot, roles, confirmations, slot.role in leading) for slot in slots)
        return Visit(
            code=plan.step,
            name=localname(step),
            starts=plan.starts,
            ends=plan.ends,
            away=plan.starts + step.patient_minutes * 60,
            provisional=step.provisional,
            gap=_gap(before, plan) if before else "",
            parts=parts,
            nights=self._nights(beds[0]) if beds else None,
            preparation=preparation.of_plan(step, plan),
            supplied=preparation.supplied(
                self.protocol.supply, plan.step, local(plan.starts).date(), self.use_by.get(plan.step)
            ),
        )

    def _part(
        self, slot: SlotPlan, roles: set[str], confirmations: Mapping[str, str | None] | None, leading: bool
    ) -> Part:
        thing = self.names[slot.resource]
        if confirmations is None:
            waiting = thing.external
        else:
            waiting = confirmations.get(slot.resource) in ("requested", "declined")
        return Part(called(slot.role, roles), thing, waiting, leading)

    def _nights(self, slot: SlotPlan) -> Nights:
        count = (local(slot.ends).date() - local(slot.starts).date()).days
        return Nights(self.names[slot.resource], slot.starts, slot.ends, count, slot.starts >= self.firm_until)


def leading_roles(step: Step) -> set[str]:
    """Return the roles that a visit is known by: its room, the physician who leads it and the one who learns."""
    leaders = [need.role for need in step.needs if need.kind == "physician"][:1]
    return {*leaders, TRAINEE, *(need.role for need in step.needs if need.kind == "room")}


def _gap(before: Visit, plan: StepPlan) -> str:
    days = (local(plan.starts).date() - local(before.ends).date()).days
    if days:
        return ngettext("%(num)d day later", "%(num)d days later", days)
    minutes = (plan.starts - before.ends) // 60
    return gettext("%(hours)d:%(minutes)02d h later", hours=minutes // 60, minutes=minutes % 60)


def away(day: date, today: date) -> str:
    """Say how far off a day is, as people say it on the telephone."""
    days = (day - today).days
    if days == 0:
        return gettext("today")
    if days == 1:
        return gettext("tomorrow")
    return ngettext("in %(num)d day", "in %(num)d days", days)


def pack(placement: Placement) -> str:
    """Write a placement as a text a form can carry. Nothing is trusted when it comes back: booking checks it all."""
    return json.dumps(
        [
            [step.step, step.starts, step.ends, [[s.resource, s.role, s.starts, s.ends] for s in step.slots]]
            for step in placement.steps
        ],
        separators=(",", ":"),
    )


def unpack(text: str) -> Placement:
    """Read a placement back. Raises Invalid("bad-token")."""
    try:
        return Placement(tuple(_step(entry) for entry in json.loads(text)))
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid("bad-token", reason="altered") from error


def _step(entry: Any) -> StepPlan:
    code, starts, ends, slots = entry
    return StepPlan(_code(code), _instant(starts), _instant(ends), tuple(_slot(each) for each in slots))


def _slot(entry: Any) -> SlotPlan:
    resource, role, starts, ends = entry
    return SlotPlan(_code(resource), _code(role), _instant(starts), _instant(ends))


def _code(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(value)
    return value


def _instant(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise ValueError(value)
    return value
