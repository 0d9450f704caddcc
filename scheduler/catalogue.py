"""Procedure protocols by version and date: which is in force, and how a new one is published."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from models import Appointment, ProtocolVersion
from scheduler.actor import SYSTEM, Actor
from scheduler.department_entries import is_text
from scheduler.engine.document import parse
from scheduler.engine.entry import BadProtocol
from scheduler.engine.options import varied
from scheduler.engine.protocol import Protocol
from scheduler.errors import Conflict, Invalid

WITHDRAWN = "withdrawn"
"""A version with this key set to true ends its protocol from `effective_from` on; it is the catalogue's, not the
engine's."""

LONGEST_TEXT = 500
"""Characters of a text that ends in no column of its own, such as how a patient prepares."""

_VERSIONS = (
    select(ProtocolVersion).where(ProtocolVersion.code == bindparam("code")).order_by(ProtocolVersion.version.desc())
)
_VERSION = select(ProtocolVersion).where(
    ProtocolVersion.code == bindparam("code"), ProtocolVersion.version == bindparam("version")
)
"""Built once: every booking asks."""


def in_force(session: Session, on: date) -> list[ProtocolVersion]:
    """Return the version of every protocol that is in force on a local date, by code; withdrawn ones are left out.

    Of the versions effective by then the highest counts.
    """
    rows = session.scalars(
        select(ProtocolVersion)
        .where(ProtocolVersion.effective_from <= on)
        .order_by(ProtocolVersion.code, ProtocolVersion.version)
    )
    latest = {row.code: row for row in rows}
    return [row for row in latest.values() if not _understood(row).withdrawn]


def current(session: Session, code: str, on: date) -> ProtocolVersion:
    """Return the version of a protocol in force on a local date.

    Raises Invalid("unknown-protocol"), or Invalid("protocol-not-in-force") where the code has only other versions.
    """
    known = versions(session, code)
    if not known:
        raise Invalid("unknown-protocol", protocol=code)
    effective = next((row for row in known if row.effective_from <= on), None)
    if effective is None or _understood(effective).withdrawn:
        raise Invalid("protocol-not-in-force", protocol=code, date=str(on))
    return effective


@dataclass(frozen=True, slots=True)
class Spell:
    """Local days `first` to `last`, both inclusive, over which one version is in force."""

    version: ProtocolVersion
    first: date
    last: date


def spells(session: Session, code: str, first: date, last: date) -> list[Spell]:
    """Return the versions in force from one local day to another, in order; days after a withdrawal have none.

    Raises as `current` does for the first day.
    """
    current(session, code, first)
    known = versions(session, code)
    edges = sorted({first, *(row.effective_from for row in known if first < row.effective_from <= last)})
    found: list[Spell] = []
    for starts, ends in zip(edges, [*(edge - timedelta(days=1) for edge in edges[1:]), last], strict=True):
        row = next(row for row in known if row.effective_from <= starts)
        if found and found[-1].version is row:
            found[-1] = Spell(row, found[-1].first, ends)
        elif not _understood(row).withdrawn:
            found.append(Spell(row, starts, ends))
    return found


def newest(session: Session, code: str, on: date = date.max) -> int:
    """Return the number of the newest version effective by a local day, withdrawn or not; 0 where there is none."""
    query = select(func.max(ProtocolVersion.version)).where(
        ProtocolVersion.code == code, ProtocolVersion.effective_from <= on
    )
    return session.scalar(query) or 0


def versions(session: Session, code: str) -> list[ProtocolVersion]:
    """Return every version of a protocol, the newest first."""
    return list(session.scalars(_VERSIONS, {"code": code}))


def version(session: Session, code: str, number: int) -> ProtocolVersion:
    """Return one version by number; raises Invalid("unknown-protocol") where it was never published."""
    row = session.scalars(_VERSION, {"code": code, "version": number}).first()
    if row is None:
        raise Invalid("unknown-protocol", protocol=code, version=number)
    return row


def is_withdrawn(document: Mapping[str, Any]) -> bool:
    return document.get(WITHDRAWN) is True


@dataclass(frozen=True, slots=True)
class _Understood:
    """What a document says."""

    protocol: Protocol
    withdrawn: bool


_known: dict[str, _Understood] = {}
_varied: dict[tuple[str, frozenset[tuple[str, int]]], Protocol] = {}
CHOICES_KEPT = 4096


