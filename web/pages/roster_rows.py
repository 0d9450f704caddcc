"""What the roster page draws: groups of people, a cell for each half day, and how many are at work."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from flask_babel import gettext

from scheduler import patients
from scheduler.roster import AM, LATE, ON_CALL, PM, Half, HalfDay, Line, Person, Roster, Staffing
from scheduler.roster.week import AWAY, CLOSED, EXTRA, FLOORED, PART
from web import words
from web.i18n import daylabel, localname

OTHERS = "external"
GROUPS = (*FLOORED, OTHERS)
"""What the page can be narrowed to: its own people by kind, and those that others lend."""

TENTHS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """One half day of one person. `load` is the tenths, begun, of the open time that is booked."""

    key: str
    day: int
    """Its column, from 0."""
    look: str
    text: str
    number: str
    load: int
    tags: tuple[tuple[str, str], ...]
    """Duties of the whole day, at its afternoon: (class, word)."""
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    person: Person
    cells: tuple[Cell, ...]
    mine: bool


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Count:
    kind: str
    halves: tuple[Staffing, ...]


def counts(roster: Roster) -> list[Count]:
    """Return how many of each kind are at work in each half day; a kind that the department lacks is left out."""
    there = {line.person.kind for line in roster.lines if not line.person.external}
    return [Count(kind, tuple(roster.at_work(kind))) for kind in FLOORED if kind in there]


def groups(roster: Roster, *, own: str | None, only: str | None, text: str, reasons: bool) -> list[Group]:
    """Return the people asked for in groups of a grade, the reader first.

    `only` is one of GROUPS, `text` a part of a name, code, pinyin or initials; `reasons` shows why somebody is away.
    """
    lines = [line for line in roster.lines if _wanted(line.person, only, text)]
    writer = _Writer(roster, reasons)
    mine = [writer.row(line, mine=True) for line in lines if line.person.code == own]
    found = [Group(gettext("You"), tuple(mine))] if mine else []
    rest = [line for line in lines if line.person.code != own]
    for title, members in groupby(rest, key=lambda line: _title(line.person)):
        found.append(Group(title, tuple(writer.row(line, mine=False) for line in members)))
    return found


def _wanted(person: Person, only: str | None, text: str) -> bool:
    if only in GROUPS and only != (OTHERS if person.external else person.kind):
        return False
    keys = _keys(person.code, person.name_zh, person.name_en)
    return all(word in keys for word in text.casefold().split())


@lru_cache(maxsize=1024)
def _keys(code: str, name_zh: str, name_en: str) -> str:
    return " ".join((code, name_zh, name_en, *patients.readings(name_zh))).casefold()


def _title(person: Person) -> str:
    name = words.title(person.title) or words.kind(person.kind)
    return gettext("%(who)s (other departments)", who=name) if person.external else name


class _Writer:
    """Writes cells; every word is looked up once for the page, not once for each of a thousand cells."""

    def __init__(self, roster: Roster, reasons: bool) -> None:
        self.reasons = reasons
        self.columns = {day: number for number, day in enumerate(dict.fromkeys(at.date for at in roster.halves))}
        self.half_words = {AM: words.duty("morning"), PM: words.duty("afternoon")}
        self.day_words = {day: daylabel(day) for day in self.columns}
        self.presences = {state: words.presence(state) for state in words.PRESENCES}
        self.leave_word = words.closure("leave")
        self.booked: Callable[..., str] = lru_cache(maxsize=512)(booked_words)

    def row(self, line: Line, *, mine: bool) -> Row:
        name = localname(line.person)
        return Row(line.person, tuple(self._cell(line, half, name) for half in line.halves), mine)

    def _cell(self, line: Line, half: Half, name: str) -> Cell:
        day = half.at.date
        tags = self._tags(line, half.at)
        booked = self.booked(half.bookings, half.booked_minutes, half.open_minutes) if half.bookings else ""
        said = [self._state(half), half.place, *(word for _, word in tags), booked]
        return Cell(
            key=f"{line.person.code}.{day}.{half.at.half}",
            day=self.columns[day],
            look=half.state,
            text=self._text(half),
            number=str(half.bookings) if half.bookings else "",
            load=load(half),
            tags=tags,
            label=f"{name} {self.day_words[day]} {self.half_words[half.at.half]}: {', '.join(filter(None, said))}",
        )

    def _state(self, half: Half) -> str:
        return self._why(half) if half.state == AWAY else self.presences[half.state]

    def _why(self, half: Half) -> str:
        return words.leave(half.reason) if self.reasons and half.reason else self.leave_word

    def _text(self, half: Half) -> str:
        """Return the word that stands in the cell: only what is not the usual."""
        if half.state == AWAY:
            return self._why(half)
        if half.place:
            return half.place
        return self.presences[half.state] if half.state in (PART, EXTRA, CLOSED) else ""

    def _tags(self, line: Line, at: HalfDay) -> tuple[tuple[str, str], ...]:
        if at.half == AM or at.date not in line.duties:
            return ()
        return tuple((kind, words.duty_sign(kind)) for kind in (ON_CALL, LATE) if line.has(at.date, kind))


def load(half: Half) -> int:
    """Return the tenths, begun, of the open minutes that are booked: 0 for none, 10 for all and for unopened time."""
    if not half.booked_minutes:
        return 0
    return min(-(-TENTHS * half.booked_minutes // half.open_minutes), TENTHS) if half.open_minutes else TENTHS


def booked_words(bookings: int, minutes: int, open_minutes: int) -> str:
    """Say how much is booked in a half day, of how much where it is open at all."""
    if not open_minutes:
        return gettext("%(n)s booked, %(minutes)s min", n=bookings, minutes=minutes)
    return gettext("%(n)s booked, %(minutes)s of %(open)s min", n=bookings, minutes=minutes, open=open_minutes)


def shown(groups: Iterable[Group]) -> int:
    """Return how many people are on the page."""
    return sum(len(group.rows) for group in groups)


def pairs(halves: Sequence[Staffing]) -> list[tuple[int, Staffing]]:
    """Return half days with the column of their day."""
    return [(place // 2, each) for place, each in enumerate(halves)]
