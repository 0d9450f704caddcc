"""Can the department fill what a protocol needs at all, even on an empty day? Asked before a protocol is in force."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from scheduler.department_entries import ResourceEntry
from scheduler.engine import options
from scheduler.engine.protocol import Need, Protocol, Step


@dataclass(frozen=True, slots=True)
class Department:
    """Who and what there is, and the longest session in minutes by schedule code."""

    resources: tuple[ResourceEntry, ...]
    longest: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Lack:
    """A need or stay that nothing could ever fill: the entry, a reason (a code) and its facts."""

    entry: str
    reason: str
    facts: Mapping[str, Any]


def lacks(protocol: Protocol, department: Department, on: date) -> Iterator[Lack]:
    """Yield what of a protocol, with any options, stays unfilled with everybody licensed on or after a day.

    Each step by itself; the same of one step is told once, with the fewest options.
    """
    told: set[str] = set()
    for chosen in ({}, *options.variants(protocol)):
        within = f"option {'+'.join(chosen)}: " if chosen else ""
        for lack in _lacks(options.varied(protocol, chosen), department, on):
            if lack.entry not in told:
                told.add(lack.entry)
                yield replace(lack, entry=within + lack.entry)


def _lacks(protocol: Protocol, department: Department, on: date) -> Iterator[Lack]:
    for step in protocol.steps:
        for need, able in _short_needs(step, department, on):
            facts = {"role": need.role, "kind": need.kind, "needed": need.count, "able": able}
            yield Lack(f"step {step.code}: need {need.role}", "unfillable-need", facts)
        if step.stay and not any(_is_bed(resource, step.stay.attributes) for resource in department.resources):
            yield Lack(f"step {step.code}: stay", "unfillable-stay", {"attributes": sorted(step.stay.attributes)})


def _is_bed(resource: ResourceEntry, attributes: frozenset[str]) -> bool:
    return resource.kind == "bed" and attributes <= set(resource.attributes)


def _short_needs(step: Step, department: Department, on: date) -> Iterator[tuple[Need, int]]:
    """Yield each need that stays short when every resource may fill only one need of the step, and by how many able.

    An augmenting path each (Kuhn): a resource already taken is passed on where its need has another choice.
    """
    able = {
        need.role: [
            resource.code
            for resource in department.resources
            if _can_fill(resource, need, step.taken(need)[1], department.longest, on)
        ]
        for need in step.needs
    }
    taken: dict[str, str] = {}
    for need in step.needs:
        if not all(_give(need.role, able, taken, set()) for _ in range(need.count)):
            yield need, len(able[need.role])


def _give(role: str, able: Mapping[str, list[str]], taken: dict[str, str], tried: set[str]) -> bool:
    for code in able[role]:
        if code in tried:
            continue
        tried.add(code)
        if code not in taken or _give(taken[code], able, taken, tried):
            taken[code] = role
            return True
    return False


def _can_fill(resource: ResourceEntry, need: Need, minutes: int, longest: Mapping[str, int], on: date) -> bool:
    return (
        resource.kind == need.kind
        and (not need.codes or resource.code in need.codes)
        and need.attributes <= set(resource.attributes)
        and longest.get(resource.schedule, minutes) >= minutes
        and (
            need.privilege is None
            or any(
                held.family == need.privilege and held.level >= need.level and held.last >= on
                for held in resource.licences
            )
        )
    )
