"""The procedures a nurse picks from: found by code, name, pinyin or initials, the ones used lately first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Appointment, ProtocolVersion
from scheduler import catalogue, patients
from scheduler.actor import Actor
from scheduler.engine.protocol import Protocol
from web.i18n import localname

LOOKED_BACK = 60
AMONG = 20000
"""Among the last so many bookings of everybody: about eight weeks of them."""
"""Bookings of this account that say what it uses lately."""
RECENT = 5


@dataclass(frozen=True, slots=True)
class Procedure:
    """One protocol in force, as the picker shows it. `keys` is what typing is compared with, in lower case."""

    code: str
    name: str
    minutes: int
    """Of the room, all visits together."""
    visits: int
    nights: int
    urgency: str
    recent: bool
    keys: str


def on_offer(session: Session, day: date, actor: Actor) -> list[Procedure]:
    """Return every procedure in force on a day; those this account booked lately first, then by code."""
    recent = _recent(session, actor)
    found = [_procedure(row, row.code in recent) for row in catalogue.in_force(session, day)]
    place = {code: number for number, code in enumerate(recent)}
    return sorted(found, key=lambda each: (place.get(each.code, len(place)), each.code))


def matching(procedures: Iterable[Procedure], text: str) -> list[Procedure]:
    """Return the procedures whose code, name, pinyin or initials hold every word typed.

    One whose code is what was typed comes first, before the combinations that hold it: `tace` is TACE.
    """
    words = text.casefold().split()
    found = [each for each in procedures if all(word in each.keys for word in words)]
    return sorted(found, key=lambda each: _plain(each.code) != _plain(text))


def _recent(session: Session, actor: Actor) -> list[str]:
    newest = select(func.max(Appointment.id)).scalar_subquery()
    query = (
        select(ProtocolVersion.code)
        .join(Appointment, Appointment.protocol_version_id == ProtocolVersion.id)
        .where(Appointment.created_by == actor.id, Appointment.id > newest - AMONG)
        .order_by(Appointment.id.desc())
        .limit(LOOKED_BACK)
    )
    return list(dict.fromkeys(session.scalars(query)))[:RECENT]


def _procedure(row: ProtocolVersion, recent: bool) -> Procedure:
    protocol = catalogue.parsed(row)
    return Procedure(
        code=row.code,
        name=localname(row),
        minutes=minutes(protocol),
        visits=len(protocol.steps),
        nights=nights(protocol),
        urgency=protocol.urgency,
        recent=recent,
        keys=_keys(row.code, row.name_zh, row.name_en),
    )


def minutes(protocol: Protocol) -> int:
    return sum(step.span_minutes for step in protocol.steps)


def nights(protocol: Protocol) -> int:
    return sum(step.stay.nights + step.stay.nights_before for step in protocol.steps if step.stay)


@lru_cache(maxsize=512)
def _keys(code: str, name_zh: str, name_en: str) -> str:
    pinyin, initials = patients.readings(name_zh)
    return " ".join((code, _plain(code), name_zh, name_en, pinyin, initials)).casefold()


def _plain(code: str) -> str:
    """Return a code as it is typed in haste: without dashes, blanks or capitals."""
    return "".join(sign for sign in code if sign not in "- ").casefold()
