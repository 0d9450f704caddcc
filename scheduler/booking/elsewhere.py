"""Where else could this booking go? Proposals for the visits of an appointment that may still move."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Step, to_seconds
from scheduler import availability, catalogue, lifecycle
from scheduler.booking import rows, terms
from scheduler.booking.change import plan_of
from scheduler.booking.propose import check_again, judge_window, touches
from scheduler.booking.requests import FindRequest, Found
from scheduler.engine import explain as engine_explain
from scheduler.engine import find as engine_find
from scheduler.engine.grid import day_start, local_date
from scheduler.engine.protocol import Lag, Protocol
from scheduler.engine.world import Busy, Placement, Problem, World
from scheduler.errors import Conflict, Invalid
from scheduler.working_days import Calendar

MINUTE = 60


def find_elsewhere(
    session: Session, public_id: str, request: FindRequest, *, steps: Iterable[str] = (), now: datetime
) -> Found:
    """Return other placements for an appointment's steps, as if its own slots were free.

    `steps` are the codes of those to move, or nothing for all that may still move. The others stay where they are
    and bound the search by their lags; proposals hold the moving steps alone, ready for `reschedule`. Raises
    as `judge_window` does, NotFound("unknown-appointment"), Invalid("unknown-step" | "unknown-resource"),
    Conflict("not-movable") when none of the steps may move.
    """
    judge_window(request, now)
    appointment = rows.whole(session, public_id)
    moving = _moving(appointment, frozenset(steps))
    whole = catalogue.booked(appointment)
    protocol = whole.part(moving)
    earliest = max(request.earliest, now)
    world = availability.world_for_find(
        session,
        patient=appointment.patient.resource.code,
        now=now,
        earliest=earliest,
        latest=max(request.latest, earliest),
    )
    for code in (*request.require.values(), *request.prefer.values()):
        if code not in world.resources:
            raise Invalid("unknown-resource", resource=code)
    zone, staying = world.grid.zone, [step for step in appointment.steps if step.code not in moving]
    bounds = list(_bounds(whole, protocol, staying, zone))
    problem = Problem(
        protocol=protocol,
        world=_without(world, public_id, staying),
        patient=appointment.patient.resource.code,
        earliest=max([to_seconds(earliest), *(low for low, _ in bounds)]),
        latest=min([to_seconds(request.latest), *(high for _, high in bounds)]),
        require=request.require,
        prefer=request.prefer,
        terms=terms.standing(appointment, zone=zone),
    )
    proposals: tuple[Placement, ...] = ()
    if problem.latest >= problem.earliest:
        proposals = engine_find.find(problem, limit=request.limit, spread_minutes=request.spread_minutes)
    proposals = tuple(each for each in proposals if _fits(session, appointment, each, now))
    first = proposals[0].steps[0].starts if proposals else None
    calendar = Calendar.load(session)
    days = {local_date(step.starts, zone) for placement in proposals for step in placement.steps}
    return Found(
        protocol=appointment.protocol_version,
        proposals=proposals,
        refusals=engine_explain.explain(problem, first),
        provisional=frozenset(day.isoformat() for day in days if calendar.is_provisional(day)),
        options=appointment.options,
        urgency=appointment.urgency,
    )


def _moving(appointment: Appointment, wanted: frozenset[str]) -> list[str]:
    """Return the codes of the steps to place anew, in order: an unbroken piece of the pathway."""
    by_code = {step.code: step for step in appointment.steps}
    for code in sorted(wanted - by_code.keys()):
        raise Invalid("unknown-step", step=code)
    protocol = catalogue.booked(appointment)
    found: list[str] = []
    for step in protocol.steps:
        booked = by_code.get(step.code)
        if booked is None or (wanted and step.code not in wanted) or booked.status not in lifecycle.MOVABLE:
            continue
        lag = protocol.lag_into(step.code)
        if not found or (lag is not None and lag.first in found):
            found.append(step.code)
    if not found or (wanted and set(found) != wanted):
        stuck = next((step for step in appointment.steps if not wanted or step.code in wanted), appointment.steps[0])
        raise Conflict("not-movable", step=stuck.code, status=stuck.status)
    return found


def _without(world: World, public_id: str, staying: Sequence[Step]) -> World:
    """Return the world as if the appointment held nothing but what its staying steps hold."""
    kept: dict[str, list[Busy]] = {}
    for step in staying:
        for slot in plan_of(step).slots if step.status in ACTIVE_STATUSES else ():
            kept.setdefault(slot.resource, []).append(
                Busy(slot.starts, slot.ends, status=step.status, holder=public_id)
            )
    busy, masks, by_reason = dict(world.busy), dict(world.masks), dict(world.taken)
    for code, spans in world.busy.items():
        others = [each for each in spans if each.holder != public_id]
        if len(others) < len(spans):
            busy[code] = tuple(sorted([*others, *kept.get(code, ())]))
            masks.pop(code, None)
            by_reason.pop(code, None)
    return replace(world, busy=busy, masks=masks, taken=by_reason)


def _bounds(whole: Protocol, part: Protocol, staying: Sequence[Step], zone: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last start that the staying steps leave to the first of the moving ones."""
    moving = part.steps[0]
    there = {step.code: plan_of(step) for step in staying if step.status not in ("cancelled", "noshow")}
    for lag in whole.lags:
        if lag.then == moving.code and lag.first in there:
            left = there[lag.first].starts + lag.leaves(whole.step(lag.first)) * MINUTE
            yield _after(lag, left, lag.enters(moving) * MINUTE, zone)
        if lag.first == moving.code and lag.then in there:
            entered = there[lag.then].starts + lag.enters(whole.step(lag.then)) * MINUTE
            low, high = _before(lag, entered, lag.leaves(moving) * MINUTE, zone)
            yield low, min(high, there[lag.then].starts - moving.patient_minutes * MINUTE)


FOREVER = 2**40


def _after(lag: Lag, left: int, enters: int, zone: str) -> tuple[int, int]:
    if not lag.in_days:
        high = FOREVER if lag.max_minutes is None else left + lag.max_minutes * MINUTE - enters
        return left + (lag.min_minutes or 0) * MINUTE - enters, high
    day = local_date(left, zone)
    high = FOREVER if lag.max_days is None else _start(day, lag.max_days + 1, zone) - 1 - enters
    return max(left, _start(day, lag.min_days or 0, zone)) - enters, high


def _before(lag: Lag, entered: int, leaves: int, zone: str) -> tuple[int, int]:
    if not lag.in_days:
        low = 0 if lag.max_minutes is None else entered - lag.max_minutes * MINUTE - leaves
        return low, entered - (lag.min_minutes or 0) * MINUTE - leaves
    day = local_date(entered, zone)
    low = 0 if lag.max_days is None else _start(day, -lag.max_days, zone) - leaves
    return low, _start(day, 1 - (lag.min_days or 0), zone) - 1 - leaves


def _start(day: date, days: int, zone: str) -> int:
    return day_start(day + timedelta(days=days), zone)


def _fits(session: Session, appointment: Appointment, placement: Placement, now: datetime) -> bool:
    """Ask check about the whole pathway: lags to steps that stay are only roughly in the search."""
    plans = {plan.step: plan for plan in placement.steps}
    whole = Placement(tuple(plans.get(step.code) or plan_of(step) for step in appointment.steps))
    violations = check_again(session, appointment, whole, now=now)
    return not any(touches(each, plans) for each in violations)
