"""Reads the options of a protocol document: what a booking may add or change."""

from collections.abc import Iterable
from fractions import Fraction

from scheduler.engine.document_steps import needs, phase_table, stay
from scheduler.engine.entry import Entry
from scheduler.engine.protocol import PHASES, Need, Option, Step

MOST_OPTIONS = 16
"""So many make at most 324 fullest sets (Moon and Moser 1965), each of which a reader of documents tries."""
MOST_COUNTED = 20
MOST_LENGTHENED = 10

_KEYS = {
    *("code", "name", "steps", "most", "excludes", "add", "lengthens", "drop", "need", "stay", "no_stay"),
}


def options(top: Entry, steps: tuple[Step, ...]) -> tuple[Option, ...]:
    """Return the options in the document's order, each with a code of its own."""
    entries = top.children("option", "code", _KEYS)
    if len(entries) > MOST_OPTIONS:
        raise top.bad("out-of-range", "option", value=len(entries), low=0, high=MOST_OPTIONS)
    found: dict[str, Option] = {}
    for entry in entries:
        if entry.code("code") in found:
            raise entry.bad("duplicate-option", "code")
        found[entry.code("code")] = _option(entry, steps)
    for entry in entries:
        for code in entry.texts("excludes"):
            if code not in found or code == entry.code("code"):
                raise entry.bad("unknown-option", "excludes", value=code)
    return tuple(found.values())


def _option(entry: Entry, steps: tuple[Step, ...]) -> Option:
    zh, en = entry.pair("name")
    about = _about(entry, steps)
    add = phase_table(entry, "add") if "add" in entry.table else {}
    no_stay = entry.value("no_stay", bool, False)
    if no_stay and "stay" in entry.table:
        raise entry.bad("stay-and-no-stay", "no_stay")
    return Option(
        code=entry.code("code"),
        name_zh=zh,
        name_en=en,
        steps=tuple(step.code for step in about),
        most=entry.whole("most", 1, MOST_COUNTED, 1),
        excludes=frozenset(entry.texts("excludes")),
        add=tuple(add.items()),
        lengthens=_lengthens(entry),
        drop=_dropped(entry, about),
        needs=_needs(entry, about, add),
        stay=stay(entry),
        no_stay=no_stay,
    )


def _about(entry: Entry, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps an option changes: those it names, else all."""
    named = entry.texts("steps")
    if "steps" in entry.table and not named:
        raise entry.bad("empty", "steps")
    for code in named:
        if code not in (step.code for step in steps):
            raise entry.bad("unknown-step", "steps", value=code)
    return tuple(step for step in steps if not named or step.code in named)


def _lengthens(entry: Entry) -> Fraction:
    """Return the share exactly as it is written: 0.6 is three fifths, and 25 minutes become 40, not a hair more."""
    found = entry.table.get("lengthens", 0)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise entry.bad("wrong-type", "lengthens", expected="number")
    if not 0 <= found <= MOST_LENGTHENED:
        raise entry.bad("out-of-range", "lengthens", value=found, low=0, high=MOST_LENGTHENED)
    return Fraction(str(found))


def _dropped(entry: Entry, about: Iterable[Step]) -> frozenset[str]:
    roles = {need.role for step in about for need in step.needs}
    for role in entry.texts("drop"):
        if role not in roles:
            raise entry.bad("unknown-role", "drop", value=role)
    return frozenset(entry.texts("drop"))


def _needs(entry: Entry, about: Iterable[Step], add: Iterable[str]) -> tuple[Need, ...]:
    """Return the needs an option adds; judge that each of its steps has the phases they name."""
    present = [{phase for phase, _ in step.minutes} | set(add) for step in about]
    for phases in present:
        needs(entry, [phase for phase in PHASES if phase in phases])
    # What no step has does not come between two phases either.
    return needs(entry, [phase for phase in PHASES if phase in set().union(*present)])
