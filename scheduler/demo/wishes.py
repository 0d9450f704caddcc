"""What the demonstration wants, day by day: who needs which procedure and when. From a seed and the days alone."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from scheduler.demo.mix import EXAMINATIONS, EXAMINATIONS_EACH, KINDS, OPERATIONS, Kind
from scheduler.demo.people import Crowd, Whom, patient_of

WEEKDAYS = (1.1, 1.04, 1.0, 0.98, 0.88, 0.6, 0.6)
"""How busy a weekday is beside Wednesday; a Saturday or Sunday is worked as a make-up day only (est)."""

BEFORE_SHARE, BEFORE_DAYS, AFTER_SHARE = 0.7, (2, 21), 0.85
"""How many come to the examination before, so many days ahead, and to each follow-up (est)."""

RETURNING = 0.6
"""People for each examination that belongs to no operation: the others come again (est)."""

CANCELLED, CANCELLED_EXAMINATION, SAME_DAY = 0.06, 0.03, 0.35
NO_SHOW, NO_SHOW_EXAMINATION = 0.012, 0.05
"""Shares of operations and examinations; of the cancelled, how many are on the day itself (CLINICAL §11, est)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One procedure wanted on one day. `key` is unique and the same in every run; figures are drawn from 0 to 1."""

    key: str
    day: date
    kind: Kind
    whom: Whom
    options: Mapping[str, int]
    hour: float
    """When within the working day."""
    rank: float
    """Whom among the able operators to prefer."""
    ahead: float
    """How long before it is booked, within what its urgency allows."""
    chance: float
    """For whatever else has to be decided."""
    urgent: bool
    fate: str
    """cancelled, cancelled-same-day, noshow, or empty: it takes place."""


def drawn(operations: int, days: Sequence[date], seed: int) -> dict[date, list[Wish]]:
    """Return the wishes of every day: so many operations in all, five examinations for each, patients who return."""
    wanted = _operations(operations, days, seed)
    wanted += _examinations(operations * EXAMINATIONS_EACH, wanted, days, seed)
    found: dict[date, list[Wish]] = {day: [] for day in days}
    for wish in sorted(wanted, key=_planned_first):
        found[wish.day].append(wish)
    return found


def _planned_first(wish: Wish) -> tuple[bool, int, str]:
    """Operations before examinations, and of each what there is least of first: it has the fewest places."""
    return wish.kind not in OPERATIONS, wish.kind.share, wish.key


def _operations(total: int, days: Sequence[date], seed: int) -> list[Wish]:
    dealt = enumerate(_dealt(OPERATIONS, total, Random(f"{seed}:operations")))  # noqa: S311 - not a secret
    return [
        _wish(f"{day:%Y%m%d}-o{place:03d}", day, kind, seed, number=number)
        for day, count in _shares(total, days)
        for place, (number, kind) in zip(range(count), dealt, strict=False)
    ]


def _examinations(total: int, operations: Iterable[Wish], days: Sequence[date], seed: int) -> list[Wish]:
    around = [each for wish in operations for each in _around(wish, days, seed)][:total]
    known, there = Counter(wish.kind.protocol for wish in around), Counter(wish.day for wish in around)
    random = Random(f"{seed}:examinations")  # noqa: S311 - not a secret
    left = [kind for kind in _dealt(EXAMINATIONS, total, random) if not _taken(kind, known)]
    crowd = Crowd(max(1, round(len(left) * RETURNING / 2)), days[0], seed)
    dealt = iter(left[: total - len(around)])
    return around + [
        _wish(f"{day:%Y%m%d}-e{place:03d}", day, kind, seed, crowd=crowd)
        for day, count in _shares(total, days)
        for place, kind in zip(range(max(0, count - there[day])), dealt, strict=False)
    ]


def _taken(kind: Kind, known: Counter[str]) -> bool:
    """Tell whether one of these is among the examinations around operations already, and count it off."""
    known[kind.protocol] -= 1
    return known[kind.protocol] >= 0


def _around(wish: Wish, days: Sequence[date], seed: int) -> Iterator[Wish]:
    """Yield the examination before an operation and the follow-ups after it that fall into the period."""
    random = Random(f"{seed}:{wish.key}:around")  # noqa: S311 - not a secret
    planned = [] if wish.kind.before is None else [(wish.kind.before, -random.randint(*BEFORE_DAYS), BEFORE_SHARE)]
    planned += [(protocol, after, AFTER_SHARE) for protocol, after in wish.kind.after]
    for place, (protocol, offset, share) in enumerate(planned):
        day = _worked(wish.day + timedelta(days=offset), days)
        if random.random() < share and day is not None:
            yield _wish(f"{wish.key}-{place}", day, KINDS[protocol], seed, whom=wish.whom)


def _worked(day: date, days: Sequence[date]) -> date | None:
    """Return the first day of the period from this one on; none where it lies outside."""
    place = bisect_left(days, day)
    return days[place] if days[0] <= day <= days[-1] else None


def _wish(
    key: str, day: date, kind: Kind, seed: int, *, number: int = 0, crowd: Crowd | None = None, whom: Whom | None = None
) -> Wish:
    """Draw a wish: for somebody known, for one of a crowd, or for a new patient with a number."""
    random = Random(f"{seed}:{key}")  # noqa: S311 - a fixed demonstration, not a secret
    urgent = random.random() < kind.urgent
    return Wish(
        key=key,
        day=day,
        kind=kind,
        whom=whom or (crowd.one(kind, random) if crowd else patient_of(kind, number, day, random)),
        options=_options(kind, random),
        hour=random.random(),
        rank=random.random(),
        ahead=random.random(),
        chance=random.random(),
        urgent=urgent,
        fate="" if urgent else fate(key, kind, seed),
    )


def _options(kind: Kind, random: Random) -> dict[str, int]:
    return {option: 1 for option, share in kind.options.items() if random.random() < share}


def fate(key: str, kind: Kind, seed: int) -> str:
    """Return what becomes of a wish that does not come without notice; it can be asked of a booking by its key."""
    operation = kind in OPERATIONS
    cancelled, absent = (CANCELLED, NO_SHOW) if operation else (CANCELLED_EXAMINATION, NO_SHOW_EXAMINATION)
    drawn = Random(f"{seed}:{key}:fate").random()  # noqa: S311 - not a secret
    if drawn < cancelled:
        return "cancelled-same-day" if drawn < cancelled * SAME_DAY else "cancelled"
    return "noshow" if drawn < cancelled + absent else ""


def _dealt(kinds: Sequence[Kind], total: int, random: Random) -> list[Kind]:
    """Return so many kinds in the proportion of their shares, none lost to rounding, shuffled."""
    whole, given = sum(kind.share for kind in kinds), 0
    dealt: list[Kind] = []
    for kind in kinds:
        given += kind.share
        dealt += [kind] * (given * total // whole - len(dealt))
    random.shuffle(dealt)
    return dealt


def _shares(total: int, days: Sequence[date]) -> Iterator[tuple[date, int]]:
    """Spread a whole number over the days by how busy their weekday is, without losing one."""
    whole, given, before = sum(WEEKDAYS[day.weekday()] for day in days), 0.0, 0
    for day in days:
        given += WEEKDAYS[day.weekday()]
        upto = round(total * given / whole)
        yield day, upto - before
        before = upto
