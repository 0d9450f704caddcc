"""A procedure protocol as data: steps with phases and needs, the lags between steps, the bed nights after them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from scheduler.engine.entry import BadProtocol, Entry

__all__ = [
    "KINDS",
    "PHASES",
    "RESERVED_ROLES",
    "URGENCIES",
    "BadProtocol",
    "Lag",
    "Need",
    "Protocol",
    "Stay",
    "Step",
    "parse",
]

PHASES = ("setup", "procedure", "cleanup", "recovery")
"""In the order they follow each other. Recovery happens outside the room and is not in the step's span."""

KINDS = (
    "room",
    "device",
    "place",
    "bed",
    "physician",
    "nurse",
    "recorder",
    "anaesthetist",
    "physicist",
    "radiographer",
)
"""What a need may ask for. The kind `patient` exists beside them and is never a need."""

RESERVED_ROLES = ("patient", "bed")
"""Filled by the engine itself: the patient's own day, and the bed of a stay."""

URGENCIES = ("1", "2a", "2b", "3", "4a", "4b")
"""CLINICAL §11: immediate, urgent (two), expedited, elective (cancer, benign)."""

GRID_MINUTES = 5
LONGEST_MINUTES = 24 * 60
"""Of one phase and of a whole step."""

LONGEST_LAG_DAYS = 3 * 365

MOST_NIGHTS, MOST_NIGHTS_BEFORE = 45, 14
"""Together shorter than the 60 days that look-ups of occupied spans reach back (availability.LONGEST_SLOT)."""


@dataclass(frozen=True, slots=True)
class Need:
    """`count` resources of one kind, over consecutive phases of a step, each with every attribute and the privilege.

    `role` is unique within its step; one resource never fills two needs of the same step.
    """

    role: str
    kind: str
    phases: tuple[str, ...]
    count: int = 1
    attributes: frozenset[str] = frozenset()
    privilege: str | None = None
    """A procedure family the person must be licensed for on the day, at `level` or above."""
    level: int = 1
    codes: frozenset[str] = frozenset()
    """When not empty, only these resources."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A bed from the department's admission time `nights_before` days before the step's local day until its
    discharge time `nights` days after it. nights_before + nights >= 1."""

    nights: int
    nights_before: int = 0
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One visit. `minutes` maps a phase to its whole minutes on the 5-minute grid; absent phases take no time."""

    code: str
    name_zh: str
    name_en: str
    minutes: tuple[tuple[str, int], ...]
    needs: tuple[Need, ...]
    stay: Stay | None = None
    provisional: bool = False
    """True: booked as `reserved`, to be released or confirmed by the outcome of the step before (DESIGN §3a.4)."""
    open_length: bool = False
    """True: a placement says how long the procedure takes, in whole minutes; `minutes` is what `find` proposes."""

    def lasting(self, minutes: int) -> "Step":
        """Return the step with a span of so many minutes where its length is open and can be that, else as it is.

        The procedure takes what set-up and clean-up leave of it.
        """
        fixed = self.length("setup", "cleanup")
        if not self.open_length or not fixed < minutes <= LONGEST_MINUTES:
            return self
        phases = tuple((phase, minutes - fixed if phase == "procedure" else taken) for phase, taken in self.minutes)
        return replace(self, minutes=phases)

    def offset(self, phase: str) -> int:
        """Return the minutes from the step's start to the start of a phase."""
        order = PHASES.index(phase)
        return sum(minutes for name, minutes in self.minutes if PHASES.index(name) < order)

    def length(self, *phases: str) -> int:
        """Return the minutes of the named phases together."""
        return sum(minutes for name, minutes in self.minutes if name in phases)

    @property
    def span_minutes(self) -> int:
        """Minutes from the start of set-up to the end of clean-up: the step's own span."""
        return self.length("setup", "procedure", "cleanup")

    @property
    def patient_minutes(self) -> int:
        """Minutes the patient is taken: everything, recovery included."""
        return self.length(*PHASES)


