"""The booking page as one picture: who, what, the wishes, what fits, and why not earlier. Reads only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask import g
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Appointment, Patient, ServiceRequest, from_seconds, to_seconds
from scheduler import availability, booking, catalogue, dayboard, patients, waitlist
from scheduler.booking import rows
from scheduler.booking.change import plan_of
from scheduler.booking.elsewhere import find_elsewhere
from scheduler.booking.requests import FindRequest, Found
from scheduler.engine import world as engine
from scheduler.engine.grid import at_minute, day_start
from scheduler.engine.options import Chosen
from scheduler.engine.options import chosen as counted
from scheduler.engine.protocol import URGENCIES, Need, Protocol, Step
from scheduler.engine.rules.eligibility import candidates
from scheduler.engine.world import Placement, Refusal
from scheduler.errors import Conflict, DomainError, Invalid
from scheduler.patients import Alike
from scheduler.patients.flags import Flag, in_force
from scheduler.working_days import Calendar
from web import words
from web.i18n import age, local, localname
from web.pages.cards import Card, Told, Visit
from web.pages.names import Names, Thing
from web.pages.offers import Offer, known, offers
from web.pages.patient_form import begun, looking_alike
from web.pages.procedures import Procedure, matching, minutes, nights, on_offer
from web.pages.reasons import Mend, Refused, Teller, hours_wish, mends
from web.pages.wishes import DAYS, Wishes, address

SHOWN = 5
"""Proposals at once: as many as keys 1 to 5 choose."""
APART_MINUTES, APART_WITH_BED = 150, 24 * 60
"""Proposals this far apart give a choice on the telephone; with a bed it is the day that is chosen."""
MOST_DAYS = 30
"""Days searched one by one when hours of the day are wished."""
LIVE = ("reserved", "pending", "booked", "arrived", "in-progress", "unplaced")


@dataclass(frozen=True, slots=True)
class Booking:
    """One appointment of the patient's, as one line."""

    id: str
    protocol: str
    name: str
    status: str
    starts: datetime
    room: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The chosen patient."""

    id: str
    name: str
    sex: str
    age: int
    birth_date: date
    record_number: str
    phone: str | None
    flags: tuple[Flag, ...]
    bookings: tuple[Booking, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A role somebody or something may be wished for."""

    role: str
    """The parameter's name: `operator`, or `ABL.room` where two visits have such a role."""
    label: str
    options: tuple[Thing, ...]
    picked: str | None
    must: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """An appointment that is held, just booked, or to be moved."""

    id: str
    version: int
    status: str
    card: Card
    seconds_left: int
    hold_until: datetime | None
    changed_at: datetime
    protocol: str
    name: str
    patient: str
    options: Chosen
    practitioners: tuple[Thing, ...]
    visits: tuple[Visit, ...]

    @property
    def alive(self) -> bool:
        """A hold that has not lapsed by the clock, whether or not anybody has tidied it up."""
        return self.status == "pending" and self.seconds_left > 0


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold that is still running, to come back to."""

    id: str
    patient: str
    name: str
    starts: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """What was found for the wishes."""

    cards: tuple[Card, ...]
    refused: tuple[Refused, ...]
    protocol: Protocol
    version: int
    later: str | None


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the page shows."""

    wishes: Wishes
    now: datetime
    asked: str
    """What was typed to find a patient."""
    found: tuple[Patient, ...]
    strip: Strip | None
    procedures: tuple[Procedure, ...]
    asked_procedure: str
    chosen: Procedure | None
    offers: tuple[Offer, ...]
    choices: tuple[Choice, ...]
    search: Search | None
    any_hour: Mend | None
    holds: tuple[OpenHold, ...]
    hold: Kept | None = None
    done: Kept | None = None
    moved: bool = False
    moving: Kept | None = None
    notice: DomainError | None = None
    entry: Any = None
    """What was typed into the form for a new patient, when it was refused."""
    waiting: ServiceRequest | None = None
    """The request on the waiting list that is booked from."""
    alike: tuple[Alike, ...] = ()
    """The patients here who may be the one that was typed."""

    @property
    def url(self) -> str:
        """The address that shows this again."""
        if self.done is not None:
            return done_address(self.done.id, moved=self.moved)
        held = [("hold", self.hold.id)] if self.hold else []
        return address([*self.wishes.pairs(), *held])

    @property
    def begun(self) -> dict[str, str]:
        """What the form for a new patient begins with."""
        return begun(self.asked)

    @property
    def mends(self) -> list[Mend]:
        return mends(self.search.refused) if self.search else []

    @property
    def faults(self) -> list[str]:
        """What could not be read, by the names of the fields."""
        fields = {
            "from": gettext("From"),
            "within": gettext("Within"),
            "after": gettext("Not before"),
            "before": gettext("Start by"),
            "urgency": gettext("Urgency"),
            "options": gettext("Options"),
        }
        return [fields[name] for name in self.wishes.faults]

    @property
    def twice(self) -> Booking | None:
        """The same procedure, booked for this patient already: easily overheard on the telephone."""
        if self.strip is None or self.moving is not None:
            return None
        return next((each for each in self.strip.bookings if each.protocol == self.wishes.protocol), None)

    @property
    def quick_days(self) -> list[tuple[str, date]]:
        """The days people say first: tomorrow, Monday, in two weeks."""
        day = local(self.now).date()
        monday = day + timedelta(days=7 - day.weekday())
        return [
            (gettext("tomorrow"), day + timedelta(days=1)),
            (gettext("next Monday"), monday),
            (gettext("in two weeks"), day + timedelta(days=14)),
        ]

    @property
    def hours(self) -> list[time]:
        return [time(minute // 60, minute % 60) for minute in range(8 * 60, 17 * 60 + 30, 30)]

    @property
    def spans(self) -> list[int]:
        return sorted({*DAYS, self.wishes.within})

    @property
    def urgencies(self) -> tuple[str, ...]:
        return URGENCIES


@dataclass
class Reader:
    """Reads one Desk. One session, one clock, one set of names."""

    session: Session
    now: datetime
    zone: ZoneInfo

    def __post_init__(self) -> None:
        self.names = Names.load(self.session)
        self.settings = availability.settings(self.session)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def desk(
        self,
        wishes: Wishes,
        *,
        asked: str = "",
        asked_procedure: str = "",
        hold: str | None = None,
        done: str | None = None,
        notice: DomainError | None = None,
        **more: Any,
    ) -> Desk:
        """Build the page for a state. Raises NotFound for a patient or appointment that does not exist."""
        held = self.kept(hold) if hold else None
        booked = self.kept(done) if done else None
        if held is not None and not held.alive:
            lapsed, held = held, None
            wishes = replace(wishes, patient=lapsed.patient, protocol=lapsed.protocol)
            if lapsed.status == "booked":
                booked = lapsed
            else:
                notice = notice or Conflict("hold-expired", hold_until=lapsed.hold_until or lapsed.changed_at)
        moving = self.kept(wishes.move) if wishes.move else None
        known = held or booked or moving
        if known is not None:
            wishes = replace(wishes, patient=known.patient, protocol=known.protocol)
        strip = self.strip(wishes.patient) if wishes.patient else None
        if strip is not None:
            wishes = replace(wishes, patient=strip.id)  # an old address may name a record that went into another
        procedures = on_offer(self.session, wishes.first or self.today, g.actor)
        chosen = next((each for each in procedures if each.code == wishes.protocol), None)
        search: Search | None = None
        choices: tuple[Choice, ...] = ()
        offered: tuple[Offer, ...] = ()
        if wishes.protocol and (moving is not None or chosen is not None):
            wishes, protocol, offered, misfit = self._with_options(wishes)
            notice = notice or misfit
            chosen = chosen and replace(chosen, minutes=minutes(protocol), nights=nights(protocol))
            choices = tuple(self._choices(protocol, wishes))
            wishes = _meant(wishes, choices)
            if held is None and booked is None and misfit is None:
                try:
                    search = self.search(wishes, protocol)
                except DomainError as error:
                    notice = notice or error
        return Desk(
            wishes=wishes,
            now=self.now,
            asked=asked,
            found=tuple(patients.search(self.session, asked, 8)) if asked else (),
            strip=strip,
            procedures=tuple(matching(procedures, asked_procedure)),
            asked_procedure=asked_procedure,
            chosen=chosen,
            offers=offered,
            choices=choices,
            search=search,
            any_hour=hours_wish(wishes),
            holds=() if search or held or booked else tuple(self._open_holds()),
            hold=held,
            done=booked,
            moving=moving if booked is None else None,
            notice=notice,
            waiting=waitlist.one(self.session, wishes.request) if wishes.request else None,
            alike=tuple(looking_alike(self.session, notice)),
            **more,
        )

    # --- The patient.

    def strip(self, public_id: str) -> Strip:
        patient = patients.by_public_id(self.session, public_id)
        return Strip(
            id=patient.public_id,
            name=patient.name,
            sex=patient.sex,
            age=age(patient.birth_date, self.today),
            birth_date=patient.birth_date,
            record_number=patient.record_number,
            phone=patient.phone,
            flags=in_force(patient.flags, self.today),
            bookings=tuple(self._bookings(patient.public_id)),
        )

    def _bookings(self, patient: str) -> Iterator[Booking]:
        """Yield the patient's coming visits, and those of today."""
        since = from_seconds(day_start(self.today, self.settings.zone))
        for case in dayboard.cases(self.session, patient=patient, statuses=LIVE):
            lapsed = case.status == "pending" and case.hold_until is not None and case.hold_until <= self.now
            if case.ends >= since and not lapsed:
                name = localname({"name_zh": case.step_zh, "name_en": case.step_en})
                room = localname(case.room) if case.room else ""
                yield Booking(case.appointment, case.protocol, name, case.status, case.starts, room)

    # --- The procedure and the wishes.

    def _with_options(self, wishes: Wishes) -> tuple[Wishes, Protocol, tuple[Offer, ...], DomainError | None]:
        """Return the procedure with the options wished, those it offers, and why they cannot be meant together.

        A booking that is moved keeps its own and offers none.
        """
        if wishes.move:
            return wishes, catalogue.booked(rows.whole(self.session, wishes.move)), (), None
        row = catalogue.current(self.session, str(wishes.protocol), wishes.first or self.today)
        plain = catalogue.parsed(row)
        wishes = replace(wishes, options=known(plain, wishes.options))
        try:
            return wishes, catalogue.meant(row, wishes.options), offers(plain, wishes.options), None
        except Invalid as error:
            return wishes, plain, offers(plain, {}), error

    def _choices(self, protocol: Protocol, wishes: Wishes) -> Iterator[Choice]:
        """Yield the rooms and the leading physician of each visit, where there is a choice."""
        wishable = [(step, need) for step in protocol.steps for need in _wishable(step)]
        roles = [need.role for _, need in wishable]
        resources = availability.facts(self.session, self.settings.revision).resources
        for step, need in wishable:
            options = tuple(self.names[code] for code in _able(need, resources, self.today))
            if len(options) < 2:
                continue
            several = roles.count(need.role) > 1
            role = f"{step.code}.{need.role}" if several else need.role
            label = f"{localname(step)} · {words.role(need.role)}" if several else words.role(need.role)
            picked = wishes.picks.get(role) or wishes.picks.get(need.role)
            picked = picked if any(each.code == picked for each in options) else None
            yield Choice(role, label, options, picked, bool({role, need.role} & wishes.must))

    # --- The search.

    def search(self, wishes: Wishes, protocol: Protocol) -> Search:
        """Find proposals for the wishes, and say why not earlier. Raises what `booking.find` raises."""
        admitted = self._first_admission(wishes, protocol)
        bounded = wishes if admitted is None else replace(wishes, first=max(admitted, wishes.first or admitted))
        founds = list(self._found(bounded, protocol))
        version = next((found for found in founds if found.proposals), founds[0]).protocol
        # Where the protocol changes on one of the days, what is shown is of one version.
        founds = [found for found in founds if found.protocol.version == version.version or not found.proposals]
        protocol = protocol if wishes.move else catalogue.meant(version, wishes.options)
        placements = [placement for found in founds for placement in found.proposals][:SHOWN]
        extra = self._with_preferred(bounded, protocol, placements)
        merged = sorted([*placements, *extra], key=lambda each: each.steps[0].starts)[:SHOWN]
        provisional = frozenset(day for found in founds for day in found.provisional)
        told = Told(protocol, self.names, self._firm_until())
        cards = tuple(
            told.card(
                placement,
                number,
                labels=self._labels(placement, number, wishes),
                unsure=provisional,
                key=uuid4().hex,
            )
            for number, placement in enumerate(merged, start=1)
        )
        teller = Teller(self.session, protocol, self.names, wishes, Calendar.load(self.session), wishes.patient)
        refused = teller.tell(_until(merged, founds))
        first = max(wishes.first or self.today, self.today)
        if admitted is not None and first < admitted:
            refused = [teller.admission(first, admitted - timedelta(days=1)), *refused]
        return Search(cards, tuple(refused), protocol, version.version, self._later(cards, wishes))

    def _first_admission(self, wishes: Wishes, protocol: Protocol) -> date | None:
        """Return the first day a visit can have when its bed nights begin at the next admission hour.

        None when no bed comes before the visit. The engine refuses the days before as well; this says why.
        """
        stay = protocol.steps[0].stay if not wishes.move else None
        if stay is None or stay.nights_before == 0:
            return None
        late = at_minute(self.today, self.settings.ward.admit_minute, self.settings.zone) < to_seconds(self.now)
        return self.today + timedelta(days=stay.nights_before + late)

    def _found(self, wishes: Wishes, protocol: Protocol) -> Iterator[Found]:
        """Search the whole span; with hours of the day wished, then each day from the first on which anything fits."""
        whole = replace(wishes, after=None, before=None)
        ((earliest, latest),) = whole.windows(self.now, self.zone)
        found = self._find(wishes, protocol, earliest, latest, limit=SHOWN if wishes.any_hour else 1)
        if wishes.any_hour:
            yield found
            return
        yield replace(found, proposals=())
        if not found.proposals:
            return
        first, count = local(found.proposals[0].steps[0].starts).date(), 0
        days = (each for each in wishes.windows(self.now, self.zone) if local(each[0]).date() >= first)
        for earliest, latest in islice(days, MOST_DAYS):
            found = self._find(wishes, protocol, earliest, latest, limit=SHOWN - count)
            count += len(found.proposals)
            yield found
            if count >= SHOWN:
                return

    def _find(self, wishes: Wishes, protocol: Protocol, earliest: datetime, latest: datetime, *, limit: int) -> Found:
        request = FindRequest(
            protocol=protocol.code,
            earliest=earliest,
            latest=latest,
            patient=wishes.patient,
            limit=limit,
            spread_minutes=APART_WITH_BED if any(step.stay for step in protocol.steps) else APART_MINUTES,
            require=wishes.require,
            prefer=wishes.prefer,
            urgency=wishes.urgency,
            options=wishes.options,
        )
        if wishes.move:
            steps = (wishes.step,) if wishes.step else ()
            return find_elsewhere(self.session, wishes.move, request, steps=steps, now=self.now)
        return booking.find(self.session, request, now=self.now)

    def _with_preferred(self, wishes: Wishes, protocol: Protocol, found: Sequence[Placement]) -> list[Placement]:
        """Return the earliest place with everybody preferred, where the earliest of all do without them."""
        if not wishes.prefer or any(_has_all(placement, wishes.prefer) for placement in found):
            return []
        strict = replace(wishes, must=frozenset(wishes.picks))
        for earliest, latest in wishes.windows(self.now, self.zone):
            strictest = self._find(strict, protocol, earliest, latest, limit=1)
            if strictest.proposals:
                return [strictest.proposals[0]] if strictest.protocol.version == protocol.version else []
        return []

    def _labels(self, placement: Placement, number: int, wishes: Wishes) -> Iterator[str]:
        if number == 1:
            yield gettext("Earliest")
        for code in dict.fromkeys(wishes.prefer.values()):
            if any(slot.resource == code for step in placement.steps for slot in step.slots):
                yield gettext("With %(name)s", name=self.names[code].name)

    def _later(self, cards: Sequence[Card], wishes: Wishes) -> str | None:
        if not cards:
            return None
        day = local(cards[-1].starts).date() + timedelta(days=1)
        return replace(wishes, first=day).url()

    def _firm_until(self) -> int:
        return day_start(self.today + timedelta(days=self.settings.bed_firm_days + 1), self.settings.zone)

    # --- What is held or booked already.

    def kept(self, public_id: str) -> Kept:
        """Read an appointment as a card. Raises NotFound."""
        appointment = rows.whole(self.session, public_id)
        protocol = catalogue.booked(appointment)
        placement = Placement(tuple(plan_of(step) for step in appointment.steps))
        use_by = {step.code: step.use_by for step in appointment.steps if step.use_by is not None}
        told = Told(protocol, self.names, self._firm_until(), use_by)
        confirmations = {slot.resource.code: slot.confirmation for step in appointment.steps for slot in step.slots}
        card = replace(told.card(placement, 0), visits=told.visits(placement, confirmations=confirmations))
        return Kept(
            id=public_id,
            version=appointment.version,
            status=appointment.status,
            card=card,
            seconds_left=_seconds_left(appointment, self.now),
            hold_until=appointment.hold_until,
            changed_at=appointment.updated_at,
            protocol=appointment.protocol_version.code,
            name=localname(appointment.protocol_version),
            patient=appointment.patient.public_id,
            options=counted(protocol, appointment.options),
            practitioners=tuple(_leaders(card)),
            visits=card.visits,
        )

    def _open_holds(self) -> Iterator[OpenHold]:
        query = (
            select(Appointment)
            .where(
                Appointment.status == "pending", Appointment.hold_until > self.now, Appointment.created_by == g.actor.id
            )
            .order_by(Appointment.hold_until)
            .limit(8)
        )
        for row in self.session.scalars(query):
            if row.hold_until is not None:
                yield OpenHold(
                    row.public_id,
                    row.patient.name,
                    localname(row.protocol_version),
                    row.steps[0].starts,
                    row.hold_until,
                )


def _meant(wishes: Wishes, choices: Iterable[Choice]) -> Wishes:
    """Leave out wishes for roles this procedure does not have: they were made for the one before."""
    picks = {choice.role: choice.picked for choice in choices if choice.picked}
    must = frozenset(choice.role for choice in choices if choice.must and choice.picked)
    return replace(wishes, picks=picks, must=must)


def _wishable(step: Step) -> Iterator[Need]:
    """Yield the needs of a step a person may wish for: its room, and the physician who leads it."""
    rooms = [need for need in step.needs if need.kind == "room" and need.count == 1]
    leading = [need for need in step.needs if need.kind == "physician" and need.count == 1]
    yield from leading[:1]
    yield from rooms[:1]


def _able(need: Need, resources: Any, day: date) -> Iterator[str]:
    """Yield who could fill a need on a day as far as kind, equipment and licence go."""
    world = engine.World(grid=None, resources=resources, opening={}, busy={})  # type: ignore[arg-type]
    for resource in candidates(need, world):
        if need.privilege is None or any(
            held.family == need.privilege and held.level >= need.level and held.last >= day
            for held in resource.licences
        ):
            yield resource.code


def _has_all(placement: Placement, prefer: Any) -> bool:
    codes = {slot.resource for step in placement.steps for slot in step.slots}
    return set(prefer.values()) <= codes


def _until(placements: Sequence[Placement], founds: Sequence[Found]) -> list[Refusal]:
    """Return the refusals of days before the first proposal, each day once: the narrowest search says it best."""
    first = local(placements[0].steps[0].starts).date() if placements else date.max
    by_day = {refusal.day: refusal for found in founds for refusal in found.refusals if refusal.day < first}
    return [by_day[day] for day in sorted(by_day)]


def _leaders(card: Card) -> Iterator[Thing]:
    """Yield the physician who leads each visit, each once: whose list the booking is on."""
    seen: set[str] = set()
    for visit in card.visits:
        for part in visit.parts:
            if part.leading and part.thing.kind == "physician" and part.thing.code not in seen:
                seen.add(part.thing.code)
                yield part.thing


def _seconds_left(appointment: Appointment, now: datetime) -> int:
    if appointment.status != "pending" or appointment.hold_until is None:
        return 0
    return max(int((appointment.hold_until - now).total_seconds()), 0)


def hold_address(wishes: Wishes, appointment: str) -> str:
    return address([*wishes.pairs(), ("hold", appointment)])


def done_address(appointment: str, *, moved: bool = False) -> str:
    return address([("done", appointment), *([("moved", "1")] if moved else [])])
