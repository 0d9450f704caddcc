"""Move one step of a booking to another time or room: who stays, who is chosen anew, or why it cannot be."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from models import Appointment, Step, to_seconds
from scheduler import audit, availability, catalogue, lifecycle, taken
from scheduler.booking import rows, terms
from scheduler.booking.change import plan_of
from scheduler.booking.propose import check_again, touches
from scheduler.engine import explain as engine_explain
from scheduler.engine import find as engine_find
from scheduler.engine import protocol as engine
from scheduler.engine.grid import local_date
from scheduler.engine.rules import beds, eligibility
from scheduler.engine.rules.reading import MINUTE
from scheduler.engine.world import Placement, Problem, Resource, StepPlan, Violation
from scheduler.errors import Conflict, Invalid


def moved(
    session: Session, appointment: Appointment, step: str, starts: datetime, room: str | None, now: datetime
) -> Placement:
    """Return the whole pathway with one step at another start and, when a room is given, in that room.

    The other steps stay. The step keeps its people, devices and bed where they are free; those that are taken are
    chosen anew by the engine. Ready for `reschedule`, which judges it again under its locks. Raises
    Invalid("unknown-step"), Conflict("not-movable") for a step that has begun or is over, and, when nothing fits,
    SlotTaken or RuleBroken naming what no other choice could mend.
    """
    booked = next((each for each in appointment.steps if each.code == step), None)
    if booked is None:
        raise Invalid("unknown-step", step=step)
    if booked.status not in lifecycle.MOVABLE:
        raise Conflict("not-movable", step=step, status=booked.status)
    problem = _problem(session, appointment, booked, to_seconds(starts), room, now)
    kept = engine_find.plan(problem, problem.protocol.steps[0], problem.earliest, _filled(booked, room))
    broken = _violations(session, appointment, kept, now)
    if not broken:
        return _with(appointment, kept)
    found = engine_find.find(problem, limit=1)
    chosen = found[0].steps[0] if found else kept
    if found:
        broken = _violations(session, appointment, chosen, now)
    rows.judge(broken if found else _unmended(problem, broken), override=None, role="")
    return _with(appointment, chosen)


def moved_back(session: Session, appointment: Appointment, now: datetime) -> Placement:
    """Return the places and people the appointment had before its last change, when that was a move.

    Ready for `reschedule`. Raises Conflict("nothing-to-undo") when something else was done since, Conflict
    ("not-movable"), and SlotTaken or RuleBroken when those places are no longer free.
    """
    steps = _before_last_move(session, appointment)
    moving = [
        step
        for step in appointment.steps
        if _instant(steps[step.code]["starts"]) != step.starts or sorted(steps[step.code]["resources"]) != _codes(step)
    ]
    if not moving:
        raise Conflict("nothing-to-undo", appointment=appointment.public_id)
    plans = {plan_of(step).step: plan_of(step) for step in appointment.steps}
    for step in moving:
        if step.status not in lifecycle.MOVABLE:
            raise Conflict("not-movable", step=step.code, status=step.status)
        starts = to_seconds(_instant(steps[step.code]["starts"]))
        problem = _problem(session, appointment, step, starts, None, now)
        plans[step.code] = engine_find.plan(
            problem, problem.protocol.steps[0], starts, _by_role(steps[step.code]["resources"])
        )
    placement = Placement(tuple(plans[step.code] for step in appointment.steps))
    moved_codes = {step.code for step in moving}
    broken = [each for each in check_again(session, appointment, placement, now=now) if touches(each, moved_codes)]
    rows.judge(broken, override=None, role="")
    return placement


def _before_last_move(session: Session, appointment: Appointment) -> dict[str, Any]:
    """Return step code → {starts, resources} of before, from the audit trail's last link."""
    events = audit.history(session, "appointment", appointment.public_id)
    last = events[-1] if events else None
    if last is None or last.action != "appointment.rescheduled" or not last.detail.get("before"):
        raise Conflict("nothing-to-undo", appointment=appointment.public_id)
    return {step["step"]: step for step in last.detail["before"]["steps"]}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _codes(step: Step) -> list[str]:
    return sorted(f"{slot.role}={slot.resource.code}" for slot in step.slots if slot.role != "patient")