@dataclass(frozen=True, slots=True)
class Lag:
    """How long after step `first` step `then` may start. Exactly one unit is used.

    Minutes run from the end of `first_phase` of the first step (default: the end of its span) to the start of
    `then_phase` of the next (default: the start of its span). Days are local calendar days between the two.
    """

    first: str
    then: str
    min_minutes: int | None = None
    max_minutes: int | None = None
    min_days: int | None = None
    max_days: int | None = None
    target_days: tuple[int, int] | None = None
    first_phase: str | None = None
    then_phase: str | None = None

    def leaves(self, first: Step) -> int:
        """Return the minutes from the first step's start to the instant the lag runs from."""
        if self.first_phase is None:
            return first.span_minutes
        return first.offset(self.first_phase) + first.length(self.first_phase)

    def enters(self, then: Step) -> int:
        """Return the minutes from the next step's start to the instant the lag runs to."""
        return then.offset(self.then_phase) if self.then_phase else 0

    @property
    def in_days(self) -> bool:
        return self.min_minutes is None and self.max_minutes is None


@dataclass(frozen=True, slots=True)
class Protocol:
    """A valid protocol: steps in order, each later step reached by exactly one lag from an earlier one (a tree)."""

    code: str
    version: int
    name_zh: str
    name_en: str
    family: str
    urgency: str
    steps: tuple[Step, ...]
    lags: tuple[Lag, ...] = ()
    sources: tuple[tuple[str, str], ...] = field(default=())

    def step(self, code: str) -> Step:
        return next(step for step in self.steps if step.code == code)

    def lag_into(self, code: str) -> Lag | None:
        """Return the lag that leads to a step; None for the first step."""
        return next((lag for lag in self.lags if lag.then == code), None)


# --- reading a document ------------------------------------------------------------------------------------------

_DOCUMENT_KEYS = {"code", "name", "version", "effective_from", "family", "urgency", "sources", "step", "lag"}
_STEP_KEYS = {"code", "name", "phases", "open_length", "provisional", "need", "stay"}
_NEED_KEYS = {"role", "kind", "phases", "count", "attributes", "privilege", "level", "codes"}
_STAY_KEYS = {"nights", "nights_before", "attributes"}
_MINUTE_KEYS = ("min_minutes", "max_minutes")
_DAY_KEYS = ("min_days", "max_days", "target_days")
_LAG_KEYS = {"from", "to", "from_phase", "to_phase", *_MINUTE_KEYS, *_DAY_KEYS}


def parse(document: Mapping[str, Any]) -> Protocol:
    """Return the protocol that a document means, as tomllib or JSON gives it.

    Raises BadProtocol naming the first entry at fault. Phases come out on the 5-minute grid: each cumulative
    boundary is rounded up (3 + 10 + 3 minutes become 5, 10, 5), and no phase vanishes by it.
    """
    code = document.get("code")
    top = Entry(code if isinstance(code, str) and code else "?", "", document, _DOCUMENT_KEYS)
    top.code("code")
    top.day("effective_from")
    name = _name(top)
    steps = _steps(top)
    urgency = top.text("urgency")
    if urgency not in URGENCIES:
        raise top.bad("unknown-urgency", "urgency", value=urgency)
    return Protocol(
        code=top.protocol,
        version=top.whole("version", 1, 1_000_000),
        name_zh=name[0],
        name_en=name[1],
        family=top.text("family"),
        urgency=urgency,
        steps=steps,
        lags=_lags(top, steps),
        sources=_sources(top),
    )


def _name(entry: Entry) -> tuple[str, str]:
    names = Entry(entry.protocol, _under(entry, "name"), entry.value("name", dict), {"zh", "en"})
    return names.text("zh"), names.text("en")


def _sources(top: Entry) -> tuple[tuple[str, str], ...]:
    table = top.value("sources", dict, {})
    entry = Entry(top.protocol, "sources", table, set(table))
    return tuple((key, entry.text(key)) for key in table)


def _under(entry: Entry, name: str) -> str:
    return f"{entry.path}.{name}" if entry.path else name


def _children(entry: Entry, name: str, label: str, keys: set[str]) -> list[Entry]:
    """Return the tables of an array, each named by its code or, when it has none, by its place (from 1)."""
    found = []
    for place, table in enumerate(entry.items(name), start=1):
        called = table.get(label) if isinstance(table, Mapping) else None
        path = f"{_under(entry, name)}[{called if isinstance(called, str) and called else place}]"
        found.append(Entry(entry.protocol, path, table, keys))
    return found


