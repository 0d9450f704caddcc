"""From rows to the engine's world: opening rules, closures, slots and stays; masks cached by resource revision."""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from models import (
    RESOURCE_KINDS,
    Appointment,
    Department,
    Resource,
    Schedule,
    Slot,
    to_seconds,
)
from scheduler import taken
from scheduler.engine import world as engine
from scheduler.engine.grid import Grid, Span, at_minute, local_date
from scheduler.errors import Conflict
from scheduler.working_days import Calendar, Hours, Timetable, sessions_on

LONGEST_PATHWAY = timedelta(days=5 * 366)
"""What is checked at once; a slot later than that after the first is a slip of the pen, told as outside-horizon."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The department's planning parameters as the engine and the booking verbs use them."""

    zone: str
    hold: timedelta
    horizon_days: int
    bed_firm_days: int
    answer_within: timedelta
    ward: engine.WardHours
    revision: int


_SETTINGS = select(*(Department.__table__.c[name] for name in ("zone", "parameters", "revision")))


def settings(session: Session) -> Settings:
    """Read the department's parameters; raises Conflict("no-department") before one was loaded."""
    row = session.execute(_SETTINGS).first()
    if row is None:
        raise Conflict("no-department")
    given = row.parameters
    return Settings(
        zone=row.zone,
        hold=timedelta(minutes=given.get("hold_minutes", 10)),
        horizon_days=given.get("horizon_days", 180),
        bed_firm_days=given.get("bed_firm_days", 7),
        answer_within=timedelta(hours=given.get("answer_hours", 48)),
        ward=engine.WardHours(given.get("admit_minute", 13 * 60), given.get("discharge_minute", 11 * 60)),
        revision=row.revision,
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What changes only with the department's revision."""

    revision: int
    resources: dict[str, engine.Resource]
    """Every active resource that may be planned, patients excepted, by code."""
    schedules: dict[int, Timetable]
    calendar: Calendar
    _opening: dict[tuple[int, Grid], tuple[Span, ...]] = field(default_factory=dict)

    def opening(self, schedule_id: int | None, grid: Grid) -> tuple[Span, ...]:
        """Return a schedule's open spans over a grid, from memory where it was asked for before."""
        if schedule_id is None:
            return ()
        key = schedule_id, grid
        if key not in self._opening:
            if len(self._opening) >= GRIDS_KEPT:
                self._opening.clear()
            self._opening[key] = opening(self.schedules[schedule_id], self.calendar, grid)
        return self._opening[key]


GRIDS_KEPT = 4096
"""The bookings of one day share a few grids; those of a year, times the schedules, are kept."""

_facts: dict[str, Facts] = {}


def facts(session: Session, revision: int) -> Facts:
    """Return the department's lasting facts, from memory while its revision stays the same."""
    place = _place(session)
    known = _facts.get(place)
    if known is None or known.revision != revision:
        known = _facts[place] = Facts(revision, _resources(session), _schedules(session), Calendar.load(session))
    return known


def forget(session: Session) -> None:
    """Drop what is remembered of this database: for a transaction that changed resources and rolls back."""
    _facts.pop(_place(session), None)
    with _caches_lock:
        _caches.pop(_place(session), None)


def _place(session: Session) -> str:
    return session.get_bind().engine.url.render_as_string()


def _resources(session: Session) -> dict[str, engine.Resource]:
    rows = session.scalars(
        select(Resource)
        .where(Resource.active, Resource.kind.in_(RESOURCE_KINDS))
        .options(selectinload(Resource.privileges))
        .order_by(Resource.ordinal, Resource.code)
    )
    return {
        row.code: engine.Resource(
            code=row.code,
            kind=row.kind,
            attributes=frozenset(row.attributes),
            licences=tuple(
                engine.Licence(held.family, held.level, held.valid_from, held.valid_to) for held in row.privileges
            ),
            bay=row.bay,
            external=row.external,
        )
        for row in rows
    }


def _schedules(session: Session) -> dict[int, Timetable]:
    rows = session.scalars(select(Schedule).options(selectinload(Schedule.sessions)))
    return {
        row.id: Timetable(
            row.observes_holidays,
            tuple(Hours(each.weekday, each.start_minute, each.end_minute) for each in row.sessions),
        )
        for row in rows
    }


def opening(schedule: Timetable, calendar: Calendar, grid: Grid) -> tuple[Span, ...]:
    """Return the open spans of a schedule over the grid's days, in order; touching sessions are joined."""
    spans: list[Span] = []
    for day in grid.days():
        for first, last in sessions_on(schedule, day, calendar):
            starts, ends = at_minute(day, first, grid.zone), at_minute(day, last, grid.zone)
            if spans and spans[-1].ends >= starts:
                spans[-1] = Span(spans[-1].starts, max(spans[-1].ends, ends))
            else:
                spans.append(Span(starts, ends))
    return tuple(spans)


def opening_spans(session: Session, codes: Iterable[str], starts: datetime, ends: datetime) -> dict[str, list[Span]]:
    """Return what outsiders may count on: open spans after rules, holidays and closures, clipped to the window.

    Bookings are not subtracted; GET /slots tells those.
    """
    chosen = settings(session)
    zone, lasting = chosen.zone, facts(session, chosen.revision)
    first, last = to_seconds(starts), to_seconds(ends)
    grid = Grid(local_date(first, zone), local_date(last, zone) + timedelta(days=1), zone)
    rows = taken.rows(session, codes)
    closed = taken.closures(session, [row.id for row in rows], first, last)
    by_schedule = {id_: _clip(lasting.opening(id_, grid), first, last) for id_ in {row.schedule_id for row in rows}}
    return {
        row.code: _subtract(by_schedule[row.schedule_id], [Span(b.starts, b.ends) for b in closed.get(row.id, ())])
        for row in rows
    }


def _clip(spans: Iterable[Span], first: int, last: int) -> list[Span]:
    return [Span(max(s.starts, first), min(s.ends, last)) for s in spans if s.starts < last and s.ends > first]


def _subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    left = list(spans)
    for hole in holes:
        left = [piece for span in left for piece in _without(span, hole)]
    return left


def _without(span: Span, hole: Span) -> list[Span]:
    if not span.overlaps(hole):
        return [span]
    before = [Span(span.starts, hole.starts)] if span.starts < hole.starts else []
    after = [Span(hole.ends, span.ends)] if hole.ends < span.ends else []
    return before + after


def counts(now: datetime) -> ColumnElement[bool]:
    """A slot of a query over Slot and Appointment counts; a hold's does until it lapses, by the clock alone."""
    return or_(Slot.status != "pending", Appointment.hold_until > now)


@dataclass(slots=True)
class _Known:
    """One resource as cached: what firmly occupies it over the grid, and the mask of what is left."""

    revision: int
    busy: tuple[engine.Busy, ...]
    mask: int
    taken: dict[str, int] = field(default_factory=dict)
    """By reason, once an explanation has asked."""


@dataclass(slots=True)
class _Cache:
    """All that a search needs and that only changes with a revision, for one database and one grid."""

    key: tuple[int, Grid]
    resources: dict[str, engine.Resource] = field(default_factory=dict)
    opening: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    open_mask: dict[str, int] = field(default_factory=dict)
    known: dict[str, _Known] = field(default_factory=dict)


_caches: dict[str, _Cache] = {}
DATABASES_KEPT = 4
"""A process serves one database; only tests and tools open many, and they need the last one."""
_caches_lock = threading.Lock()


def world_for_find(
    session: Session, *, patient: str | None, now: datetime, earliest: datetime, latest: datetime
) -> engine.World:
    """Return the world over the planning horizon, with ready masks for everything but the patient.

    `patient` is the code of the patient's resource, whose own day is read afresh and never cached. Not for a
    transaction that has already changed a resource: its revision would be cached although it may roll back.
    """
    chosen = settings(session)
    grid = _horizon(chosen, now, earliest, latest)
    with _caches_lock:
        cache = _refreshed(session, chosen, grid)
        opening_by_code = dict(cache.opening)
        busy = {code: known.busy for code, known in cache.known.items()}
        masks = {code: known.mask for code, known in cache.known.items()}
        by_reason = {code: known.taken for code, known in cache.known.items()}
        everything = dict(cache.resources)
    for code in _add_fleeting(session, grid, now, busy, masks):
        by_reason[code] = {}
    _close_past_nights(everything, grid, now, masks)
    if patient is not None:
        _add_patient(session, patient, grid, now, everything, busy)
    return engine.World(grid, everything, opening_by_code, busy, chosen.ward, masks, by_reason)


def _horizon(chosen: Settings, now: datetime, earliest: datetime, latest: datetime) -> Grid:
    today = local_date(to_seconds(now), chosen.zone)
    first = min(today, local_date(to_seconds(earliest), chosen.zone)) - timedelta(days=2)
    # Later steps and stays reach beyond the last start of the first step.
    reached = local_date(to_seconds(latest), chosen.zone) + taken.LONGEST_SLOT
    last = max(today + timedelta(days=chosen.horizon_days), reached)
    return Grid(first, last + timedelta(days=1), chosen.zone)


_REVISIONS = select(Resource.id, Resource.code, Resource.kind, Resource.revision).where(
    Resource.active, Resource.kind.in_(RESOURCE_KINDS)
)


def _refreshed(session: Session, chosen: Settings, grid: Grid) -> _Cache:
    place, key = _place(session), (chosen.revision, grid)
    cache = _caches.get(place)
    if cache is None or cache.key != key:
        cache = _caches[place] = _fresh(session, key, facts(session, chosen.revision), grid)
        while len(_caches) > DATABASES_KEPT:
            del _caches[next(iter(_caches))]
    stale = [
        row
        for row in session.execute(_REVISIONS)
        if row.code not in cache.known or cache.known[row.code].revision != row.revision
    ]
    if stale:
        _reload(session, cache, grid, stale)
    return cache


def _fresh(session: Session, key: tuple[int, Grid], lasting: Facts, grid: Grid) -> _Cache:
    cache = _Cache(key, lasting.resources)
    by_schedule = {id_: opening(row, lasting.calendar, grid) for id_, row in lasting.schedules.items()}
    masks = {id_: _mask(grid, spans) for id_, spans in by_schedule.items()}
    everything = (1 << grid.cells) - 1
    whole = (Span(grid.origin, grid.end),)
    rows = session.execute(
        select(Resource.code, Resource.kind, Resource.schedule_id).where(
            Resource.active, Resource.kind.in_(RESOURCE_KINDS)
        )
    )
    for row in rows:
        if row.kind == "bed":
            cache.opening[row.code], cache.open_mask[row.code] = whole, everything
        elif row.schedule_id is not None:
            cache.opening[row.code] = by_schedule[row.schedule_id]
            cache.open_mask[row.code] = masks[row.schedule_id]
    return cache


def _mask(grid: Grid, spans: Iterable[Span]) -> int:
    mask = 0
    for span in spans:
        mask |= grid.free_bits(span.starts, span.ends)
    return mask


def _reload(session: Session, cache: _Cache, grid: Grid, stale: Sequence[Any]) -> None:
    found = taken.firm(session, stale, grid.origin, grid.end)
    for row in stale:
        busy = tuple(sorted(found.get(row.id, ()), key=_by_start))
        mask = grid.busy_mask([(each.starts, each.ends) for each in busy])
        cache.known[row.code] = _Known(row.revision, busy, cache.open_mask.get(row.code, 0) & ~mask)


def _by_start(busy: engine.Busy) -> tuple[int, int]:
    return busy.starts, busy.ends


def _add_fleeting(
    session: Session, grid: Grid, now: datetime, busy: dict[str, tuple[engine.Busy, ...]], masks: dict[str, int]
) -> list[str]:
    """Add what holds and open stays take now; return the resources (codes) they take."""
    fleeting = taken.fleeting(session, now)
    if not fleeting:
        return []
    codes = session.execute(select(Resource.id, Resource.code).where(Resource.id.in_(fleeting))).all()
    touched = [(id_, code) for id_, code in codes if code in masks]
    for id_, code in touched:
        busy[code] = tuple(sorted([*busy[code], *fleeting[id_]], key=_by_start))
        for each in fleeting[id_]:
            masks[code] &= ~grid.busy_bits(each.starts, each.ends)
    return [code for _, code in touched]


def _close_past_nights(
    everything: Mapping[str, engine.Resource], grid: Grid, now: datetime, masks: dict[str, int]
) -> None:
    """Nobody is admitted in the past: a stay that would have begun the evening before needs a later day."""
    ahead = ~grid.busy_bits(grid.origin, to_seconds(now))
    for code in masks:
        if everything[code].kind == "bed":
            masks[code] &= ahead


def _add_patient(
    session: Session,
    patient: str,
    grid: Grid,
    now: datetime,
    everything: dict[str, engine.Resource],
    busy: dict[str, tuple[engine.Busy, ...]],
) -> None:
    own = taken.rows(session, [patient])
    occupied = taken.of(session, own, grid.origin, grid.end, now=now)
    everything[patient] = engine.Resource(patient, "patient")
    busy[patient] = tuple(sorted(occupied.get(own[0].id, ()), key=_by_start))


def world_for_check(
    session: Session,
    resources: Collection[taken.Row],
    chosen: Settings,
    *,
    starts: int,
    ends: int,
    now: datetime,
    ignore: str | None = None,
) -> engine.World:
    """Return the exact world of a few resources over a window: fresh rows, no cache, no masks.

    Inside a booking the resources are locked, so what is read here stays true until the commit. `ignore` is the
    public id of an appointment whose own slots do not count (the one being moved).
    """
    zone = chosen.zone
    ends = min(ends, starts + int(LONGEST_PATHWAY.total_seconds()))
    grid = Grid(local_date(starts, zone) - timedelta(days=1), local_date(ends, zone) + timedelta(days=2), zone)
    lasting = facts(session, chosen.revision)
    occupied = taken.of(session, resources, grid.origin, grid.end, now=now)
    whole = (Span(grid.origin, grid.end),)
    opening_by_code, busy = {}, {}
    for row in resources:
        always = row.kind in ("bed", "patient")
        opening_by_code[row.code] = whole if always else lasting.opening(row.schedule_id, grid)
        spans = (each for each in occupied.get(row.id, ()) if each.holder is None or each.holder != ignore)
        busy[row.code] = tuple(sorted(spans, key=_by_start))
    everything = dict(lasting.resources)
    everything |= {row.code: engine.Resource(row.code, "patient") for row in resources if row.kind == "patient"}
    return engine.World(grid, everything, opening_by_code, busy, chosen.ward)


def today(session: Session, now: datetime) -> date:
    """Return the department's local date at an instant."""
    return local_date(to_seconds(now), settings(session).zone)
