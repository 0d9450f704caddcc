"""What the waiting list is asked: frozen, judged before anything is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from scheduler.engine.protocol import URGENCIES
from scheduler.errors import Invalid
from scheduler.texts import optional_text

LONGEST_NOTE = 500
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wishes:
    """Who or what is wished for a role, which of these must be had, and hours of the day (HH:MM) for the start."""

    pick: Mapping[str, str] = field(default_factory=dict)
    must: tuple[str, ...] = ()
    after: str | None = None
    before: str | None = None

    def stored(self) -> dict[str, Any]:
        """Return what the database keeps: only what is wished."""
        kept = {"pick": dict(self.pick), "must": sorted(self.must), "after": self.after, "before": self.before}
        return {name: value for name, value in kept.items() if value}

    @property
    def require(self) -> dict[str, str]:
        return {role: code for role, code in self.pick.items() if role in self.must}

    @property
    def prefer(self) -> dict[str, str]:
        return {role: code for role, code in self.pick.items() if role not in self.must}


def wishes_of(kept: Mapping[str, Any]) -> Wishes:
    """Read what `Wishes.stored` wrote."""
    return Wishes(kept.get("pick", {}), tuple(kept.get("must", ())), kept.get("after"), kept.get("before"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a patient waits for. Without an urgency it is the procedure's; without `due`, that of the urgency."""

    protocol: str
    options: Mapping[str, int] = field(default_factory=dict)
    urgency: str | None = None
    due: date | None = None
    earliest: date | None = None
    latest: date | None = None
    wishes: Wishes = field(default_factory=Wishes)
    note: str | None = None

    def judged_note(self) -> str | None:
        """Judge what needs no database and return the note as it is stored.

        Raises Invalid("unknown-urgency" | "window-ends-before-start" | "wish-bad") and as `texts.optional_text` does.
        """
        if self.urgency is not None and self.urgency not in URGENCIES:
            raise Invalid("unknown-urgency", urgency=self.urgency, known=list(URGENCIES))
        last = min((day for day in (self.latest, self.due) if day is not None), default=None)
        if self.earliest is not None and last is not None and last < self.earliest:
            raise Invalid("window-ends-before-start", earliest=self.earliest, latest=last)
        for clock in (self.wishes.after, self.wishes.before):
            if clock is not None and not _CLOCK.fullmatch(clock):
                raise Invalid("wish-bad", value=clock)
        if self.wishes.after and self.wishes.before and self.wishes.before < self.wishes.after:
            raise Invalid("wish-bad", value=f"{self.wishes.after}–{self.wishes.before}")
        if loose := set(self.wishes.must) - set(self.wishes.pick):
            raise Invalid("wish-bad", value=min(loose))
        return optional_text("note", self.note, LONGEST_NOTE)
