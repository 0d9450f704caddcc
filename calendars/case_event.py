"""A case as a calendar event: what it says at each level of privacy, in one language. Pure.

Titles carry what matters first, because a telephone shows twenty signs: procedure, room, bed, then whom.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from calendars import ical
from scheduler import patients
from scheduler.dayboard import Case, Held
from scheduler.patients.flags import Flag

PRIVACY = ("busy", "code", "initials", "full")
"""From the least said to the most: only that somebody is busy; codes (the default); initials; name and number."""
NAMED = frozenset({"initials", "full"})

STATUS: dict[str, ical.Status] = {
    "reserved": "TENTATIVE",
    "booked": "CONFIRMED",
    "arrived": "CONFIRMED",
    "in-progress": "CONFIRMED",
    "fulfilled": "CONFIRMED",
    "unplaced": "CANCELLED",
    "cancelled": "CANCELLED",
    "noshow": "CANCELLED",
    "entered-in-error": "CANCELLED",
}
"""Of a step → of its event. A step whose status is not here is not shown: proposed, pending (a hold), moving."""


def is_gone(status: str) -> bool:
    """Tell whether a step of this status takes place no longer."""
    return STATUS.get(status) == "CANCELLED"


@dataclass(frozen=True, slots=True)
class Wording:
    """What a feed says, in one language; who serves feeds fills it from the catalogue. In `bed`, %s is the number."""

    language: str
    busy: str
    cancelled: str
    """Prefix of a title, because not every client shows STATUS (INTERFACES §4.2)."""
    provisional: str
    unconfirmed: str
    bed: str
    bed_line: str
    options: str
    preparation: str
    fasting: str
    """%s is the instant from which nothing is eaten."""
    pathway: str
    moved_away: str
    needs_a_place: str
    details: str
    weekdays: tuple[str, ...]
    roles: tuple[tuple[str, str], ...]
    minded: str
    flags: tuple[tuple[str, str], ...]
    until: str
    """Of a flag; %s is the day."""

    def role(self, code: str) -> str:
        return dict(self.roles).get(code, code)

    def named(self, zh: str, en: str) -> str:
        return (zh or en) if self.language == "zh" else (en or zh)


@dataclass(frozen=True, slots=True)
class Feed:
    """What one subscription shows: whose list (a resource's code), how private, in whose words, linking where."""

    resource: str
    privacy: str
    wording: Wording
    address: str
    """Of the site, without a slash at the end; its host is the domain of every UID."""

    @property
    def domain(self) -> str:
        return urlsplit(self.address).hostname or "needlepoint"


@dataclass(frozen=True, slots=True)
class Shown:
    """A case as this feed shows it. `away`: it left this list; starts and ends are where it stood here."""

    case: Case
    starts: datetime
    ends: datetime
    away: bool = False


@dataclass(frozen=True, slots=True)
class Sibling:
    code: str
    name_zh: str
    name_en: str
    starts: datetime
    gone: bool


@dataclass(frozen=True, slots=True)
class Pathway:
    """What an event says of its whole pathway."""

    family: str
    steps: tuple[Sibling, ...]


def event(each: Shown, pathway: Pathway, feed: Feed, zone: ZoneInfo) -> ical.Event:
    """Return the event of a case. One that left this list keeps its place here, cancelled, without its new room."""
    case = each.case
    silent = feed.privacy == "busy"
    return ical.Event(
        uid=f"{case.step}@{feed.domain}",
        sequence=case.sequence,
        created=case.created_at,
        changed=case.updated_at,
        starts=each.starts,
        ends=each.ends,
        status=_status(each),
        summary=_title(each, feed),
        location="" if silent or each.away else _location(case),
        description="" if silent else "\n".join(_lines(each, pathway, feed, zone)),
        categories=() if silent else (pathway.family, case.urgency),
        url="" if silent else link(feed, case, zone),
    )


def _status(each: Shown) -> ical.Status:
    if each.away:
        return "CANCELLED"
    status = STATUS[each.case.status]
    return "TENTATIVE" if status == "CONFIRMED" and each.case.unconfirmed else status


def _title(each: Shown, feed: Feed) -> str:
    words, case = feed.wording, each.case
    prefix = words.cancelled if _status(each) == "CANCELLED" else ""
    if feed.privacy == "busy":
        return prefix + words.busy
    parts = [procedure(case), *_whom(case, feed)]
    if not each.away:
        parts[1:1] = [*([_room_code(case)] if _room_code(case) else []), *_bed(case, words)]
    return prefix + " · ".join(parts) + _mark(each, words)


def _whom(case: Case, feed: Feed) -> list[str]:
    if feed.privacy == "full":
        return [f"{case.patient.name} {case.patient.record_number}"]
    if feed.privacy == "initials":
        return [initials(case.patient.name), case_number(case)]
    return [case_number(case)]


def _mark(each: Shown, words: Wording) -> str:
    if _status(each) != "TENTATIVE":
        return ""
    return words.provisional if each.case.status == "reserved" else words.unconfirmed


def procedure(case: Case) -> str:
    """Return the code of what is done: the protocol's, with the step's where a pathway has several."""
    if case.step_code.startswith(case.protocol):
        return case.step_code
    return f"{case.protocol}/{case.step_code}"


def case_number(case: Case) -> str:
    """Return a short number for a case that says nothing about the patient: the start of its random id."""
    return case.appointment[:6].upper()


@lru_cache(maxsize=4096)
def initials(name: str) -> str:
    """Return a name's initials in Latin capitals (张晓明: ZXM), or its first sign where it has no Latin reading."""
    first = patients.readings(name)[1].partition(" ")[0]
    return first.upper() or name[:1]


def _room(case: Case) -> Held | None:
    return case.room or next((each for each in case.held if each.kind == "room"), None)


def _room_code(case: Case) -> str:
    room = _room(case)
    return room.code if room else case.happened_in or ""


def _location(case: Case) -> str:
    """Return the room in both languages: whoever reads it at the door may know only one."""
    room = _room(case)
    names = [room.name_zh, room.name_en] if room else [case.happened_in or ""]
    return " / ".join(dict.fromkeys(name for name in names if name))


def _bed(case: Case, words: Wording) -> list[str]:
    bed = _planned_bed(case)
    if bed is None:
        return []
    digits = "".join(sign for sign in bed.code if sign.isdigit())
    return [words.bed % (int(digits) if digits else bed.code)]


def _planned_bed(case: Case) -> Held | None:
    return case.bed if case.bed is not None and case.bed.status != "unplaced" else None


def _lines(each: Shown, pathway: Pathway, feed: Feed, zone: ZoneInfo) -> Iterator[str]:
    words, case = feed.wording, each.case
    if each.away:
        yield words.moved_away
    else:
        if case.status == "unplaced":
            yield words.needs_a_place
        if feed.privacy in NAMED:
            yield words.named(case.step_zh, case.step_en)
        if feed.privacy == "full" and case.patient.flags:
            yield f"{words.minded}: {'; '.join(_flag(flag, words) for flag in case.patient.flags)}"
        yield from _chosen(case, feed)
        for held in case.team:
            yield f"{words.role(case.called(held.role))}: {words.named(held.name_zh, held.name_en)}"
        if bed := _planned_bed(case):
            yield f"{words.bed_line}: {words.named(bed.name_zh, bed.name_en)}"
        yield from _prepared(case, words, zone)
        if len(pathway.steps) > 1:
            yield f"{words.pathway}:"
            yield from (_sibling(number, each, feed, zone) for number, each in enumerate(pathway.steps, 1))
    yield f"{words.details}: {link(feed, case, zone)}"


def _flag(flag: Flag, words: Wording) -> str:
    until = words.until % flag.until if flag.until else ""
    return " ".join(part for part in (dict(words.flags).get(flag.code, flag.code), flag.note, until) if part)


def _chosen(case: Case, feed: Feed) -> Iterator[str]:
    """Say what was chosen beside the procedure: by name where the procedure is named too."""
    words, named = feed.wording, feed.privacy in NAMED
    said = [
        (words.named(option.name_zh, option.name_en) if named else option.code) + (f" ×{count}" if count > 1 else "")
        for option, count in case.options
    ]
    if said:
        yield f"{words.options}: {', '.join(said)}"


def _prepared(case: Case, words: Wording, zone: ZoneInfo) -> Iterator[str]:
    """Say how the patient prepares, and from when nothing is eaten."""
    if case.prepare_zh or case.prepare_en:
        yield f"{words.preparation}: {words.named(case.prepare_zh, case.prepare_en)}"
    if case.fasting_hours:
        since = (case.starts - timedelta(hours=case.fasting_hours)).astimezone(zone)
        yield words.fasting % f"{since:%m-%d} {words.weekdays[since.weekday()]} {since:%H:%M}"


def _sibling(number: int, step: Sibling, feed: Feed, zone: ZoneInfo) -> str:
    words, local = feed.wording, step.starts.astimezone(zone)
    name = words.named(step.name_zh, step.name_en) if feed.privacy in NAMED else step.code
    prefix = words.cancelled if step.gone else ""
    return f"{prefix}{number}. {name} {local:%m-%d} {words.weekdays[local.weekday()]} {local:%H:%M}"


def link(feed: Feed, case: Case, zone: ZoneInfo) -> str:
    """Return the page that tells more, to whoever is signed in and may read it."""
    return f"{feed.address}/board/{case.starts.astimezone(zone).date().isoformat()}?open={case.step}"
