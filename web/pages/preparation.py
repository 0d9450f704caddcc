"""What to tell the patient about a visit: how to prepare, since when not to eat, when and where to come."""

from dataclasses import dataclass
from datetime import date, timedelta

from models import to_seconds
from scheduler.dayboard import Case
from scheduler.engine.protocol import Step, Supply
from scheduler.engine.world import StepPlan
from web.i18n import language, localname

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Supplied:
    """What is ordered for a visit's day, and the last day on which it may be used."""

    name: str
    use_by: date


def supplied(supply: Supply | None, step: str, day: date, use_by: date | None = None) -> Supplied | None:
    """Return what is ordered for a step on a day; `use_by` is that of a booking, which a move does not change."""
    if supply is None or supply.step != step:
        return None
    return Supplied(localname(supply), use_by or day + timedelta(days=supply.use_by_days))


@dataclass(frozen=True, slots=True)
class Preparation:
    """Instants in epoch seconds. `ward`: the patient comes to the ward, to a bed, and not to the visit."""

    text: str
    fast_from: int | None
    arrive: int
    ward: bool

    @property
    def asks(self) -> bool:
        """There is something to do before, not just to come."""
        return bool(self.text) or self.fast_from is not None


def of_plan(step: Step, plan: StepPlan) -> Preparation:
    """Return it for a visit that is planned."""
    beds = [slot.starts for slot in plan.slots if slot.role == "bed"]
    return _made(step.prepare_zh, step.prepare_en, step.fasting_hours, plan.starts, beds)


def of_case(case: Case) -> Preparation:
    """Return it for a visit that is booked."""
    beds = [to_seconds(case.bed.starts)] if case.bed else []
    return _made(case.prepare_zh, case.prepare_en, case.fasting_hours, to_seconds(case.starts), beds)


def _made(zh: str, en: str, hours: int, starts: int, beds: list[int]) -> Preparation:
    """A bed that is taken only after the visit is no place to come to."""
    arrive = min([starts, *beds])
    return Preparation(
        text=zh if language() == "zh" else en,
        fast_from=starts - hours * HOUR if hours else None,
        arrive=arrive,
        ward=arrive < starts,
    )
