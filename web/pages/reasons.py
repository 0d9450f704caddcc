"""Why not earlier: refused days in a nurse's words, who is in the way until when, and the change that would mend it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from flask_babel import gettext, ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Closure, Resource
from scheduler import dayboard
from scheduler.engine.protocol import Protocol
from scheduler.engine.world import Blocker, Refusal
from scheduler.working_days import Calendar
from web import words
from web.i18n import clock, local, localname, moment
from web.pages import conditions
from web.pages.names import Names
from web.pages.wishes import Wishes

SHOWN_HOLDERS = 3
LOOKED_UP = 24
"""So many days' holders are looked up at most; the page stays quick when a whole quarter is refused."""
DAY_OFF = "day-off"
HOLDING = ("reserved", "pending", "booked", "arrived", "in-progress", "fulfilled")


@dataclass(frozen=True, slots=True)
class Mend:
    """A change of the wishes that would help: what the button says, and where it leads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One blocker of a day. `lines` say who holds it until when."""

    code: str
    text: str
    lines: tuple[str, ...] = ()
    mend: Mend | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Days that follow each other and are refused for the same reasons."""

    first: date
    last: date
    reasons: tuple[Reason, ...]

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass
class Teller:
    """Turns refusals into words; remembers what it looked up."""

    session: Session
    protocol: Protocol
    names: Names
    wishes: Wishes
    calendar: Calendar
    patient: str | None
    """The patient's public id."""
    _lookups: int = 0
    _holders: dict[tuple[str, date], tuple[str, ...]] = field(default_factory=dict)

    def tell(self, refusals: Iterable[Refusal]) -> list[Refused]:
        """Return the refused days, those alike joined; days off between alike ones are not told apart."""
        found: list[Refused] = []
        for refusal in refusals:
            reasons = self._reasons(refusal)
            before = _before(found, refusal.day, reasons)
            if before is None:
                found.append(Refused(refusal.day, refusal.day, reasons))
            else:
                del found[before + 1 :]
                found[before] = Refused(found[before].first, refusal.day, reasons)
        return found

    def _reasons(self, refusal: Refusal) -> tuple[Reason, ...]:
        """Say what blocks a day; on a day off that is all there is to say."""
        if not self.calendar.is_working(refusal.day) and refusal.blocked_by[0].code == "closed":
            return (Reason(DAY_OFF, self._day_off(refusal.day)),)
        return tuple(self._reason(blocker, refusal.day) for blocker in refusal.blocked_by)

    def admission(self, first: date, last: date) -> Refused:
        """Say that it is too late to be admitted the night before these days."""
        return Refused(first, last, (Reason("admission", gettext("Too late: the bed is needed from the day before")),))

    def _reason(self, blocker: Blocker, day: date) -> Reason:
        where = self._where(blocker)
        text = where + self._text(blocker, day)
        return Reason(blocker.code, text, self._lines(blocker, day), self._mend(blocker))

    def _where(self, blocker: Blocker) -> str:
        """Name the visit when it is not the first: the day may fail because of a later one."""
        if blocker.step == self.protocol.steps[0].code or blocker.code in ("combination", "lag"):
            return ""
        return gettext("%(step)s: ", step=localname(self.protocol.step(blocker.step)))

    def _text(self, blocker: Blocker, day: date) -> str:
        role = words.role(blocker.role)
        if blocker.code == "no-bed":
            return self._no_bed(blocker, day)
        if blocker.code == "lag":
            return self._lag(blocker)
        if blocker.code in conditions.CODES:
            return conditions.condition(self.protocol, blocker)
        if blocker.resource is not None and blocker.role != "patient":
            return self._about_one(blocker.code, self.names[blocker.resource].name, role)
        sentences: dict[str, Callable[[], str]] = {
            "closed": lambda: self._closed(role),
            "leave": lambda: gettext("%(role)s: everybody who could is on leave", role=role),
            "closure": lambda: gettext("%(role)s: all closed", role=role),
            "maintenance": lambda: gettext("%(role)s: all in maintenance", role=role),
            "occupied": lambda: gettext("%(role)s: all taken", role=role),
            "no-licence": lambda: gettext("%(role)s: nobody with the licence is free", role=role),
            "nobody": lambda: gettext("%(role)s: there is none for this procedure", role=role),
            "patient-elsewhere": lambda: gettext("The patient has another appointment"),
            "combination": lambda: gettext("Everything needed is free at some time, but never all together"),
        }
        said = sentences.get(blocker.code)
        return said() if said else gettext("%(role)s: taken, away or closed", role=role)

    def _closed(self, role: str) -> str:
        if not self.wishes.any_hour:
            return gettext("Not open long enough at the hours asked for")
        return gettext("%(role)s: not open", role=role) if role else gettext("Nothing needed is open")

    def _about_one(self, code: str, name: str, role: str) -> str:
        sentences: dict[str, Callable[[], str]] = {
            "closed": lambda: gettext("%(name)s is not open", name=name),
            "leave": lambda: gettext("%(name)s is on leave", name=name),
            "closure": lambda: gettext("%(name)s is closed", name=name),
            "maintenance": lambda: gettext("%(name)s is in maintenance", name=name),
            "occupied": lambda: gettext("%(name)s is taken", name=name),
            "no-licence": lambda: gettext("%(name)s has no licence for this", name=name),
            "required-resource": lambda: gettext("%(name)s, wished as %(role)s, cannot", name=name, role=role),
        }
        said = sentences.get(code)
        return said() if said else gettext("%(name)s is not available", name=name)

    def _day_off(self, day: date) -> str:
        special = self.calendar.day(day)
        if special is not None:
            return gettext("Public holiday: %(name)s", name=localname(special))
        return gettext("Weekend")

    def _no_bed(self, blocker: Blocker, day: date) -> str:
        stay = self.protocol.step(blocker.step).stay
        if stay is None or blocker.step != self.protocol.steps[0].code:
            return gettext("No bed is free for the nights needed")
        first, last = day - timedelta(days=stay.nights_before), day + timedelta(days=stay.nights)
        return gettext(
            "No bed is free for the nights %(first)s to %(last)s", first=f"{first:%m-%d}", last=f"{last:%m-%d}"
        )

    def _lag(self, blocker: Blocker) -> str:
        lag, step = self.protocol.lag_into(blocker.step), localname(self.protocol.step(blocker.step))
        if lag is None:
            return gettext("%(step)s finds no place", step=step)
        if lag.in_days:
            return gettext(
                "%(step)s finds no place %(least)s to %(most)s days later",
                step=step, least=lag.min_days or 0, most=lag.max_days if lag.max_days is not None else "∞",
            )  # fmt: skip
        return gettext(
            "%(step)s finds no place %(least)s to %(most)s minutes later",
            step=step, least=lag.min_minutes or 0, most=lag.max_minutes if lag.max_minutes is not None else "∞",
        )  # fmt: skip

    def _lines(self, blocker: Blocker, day: date) -> tuple[str, ...]:
        found: list[str] = []
        code = f"patient:{self.patient}" if blocker.role == "patient" else blocker.resource
        if code and blocker.code in (
            "occupied",
            "required-resource",
            "patient-elsewhere",
            "leave",
            "closure",
            "maintenance",
            "unavailable",
        ):
            found += self._who(code, day)
        until = None if blocker.code in conditions.CODES else blocker.until
        if until is not None and local(until).date() > day:
            found.append(gettext("free again %(when)s", when=moment(until)))
        return tuple(found)

    def _who(self, code: str, day: date) -> tuple[str, ...]:
        """Say what a resource has on a day: leave, and the cases that hold it."""
        if (code, day) not in self._holders:
            if self._lookups >= LOOKED_UP:
                return ()
            self._lookups += 1
            self._holders[code, day] = tuple(self._looked_up(code, day))
        return self._holders[code, day]

    def _looked_up(self, code: str, day: date) -> Iterator[str]:
        starts, ends = dayboard.day_span(self.session, day)
        yield from self._absences(code, starts, ends)
        of_patient = code.startswith("patient:")
        cases = dayboard.cases(
            self.session,
            starts=starts,
            ends=ends,
            resource=None if of_patient else code,
            patient=self.patient if of_patient else None,
            statuses=HOLDING,
        )
        for case in cases[:SHOWN_HOLDERS]:
            yield self._case(case)
        if len(cases) > SHOWN_HOLDERS:
            more = len(cases) - SHOWN_HOLDERS
            yield ngettext("and %(num)d more", "and %(num)d more", more)

    def _absences(self, code: str, starts: datetime, ends: datetime) -> Iterator[str]:
        query = (
            select(Closure.kind, Closure.ends)
            .join(Resource, Resource.id == Closure.resource_id)
            .where(Resource.code == code, Closure.starts < ends, Closure.ends > starts)
            .order_by(Closure.ends.desc())
        )
        row = self.session.execute(query).first()
        if row is not None:
            yield gettext("%(why)s until %(when)s", why=words.closure(row.kind), when=moment(row.ends))

    def _case(self, case: dayboard.Case) -> str:
        facts = {
            "span": f"{clock(case.starts)}–{clock(case.ends)}",
            "patient": case.patient.name,
            "procedure": localname({"name_zh": case.step_zh, "name_en": case.step_en}),
        }
        if case.appointment_status == "pending" and case.hold_until is not None:
            return gettext("%(span)s held for %(patient)s until %(until)s", until=clock(case.hold_until), **facts)
        return gettext("%(span)s %(patient)s, %(procedure)s", **facts)

    def _mend(self, blocker: Blocker) -> Mend | None:
        if blocker.code == "required-resource":
            anyone = self.wishes.without_pick(blocker.role)
            return Mend(gettext("Anyone as %(role)s", role=words.role(blocker.role)), anyone.url())
        return None


def _before(found: Sequence[Refused], day: date, reasons: tuple[Reason, ...]) -> int | None:
    """Return the place of the entry that a day continues: the last one, or the one before days off."""
    last = len(found) - 1
    if last < 0 or day - found[last].last != timedelta(days=1):
        return None
    if found[last].reasons == reasons:
        return last
    off = found[last].reasons[0].code == DAY_OFF
    return last - 1 if off and last > 0 and found[last - 1].reasons == reasons else None


def hours_wish(wishes: Wishes) -> Mend | None:
    """Offer to drop the wish for hours of the day, which narrows every day alike."""
    if wishes.any_hour:
        return None
    return Mend(gettext("Any time of the day"), wishes.with_(after=None, before=None).url())


def mends(refused: Sequence[Refused]) -> list[Mend]:
    """Return every change offered among the reasons, each once."""
    found = {reason.mend.url: reason.mend for each in refused for reason in each.reasons if reason.mend is not None}
    return list(found.values())
