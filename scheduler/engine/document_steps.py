"""Reads the steps of a protocol document: phases, needs, stay, hours and what the patient must do before."""

from collections.abc import Collection

from scheduler.engine.entry import Entry
from scheduler.engine.protocol import (
    KINDS,
    LONGEST_MINUTES,
    MOST_NIGHTS,
    MOST_NIGHTS_BEFORE,
    PHASES,
    RESERVED_ROLES,
    Hours,
    Need,
    Stay,
    Step,
    on_grid,
    up_to_grid,
)

LONGEST_FAST_HOURS = 24

_STEP_KEYS = {
    *("code", "name", "phases", "open_length", "provisional", "need", "stay"),
    *("hours", "prepare", "fasting_hours"),
}
_NEED_KEYS = {
    *("role", "kind", "phases", "count", "attributes", "privilege", "level", "codes"),
    *("before_minutes", "after_minutes"),
}
_STAY_KEYS = {"nights", "nights_before", "attributes"}


def steps(top: Entry) -> tuple[Step, ...]:
    """Return the steps in the document's order, which has at least one, each with a code of its own."""
    entries = top.children("step", "code", _STEP_KEYS)
    if not entries:
        raise top.bad("no-step", "step")
    seen: set[str] = set()
    for entry in entries:
        if entry.code("code") in seen:
            raise entry.bad("duplicate-step", "code")
        seen.add(entry.code("code"))
    return tuple(_step(entry) for entry in entries)


def _step(entry: Entry) -> Step:
    zh, en = entry.pair("name")
    minutes = _minutes(entry)
    prepare = entry.pair("prepare") if "prepare" in entry.table else ("", "")
    return Step(
        code=entry.code("code"),
        name_zh=zh,
        name_en=en,
        minutes=minutes,
        needs=needs(entry, [phase for phase, _ in minutes]),
        stay=stay(entry),
        provisional=entry.value("provisional", bool, False),
        open_length=entry.value("open_length", bool, False),
        hours=_hours(entry),
        prepare_zh=prepare[0],
        prepare_en=prepare[1],
        fasting_hours=entry.whole("fasting_hours", 0, LONGEST_FAST_HOURS, 0),
    )


def _minutes(step: Entry) -> tuple[tuple[str, int], ...]:
    table = phase_table(step, "phases")
    if "procedure" not in table:
        raise step.bad("no-procedure", "phases")
    if sum(table.values()) > LONGEST_MINUTES:
        raise step.bad("out-of-range", "phases", value=sum(table.values()), low=1, high=LONGEST_MINUTES)
    return tuple(zip(table, on_grid(table.values()), strict=True))


def phase_table(entry: Entry, key: str) -> dict[str, int]:
    """Return minutes by phase, in the order of time."""
    table = entry.value(key, dict)
    phases = Entry(entry.protocol, entry.under(key), table, set(table))
    for phase in table:
        if phase not in PHASES:
            raise phases.bad("unknown-phase", phase)
        phases.whole(phase, 1, LONGEST_MINUTES)
    return {phase: table[phase] for phase in PHASES if phase in table}


def _hours(step: Entry) -> Hours | None:
    entry = step.child("hours", {"from", "to"})
    if entry is None:
        return None
    found = Hours(entry.clock("from"), entry.clock("to"))
    if found.first >= found.last:
        raise entry.bad("hours-reversed", low=found.first, high=found.last)
    return found


def needs(parent: Entry, present: Collection[str]) -> tuple[Need, ...]:
    """Return the needs of a step that has these phases."""
    found: dict[str, Need] = {}
    for entry in parent.children("need", "role", _NEED_KEYS):
        role = entry.code("role")
        if role in RESERVED_ROLES:
            raise entry.bad("role-reserved", "role")
        if role in found:
            raise entry.bad("duplicate-role", "role")
        found[role] = _need(entry, list(present))
    return tuple(found.values())


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
        before_minutes=up_to_grid(entry.whole("before_minutes", 0, LONGEST_MINUTES, 0)),
        after_minutes=up_to_grid(entry.whole("after_minutes", 0, LONGEST_MINUTES, 0)),
        whole_span="phases" not in entry.table,
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


def stay(parent: Entry) -> Stay | None:
    """Return the stay of a step or an option; None when it has none."""
    entry = parent.child("stay", _STAY_KEYS)
    if entry is None:
        return None
    nights, before = entry.whole("nights", 0, MOST_NIGHTS), entry.whole("nights_before", 0, MOST_NIGHTS_BEFORE, 0)
    if nights + before < 1:
        raise entry.bad("stay-without-nights", "nights")
    return Stay(nights=nights, nights_before=before, attributes=frozenset(entry.texts("attributes")))


def refuse_too_long(within: Entry, step: Step) -> None:
    """Refuse a step longer than a day, or than the hours it must lie in. `within` names the options chosen."""
    path = within.under(f"step[{step.code}]")
    if step.patient_minutes > LONGEST_MINUTES:
        facts = {"value": step.patient_minutes, "low": 1, "high": LONGEST_MINUTES}
        raise Entry(within.protocol, path, {}, set()).bad("out-of-range", "phases", **facts)
    if step.hours is not None and step.span_minutes > step.hours.last - step.hours.first:
        facts = {"minutes": step.span_minutes, "most": step.hours.last - step.hours.first}
        raise Entry(within.protocol, path, {}, set()).bad("hours-too-short", "hours", **facts)
