"""Random small departments, and an oracle that knows by plain enumeration what is possible in them.

The oracle shares the engine's data types and nothing else: it walks over every start and every choice of resources,
and compares clock times with `datetime`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import combinations, pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.engine.document import parse
from scheduler.engine.entry import BadProtocol
from scheduler.engine.grid import Grid, Span
from scheduler.engine.protocol import Lag, Need, Protocol, Step
from scheduler.engine.world import (
    Busy,
    Licence,
    Placement,
    Problem,
    Resource,
    SlotPlan,
    StepPlan,
    Terms,
    World,
)

MINUTE, CELL = 60, 300
KINDS = ("room", "physician", "nurse", "device", "bed")
ZONES = (
    ("Asia/Shanghai", date(2026, 11, 30)),
    ("Asia/Shanghai", date(2026, 2, 27)),
    ("Asia/Shanghai", date(2026, 12, 30)),
    ("Europe/London", date(2026, 3, 28)),
    ("Europe/London", date(2026, 10, 24)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Australia/Lord_Howe", date(2026, 10, 3)),
)
"""Most chance weights ordinary days; the others begin the day before a clock change."""

PATIENT = "patient:p1"


def instant(day: date, minute: int, zone: str) -> int:
    """Return the epoch second of a wall-clock minute, by datetime alone."""
    wall = datetime.combine(day + timedelta(days=minute // 1440), time(minute % 1440 // 60, minute % 60))
    return int(wall.replace(tzinfo=ZoneInfo(zone)).timestamp())


# --- random departments ------------------------------------------------------------------------------------------


def problem(seed: int) -> Problem:
    """Return a random small problem: 2 to 4 days, up to 9 resources, 1 to 3 steps. The same seed, the same problem."""
    chance = Random(seed)
    while True:
        try:
            found = _problem(chance)
        except BadProtocol as fault:
            assert fault.reason in ("lag-contradiction", "hours-too-short"), fault
            continue
        if _staffed(found) or chance.random() < 0.1:
            return found


def _staffed(problem: Problem) -> bool:
    """Return whether there are enough resources at all, so that most departments are not hopeless from the start."""
    oracle = Oracle(problem)
    return all(
        sum(not need.privilege or bool(problem.world.resources[code].licences) for code in oracle._suited(step, need))
        >= need.count
        for step in problem.protocol.steps
        for need in oracle._needs(step)
    )


def _problem(chance: Random) -> Problem:
    zone, first = chance.choices(ZONES, weights=(6, 1, 1, 2, 1, 1, 1))[0]
    grid = Grid(first, first + timedelta(days=chance.choice((2, 2, 3, 4))), zone)
    resources = {each.code: each for each in _resources(chance, grid)}
    protocol = parse(_document(chance, list(resources)))
    patient = PATIENT if chance.random() < 0.8 else None
    if patient:
        resources[patient] = Resource(patient, "patient")
    world = World(
        grid,
        resources,
        {code: _opening(chance, grid) for code, each in resources.items() if each.kind not in ("bed", "patient")},
        {code: _busy(chance, grid, each.kind) for code, each in resources.items() if chance.random() < 0.8},
    )
    earliest = grid.origin + chance.randrange(-CELL, 86400)
    latest = chance.choice((grid.end + 1000, grid.end - 86400, earliest + 20 * 3600))
    return Problem(
        protocol,
        world,
        patient,
        earliest,
        latest,
        require=_wishes(chance, protocol, resources, 0.06),
        prefer=_wishes(chance, protocol, resources, 0.3),
        terms=_terms(chance, protocol, grid),
    )


def _terms(chance: Random, protocol: Protocol, grid: Grid) -> Terms:
    last = grid.first + timedelta(days=chance.choice((0, 0, 1, 2)))
    return Terms(
        booked_on=chance.choice((None, grid.first, grid.first, grid.first - timedelta(days=1))),
        urgency=chance.choice((None, "2a", "4a", "4a")),
        sex=chance.choice((None, "female", "male", "unknown")),
        use_by={step.code: last for step in protocol.steps if chance.random() < 0.08},
    )


def _resources(chance: Random, grid: Grid) -> Iterator[Resource]:
    numbers = {"room": (1, 2), "physician": (1, 3), "nurse": (1, 2), "device": (0, 1), "bed": (0, 3)}
    for kind, (low, high) in numbers.items():
        for number in range(chance.randint(low, high)):
            attributes = frozenset(chance.sample(("x", "y"), chance.choice((0, 1, 2, 2, 2))))
            licences = _licences(chance, grid) if kind in ("physician", "device") else ()
            yield Resource(f"{kind}-{number + 1}", kind, attributes, licences)


def _licences(chance: Random, grid: Grid) -> tuple[Licence, ...]:
    found = []
    for _ in range(chance.choice((0, 1, 2))):
        first = grid.first + timedelta(days=chance.choice((-30, -30, -30, 0, 1)))
        last = chance.choice((date.max, grid.last + timedelta(days=30), grid.first, grid.first + timedelta(days=1)))
        found.append(Licence(chance.choice("fffg"), chance.randint(1, 3), first, last))
    return tuple(found)


def _opening(chance: Random, grid: Grid) -> tuple[Span, ...]:
    if chance.random() < 0.04:
        return (Span(grid.origin, grid.end),)
    spans: list[Span] = []
    for day in grid.days():
        for low, high in ((480, 540), (780, 840)):
            if chance.random() < 0.75:
                minute = chance.randrange(low, high, chance.choice((1, 5, 30)))
                length = chance.choice((60, 90, 120, 121, 150)) if chance.random() < 0.97 else 960
                starts, seam = instant(day, minute, grid.zone), chance.choice((0, 0, 0, 31, 45))
                pieces = [0, seam, length] if seam else [0, length]
                if not spans or spans[-1].ends <= starts:
                    spans += [Span(starts + a * MINUTE, starts + b * MINUTE) for a, b in pairwise(pieces)]
    return tuple(spans)


def _busy(chance: Random, grid: Grid, kind: str) -> tuple[Busy, ...]:
    found = []
    for number in range(chance.choice((0, 1, 2, 3))):
        starts = chance.randrange(grid.origin - 7200, grid.end, chance.choice((1, 60, 300)))
        hours = chance.choice((3, 6, 12)) if kind == "bed" else chance.choice((0.2, 1, 2, 5))
        ends = starts + int(hours * 3600) + chance.choice((0, 0, 61, 600))
        if kind == "bed" and chance.random() < 0.4:
            starts, ends = _turn(chance, grid)
        why = chance.choice(("procedure", "procedure", "leave", "closure", "maintenance"))
        if kind in ("bed", "patient") and why == "procedure":
            why = kind
        holder = None if why in ("leave", "closure", "maintenance") else f"appointment-{number}"
        found.append(Busy(starts, ends, why, "booked", holder))
    return tuple(sorted(found, key=lambda busy: (busy.starts, busy.ends)))


def _turn(chance: Random, grid: Grid) -> tuple[int, int]:
    """Return a bed's night whose ends lie on or beside the hours of discharge and admission."""
    day = chance.choice(list(grid.days()))
    hours = [chance.choice((655, 659, 660, 661, 779, 780, 781, 785)) for _ in range(2)]
    return instant(day, hours[0], grid.zone), instant(day, 1440 + hours[1], grid.zone)


