"""Explains, day by day, why a pathway cannot start: the smallest set of blockers whose absence would free the day."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations

from scheduler.engine import bitmap
from scheduler.engine.board import CELL_MINUTES, DROPPED, Board
from scheduler.engine.grid import day_edges
from scheduler.engine.pathway import Pathway, condition
from scheduler.engine.protocol import Step
from scheduler.engine.rules import window
from scheduler.engine.world import Blocker, Problem, Refusal, Resource

MOST_DAYS = 90

REASONS = ("no-licence", "occupied", "maintenance", "closure", "leave", "closed")
"""What may keep all candidates of a role away, tried in this order; the first that frees the day is told."""

NOT_OPENING = frozenset(REASONS) - {"closed"}

SetAside = dict[tuple[str, str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that might block: a role of a step (`bed` and `patient` too), the lag into it (""), a condition."""

    step: Step
    role: str

    @property
    def key(self) -> tuple[str, str]:
        return self.step.code, self.role

    @property
    def fixed(self) -> str | None:
        """The code of the blocker it is, where that does not depend on who fills a role."""
        return {"": "lag", "patient": "patient-elsewhere"}.get(self.role) or self.condition

    @property
    def condition(self) -> str | None:
        return self.role.removeprefix("@") if self.role.startswith("@") else None


def explain(problem: Problem, first_found: int | None = None) -> tuple[Refusal, ...]:
    """Return a refusal for each local day on which the first step cannot start.

    The days run from that of `earliest` up to, not including, that of `first_found`, the start of the first
    proposal; without one through that of `latest`; 90 days at most. One blocker where setting one thing aside frees
    the day, else two, else the code `combination`. Codes: closed, leave, closure, maintenance, occupied,
    no-licence, nobody, unavailable (several of these together), required-resource, no-bed, patient-elsewhere, lag,
    hours, lead, supply, patient-sex (no role, as lag).
    """
    inquiry = Inquiry(problem)
    grid = problem.world.grid
    first = max(grid.day_of(max(grid.floor(problem.earliest), 0)), 0)
    last = grid.day_of(grid.floor(problem.latest)) + 1 if first_found is None else grid.day_of(grid.floor(first_found))
    days = list(grid.days())
    numbers = range(first, min(last, len(days), first + MOST_DAYS))
    return tuple(Refusal(days[number], inquiry.blockers(number)) for number in numbers if inquiry.refused(number))