def _by_role(resources: list[str]) -> dict[str, list[str]]:
    filled: dict[str, list[str]] = {}
    for each in resources:
        role, _, code = each.partition("=")
        filled.setdefault(role, []).append(code)
    return filled


def rooms_for(session: Session, appointment: Appointment, step: str) -> tuple[str, ...]:
    """Return the codes of the rooms a step could use, whether free or not, in the department's order."""
    known = availability.facts(session, availability.settings(session).revision).resources
    needs = catalogue.booked(appointment).step(step).needs
    return tuple(each.code for need in needs if need.role == "room" for each in _candidates(need, known))


def _problem(
    session: Session, appointment: Appointment, booked: Step, starts: int, room: str | None, now: datetime
) -> Problem:
    """Return the step alone as a problem, in the world as it is without this appointment, at exactly this start."""
    whole, chosen = catalogue.booked(appointment), availability.settings(session)
    # An imported case keeps its own length when it is moved.
    step = whole.step(booked.code).lasting(int((booked.ends - booked.starts).total_seconds()) // MINUTE)
    needs = [*step.needs, *([eligibility.as_need(step.stay)] if step.stay else [])]
    known = availability.facts(session, chosen.revision).resources
    codes = {each.code for need in needs for each in _candidates(need, known)}
    patient = appointment.patient.resource.code
    first, last = _world_span(step, starts, chosen)
    world = availability.world_for_check(
        session,
        taken.rows(session, codes | {patient} | ({room} if room else set())),
        chosen,
        starts=first,
        ends=last,
        now=now,
        ignore=appointment.public_id,
    )
    if room is not None and room not in world.resources:
        raise Invalid("unknown-resource", resource=room)
    return Problem(
        protocol=replace(whole.part({booked.code}), steps=(step,)),
        world=world,
        patient=patient,
        earliest=starts,
        latest=starts,
        require={"room": room} if room else {},
        prefer={slot.role: slot.resource.code for slot in booked.slots if slot.role != "patient"},
        terms=terms.standing(appointment, zone=chosen.zone),
    )


def _candidates(need: engine.Need, known: Mapping[str, Resource]) -> list[Resource]:
    """Return who could fill a need: by kind, attributes and code; licences are the engine's to judge."""
    return [
        each
        for each in known.values()
        if each.kind == need.kind and need.attributes <= each.attributes and (not need.codes or each.code in need.codes)
    ]


def _world_span(problem_step: engine.Step, starts: int, chosen: availability.Settings) -> tuple[int, int]:
    """Return the instants the step and, where it has one, its stay reach over."""
    ends = starts + problem_step.patient_minutes * MINUTE
    if problem_step.stay is None:
        return starts, ends
    taken, left = beds.span(problem_step.stay, local_date(starts, chosen.zone), chosen.ward, chosen.zone)
    return min(starts, taken), max(ends, left)


def _filled(booked: Step, room: str | None) -> dict[str, list[str]]:
    """Return who fills which role now, by code, with the wished room in place of the present one."""
    filled: dict[str, list[str]] = {}
    for slot in sorted(booked.slots, key=lambda each: each.id):
        if slot.role != "patient" and slot.status != "cancelled":
            filled.setdefault(slot.role, []).append(slot.resource.code)
    return filled | ({"room": [room]} if room else {})


def _with(appointment: Appointment, plan: StepPlan) -> Placement:
    return Placement(tuple(plan if step.code == plan.step else plan_of(step) for step in appointment.steps))


def _violations(session: Session, appointment: Appointment, plan: StepPlan, now: datetime) -> list[Violation]:
    """Return what the pathway breaks with the step there; what lies between two other steps was judged before."""
    found = check_again(session, appointment, _with(appointment, plan), now=now)
    return [each for each in found if touches(each, {plan.step})]


def _unmended(problem: Problem, broken: list[Violation]) -> list[Violation]:
    """Leave out what another choice of people or devices would mend, so that the true obstacle is told."""
    refusals = engine_explain.explain(problem)
    roles = {blocker.role for refusal in refusals for blocker in refusal.blocked_by}
    return [each for each in broken if each.facts.get("role", "") in roles] or broken
