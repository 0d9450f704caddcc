"""On what terms the demonstration books a wish: with which options, how urgent, when it was asked for, with whom."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from scheduler.demo.mix import OPERATIONS
from scheduler.demo.wishes import Wish
from scheduler.engine.grid import at_minute
from scheduler.engine.options import exclude
from scheduler.engine.protocol import Need, Protocol
from scheduler.engine.world import Resource

OPENS, SPREAD = 8 * 60, 9 * 60
"""When wishes begin, in minutes after midnight, and over how long they are spread."""

NOON, AFTERNOON = 12 * 60, 13 * 60 + 30
"""Whoever wants to come over lunch is planned for the afternoon's first places."""

AHEAD = {"1": (0, 0), "2a": (0, 0), "2b": (0, 1), "3": (0, 4), "4a": (1, 14), "4b": (3, 45)}
"""Urgency → how many days ahead an operation is booked (CLINICAL §11); a lead of the protocol's comes first."""

EXAMINATION_AHEAD, WALK_IN = 12, 0.25
"""The most days ahead that an examination is booked, and the share of those asked for on the day itself (est)."""

LODGER = "lodger"


def allowed(protocol: Protocol, wished: Mapping[str, int]) -> dict[str, int]:
    """Return the options that the protocol has; of two that exclude each other the first."""
    chosen: dict[str, int] = {}
    for code in wished:
        option = protocol.option(code)
        others = (protocol.option(other) for other in chosen)
        if option is not None and not any(other and exclude(option, other) for other in others):
            chosen[code] = 1
    return chosen


def ways(protocol: Protocol, chosen: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield the options as chosen, and then with a bed on another ward."""
    yield dict(chosen)
    lodging = allowed(protocol, {LODGER: 1, **chosen})
    if LODGER in lodging and LODGER not in chosen and "day-case" not in chosen:
        yield lodging


def urgency(wish: Wish, protocol: Protocol, unannounced: bool) -> str:
    """Return a wish's class: an emergency's is drawn, and what is planned is never an emergency."""
    if unannounced:
        return "1" if wish.chance < 0.06 else "2a" if wish.chance < 0.4 else "2b"
    return "3" if protocol.urgency in ("1", "2a", "2b") else protocol.urgency


def arrives_at(wish: Wish, zone: str) -> int:
    """Return when somebody who comes without notice is there; mornings are busier."""
    return at_minute(wish.day, _minute(wish), zone)


def wanted_at(wish: Wish, protocol: Protocol, zone: str) -> int:
    """Return the instant a planned wish is wanted at: lists are made of places of one length, not of gaps."""
    minute = _minute(wish)
    session = AFTERNOON if minute >= NOON else OPENS
    return at_minute(wish.day, max(minute - (minute - session) % protocol.steps[0].span_minutes, session), zone)


def _minute(wish: Wish) -> int:
    return OPENS + int(wish.hour**1.3 * SPREAD)


def asked_at(wish: Wish, protocol: Protocol, first: int, day: date, zone: str, now: int) -> int:
    """Return when a wish that starts at `first` was asked for, never after now and never too late for its lead."""
    days = _days_ahead(wish, protocol)
    if days == 0:
        then = first - (20 + int(wish.ahead * 100)) * 60
    else:
        then = at_minute(day - timedelta(days=days), OPENS + int(wish.chance * SPREAD), zone)
    return then if then <= now else now - (5 + int(wish.ahead * 3 * 24 * 60)) * 60


def _days_ahead(wish: Wish, protocol: Protocol) -> int:
    if wish.kind not in OPERATIONS:
        return 0 if wish.ahead < WALK_IN else 1 + int(wish.ahead**2 * EXAMINATION_AHEAD)
    soonest, latest = AHEAD[urgency(wish, protocol, False)]
    lead = max(protocol.lead_days, protocol.supply.order_days if protocol.supply else 0)
    soonest = max(soonest, lead)
    return soonest + int(wish.ahead * (max(latest, soonest + 7) - soonest))


def operator_need(protocol: Protocol) -> Need | None:
    """Return the need for whoever leads the first step that has one."""
    needs = (need for step in protocol.steps for need in step.needs)
    return next((need for need in needs if need.role in ("operator", "ir-operator")), None)


def licensed(need: Need | None, resources: Mapping[str, Resource]) -> list[str]:
    """Return who may fill a need, in the department's order: the most experienced first."""
    return [
        code
        for code, known in resources.items()
        if need is not None
        and known.kind == need.kind
        and any(held.family == need.privilege and held.level >= need.level for held in known.licences)
    ]


def one_of(able: Sequence[str], wish: Wish) -> str:
    """Return whom to wish for: operations go to the experienced more often, examinations to the others."""
    place = int(wish.rank**1.6 * len(able))
    return able[place if wish.kind in OPERATIONS else -1 - place]