def parsed(row: ProtocolVersion) -> Protocol:
    """Return the engine's protocol of a published version, parsed once for each digest."""
    return _understood(row).protocol


def ends(row: ProtocolVersion) -> bool:
    """Tell whether a version withdraws its protocol."""
    return _understood(row).withdrawn


def _understood(row: ProtocolVersion) -> _Understood:
    if row.digest not in _known:
        _known[row.digest] = _Understood(read(row.document), is_withdrawn(row.document))
    return _known[row.digest]


def meant(row: ProtocolVersion, options: Mapping[str, int]) -> Protocol:
    """Return the protocol of a published version as it is with a booking's options, worked out once for each choice.

    Raises Invalid("unknown-option" | "option-too-often" | "options-exclude").
    """
    if not options:
        return parsed(row)
    key = (row.digest, frozenset(options.items()))
    if key not in _varied:
        if len(_varied) >= CHOICES_KEPT:
            _varied.clear()
        _varied[key] = varied(parsed(row), options)
    return _varied[key]


def booked(appointment: Appointment) -> Protocol:
    """Return the protocol of an appointment, with its options."""
    return meant(appointment.protocol_version, appointment.options)


def read(document: Mapping[str, Any]) -> Protocol:
    """Parse a protocol document as TOML or JSON gave it.

    Raises BadProtocol, also for `withdrawn`, which only the catalogue knows.
    """
    plain = plain_of(document)
    if not isinstance(plain.pop(WITHDRAWN, False), bool):
        raise BadProtocol(str(plain.get("code", "?")), WITHDRAWN, "wrong-type", expected="bool")
    protocol = parse(plain)
    for entry, text in _stored(protocol):
        if not is_text(text):
            raise BadProtocol(protocol.code[:64], entry, "bad-text", length=len(text))
    for entry, text in _texts("", plain):
        if not is_text(text, LONGEST_TEXT):
            raise BadProtocol(protocol.code[:64], entry, "bad-text", length=len(text))
    return protocol


def _stored(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Yield every text of a protocol that ends in a column of its own, with the entry it stands in."""
    yield from (("code", protocol.code), ("name.zh", protocol.name_zh), ("name.en", protocol.name_en))
    for step in protocol.steps:
        yield f"step[{step.code[:64]}].code", step.code
        yield from ((f"step[{step.code[:64]}].need[{need.role[:64]}].role", need.role) for need in step.needs)


def _texts(entry: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text anywhere in a document, with the path to it."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(f"{entry}.{key[:64]}".lstrip("."), each)
    elif isinstance(value, list):
        for place, each in enumerate(value, 1):
            yield from _texts(f"{entry}[{place}]", each)
    elif isinstance(value, str):
        yield entry, value


def publish(
    session: Session, document: Mapping[str, Any], *, now: datetime, by: Actor = SYSTEM, reason: str | None = None
) -> ProtocolVersion:
    """Store a protocol version and return its row; the same document again returns the row that is there.

    Raises BadProtocol for a document that cannot be meant, Conflict("protocol-version-published") where other
    content already has this number: a published version never changes, so raise the version.
    """
    protocol = read(document)
    plain = plain_of(document)
    mark = digest(plain)
    held = session.scalars(select(ProtocolVersion).filter_by(code=protocol.code, version=protocol.version)).first()
    if held is not None:
        if held.digest != mark:
            raise Conflict("protocol-version-published", protocol=protocol.code, version=protocol.version)
        return held
    row = ProtocolVersion(
        code=protocol.code,
        version=protocol.version,
        effective_from=date.fromisoformat(plain["effective_from"]),
        name_zh=protocol.name_zh,
        name_en=protocol.name_en,
        document=plain,
        digest=mark,
        published_at=now,
        published_by=by.id,
        reason=reason,
    )
    session.add(row)
    session.flush()
    return row


def digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document's content; comments, spacing and the order of keys do not count."""
    text = json.dumps(plain_of(document), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def plain_of(value: Any) -> Any:
    """Return what TOML gave as what JSON can hold: dates become their ISO text."""
    if isinstance(value, Mapping):
        return {str(key): plain_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_of(item) for item in value]
    return value.isoformat() if isinstance(value, date | time) else value