def _document(chance: Random, codes: list[str]) -> dict[str, Any]:
    count = chance.choices((1, 2, 3), weights=(3, 4, 4))[0]
    steps = [_step(chance, f"s{number + 1}", codes, 0.4 - 0.1 * count) for number in range(count)]
    lags = [_lag(chance, steps, place) for place in range(1, len(steps))]
    names = {"zh": "测试", "en": "Test"}
    return _waiting(chance, steps) | {
        "code": "T",
        "name": names,
        "version": 1,
        "effective_from": date(2026, 1, 1),
        "family": "f",
        "urgency": "4a",
        "step": steps,
        "lag": lags,
    }


def _waiting(chance: Random, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a booking may have to wait for, and whom it is for."""
    found: dict[str, Any] = {}
    if chance.random() < 0.2:
        found["lead_days"] = chance.choice((1, 1, 2))
    if chance.random() < 0.1:
        supply = {"step": chance.choice(steps)["code"], "order_days": chance.choice((0, 1, 2)), "use_by_days": 1}
        found["supply"] = {"name": {"zh": "粒子", "en": "Seeds"}} | supply
    if chance.random() < 0.06:
        found["sex"] = chance.choice(("female", "male"))
    return found


def _step(chance: Random, code: str, codes: list[str], more: float) -> dict[str, Any]:
    phases = {"procedure": chance.randint(1, 30)}
    for phase, longest in (("setup", 12), ("cleanup", 12), ("recovery", 40)):
        if chance.random() < 0.6:
            phases[phase] = chance.randint(1, longest)
    step: dict[str, Any] = {"code": code, "name": {"zh": "步", "en": "Step"}, "phases": phases}
    if chance.random() < 0.2:
        first = chance.choice((455, 480, 487, 510, 780))
        hours = {"from": first, "to": first + chance.choice((90, 121, 240))}
        step["hours"] = {key: f"{minute // 60:02}:{minute % 60:02}" for key, minute in hours.items()}
    step["need"] = [
        _need(chance, f"r{number + 1}", phases, codes)
        for number in range(1 + 2 * (chance.random() < more) + (chance.random() < 0.3))
    ]
    if chance.random() < 0.35:
        nights = chance.choice((0, 1, 1, 2))
        step["stay"] = {"nights": nights, "nights_before": max(chance.choice((0, 0, 1)), 1 - nights)}
        step["stay"]["attributes"] = ["x"] if chance.random() < 0.2 else []
    return step


def _need(chance: Random, role: str, phases: Mapping[str, int], codes: list[str]) -> dict[str, Any]:
    kind = chance.choices(KINDS, weights=(8, 8, 4, 2, 1))[0]
    need: dict[str, Any] = {"role": role, "kind": kind, "count": 2 if chance.random() < 0.1 else 1}
    if chance.random() < 0.5:
        present = [phase for phase in ("setup", "procedure", "cleanup", "recovery") if phase in phases]
        first = chance.randrange(len(present))
        need["phases"] = present[first : chance.randint(first + 1, len(present))]
    if chance.random() < 0.2:
        need["attributes"] = [chance.choice("xy")]
    if kind == "physician" and chance.random() < 0.5:
        need |= {"privilege": "f", "level": chance.randint(1, 2)}
    for key in ("before_minutes", "after_minutes"):
        if chance.random() < 0.1:
            need[key] = chance.choice((3, 5, 20, 45))
    if chance.random() < 0.1:
        need["codes"] = [code for code in codes if chance.random() < 0.7] or codes[:1]
    return need


def _lag(chance: Random, steps: list[dict[str, Any]], place: int) -> dict[str, Any]:
    before = steps[chance.randrange(place)]
    lag: dict[str, Any] = {"from": before["code"], "to": steps[place]["code"]}
    least = chance.choice((None, None, 0, 0, 1))
    if chance.random() < 0.5:
        minutes = None if least is None else least * chance.randint(1, 300)
        lag |= {"min_minutes": minutes, "max_minutes": (minutes or 0) + chance.choice((123, 400, 2000, 3000))}
    else:
        lag |= {"min_days": least, "max_days": (least or 0) + chance.choice((0, 1, 1, 2))}
        if chance.random() < 0.4:
            lag["target_days"] = [lag["max_days"], lag["max_days"]]
    if chance.random() < 0.3:
        lag["from_phase"] = chance.choice(list(before["phases"]))
    if chance.random() < 0.3:
        lag["to_phase"] = chance.choice(list(steps[place]["phases"]))
    if chance.random() < 0.2:
        lag.pop(chance.choice(("max_minutes", "max_days")), None)
    found = {key: value for key, value in lag.items() if value is not None}
    return found if any(key.startswith(("min", "max", "target")) for key in found) else {**found, "min_minutes": 0}


def _wishes(chance: Random, protocol: Protocol, resources: Mapping[str, Resource], share: float) -> dict[str, str]:
    found = {}
    for step in protocol.steps:
        for role in [need.role for need in step.needs] + (["bed"] if step.stay else []):
            if chance.random() < share:
                need = next((need for need in step.needs if need.role == role), None)
                kind = need.kind if need else "bed"
                able = [each.code for each in resources.values() if each.kind == kind] or ["nowhere"]
                found[chance.choice((role, f"{step.code}.{role}"))] = chance.choice(able)
    return found


# --- the oracle --------------------------------------------------------------------------------------------------

Aside = Mapping[tuple[str, str], frozenset[str]]
"""Blocker codes set aside, by (step, role)."""

REASONS = {"leave", "closure", "maintenance"}

VIOLATION_OF = {
    "hours": "outside-hours",
    "lead": "lead-too-short",
    "supply": "supply-past-use-by",
    "patient-sex": "patient-sex",
}
"""A condition that keeps a day from being offered → what check says of a placement that breaks it."""


@dataclass
class Oracle:
    """What is possible in a problem, by plain enumeration; `aside` holds rules that do not count."""

    problem: Problem
    aside: Aside = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world, self.zone = self.problem.world, self.problem.world.grid.zone
        self.origin = instant(self.world.grid.first, 0, self.zone)
        self.end = instant(self.world.grid.last, 0, self.zone)
        # What a need takes before and after its phases may be wanted by the next step at the same time, as beds are.
        reaching = (
            n.kind for step in self.problem.protocol.steps for n in step.needs if n.before_minutes or n.after_minutes
        )
        self.shared = {"bed", *reaching}
        self._dates: dict[int, date] = {}
        self._able: dict[tuple[str, str], list[str]] = {}
        self._after: dict[tuple[str, int], list[int]] = {}
        self._alone: dict[str, list[int]] = {}
        self._options: dict[tuple[str, int], frozenset[frozenset[tuple[str, int, int]]]] = {}

    def starts(self) -> list[int]:
        """Return every instant on the grid, between earliest and latest, at which the pathway can start."""
        if not all(self._standing(step) for step in self.problem.protocol.steps):
            return []
        inside = (at for at in self._grid() if self.problem.earliest <= at <= self.problem.latest)
        return [at for at in inside if self.possible(at)]

    def possible(self, starts: int) -> bool:
        return self._placeable({}, starts)

    def _standing(self, step: Step) -> list[int]:
        """Return the instants at which a step could stand by itself."""
        if step.code not in self._alone:
            self._alone[step.code] = [at for at in self._grid() if self._ways(step, at)]
        return self._alone[step.code]

    def _grid(self) -> range:
        return range(self.origin, self.end, CELL)

    def _placeable(self, placed: dict[str, tuple[int, frozenset[tuple[str, int, int]]]], starts: int) -> bool:
        """Place the step after those placed at an instant, in every way, and the rest after it."""
        step = self.problem.protocol.steps[len(placed)]
        for used in self._ways(step, starts):
            if self._clash(step, starts, used, placed):
                continue
            done = {**placed, step.code: (starts, used)}
            if len(done) == len(self.problem.protocol.steps):
                return True
            after = self.problem.protocol.steps[len(done)]
            if not self._hopeless(done) and any(self._placeable(done, at) for at in self._within_lag(after, done)):
                return True
        return False

    def _hopeless(self, placed: dict[str, tuple[int, frozenset[tuple[str, int, int]]]]) -> bool:
        """Return whether a step has no start left beside those placed; only saves time."""
        lags = [lag for lag in self.problem.protocol.lags if lag.first in placed and lag.then not in placed]
        return not all(self._has_room(self.problem.protocol.step(lag.then), placed) for lag in lags)

    def _has_room(self, step: Step, placed: Mapping[str, Any]) -> bool:
        return any(
            not self._clash(step, at, used, placed)
            for at in self._within_lag(step, placed)
            for used in self._ways(step, at)
        )

    def _clash(self, step: Step, starts: int, used: frozenset[tuple[str, int, int]], placed: Mapping[str, Any]) -> bool:
        ends = starts + sum(minutes for _, minutes in step.minutes) * MINUTE
        for code, (other, others) in placed.items():
            leaves = other + sum(minutes for _, minutes in self.problem.protocol.step(code).minutes) * MINUTE
            if starts < leaves and other < ends:
                return True
            if any(a[0] == b[0] and a[1] < b[2] and b[1] < a[2] for a in used for b in others):
                return True
        return False

    def _within_lag(self, step: Step, placed: Mapping[str, Any]) -> list[int]:
        """Return the instants at which a step could stand by itself within its lag after the steps placed."""
        lag = self.problem.protocol.lag_into(step.code)
        assert lag is not None
        if "lag" in self.aside.get((step.code, ""), ()):
            lag = Lag(lag.first, lag.then, 0, None, first_phase=lag.first_phase, then_phase=lag.then_phase)
        first = placed[lag.first][0]
        if (step.code, first) not in self._after:
            fits = (at for at in self._standing(step) if not self._lag_faults(lag, first, at))
            self._after[step.code, first] = list(fits)
        return self._after[step.code, first]

    def _lag_faults(self, lag: Lag, first: int, then: int) -> set[str]:
        ended = first + ends_after(self.problem.protocol.step(lag.first), lag.first_phase) * MINUTE
        begins = then + begins_after(self.problem.protocol.step(lag.then), lag.then_phase) * MINUTE
        if begins < ended:
            return {"lag-too-short"}
        if lag.min_minutes is not None or lag.max_minutes is not None:
            gap, low, high = (begins - ended) / MINUTE, lag.min_minutes, lag.max_minutes
        else:
            gap, low, high = (self._date(begins) - self._date(ended)).days, lag.min_days, lag.max_days
        if low is not None and gap < low:
            return {"lag-too-short"}
        return {"lag-too-long"} if high is not None and gap > high else set()

    def _date(self, at: int) -> date:
        if at not in self._dates:
            self._dates[at] = datetime.fromtimestamp(at, ZoneInfo(self.zone)).date()
        return self._dates[at]

    def _ways(self, step: Step, starts: int) -> frozenset[frozenset[tuple[str, int, int]]]:
        """Return every set of shared resources with which a step could stand at an instant; empty when it cannot."""
        key = (step.code, starts)
        if key not in self._options:
            self._options[key] = frozenset(self._enumerate(step, starts))
        return self._options[key]

    def _enumerate(self, step: Step, starts: int) -> Iterator[frozenset[tuple[str, int, int]]]:
        if not self._patient_fits(step, starts) or not self._allowed(step, starts):
            return
        units = []
        for need in self._needs(step):
            low, high = self._span(step, need, starts)
            if low < self.origin or high > self.end:
                return
            able = [code for code in self._suited(step, need) if self._can(step, need, code, low, high)]
            if len(able) < need.count:
                return
            units.append((need, low, high, able))
        required = [
            (need.role, self._required(step, need.role))
            for need in self._needs(step)
            if self._required(step, need.role)
        ]
        for chosen in self._choices(units, ()):
            if all((role, code) in chosen for role, code in required):
                used = (
                    (code, low, high)
                    for role, code in chosen
                    for need, low, high, _ in units
                    if need.role == role and need.kind in self.shared
                )
                yield frozenset(used)

    def _choices(self, units: list[Any], chosen: tuple[tuple[str, str], ...]) -> Iterator[tuple[tuple[str, str], ...]]:
        if not units:
            yield chosen
            return
        need, _, _, able = units[0]
        taken = {code for _, code in chosen}
        for codes in combinations([code for code in able if code not in taken], need.count):
            yield from self._choices(units[1:], chosen + tuple((need.role, code) for code in codes))

    def _needs(self, step: Step) -> list[Need]:
        needs = [need for need in step.needs if "dropped" not in self._aside(step, need.role)]
        if step.stay and "dropped" not in self._aside(step, "bed"):
            needs.append(Need("bed", "bed", (), attributes=step.stay.attributes))
        return needs

    def _aside(self, step: Step, role: str) -> frozenset[str]:
        return self.aside.get((step.code, role), frozenset())

    def _required(self, step: Step, role: str) -> str | None:
        if "required-resource" in self._aside(step, role):
            return None
        return self.problem.require.get(f"{step.code}.{role}") or self.problem.require.get(role)

    def _span(self, step: Step, need: Need, starts: int) -> tuple[int, int]:
        if need.role == "bed":
            return self.bed_span(step, starts)
        begins = begins_after(step, need.phases[0]) - need.before_minutes
        ends = ends_after(step, need.phases[-1]) + need.after_minutes
        return starts + begins * MINUTE, starts + ends * MINUTE

    def bed_span(self, step: Step, starts: int) -> tuple[int, int]:
        assert step.stay is not None
        day = self._date(starts)
        return (
            instant(day - timedelta(days=step.stay.nights_before), self.world.ward.admit_minute, self.zone),
            instant(day + timedelta(days=step.stay.nights), self.world.ward.discharge_minute, self.zone),
        )

    def _suited(self, step: Step, need: Need) -> list[str]:
        """Return who may fill a need at all, free or not."""
        key = (step.code, need.role)
        if key not in self._able:
            self._able[key] = [
                code
                for code, resource in self.world.resources.items()
                if resource.kind == need.kind
                and need.attributes <= resource.attributes
                and (not need.codes or code in need.codes)
            ]
        return self._able[key]

    def _can(self, step: Step, need: Need, code: str, low: int, high: int) -> bool:
        resource, aside = self.world.resources[code], self._aside(step, need.role)
        if resource.kind != "bed" and "closed" not in aside and not self._open(code, low, high):
            return False
        if "no-licence" not in aside and not self._licensed(need, resource, low, high):
            return False
        return not any(busy_reason(busy) not in aside for busy in self._in_the_way(code, low, high))

    def _licensed(self, need: Need, resource: Resource, low: int, high: int) -> bool:
        if need.privilege is None:
            return True
        days = {self._date(low), self._date((low + high) // 2), self._date(high - 1)}
        return all(
            any(
                held.family == need.privilege and held.level >= need.level and held.first <= day <= held.last
                for held in resource.licences
            )
            for day in days
        )

    def _open(self, code: str, low: int, high: int) -> bool:
        for span in self.world.opening.get(code, ()):
            if span.starts <= low < span.ends:
                low = span.ends
        return low >= high

    def _in_the_way(self, code: str, low: int, high: int) -> Iterator[Busy]:
        return (busy for busy in self.world.busy.get(code, ()) if busy.starts < high and busy.ends > low)

    def _patient_fits(self, step: Step, starts: int) -> bool:
        ends = starts + sum(minutes for _, minutes in step.minutes) * MINUTE
        if ends > self.end:
            return False
        if self.problem.patient is None or self._aside(step, "patient"):
            return True
        return not any(self._in_the_way(self.problem.patient, starts, ends))

    def _allowed(self, step: Step, starts: int) -> bool:
        """Return whether the conditions of the whole step hold, but for those set aside."""
        in_room = sum(minutes for phase, minutes in step.minutes if phase != "recovery")
        return self._broken(step, starts, starts + in_room * MINUTE) <= self.aside.get((step.code, ""), frozenset())

    def _broken(self, step: Step, starts: int, ends: int) -> set[str]:
        """Return the conditions that a step over a span breaks, by the codes of blockers."""
        protocol, terms, day, found = self.problem.protocol, self.problem.terms, self._date(starts), set()
        if step.hours:
            low, high = (instant(day, minute, self.zone) for minute in (step.hours.first, step.hours.last))
            if starts < low or ends > high:
                found.add("hours")
        waits = []
        if step == protocol.steps[0] and (protocol.supply or terms.urgency != "2a"):
            waits.append(protocol.lead_days)
        if protocol.supply and protocol.supply.step == step.code:
            waits.append(protocol.supply.order_days)
        if terms.booked_on and any((day - terms.booked_on).days < wait for wait in waits if wait):
            found.add("lead")
        if step.code in terms.use_by and day > terms.use_by[step.code]:
            found.add("supply")
        if step == protocol.steps[0] and {protocol.sex, terms.sex} == {"female", "male"}:
            found.add("patient-sex")
        return found

    # --- the judge

    def codes(self, placement: Placement) -> set[str]:
        """Return the codes of everything that is wrong with a placement."""
        found = set()
        known = {step.code: step for step in self.problem.protocol.steps}
        plans: dict[str, StepPlan] = {}
        for plan in placement.steps:
            if plan.step not in known:
                found.add("unknown-step")
            elif plan.step in plans:
                found.add("duplicate-step")
            else:
                plans[plan.step] = plan
        if len(plans) < len(known):
            found.add("missing-step")
        for code, plan in plans.items():
            found |= self._step_codes(known[code], plan)
        for one, other in combinations(plans.values(), 2):
            found |= self._between(known, one, other)
        for lag in self.problem.protocol.lags:
            if lag.first in plans and lag.then in plans:
                found |= self._lag_faults(lag, plans[lag.first].starts, plans[lag.then].starts)
        first = plans.get(self.problem.protocol.steps[0].code)
        if {self.problem.protocol.sex, self.problem.terms.sex} == {"female", "male"}:
            found.add("patient-sex")
        if first and (first.starts < self.problem.earliest or first.starts > self.problem.latest):
            found.add("outside-window")
        return found

    def _step_codes(self, step: Step, plan: StepPlan) -> set[str]:
        found = set()
        in_room = sum(minutes for phase, minutes in step.minutes if phase != "recovery")
        if plan.ends != plan.starts + in_room * MINUTE:
            found.add("wrong-length")
        found |= {VIOLATION_OF[code] for code in self._broken(step, plan.starts, plan.ends)} - {"patient-sex"}
        wanted = {need.role: need.count for need in step.needs}
        if step.stay:
            wanted["bed"] = 1
        if self.problem.patient:
            wanted["patient"] = 1
        roles = [slot.role for slot in plan.slots]
        for role in {*wanted, *roles}:
            if roles.count(role) > wanted.get(role, 0):
                found.add("extra-slot")
            elif roles.count(role) < wanted.get(role, 0):
                found.add("no-bed" if role == "bed" else "need-not-filled")
        codes = [slot.resource for slot in plan.slots]
        if len(set(codes)) < len(codes):
            found.add("role-taken-twice")
        for slot in plan.slots:
            found |= self._slot_codes(step, plan, slot)
        for role in wanted:
            required = self._required(step, role)
            if required and (role, required) not in {(slot.role, slot.resource) for slot in plan.slots}:
                found.add("require-not-met")
        return found

    def _slot_codes(self, step: Step, plan: StepPlan, slot: SlotPlan) -> set[str]:
        found = self._place_codes(slot)
        if slot.role == "patient":
            ends = plan.starts + sum(minutes for _, minutes in step.minutes) * MINUTE
            if (slot.starts, slot.ends) != (plan.starts, ends):
                found.add("slot-span-wrong")
            if slot.resource != self.problem.patient:
                found.add("wrong-patient")
            return found
        resource = self.world.resources.get(slot.resource)
        if slot.resource not in self.world.resources:
            found.add("unknown-resource")
        need = next((need for need in Oracle(self.problem)._needs(step) if need.role == slot.role), None)
        if need is None:
            return found
        if (slot.starts, slot.ends) != self._span(step, need, plan.starts):
            found.add("bed-span-wrong" if slot.role == "bed" else "slot-span-wrong")
        if resource is None:
            return found
        if resource.kind != need.kind:
            found.add("wrong-kind")
        if need.attributes - resource.attributes:
            found.add("lacks-attribute")
        if need.codes and slot.resource not in need.codes:
            found.add("not-eligible")
        if slot.starts < slot.ends and not self._licensed(need, resource, slot.starts, slot.ends):
            found.add("privilege-missing")
        return found

    def _place_codes(self, slot: SlotPlan) -> set[str]:
        found = set()
        if slot.starts < self.origin or slot.ends > self.end:
            found.add("outside-horizon")
        if slot.starts >= slot.ends:
            return found
        for busy in self._in_the_way(slot.resource, slot.starts, slot.ends):
            if slot.role == "patient":
                found.add("patient-elsewhere")
            else:
                found.add("in-closure" if busy.kind in REASONS else "occupied")
        resource = self.world.resources.get(slot.resource)
        timed = resource is not None and resource.kind not in ("bed", "patient") and slot.role != "patient"
        if timed and not self._open(slot.resource, slot.starts, slot.ends):
            found.add("outside-opening")
        return found

    def _between(self, known: Mapping[str, Step], one: StepPlan, other: StepPlan) -> set[str]:
        for a in one.slots:
            for b in other.slots:
                real = a.starts < a.ends and b.starts < b.ends
                if a.resource == b.resource and real and a.starts < b.ends and b.starts < a.ends:
                    return {"self-overlap"}
        if self.problem.patient is None:
            lengths = [sum(minutes for _, minutes in known[plan.step].minutes) * MINUTE for plan in (one, other)]
            if one.starts < other.starts + lengths[1] and other.starts < one.starts + lengths[0]:
                return {"self-overlap"}
        return set()


def busy_reason(busy: Busy) -> str:
    return busy.kind if busy.kind in REASONS else "occupied"


def begins_after(step: Step, phase: str | None) -> int:
    """Return the minutes from a step's start to the start of a phase (None: of the step), by adding them up."""
    minutes = 0
    for name, length in step.minutes:
        if phase is None or name == phase:
            return minutes
        minutes += length
    raise KeyError(phase)


def ends_after(step: Step, phase: str | None) -> int:
    """Return the minutes from a step's start to the end of a phase (None: of the last before recovery)."""
    minutes = 0
    for name, length in step.minutes:
        if phase is None and name == "recovery":
            return minutes
        minutes += length
        if name == phase:
            return minutes
    if phase is None:
        return minutes
    raise KeyError(phase)


# --- placements, right and wrong ---------------------------------------------------------------------------------


def random_placement(problem: Problem, chance: Random) -> Placement:
    """Return a placement of every step somewhere with anybody: of the right shape, and hardly ever right."""
    oracle, plans = Oracle(problem), []
    for step in problem.protocol.steps:
        starts = problem.world.grid.origin + chance.randrange(0, 2 * 86400, chance.choice((60, 300)))
        slots = []
        for need in oracle._needs(step):
            able = [each.code for each in problem.world.resources.values() if each.kind == need.kind] or ["nowhere"]
            span = oracle._span(step, need, starts)
            slots += [SlotPlan(chance.choice(able), need.role, *span) for _ in range(need.count)]
        if problem.patient:
            leaves = starts + sum(minutes for _, minutes in step.minutes) * MINUTE
            slots.append(SlotPlan(problem.patient, "patient", starts, leaves))
        plans.append(StepPlan(step.code, starts, starts + ends_after(step, None) * MINUTE, tuple(slots)))
    return Placement(tuple(plans))


def spoilt(placement: Placement, problem: Problem, chance: Random) -> Placement:
    """Return the placement with one thing changed at random."""
    plans = list(placement.steps)
    place = chance.randrange(len(plans))
    change = chance.choice(CHANGES)
    changed = change(plans[place], problem, chance)
    plans[place : place + 1] = changed
    return Placement(tuple(plans))


Change = Callable[[StepPlan, Problem, Random], list[StepPlan]]


def _moved(plan: StepPlan, problem: Problem, chance: Random) -> list[StepPlan]:
    seconds = chance.choice((-86400, -3600, -300, -60, 60, 300, 3600, 86400, 3 * 86400))
    slots = tuple(replace(slot, starts=slot.starts + seconds, ends=slot.ends + seconds) for slot in plan.slots)
    return [replace(plan, starts=plan.starts + seconds, ends=plan.ends + seconds, slots=slots)]


def _moved_without_bed(plan: StepPlan, problem: Problem, chance: Random) -> list[StepPlan]:
    (moved,) = _moved(plan, problem, chance)
    slots = tuple(old if old.role == "bed" else new for old, new in zip(plan.slots, moved.slots, strict=True))
    return [replace(moved, slots=slots)]


def _one_slot(change: Callable[[SlotPlan, Problem, Random], list[SlotPlan]]) -> Change:
    def changed(plan: StepPlan, problem: Problem, chance: Random) -> list[StepPlan]:
        if not plan.slots:
            return [plan]
        place = chance.randrange(len(plan.slots))
        slots = list(plan.slots)
        slots[place : place + 1] = change(slots[place], problem, chance)
        return [replace(plan, slots=tuple(slots))]

    return changed


def _other_resource(slot: SlotPlan, problem: Problem, chance: Random) -> list[SlotPlan]:
    return [replace(slot, resource=chance.choice([*problem.world.resources, "nowhere"]))]


def _other_role(slot: SlotPlan, problem: Problem, chance: Random) -> list[SlotPlan]:
    return [replace(slot, role=chance.choice(("r1", "r2", "bed", "patient", "guest")))]


def _stretched(slot: SlotPlan, problem: Problem, chance: Random) -> list[SlotPlan]:
    return [replace(slot, ends=slot.ends + chance.choice((-36000, -300, 60, 300)))]


CHANGES: tuple[Change, ...] = (
    _moved,
    _moved,
    _moved_without_bed,
    _one_slot(_other_resource),
    _one_slot(_other_resource),
    _one_slot(_other_role),
    _one_slot(_stretched),
    _one_slot(lambda slot, problem, chance: []),
    _one_slot(lambda slot, problem, chance: [slot, slot]),
    lambda plan, problem, chance: [],
    lambda plan, problem, chance: [plan, plan],
    lambda plan, problem, chance: [replace(plan, step="elsewhere")],
    lambda plan, problem, chance: [replace(plan, ends=plan.ends + chance.choice((-300, 300)))],
)
