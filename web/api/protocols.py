"""GET /protocols: each procedure in force, told so fully that an outsider can work out what fits alone."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy.orm import Session

from models import ProtocolVersion
from scheduler import availability, catalogue
from scheduler.engine import options
from scheduler.engine import protocol as engine
from scheduler.engine.grid import Grid
from scheduler.engine.rules import eligibility, privilege
from scheduler.engine.rules.hours import clock
from scheduler.engine.world import World
from web.api.blueprint import api, refuses
from web.api.wire import Asked, Day, IsoDay, Names, Told
from web.policy import READ, policy
from web.site import site

Phase = Literal["setup", "procedure", "cleanup", "recovery"]


class _Needed(Told):
    """Who or what fills a role. `candidates` are licensed and able on the day asked about."""

    role: str
    kind: str
    count: int
    phases: list[Phase]
    whole_span: Annotated[bool, Field(description="Taken for the span, also for phases that an option adds to it")]
    before_minutes: Annotated[int, Field(description="Taken so long before its first phase, outside the span")]
    after_minutes: Annotated[int, Field(description="And so long after its last")]
    attributes: list[str]
    privilege: str | None
    level: int
    codes: list[str]
    candidates: list[str]


class NeedTold(_Needed):
    """`count` different resources of `candidates`, over [start + offset_minutes, + minutes) of the step.

    `offset_minutes` is negative for what is taken before the step starts. One resource never fills two needs of a step.
    """

    offset_minutes: int
    minutes: int


class PatientTold(Told):
    """The patient is taken over all phases; the slot has the role `patient`."""

    role: Literal["patient"]
    phases: list[Phase]
    offset_minutes: int
    minutes: int


class StayTold(Told):
    """One bed (role `bed`) from `admit` on the local day nights_before the step's until `discharge` nights after."""

    role: Literal["bed"]
    kind: Literal["bed"]
    nights: int
    nights_before: int
    admit: str
    discharge: str
    attributes: list[str]
    candidates: list[str]


class HoursTold(Told):
    """Times of the department's day between which a step's span lies."""

    from_: Annotated[str, Field(alias="from")]
    to: str


class StepTold(Told):
    """`prepare`: what the patient must do before, in words; `fasting_hours`: eats nothing for so long before."""

    code: str
    names: Names
    phases: Annotated[dict[Phase, int], Field(description="Minutes of each phase, on the 5-minute grid")]
    minutes: Annotated[int, Field(description="Of the step's span: set-up to clean-up")]
    provisional: bool
    hours: HoursTold | None
    prepare: Names | None
    fasting_hours: int | None
    needs: list[NeedTold]
    patient: PatientTold
    stay: StayTold | None