class Inquiry:
    """Tries, for one problem, what would be possible if something were set aside. Variants are kept over the days."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.board, self.grid = problem, Board(problem), problem.world.grid
        self.window = window.mask(problem)
        self.first = problem.protocol.steps[0]
        self.suspects = list(self._all_suspects())
        self._variants: dict[Hashable, Pathway] = {}
        self._promised: dict[Hashable, int] = {}

    def refused(self, day: int) -> bool:
        """Return whether there are starts to try on a day and none of them is possible."""
        return self._cells(day) != 0 and not self._frees(day, {})

    def blockers(self, day: int) -> tuple[Blocker, ...]:
        """Return a smallest set of blockers of a refused day."""
        wish = next(self._blocked_wishes(day), None)
        if wish is not None:
            return (wish,)
        shut = self._shut(day)
        if len(shut) > 1:
            return self._closed_day(day, shut)
        for suspect in self.suspects:
            blocker = self._judge(day, suspect, {})
            if blocker is not None:
                return (blocker,)
        return self._pair(day) or (Blocker("combination", "", self.first.code),)

    def _all_suspects(self) -> Iterator[Suspect]:
        for step in self.problem.protocol.steps:
            if step is not self.first:
                yield Suspect(step, "")
            yield Suspect(step, "patient")
            yield from (Suspect(step, role) for role in _roles(step))
            yield from (Suspect(step, condition(code)) for code in self.board.conditions(step))

    def _cells(self, day: int) -> int:
        edges = day_edges(self.grid)
        return self.window & bitmap.cells(edges[day], edges[day + 1])

    def _frees(self, day: int, aside: SetAside) -> bool:
        """Return whether the pathway could start on a day with some things set aside."""
        key = frozenset(aside.items())
        if key not in self._promised:
            self._variants[key] = Pathway(self.board, aside)
            self._promised[key] = self._days_in(self._variants[key].first & self.window)
        return bool(self._promised[key] >> day & 1) and self._variants[key].possible(self._cells(day))

    def _days_in(self, starts: int) -> int:
        """Return the days that hold a start, as bits."""
        edges, found = day_edges(self.grid), 0
        while starts:
            day = self.grid.day_of(bitmap.lowest(starts))
            found |= 1 << day
            starts = starts >> edges[day + 1] << edges[day + 1]
        return found

    def _blocked_wishes(self, day: int) -> Iterator[Blocker]:
        for suspect in self.suspects:
            if self._required(suspect) and self._frees(day, {suspect.key: frozenset({"required-resource"})}):
                yield self._blocker("required-resource", suspect, day)

    def _required(self, suspect: Suspect) -> str | None:
        return self.problem.required(*suspect.key) if suspect.fixed is None else None

    def _shut(self, day: int) -> list[Suspect]:
        """Return the roles of the first step that no opening of their candidates allows on a day at all."""
        roles = [Suspect(self.first, need.role) for need in self.first.needs]
        return [suspect for suspect in roles if self._openings(suspect) & self._cells(day) == 0]

    def _openings(self, suspect: Suspect) -> int:
        """Return the starts that opening hours alone allow a role."""
        return self.board.feasible(self.board.asks(suspect.step, suspect.role, NOT_OPENING))

    def _closed_day(self, day: int, shut: list[Suspect]) -> tuple[Blocker, ...]:
        """Blame the closed day as one blocker, those roles that nobody ever fills, and what more there is."""
        nobody = [suspect for suspect in shut if self._short(suspect)]
        aside = {suspect.key: frozenset({DROPPED if suspect in nobody else "closed"}) for suspect in shut}
        told = [self._blocker("nobody", suspect, day) for suspect in nobody]
        closed = [suspect for suspect in shut if suspect not in nobody]
        if len(closed) == 1:
            told.append(self._blocker("closed", closed[0], day))
        elif closed:
            told.append(Blocker("closed", "", self.first.code, until=self._next_open(closed, day)))
        if self._frees(day, aside):
            return tuple(told)
        for suspect in self.suspects:
            blocker = self._judge(day, suspect, aside)
            if blocker is not None:
                return (*told, blocker)
        return (*told, Blocker("combination", "", self.first.code))

    def _next_open(self, shut: list[Suspect], day: int) -> int | None:
        together = -1
        for suspect in shut:
            together &= self._openings(suspect)
        return self._next(together, day, 0)

    def _judge(self, day: int, suspect: Suspect, aside: SetAside) -> Blocker | None:
        """Return the blocker that a suspect is, given what is set aside already; None when it is innocent."""
        if not self._frees(day, {**aside, suspect.key: frozenset({DROPPED})}):
            return None
        return self._blocker(self._reason(day, suspect, aside), suspect, day)

    def _reason(self, day: int, suspect: Suspect, aside: SetAside) -> str:
        if suspect.fixed is not None:
            return suspect.fixed
        already = aside.get(suspect.key, frozenset())
        wish = ("required-resource",) if self._required(suspect) else ()
        reasons = wish if suspect.role == "bed" or self._short(suspect) else wish + REASONS
        freeing = (code for code in reasons if self._frees(day, {**aside, suspect.key: already | {code}}))
        otherwise = "no-bed" if suspect.role == "bed" else "nobody" if self._short(suspect) else "unavailable"
        return next(freeing, otherwise)

    def _candidates(self, suspect: Suspect) -> list[Resource]:
        return self.board.candidates(self.board.need(suspect.step, suspect.role))

    def _short(self, suspect: Suspect) -> bool:
        """Return whether there are fewer such resources at all than the role needs."""
        return len(self._candidates(suspect)) < self.board.need(suspect.step, suspect.role).count

    def _pair(self, day: int) -> tuple[Blocker, ...]:
        dropped = frozenset({DROPPED})
        if not self._frees(day, {suspect.key: dropped for suspect in self.suspects}):
            return ()
        for one, other in combinations(self.suspects, 2):
            if self._frees(day, {one.key: dropped, other.key: dropped}):
                first = self._reason(day, one, {other.key: dropped})
                gone = {first} if first in (*REASONS, "required-resource") else dropped
                second = self._reason(day, other, {one.key: frozenset(gone)})
                return (self._blocker(first, one, day), self._blocker(second, other, day))
        return ()

    def _blocker(self, code: str, suspect: Suspect, day: int) -> Blocker:
        if suspect.condition is not None:
            starts = self.board.conditions(suspect.step)[suspect.condition]
            until = self._next(starts, day, 0) if code == "lead" else None
            return Blocker(code, "", suspect.step.code, until=until)
        resource = None if code == "nobody" else self._only(suspect)
        until = None if resource is None else self._free_again(suspect, resource, day)
        return Blocker(code, suspect.role, suspect.step.code, resource, until)

    def _only(self, suspect: Suspect) -> str | None:
        """Return the one resource that could fill a role: required, the only candidate, or the patient."""
        if suspect.role == "":
            return None
        if suspect.role == "patient":
            return self.problem.patient
        able = self._candidates(suspect)
        return self._required(suspect) or (able[0].code if len(able) == 1 else None)

    def _free_again(self, suspect: Suspect, resource: str, day: int) -> int | None:
        """Return the instant from which a resource could next fill its role for as long as it takes."""
        step = suspect.step
        if suspect.role == "patient":
            return self._next(self.board.patient(step), day, 0)
        asks = self.board.asks(step, suspect.role)
        starts = next((ask.starts[resource] for ask in asks if resource in ask.starts), 0)
        need = self.board.need(step, suspect.role)
        return self._next(starts, day, step.taken(need)[0] if need.phases else 0)

    def _next(self, starts: int, day: int, offset_minutes: int) -> int | None:
        """Return the instant of the first start on or after a day's first cell, moved by an offset."""
        begins = day_edges(self.grid)[day]
        cell = bitmap.lowest(starts >> begins)
        return None if cell < 0 else self.grid.instant(begins + cell + offset_minutes // CELL_MINUTES)


def _roles(step: Step) -> list[str]:
    return [need.role for need in step.needs] + (["bed"] if step.stay else [])