def _steps(top: Entry) -> tuple[Step, ...]:
    entries = _children(top, "step", "code", _STEP_KEYS)
    if not entries:
        raise top.bad("no-step", "step")
    seen: set[str] = set()
    for entry in entries:
        if entry.code("code") in seen:
            raise entry.bad("duplicate-step", "code")
        seen.add(entry.code("code"))
    return tuple(_step(entry) for entry in entries)


def _step(entry: Entry) -> Step:
    zh, en = _name(entry)
    minutes = _minutes(entry)
    return Step(
        code=entry.code("code"),
        name_zh=zh,
        name_en=en,
        minutes=minutes,
        needs=_needs(entry, [phase for phase, _ in minutes]),
        stay=_stay(entry),
        provisional=entry.value("provisional", bool, False),
        open_length=entry.value("open_length", bool, False),
    )


def _minutes(step: Entry) -> tuple[tuple[str, int], ...]:
    table = step.value("phases", dict)
    entry = Entry(step.protocol, _under(step, "phases"), table, set(table))
    for phase in table:
        if phase not in PHASES:
            raise entry.bad("unknown-phase", phase)
        entry.whole(phase, 1, LONGEST_MINUTES)
    if "procedure" not in table:
        raise entry.bad("no-procedure")
    if sum(table.values()) > LONGEST_MINUTES:
        raise entry.bad("out-of-range", value=sum(table.values()), low=1, high=LONGEST_MINUTES)
    present = [phase for phase in PHASES if phase in table]
    return tuple(zip(present, _on_grid([table[phase] for phase in present]), strict=True))


