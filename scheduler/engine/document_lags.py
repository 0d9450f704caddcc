"""Reads the lags of a protocol document: a tree that leads from the first step to every other one."""

from scheduler.engine.entry import BadProtocol, Entry
from scheduler.engine.protocol import LONGEST_LAG_DAYS, PHASES, Lag, Protocol, Step

_MINUTE_KEYS = ("min_minutes", "max_minutes")
_DAY_KEYS = ("min_days", "max_days", "target_days")
_KEYS = {"from", "to", "from_phase", "to_phase", *_MINUTE_KEYS, *_DAY_KEYS}


def lags(top: Entry, steps: tuple[Step, ...]) -> tuple[Lag, ...]:
    """Return the lags, which lead from the first step to every other one."""
    by_code = {step.code: step for step in steps}
    entries = top.children("lag", "to", _KEYS)
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
    return Lag(
        first=first.code,
        then=then.code,
        **found,
        target_days=_target(entry, found["min_days"], found["max_days"]),
        first_phase=_lag_phase(entry, "from_phase", first),
        then_phase=_lag_phase(entry, "to_phase", then),
    )


def refuse_too_soon(within: Entry, protocol: Protocol) -> None:
    """Refuse a longest lag that is over before the patient has left the first step's recovery.

    `within` names the options chosen.
    """
    for lag in protocol.lags:
        first, then = protocol.step(lag.first), protocol.step(lag.then)
        soonest = first.patient_minutes - lag.leaves(first) + lag.enters(then)
        if lag.max_minutes is not None and lag.max_minutes < soonest:
            entry = Entry(within.protocol, within.under(f"lag[{lag.then}]"), {}, set())
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
