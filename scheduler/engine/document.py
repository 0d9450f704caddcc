"""Reads a protocol document: what TOML or JSON gives becomes a Protocol, or the first entry at fault is named."""

from collections.abc import Mapping
from typing import Any

from scheduler.engine.document_lags import lags, refuse_too_soon
from scheduler.engine.document_options import options
from scheduler.engine.document_steps import refuse_too_long, steps
from scheduler.engine.entry import Entry
from scheduler.engine.options import variants, varied
from scheduler.engine.protocol import URGENCIES, Protocol, Step, Supply

SEXES = ("female", "male")

LONGEST_LEAD_DAYS = 365

_KEYS = {
    *("code", "name", "version", "effective_from", "family", "urgency", "lead_days", "sex"),
    *("sources", "supply", "step", "lag", "option"),
}
_SUPPLY_KEYS = {"name", "step", "order_days", "use_by_days"}


def parse(document: Mapping[str, Any]) -> Protocol:
    """Return the protocol that a document means, as tomllib or JSON gives it.

    Raises BadProtocol naming the first entry at fault. Phases come out on the 5-minute grid: each cumulative
    boundary is rounded up (3 + 10 + 3 minutes become 5, 10, 5), and no phase vanishes by it.
    """
    code = document.get("code")
    top = Entry(code if isinstance(code, str) and code else "?", "", document, _KEYS)
    top.code("code")
    top.day("effective_from")
    name = top.pair("name")
    found = steps(top)
    protocol = Protocol(
        code=top.protocol,
        version=top.whole("version", 1, 1_000_000),
        name_zh=name[0],
        name_en=name[1],
        family=top.text("family"),
        urgency=_urgency(top),
        steps=found,
        lags=lags(top, found),
        sources=_sources(top),
        lead_days=top.whole("lead_days", 0, LONGEST_LEAD_DAYS, 0),
        supply=_supply(top, found),
        sex=_sex(top),
        options=options(top, found),
    )
    _refuse_impossible(top, protocol)
    return protocol


def _urgency(top: Entry) -> str:
    found: str = top.text("urgency")
    if found not in URGENCIES:
        raise top.bad("unknown-urgency", "urgency", value=found)
    return found


def _sex(top: Entry) -> str | None:
    found: str | None = top.text("sex", None)
    if found is not None and found not in SEXES:
        raise top.bad("unknown-sex", "sex", value=found)
    return found


def _sources(top: Entry) -> tuple[tuple[str, str], ...]:
    table = top.value("sources", dict, {})
    entry = Entry(top.protocol, "sources", table, set(table))
    return tuple((key, entry.text(key)) for key in table)


def _supply(top: Entry, steps: tuple[Step, ...]) -> Supply | None:
    """Return what is ordered; for the first step unless another one is named."""
    entry = top.child("supply", _SUPPLY_KEYS)
    if entry is None:
        return None
    zh, en = entry.pair("name")
    step: str = entry.text("step", steps[0].code)
    if step not in (each.code for each in steps):
        raise entry.bad("unknown-step", "step", value=step)
    order = entry.whole("order_days", 0, LONGEST_LEAD_DAYS)
    return Supply(zh, en, step, order, entry.whole("use_by_days", 0, LONGEST_LEAD_DAYS))


def _refuse_impossible(top: Entry, protocol: Protocol) -> None:
    """Refuse a protocol that could never stand, as it is or with any options that go together."""
    for chosen in ({}, *variants(protocol)):
        within = Entry(top.protocol, "+".join(f"option[{code}]" for code in chosen), {}, set())
        changed = varied(protocol, chosen)
        for step in changed.steps:
            refuse_too_long(within, step)
        refuse_too_soon(within, changed)
