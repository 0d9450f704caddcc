"""Is a protocol document sound, and could the department as it is now ever fill it?"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import RESOURCE_KINDS, Resource, Schedule
from scheduler import catalogue, fillable
from scheduler.department_entries import Fault, ResourceEntry, ScheduleEntry
from scheduler.engine.entry import BadProtocol
from scheduler.engine.protocol import Protocol
from scheduler.engine.world import Licence
from scheduler.errors import Invalid


class ProtocolRefused(Invalid):
    """The document cannot be meant, or nothing could fill it. `faults` names what was found, entry by entry."""

    code = "protocol-refused"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(faults=[asdict(fault) for fault in self.faults], count=len(self.faults))


def judge(session: Session, document: Mapping[str, Any], on: date) -> Protocol:
    """Return the protocol of a document that is to be in force from a day.

    Raises ProtocolRefused: the first entry that cannot be meant or, in a sound document that is not withdrawn,
    every need and stay that the department's active resources could not fill.
    """
    try:
        protocol = catalogue.read(document)
    except BadProtocol as bad:
        raise ProtocolRefused([Fault("", bad.entry, bad.reason, bad.facts)]) from bad
    if not catalogue.is_withdrawn(document):
        faults = [Fault("", lack.entry, lack.reason, lack.facts) for lack in _lacks(session, protocol, on)]
        if faults:
            raise ProtocolRefused(faults)
    return protocol


def _lacks(session: Session, protocol: Protocol, on: date) -> Iterable[fillable.Lack]:
    return fillable.lacks(protocol, fillable.Department(tuple(_resources(session)), _longest(session)), on)


def _resources(session: Session) -> Iterable[ResourceEntry]:
    query = select(Resource).where(Resource.active, Resource.kind.in_(RESOURCE_KINDS)).order_by(Resource.ordinal)
    for row in session.scalars(query.options(selectinload(Resource.privileges))):
        yield ResourceEntry(
            code=row.code,
            kind=row.kind,
            name_zh=row.name_zh,
            name_en=row.name_en,
            attributes=tuple(row.attributes),
            schedule=str(row.schedule_id),
            external=row.external,
            bay=row.bay,
            title=row.title,
            licences=tuple(Licence(p.family, p.level, p.valid_from, p.valid_to) for p in row.privileges),
        )


def _longest(session: Session) -> dict[str, int]:
    rows = session.scalars(select(Schedule).options(selectinload(Schedule.sessions)))
    return {str(row.id): _as_entry(row).longest for row in rows}


def _as_entry(row: Schedule) -> ScheduleEntry:
    sessions = tuple((each.weekday, each.start_minute, each.end_minute) for each in row.sessions)
    return ScheduleEntry(row.code, row.observes_holidays, sessions)
