"""What the booking page was asked, as its address says it: patient, procedure, and the wishes beside them.

Everything is in the query string, so that a link from elsewhere lands filled in and nothing typed is lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from werkzeug.datastructures import MultiDict

from scheduler.engine.protocol import URGENCIES

DAYS = (14, 30, 90)
"""How far ahead a search looks, offered as choices; the longest unless asked otherwise."""

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Days outside these are typing errors."""

PICK = "pick."
"""Parameters `pick.operator=dr-03`, `pick.ABL.room=OR-1`: who or what is wished for a role."""


OPTION = "option."
"""Parameters `option.ga=1`: what is chosen beside the procedure, and how often it counts."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """One state of the booking page. `faults` names the parameters that could not be read and were left out."""

    patient: str | None = None
    protocol: str | None = None
    first: date | None = None
    within: int = DAYS[-1]
    after: time | None = None
    before: time | None = None
    urgency: str | None = None
    options: Mapping[str, int] = field(default_factory=dict)
    picks: Mapping[str, str] = field(default_factory=dict)
    must: frozenset[str] = frozenset()
    move: str | None = None
    step: str | None = None
    request: str | None = None
    """The request on the waiting list that is booked from."""
    faults: tuple[str, ...] = ()

    @property
    def require(self) -> dict[str, str]:
        return {role: code for role, code in self.picks.items() if role in self.must}

    @property
    def prefer(self) -> dict[str, str]:
        return {role: code for role, code in self.picks.items() if role not in self.must}

    @property
    def any_hour(self) -> bool:
        return self.after is None and self.before is None

    def with_(self, **changes: Any) -> "Wishes":
        return replace(self, **changes)

    def without_pick(self, role: str) -> "Wishes":
        """Let a role be filled by anybody. `operator` also drops `ABL.operator` when that is what was picked."""
        left = {name: code for name, code in self.picks.items() if name != role and not name.endswith(f".{role}")}
        return replace(self, picks=left, must=self.must & left.keys())

    def pairs(self, *, but: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """Return the query parameters of this state, for addresses and hidden inputs."""
        plain = (
            ("patient", self.patient),
            ("protocol", self.protocol),
            ("from", self.first.isoformat() if self.first else None),
            ("within", str(self.within) if self.within != DAYS[-1] else None),
            ("after", f"{self.after:%H:%M}" if self.after else None),
            ("before", f"{self.before:%H:%M}" if self.before else None),
            ("urgency", self.urgency),
            ("move", self.move),
            ("step", self.step),
            ("request", self.request),
        )
        found = [(name, value) for name, value in plain if value]
        found += [(OPTION + code, str(count)) for code, count in sorted(self.options.items())]
        found += [(PICK + role, code) for role, code in sorted(self.picks.items())]
        found += [("must", role) for role in sorted(self.must)]
        return [pair for pair in found if pair[0] not in but]

    def url(self, **extra: str) -> str:
        return address([*self.pairs(), *extra.items()])

    def windows(self, now: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield the spans in which the first visit may start: one, or one a day when hours of the day are wished."""
        today = now.astimezone(zone).date()
        first = max(self.first or today, today)
        last = first + timedelta(days=self.within)
        if self.any_hour:
            yield max(_at(first, time(), zone), now), _at(last, time(), zone)
            return
        for number in range(self.within):
            day = first + timedelta(days=number)
            earliest = max(_at(day, self.after or time(), zone), now)
            latest = _at(day, self.before or time(23, 55), zone)
            if earliest <= latest:
                yield earliest, latest


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone)


def address(pairs: list[tuple[str, str]]) -> str:
    """Return the booking page's address with these parameters."""
    query: dict[str, list[str]] = {}
    for name, value in pairs:
        query.setdefault(name, []).append(value)
    return url_for("book.desk", **query)  # type: ignore[arg-type]


