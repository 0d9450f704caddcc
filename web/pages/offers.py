"""The options of a procedure as the booking page offers them."""

from collections.abc import Mapping
from dataclasses import dataclass

from scheduler.engine.options import exclude
from scheduler.engine.protocol import Option, Protocol
from web.i18n import localname


@dataclass(frozen=True, slots=True)
class Offer:
    """One option as a chip. `barred` names the chosen option it does not go with, else it is empty."""

    code: str
    name: str
    most: int
    count: int
    barred: str


def known(protocol: Protocol, wished: Mapping[str, int]) -> dict[str, int]:
    """Leave out options this procedure does not have: they were chosen for the one before."""
    most = {option.code: option.most for option in protocol.options}
    return {code: min(count, most[code]) for code, count in wished.items() if code in most}


def offers(protocol: Protocol, chosen: Mapping[str, int]) -> tuple[Offer, ...]:
    """Return every option of a procedure, with how often it is chosen."""
    return tuple(
        Offer(each.code, localname(each), each.most, chosen.get(each.code, 0), _barred(protocol, each, chosen))
        for each in protocol.options
    )


def _barred(protocol: Protocol, option: Option, chosen: Mapping[str, int]) -> str:
    if chosen.get(option.code):
        return ""
    others = (other for other in protocol.options if chosen.get(other.code) and exclude(option, other))
    return next((localname(other) for other in others), "")
