"""RFC 5545 (iCalendar) with the names of RFC 7986: events and time zones as the text calendar clients read.

Pure: values in, text out. Which events a feed has, and in what words, is calendars/feed.py's business.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component, Timezone, TimezoneDaylight, TimezoneStandard
from icalendar import Event as Component5545

Status = Literal["CONFIRMED", "TENTATIVE", "CANCELLED"]

PRODUCT = "-//Needlepoint//Feeds//ZH"
REFRESH = timedelta(minutes=15)
"""How often clients are asked to look again; most decide for themselves."""

LINES = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Everything that some reader takes for the end of a line."""
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that change the direction of writing: they could make a title read as another."""


@dataclass(frozen=True, slots=True)
class Event:
    """One VEVENT. Texts are plain and may hold anything; `event_text` makes them safe.

    `changed` is DTSTAMP and LAST-MODIFIED: the time of the last change, never the time of writing, so that an
    unchanged event keeps its bytes.
    """

    uid: str
    sequence: int
    created: datetime
    changed: datetime
    starts: datetime
    ends: datetime
    status: Status
    summary: str
    location: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    url: str = ""


def event_text(event: Event, zone: ZoneInfo) -> str:
    """Return an event as RFC 5545 text: CRLF, lines of at most 75 octets. Raises ValueError for a naive time.

    There is no ORGANIZER and no ATTENDEE: clients would offer to answer an invitation.
    """
    said = Component5545()
    said.add("UID", event.uid)
    said.add("SEQUENCE", event.sequence)
    said.add("DTSTAMP", _utc(event.changed))
    said.add("LAST-MODIFIED", _utc(event.changed))
    said.add("CREATED", _utc(event.created))
    starts, ends = _span(event.starts, event.ends, zone)
    said.add("DTSTART", starts)
    said.add("DTEND", ends)
    said.add("SUMMARY", one_line(event.summary))
    said.add("STATUS", event.status)
    said.add("TRANSP", "TRANSPARENT" if event.status == "CANCELLED" else "OPAQUE")
    said.add("CLASS", "PRIVATE")
    for name, value in (("LOCATION", one_line(event.location)), ("DESCRIPTION", clean(event.description))):
        if value:
            said.add(name, value)
    if event.categories:
        said.add("CATEGORIES", [one_line(each) for each in event.categories])
    if event.url:
        said.add("URL", one_line(event.url))
    return _written(said)


def calendar_text(name: str, zone: ZoneInfo, years: tuple[int, int], events: Iterable[str]) -> bytes:
    """Return a whole calendar around events already written by `event_text`; without events it is still valid.

    `years` are the first and last year in which the zone must be right.
    """
    head = Calendar()
    head.add("VERSION", "2.0")
    head.add("PRODID", PRODUCT)
    head.add("CALSCALE", "GREGORIAN")
    head.add("METHOD", "PUBLISH")
    head.add("NAME", one_line(name))
    head.add("X-WR-CALNAME", one_line(name))
    head.add("X-WR-TIMEZONE", zone.key)
    head.add("REFRESH-INTERVAL", REFRESH, parameters={"VALUE": "DURATION"})
    head.add("X-PUBLISHED-TTL", "PT15M")
    first, last = _written(head).split("END:VCALENDAR")
    return "".join([first, zone_text(zone, *years), *events, "END:VCALENDAR", last]).encode()


# --- Text.


def clean(text: str) -> str:
    """Return a text with one kind of line end and without signs that are not writing; emoji stay whole."""
    return "".join(sign for sign in LINES.sub("\n", text) if sign == "\n" or _is_writing(sign))


def one_line(text: str) -> str:
    """Return a text as one line without signs that are not writing."""
    return " ".join(clean(text).split("\n")).strip()


def _is_writing(sign: str) -> bool:
    # Cc: control characters. Cs: halves of a pair, which UTF-8 cannot hold. Cf stays: it joins emoji.
    return sign not in TURNING and unicodedata.category(sign) not in ("Cc", "Cs")


def _written(component: Component) -> str:
    return component.to_ical(sorted=False).decode()


# --- Time.


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"a naive time: {instant.isoformat()}")
    return instant.astimezone(UTC)


def _span(starts: datetime, ends: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return both ends on the zone's clock; in UTC where the clock says an hour twice and one end is in the second.

    RFC 5545 §3.3.5: a local time that occurs twice means the first occurrence, so the second has no local form.
    """
    local = _utc(starts).astimezone(zone), _utc(ends).astimezone(zone)
    return (_utc(starts), _utc(ends)) if any(each.fold for each in local) else local


@dataclass(frozen=True, slots=True)
class Observance:
    """From an instant on a zone has this offset; `onset` is its local time on the clock of before."""

    onset: datetime
    before: timedelta
    after: timedelta
    name: str
    daylight: bool


@lru_cache(maxsize=64)
def zone_text(zone: ZoneInfo, first_year: int, last_year: int) -> str:
    """Return a VTIMEZONE that is right from the first to the last of these years; nothing for UTC itself.

    A zone that keeps its offset all that time is one STANDARD from 1970: the summer times of 1986 to 1991 in
    Asia/Shanghai would have to be RDATEs, which Outlook misreads. In other zones every change of the clock is an
    observance of its own, without RDATE and RRULE.
    """
    if zone.key in ("UTC", "Etc/UTC"):
        return ""
    said = Timezone()
    said.add("TZID", zone.key)
    for each in observances(zone, first_year, last_year):
        part = TimezoneDaylight() if each.daylight else TimezoneStandard()
        part.add("DTSTART", each.onset)
        part.add("TZOFFSETFROM", each.before)
        part.add("TZOFFSETTO", each.after)
        part.add("TZNAME", each.name)
        said.add_component(part)
    return _written(said)


def observances(zone: ZoneInfo, first_year: int, last_year: int) -> list[Observance]:
    """Return the offset at the start of the first year and every change of it until the end of the last."""
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    changes = list(_changes(zone, start, datetime(last_year + 1, 1, 1, tzinfo=UTC)))
    onset = start if changes else datetime.combine(date(1970, 1, 1), time(), UTC)
    offset = _offset(zone, start)
    first = _observance(zone, start, offset)
    opening = Observance((onset + offset).replace(tzinfo=None) if changes else onset.replace(tzinfo=None), offset,
                         offset, first.name, first.daylight)  # fmt: skip
    return [opening, *(_observance(zone, at, before) for at, before in changes)]


def _observance(zone: ZoneInfo, at: datetime, before: timedelta) -> Observance:
    local = at.astimezone(zone)
    daylight = bool(local.dst()) and (local.dst() or timedelta()) > timedelta()
    onset = (at + before).replace(tzinfo=None)
    return Observance(onset, before, _offset(zone, at), local.tzname() or zone.key, daylight)


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """Yield (instant, offset before) of every change of the offset; two changes within a day do not happen."""
    day = start
    while day < end:
        following = min(day + timedelta(days=1), end)
        if (before := _offset(zone, day)) != _offset(zone, following):
            yield _turning_point(zone, day, following), before
        day = following


def _turning_point(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """Return the first second in (early, late] with the later offset."""
    before = _offset(zone, early)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
        early, late = (middle, late) if _offset(zone, middle) == before else (early, middle)
    return late


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
