"""Book the demonstration's wishes: find the place, enter the patient, and go the road of every booking."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Patient, ProtocolVersion, from_seconds, to_seconds
from scheduler import availability, booking, catalogue, patients
from scheduler.actor import Actor
from scheduler.demo import terms
from scheduler.demo.mix import OPERATIONS
from scheduler.demo.people import Registry
from scheduler.demo.places import Places, able, everything
from scheduler.demo.wishes import Wish
from scheduler.engine.grid import Span, day_start, local_date
from scheduler.engine.options import varied
from scheduler.engine.protocol import Protocol
from scheduler.engine.world import Placement
from scheduler.errors import Conflict, DomainError, RuleBroken, SlotTaken

DEMO = Actor("demonstration", "nurse")
SOURCE = "demonstration"

LATER_DAYS = 14
"""What finds no place on its day is offered the days after it."""

Group = tuple[str, str]
"""operations or examinations, and the protocol's family."""


@dataclass(slots=True)
class Tally:
    """What became of the wishes, by group; `refused` also by why."""

    wanted: Counter[Group] = field(default_factory=Counter)
    booked: Counter[Group] = field(default_factory=Counter)
    later: Counter[Group] = field(default_factory=Counter)
    """Booked on a later day than the wish's."""
    lodging: Counter[Group] = field(default_factory=Counter)
    """Booked with a bed on another ward."""
    refused: Counter[tuple[Group, str]] = field(default_factory=Counter)


_PATIENTS = select(Patient.record_number, Patient.public_id)
_Found = tuple[Placement, Mapping[str, int]]


