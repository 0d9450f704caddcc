"""What became of a case log: counts, and each row that was not booked with its reason."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from calendars.caselog.deriving import Case
from scheduler.errors import DomainError

Say = Callable[[DomainError], str]
"""Turns a refusal into a sentence; the words are not ours."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: booked, fact, already (there from an earlier run) or refused.

    A fact carries the refusal of its booking, a booking the refusal of its milestones.
    """

    row: int
    case: str | None
    what: str
    refusal: DomainError | None = None
    room: str | None = None

    @classmethod
    def of(cls, case: Case, what: str, refusal: DomainError | None = None) -> "Outcome":
        return cls(case.row, case.ref, what, refusal, case.room)


@dataclass(slots=True)
class Report:
    """The outcomes of a whole file, by row."""

    rows: int
    seconds: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)
    lived: int = 0
    """Cases whose milestones were written now."""
    unlived: list[Outcome] = field(default_factory=list)
    """Bookings whose milestones were refused; the bookings stand."""
    dry_run: bool = False

    def count(self, what: str) -> int:
        return sum(outcome.what == what for outcome in self.outcomes)

    @property
    def reasons(self) -> Counter[str]:
        """Return code → how many rows were refused by it."""
        return Counter(each.refusal.code for each in self.outcomes if each.what == "refused" and each.refusal)

    @property
    def told(self) -> list[Outcome]:
        """Return what has a reason, by row."""
        reasoned = [each for each in self.outcomes if each.refusal is not None] + self.unlived
        return sorted(reasoned, key=lambda each: each.row)


MOST_LINES = 25
"""On the screen; the file of --report has them all."""


def lines(report: Report, say: Say) -> Iterator[str]:
    """Yield the summary for the screen: the rows with a reason, then the counts."""
    told = report.told
    for outcome in told[:MOST_LINES]:
        yield f"row {outcome.row}, case {outcome.case or '?'}: {outcome.what}: {say(_reason(outcome))}"
    if len(told) > MOST_LINES:
        yield f"... and {len(told) - MOST_LINES} more; --report FILE writes them all"
    yield f"rows read {report.rows}"
    yield f"booked {report.count('booked')}"
    yield f"recorded as facts {report.count('fact')}"
    yield f"already there {report.count('already')}"
    yield f"refused {report.count('refused')}" + "".join(f", {code} {n}" for code, n in report.reasons.most_common())
    yield f"cases with milestones written now {report.lived}, milestones refused {len(report.unlived)}"
    yield f"seconds {report.seconds:.1f}"
    if report.dry_run:
        yield "dry run: nothing was written"


def _reason(outcome: Outcome) -> DomainError:
    assert outcome.refusal is not None
    return outcome.refusal


COLUMNS = ("row", "case", "outcome", "room", "code", "reason", "facts")


def write(path: Path, outcomes: Iterable[Outcome], say: Say) -> None:
    """Write one line for each row with a reason, as CSV with a BOM, so that spreadsheets read the Chinese in it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for outcome in outcomes:
            refusal = _reason(outcome)
            facts = "; ".join(f"{name}={value}" for name, value in refusal.facts.items())
            cells = (outcome.row, outcome.case, outcome.what, outcome.room, refusal.code, say(refusal), facts)
            table.writerow([_harmless(cell) for cell in cells])


def _harmless(cell: object) -> object:
    """A spreadsheet would run a text that begins like a formula, and this one comes from somebody else's file."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