class LagTold(Told):
    """Minutes run from the end of `from_phase` (null: of the span) to the start of `to_phase` (null: of the span);
    days are local calendar days between the same two instants."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    min_minutes: int | None
    max_minutes: int | None
    min_days: int | None
    max_days: int | None
    target_days: list[int] | None
    from_phase: Phase | None
    to_phase: Phase | None


class SupplyTold(Told):
    """What is ordered for a step: it starts `order_days` after the day it is booked or later, however urgent."""

    names: Names
    step: str
    order_days: int
    use_by_days: int


class OptionTold(Told):
    """What a booking may choose, and how it changes the steps it is about.

    The procedure takes (1 + lengthens x count) times as long, of all options together; then `add` is added, times the
    count, and an absent phase appears; then the ends of the phases are rounded up to the grid as they add up. Roles in
    `drop` are not needed; `needs` are added or take the place of a need with their role. A need is taken from its first
    phase to its last; one with `whole_span` for all phases but recovery. `stay` takes the place of the step's, unless
    `no_stay`.
    """

    code: str
    names: Names
    steps: list[str]
    most: int
    excludes: list[str]
    lengthens: float
    add: dict[Phase, int]
    drop: list[str]
    needs: list[_Needed]
    stay: StayTold | None
    no_stay: bool


class ProtocolTold(Told):
    """`lead_days`: the first step starts so many local days after the day it is booked, or later, unless the urgency is
    1, 2a or 2b and nothing is ordered. `sex`: only for such patients, and those whose sex is not known."""

    code: str
    version: int
    effective_from: IsoDay
    names: Names
    family: str
    urgency: str
    lead_days: int
    supply: SupplyTold | None
    sex: str | None
    steps: list[StepTold]
    lags: list[LagTold]
    options: list[OptionTold]


class Protocols(Told):
    date: IsoDay
    zone: str
    grid_minutes: int
    protocols: list[ProtocolTold]


class ProtocolsAsked(Asked):
    date: Day | None = None


@api.get("/protocols")
@api.input(ProtocolsAsked, location="query")
@api.output(Protocols)
@refuses()
@policy(READ)
def list_protocols(query_data: ProtocolsAsked) -> dict[str, Any]:
    """List the protocols in force on a local day (today unless `date` says otherwise).

    Starts lie on the 5-minute grid, counted from local midnight.
    """
    with site().read() as session:
        settings = availability.settings(session)
        on = query_data.date or availability.today(session, site().now())
        telling = _Telling(_one_day(session, settings, on))
        return {
            "date": on,
            "zone": settings.zone,
            "grid_minutes": engine.GRID_MINUTES,
            "protocols": [telling.protocol(row) for row in catalogue.in_force(session, on)],
        }


def _one_day(session: Session, settings: availability.Settings, on: date) -> World:
    """Return the world of one local day without anything planned in it: who there is and may do what."""
    resources = availability.facts(session, settings.revision).resources
    return World(Grid(on, on + timedelta(days=1), settings.zone), resources, {}, {}, settings.ward)


class _Telling:
    """Tells protocols with those who may fill their needs in a world of one day."""

    def __init__(self, world: World) -> None:
        self.world = world

    def protocol(self, row: ProtocolVersion) -> dict[str, Any]:
        parsed = catalogue.parsed(row)
        return {
            "code": row.code,
            "version": row.version,
            "effective_from": row.effective_from,
            "names": {"zh": row.name_zh, "en": row.name_en},
            "family": parsed.family,
            "urgency": parsed.urgency,
            "lead_days": parsed.lead_days,
            "supply": None if parsed.supply is None else _supply(parsed.supply),
            "sex": parsed.sex,
            "steps": [self.step(step) for step in parsed.steps],
            "lags": [_lag(lag) for lag in parsed.lags],
            "options": [self.option(parsed, option) for option in parsed.options],
        }

    def option(self, protocol: engine.Protocol, option: engine.Option) -> dict[str, Any]:
        others = [other.code for other in protocol.options if options.exclude(option, other)]
        return {
            "code": option.code,
            "names": {"zh": option.name_zh, "en": option.name_en},
            "steps": list(option.steps),
            "most": option.most,
            "excludes": others,
            "lengthens": float(option.lengthens),
            "add": dict(option.add),
            "drop": sorted(option.drop),
            "needs": [self.needed(need) for need in option.needs],
            "stay": None if option.stay is None else self.stay(option.stay),
            "no_stay": option.no_stay,
        }

    def step(self, step: engine.Step) -> dict[str, Any]:
        phases = [phase for phase, _ in step.minutes]
        return {
            "code": step.code,
            "names": {"zh": step.name_zh, "en": step.name_en},
            "phases": dict(step.minutes),
            "minutes": step.span_minutes,
            "provisional": step.provisional,
            "hours": None if step.hours is None else _hours(step.hours),
            "prepare": {"zh": step.prepare_zh, "en": step.prepare_en} if step.prepare_zh else None,
            "fasting_hours": step.fasting_hours or None,
            "needs": [self.need(step, need) for need in step.needs],
            "patient": {"role": "patient", "phases": phases, "offset_minutes": 0, "minutes": step.patient_minutes},
            "stay": None if step.stay is None else self.stay(step.stay),
        }

    def need(self, step: engine.Step, need: engine.Need) -> dict[str, Any]:
        offset, minutes = step.taken(need)
        return {**self.needed(need), "offset_minutes": offset, "minutes": minutes}

    def needed(self, need: engine.Need) -> dict[str, Any]:
        return {
            "role": need.role,
            "kind": need.kind,
            "count": need.count,
            "phases": list(need.phases),
            "whole_span": need.whole_span,
            "before_minutes": need.before_minutes,
            "after_minutes": need.after_minutes,
            "attributes": sorted(need.attributes),
            "privilege": need.privilege,
            "level": need.level,
            "codes": sorted(need.codes),
            "candidates": self.candidates(need),
        }

    def stay(self, stay: engine.Stay) -> dict[str, Any]:
        return {
            "role": "bed",
            "kind": "bed",
            "nights": stay.nights,
            "nights_before": stay.nights_before,
            "admit": clock(self.world.ward.admit_minute),
            "discharge": clock(self.world.ward.discharge_minute),
            "attributes": sorted(stay.attributes),
            "candidates": self.candidates(eligibility.as_need(stay)),
        }

    def candidates(self, need: engine.Need) -> list[str]:
        able = eligibility.candidates(need, self.world)
        return [resource.code for resource in able if privilege.mask(self.world.grid, need, resource) != 0]


def _hours(hours: engine.Hours) -> dict[str, Any]:
    return {"from": clock(hours.first), "to": clock(hours.last)}


def _supply(supply: engine.Supply) -> dict[str, Any]:
    return {
        "names": {"zh": supply.name_zh, "en": supply.name_en},
        "step": supply.step,
        "order_days": supply.order_days,
        "use_by_days": supply.use_by_days,
    }


def _lag(lag: engine.Lag) -> dict[str, Any]:
    return {
        "from": lag.first,
        "to": lag.then,
        "min_minutes": lag.min_minutes,
        "max_minutes": lag.max_minutes,
        "min_days": lag.min_days,
        "max_days": lag.max_days,
        "target_days": None if lag.target_days is None else list(lag.target_days),
        "from_phase": lag.first_phase,
        "to_phase": lag.then_phase,
    }