class Desk:
    """Books for the demonstration as of one real instant; remembers what every booking asks for."""

    def __init__(self, session: Session, seed: int, *, now: datetime) -> None:
        chosen = availability.settings(session)
        self.now, self.zone = now, chosen.zone
        self.today = local_date(to_seconds(now), chosen.zone)
        self._registry, self.tally = Registry(seed), Tally()
        self._everything = everything(session)
        self._resources = availability.facts(session, chosen.revision).resources
        self._operators: dict[str, tuple[str | None, list[str]]] = {}
        self.forget(session)

    def forget(self, session: Session) -> None:
        """Read again what a transaction that was undone may have left wrong."""
        self._patients: dict[str, str] = {row.record_number: row.public_id for row in session.execute(_PATIENTS)}
        self.look_again()
        self._versions: dict[tuple[str, date], ProtocolVersion] = {}

    def look_again(self) -> None:
        """Read the places again before the next booking."""
        self._day: tuple[date, Places] | None = None
        self._reach: dict[tuple[str, date, int], Places] = {}

    def unannounced(self, wish: Wish) -> bool:
        """Tell whether a wish comes without notice, which only what has happened by now can."""
        return wish.urgent and terms.arrives_at(wish, self.zone) <= to_seconds(self.now)

    def book(self, session: Session, wish: Wish) -> None:
        """Book a wish, or count why it cannot be."""
        version, group = self._version(session, wish), self._group(session, wish)
        self.tally.wanted[group] += 1
        try:
            placement, options = self._book_or_look_again(session, wish, version, catalogue.parsed(version))
        except DomainError as refusal:
            self.tally.refused[group, refusal.facts.get("why", refusal.code)] += 1
            return
        self.tally.booked[group] += 1
        self.tally.later[group] += local_date(placement.steps[0].starts, self.zone) > wish.day
        self.tally.lodging[group] += terms.LODGER in options

    def count(self, session: Session, wish: Wish, *, booked: bool) -> None:
        """Count a wish of a run that was cut off."""
        group = self._group(session, wish)
        self.tally.wanted[group] += 1
        if booked:
            self.tally.booked[group] += 1
        else:
            self.tally.refused[group, "before the cut"] += 1

    def _group(self, session: Session, wish: Wish) -> Group:
        family = catalogue.parsed(self._version(session, wish)).family
        return "operations" if wish.kind in OPERATIONS else "examinations", family

    def _version(self, session: Session, wish: Wish) -> ProtocolVersion:
        key = wish.kind.protocol, wish.day
        if key not in self._versions:
            self._versions[key] = catalogue.current(session, *key)
        return self._versions[key]

    def _book_or_look_again(self, session: Session, wish: Wish, version: ProtocolVersion, protocol: Protocol) -> _Found:
        """Book a wish; when somebody else was there first, read the places again and try once more."""
        try:
            return self._book(session, wish, version, protocol)
        except (SlotTaken, RuleBroken):
            self.look_again()
            return self._book(session, wish, version, protocol)

    def _book(self, session: Session, wish: Wish, version: ProtocolVersion, protocol: Protocol) -> _Found:
        found = self._found(session, wish, protocol)
        if found is None:
            raise Conflict("no-place-found", why=self._why(session, wish, protocol))
        placement, options = found
        first = placement.steps[0].starts
        if self.unannounced(wish):
            then = terms.arrives_at(wish, self.zone)
        else:
            day = local_date(first, self.zone)
            then = terms.asked_at(wish, protocol, first, day, self.zone, to_seconds(self.now))
        patient = self._patient(session, wish, from_seconds(then))
        placement = booking.with_patient(placement, version, f"patient:{patient}", options)
        made = booking.book(
            session,
            booking.BookRequest(
                patient=patient,
                protocol=protocol.code,
                placement=placement,
                urgency=terms.urgency(wish, protocol, self.unannounced(wish)),
                options=options,
                source=SOURCE,
                source_ref=wish.key,
            ),
            actor=DEMO,
            now=from_seconds(then),
        )
        for places in (*(() if self._day is None else (self._day[1],)), *self._reach.values()):
            places.take(placement, made.public_id)
        return placement, options

    def _patient(self, session: Session, wish: Wish, then: datetime) -> str:
        number = wish.whom.record_number
        if number not in self._patients:
            entry = self._registry.entry(wish.whom, wish.day)
            self._patients[number] = self._entered(session, entry, then)
        return self._patients[number]

    def _entered(self, session: Session, entry: patients.PatientEntry, then: datetime) -> str:
        # Among tens of thousands of invented names many are alike.
        return patients.create(session, entry, actor=DEMO, now=then, anyway=True).public_id

    def _found(self, session: Session, wish: Wish, protocol: Protocol) -> _Found | None:
        """Return the place nearest to a wish: at its hour, on its day, with another ward's bed, on a day after."""
        patient = self._patients.get(wish.whom.record_number)
        own = f"patient:{patient}" if patient else None
        prefer = self._preferred(wish, protocol)
        options = terms.allowed(protocol, wish.options)
        for places, windows in self._where(session, wish, protocol):
            if own is not None:
                places.know(session, own, now=self.now)
            for chosen in terms.ways(protocol, options):
                meant = varied(protocol, chosen)
                for window in windows:
                    placement = places.find(meant, window, patient=own, prefer=prefer)
                    if placement is not None:
                        return placement, chosen
        return None

    def _preferred(self, wish: Wish, protocol: Protocol) -> dict[str, str]:
        if protocol.code not in self._operators:
            need = terms.operator_need(protocol)
            self._operators[protocol.code] = need.role if need else None, terms.licensed(need, self._resources)
        role, able_ = self._operators[protocol.code]
        return {role: terms.one_of(able_, wish)} if role and able_ else {}

    def _where(self, session: Session, wish: Wish, protocol: Protocol) -> Iterator[tuple[Places, list[Span]]]:
        day = self._span(wish.day, 1)
        if self.unannounced(wish):
            windows = [Span(terms.arrives_at(wish, self.zone), day.ends)]
        else:
            windows = [Span(terms.wanted_at(wish, protocol, self.zone), day.ends), day]
        reach = sum(lag.max_days or 0 for lag in protocol.lags)
        if reach == 0:
            yield self._of_day(session, wish.day), windows
        else:
            yield self._few(session, protocol, wish.day, 1 + reach), windows
        later = wish.day + timedelta(days=1)
        yield self._few(session, protocol, later, LATER_DAYS + reach), [self._span(later, LATER_DAYS)]

    def _of_day(self, session: Session, day: date) -> Places:
        if self._day is None or self._day[0] != day:
            self.look_again()
            self._day = day, Places(session, day, day + timedelta(days=1), self._everything, now=self.now)
        return self._day[1]

    def _few(self, session: Session, protocol: Protocol, first: date, days: int) -> Places:
        """Return the places of some days for a protocol; read once and kept in step until the day is done."""
        key = protocol.code, first, days
        if key not in self._reach:
            variants = (varied(protocol, {option.code: 1}) for option in protocol.options)
            codes = able([protocol, *variants], self._resources)
            self._reach[key] = Places(session, first, first + timedelta(days=days), codes, now=self.now)
        return self._reach[key]

    def _why(self, session: Session, wish: Wish, protocol: Protocol) -> str:
        meant = varied(protocol, terms.allowed(protocol, wish.options))
        return self._of_day(session, wish.day).blocker(meant, self._span(wish.day, 1))

    def _span(self, day: date, days: int) -> Span:
        return Span(day_start(day, self.zone), day_start(day + timedelta(days=days), self.zone))