def read(args: "MultiDict[str, str]", today: date) -> Wishes:
    """Read a state from a query or a form; what cannot be read is left out and named in `faults`."""
    faults: list[str] = []

    def tried(name: str, convert: Any) -> Any:
        text = args.get(name, "").strip()
        try:
            return convert(text) if text else None
        except ValueError:
            faults.append(name)
            return None

    picks = {
        name.removeprefix(PICK): value.strip()
        for name, value in args.items()
        if name.startswith(PICK) and value.strip()
    }
    return Wishes(
        patient=_code(args, "patient"),
        protocol=_code(args, "protocol"),
        first=tried("from", lambda text: coming_day(text, today)),
        within=tried("within", _within) or DAYS[-1],
        after=tried("after", clock_of),
        before=tried("before", clock_of),
        urgency=tried("urgency", _urgency),
        options=_options(args, faults),
        picks=picks,
        must=frozenset(args.getlist("must")) & picks.keys(),
        move=_code(args, "move"),
        step=_code(args, "step"),
        request=_code(args, "request"),
        faults=tuple(faults),
    )


def _options(args: "MultiDict[str, str]", faults: list[str]) -> dict[str, int]:
    given = {name.removeprefix(OPTION): text.strip() for name, text in args.items() if name.startswith(OPTION)}
    found = {code: int(text) for code, text in given.items() if text.isascii() and text.isdigit() and len(text) < 3}
    if any(text and code not in found for code, text in given.items()):
        faults.append("options")
    return {code: count for code, count in found.items() if count}


def _code(args: "MultiDict[str, str]", name: str) -> str | None:
    return args.get(name, "").strip()[:200] or None


def _within(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 180:
        raise ValueError(text)
    return days


def _urgency(text: str) -> str:
    if text not in URGENCIES:
        raise ValueError(text)
    return text


def year_of_ours(day: date) -> date:
    """Return a day whose neighbours can be counted. Raises ValueError outside 1900 to 2199, as the API does."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(day)
    return day


def coming_day(text: str, today: date) -> date:
    """Read a day to come as people type it: 12-08, 1208, 12月8日, or with its year. Raises ValueError.

    Without a year it is the next such day; up to 30 days past still count as this year.
    """
    typed, has_year = _with_year(text, today.year)
    return typed if has_year or typed >= today - timedelta(days=30) else date(today.year + 1, typed.month, typed.day)


def past_day(text: str, today: date) -> date:
    """Read a day gone by as people type it; without a year it is the last such day. Raises ValueError."""
    typed, has_year = _with_year(text, today.year)
    return typed if has_year or typed <= today else date(today.year - 1, typed.month, typed.day)


def _with_year(text: str, year: int) -> tuple[date, bool]:
    """Return a typed day, in a year where it names none, and whether it named one."""
    plain = text.split(maxsplit=1)[0].removesuffix("日")
    if plain.isdecimal() and len(plain) in (3, 4):
        plain = f"{plain[:-2]}-{plain[-2:]}"
    for sign in "月./":
        plain = plain.replace(sign, "-")
    if plain.count("-") != 1:
        return day_of(plain), True
    month, day = map(_small, plain.split("-"))
    return date(year, month, day), False


def day_of(text: str) -> date:
    """Read a day as people type it: 1965-04-12, 19650412, 1965.4.12, 1965/4/12, 1965年4月12日. Raises ValueError."""
    plain = text.strip()
    if len(plain) == 8 and plain.isdecimal():
        plain = f"{plain[:4]}-{plain[4:6]}-{plain[6:]}"
    for sign in "年月./":
        plain = plain.replace(sign, "-")
    year, month, day = map(_small, plain.removesuffix("日").split("-"))
    return year_of_ours(date(year, month, day))


def clock_of(text: str) -> time:
    """Read a time of the day as people type it: 09:30, 9:30, 0930, 9. Raises ValueError."""
    plain = text.strip().replace("：", ":")
    if ":" not in plain:
        plain = f"{plain}:00" if len(plain) <= 2 else f"{plain[:-2]}:{plain[-2:]}"
    hour, minute = map(_small, plain.split(":"))
    return time(hour, minute)


def _small(text: str) -> int:
    """Read a year, month, day, hour or minute: what is longer would not fit into a date at all. Raises ValueError."""
    if len(text) > 4:
        raise ValueError(text)
    return int(text)