def _on_grid(minutes: Sequence[int]) -> list[int]:
    """Return durations whose cumulative ends are those given, rounded up to the grid, each at least one cell."""
    exact, ends = 0, [0]
    for duration in minutes:
        exact += duration
        ends.append(max(-(-exact // GRID_MINUTES) * GRID_MINUTES, ends[-1] + GRID_MINUTES))
    return [after - before for before, after in pairwise(ends)]


def _needs(step: Entry, present: list[str]) -> tuple[Need, ...]:
    needs: dict[str, Need] = {}
    for entry in _children(step, "need", "role", _NEED_KEYS):
        role = entry.code("role")
        if role in RESERVED_ROLES:
            raise entry.bad("role-reserved", "role")
        if role in needs:
            raise entry.bad("duplicate-role", "role")
        needs[role] = _need(entry, present)
    return tuple(needs.values())


def _need(entry: Entry, present: list[str]) -> Need:
    kind = entry.text("kind")
    if kind not in KINDS:
        raise entry.bad("unknown-kind", "kind", value=kind)
    privilege = entry.text("privilege", None)
    if "level" in entry.table and privilege is None:
        raise entry.bad("level-without-privilege", "level")
    return Need(
        role=entry.code("role"),
        kind=kind,
        phases=_need_phases(entry, present),
        count=entry.whole("count", 1, 20, 1),
        attributes=frozenset(entry.texts("attributes")),
        privilege=privilege,
        level=entry.whole("level", 1, 4, 1),
        codes=frozenset(entry.texts("codes")),
    )


def _need_phases(entry: Entry, present: list[str]) -> tuple[str, ...]:
    """Return the phases in time order; without any named, those of the step's span."""
    if "phases" not in entry.table:
        return tuple(phase for phase in present if phase != "recovery")
    named = entry.texts("phases")
    if not named:
        raise entry.bad("empty", "phases")
    for phase in named:
        if phase not in PHASES:
            raise entry.bad("unknown-phase", "phases", value=phase)
        if phase not in present:
            raise entry.bad("phase-absent", "phases", value=phase)
    places = sorted({present.index(phase) for phase in named})
    if len(places) != len(named) or places[-1] - places[0] != len(places) - 1:
        raise entry.bad("phases-not-consecutive", "phases", value=list(named))
    return tuple(present[place] for place in places)


def _stay(step: Entry) -> Stay | None:
    if "stay" not in step.table:
        return None
    entry = Entry(step.protocol, _under(step, "stay"), step.table["stay"], _STAY_KEYS)
    nights, before = entry.whole("nights", 0, MOST_NIGHTS), entry.whole("nights_before", 0, MOST_NIGHTS_BEFORE, 0)
    if nights + before < 1:
        raise entry.bad("stay-without-nights", "nights")
    return Stay(nights=nights, nights_before=before, attributes=frozenset(entry.texts("attributes")))


def _lags(top: Entry, steps: tuple[Step, ...]) -> tuple[Lag, ...]:
    by_code = {step.code: step for step in steps}
    entries = _children(top, "lag", "to", _LAG_KEYS)
    arrows = [(entry, entry.text("from"), entry.text("to")) for entry in entries]
    _refuse_no_tree(arrows, list(by_code))
    for code in list(by_code)[1:]:
        if all(then != code for _, _, then in arrows):
            raise BadProtocol(top.protocol, f"step[{code}]", "step-without-lag")
    return tuple(_lag(entry, by_code[first], by_code[then]) for entry, first, then in arrows)


def _refuse_no_tree(arrows: list[tuple[Entry, str, str]], codes: list[str]) -> None:
    """Refuse lags that do not lead from the first step to every other, each once and from an earlier one."""
    before: dict[str, str] = {}
    for entry, first, then in arrows:
        for key, code in (("from", first), ("to", then)):
            if code not in codes:
                raise entry.bad("unknown-step", key, value=code)
        if then in before:
            raise entry.bad("second-lag", "to", value=then)
        before[then] = first
    for entry, first, then in arrows:
        if _comes_back(before, then):
            raise entry.bad("lag-cycle", value=[first, then])
        if codes.index(first) >= codes.index(then):
            raise entry.bad("lag-backwards", value=[first, then])


def _comes_back(before: dict[str, str], step: str) -> bool:
    """Return whether going from lag to lag backwards from a step leads to that step again."""
    at = before.get(step)
    for _ in before:
        if at is None or at == step:
            break
        at = before.get(at)
    return at == step


def _lag(entry: Entry, first: Step, then: Step) -> Lag:
    minutes = [key for key in _MINUTE_KEYS if key in entry.table]
    days = [key for key in _DAY_KEYS if key in entry.table]
    if minutes and days:
        raise entry.bad("lag-two-units", days[0])
    if not minutes and not days:
        raise entry.bad("lag-without-bound")
    found = {key: entry.whole(key, 0, LONGEST_LAG_DAYS * 24 * 60, None) for key in _MINUTE_KEYS}
    found |= {key: entry.whole(key, 0, LONGEST_LAG_DAYS, None) for key in ("min_days", "max_days")}
    for low, high in (_MINUTE_KEYS, ("min_days", "max_days")):
        if found[low] is not None and found[high] is not None and found[low] > found[high]:
            raise entry.bad("lag-contradiction", low, low=found[low], high=found[high])
    lag = Lag(
        first=first.code,
        then=then.code,
        **found,
        target_days=_target(entry, found["min_days"], found["max_days"]),
        first_phase=_lag_phase(entry, "from_phase", first),
        then_phase=_lag_phase(entry, "to_phase", then),
    )
    _refuse_impossible(entry, lag, first, then)
    return lag


def _refuse_impossible(entry: Entry, lag: Lag, first: Step, then: Step) -> None:
    """Refuse a longest lag that is over before the patient has left the first step's recovery."""
    soonest = first.patient_minutes - lag.leaves(first) + lag.enters(then)
    if lag.max_minutes is not None and lag.max_minutes < soonest:
        raise entry.bad("lag-contradiction", "max_minutes", low=soonest, high=lag.max_minutes)


def _target(entry: Entry, low: int | None, high: int | None) -> tuple[int, int] | None:
    if "target_days" not in entry.table:
        return None
    target = entry.items("target_days")
    if len(target) != 2 or not all(type(day) is int for day in target):
        raise entry.bad("wrong-type", "target_days", expected="[first, last]")
    if target[0] > target[1]:
        raise entry.bad("lag-contradiction", "target_days", low=target[0], high=target[1])
    if target[0] < (low or 0) or (high is not None and target[1] > high):
        raise entry.bad("target-outside", "target_days", value=list(target))
    return (target[0], target[1])


def _lag_phase(entry: Entry, key: str, step: Step) -> str | None:
    phase: str | None = entry.text(key, None)
    if phase is None:
        return None
    if phase not in PHASES:
        raise entry.bad("unknown-phase", key, value=phase)
    if phase not in (name for name, _ in step.minutes):
        raise entry.bad("phase-absent", key, value=phase)
    return phase
