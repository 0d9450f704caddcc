"""GET /protocols: each procedure in force, told so fully that an outsider can work out what fits alone."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy.orm import Session

from models import ProtocolVersion
from scheduler import availability, catalogue
from scheduler.engine import protocol as engine
from scheduler.engine.grid import Grid
from scheduler.engine.rules import eligibility, privilege
from scheduler.engine.world import World
from web.api.blueprint import api, refuses
from web.api.wire import Asked, Day, IsoDay, Names, Told
from web.policy import READ, policy
from web.site import site

Phase = Literal["setup", "procedure", "cleanup", "recovery"]


class NeedTold(Told):
    """`count` different resources of `candidates`, over [start + offset_minutes, + minutes) of the step.

    One resource never fills two needs of a step. `candidates` are licensed and able on the day asked about.
    """

    role: str
    kind: str
    count: int
    phases: list[Phase]
    offset_minutes: int
    minutes: int
    attributes: list[str]
    privilege: str | None
    level: int
    codes: list[str]
    candidates: list[str]


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


class StepTold(Told):
    code: str
    names: Names
    phases: Annotated[dict[Phase, int], Field(description="Minutes of each phase, on the 5-minute grid")]
    minutes: Annotated[int, Field(description="Of the step's span: set-up to clean-up")]
    provisional: bool
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


class ProtocolTold(Told):
    code: str
    version: int
    effective_from: IsoDay
    names: Names
    family: str
    urgency: str
    steps: list[StepTold]
    lags: list[LagTold]


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
            "steps": [self.step(step) for step in parsed.steps],
            "lags": [_lag(lag) for lag in parsed.lags],
        }

    def step(self, step: engine.Step) -> dict[str, Any]:
        phases = [phase for phase, _ in step.minutes]
        return {
            "code": step.code,
            "names": {"zh": step.name_zh, "en": step.name_en},
            "phases": dict(step.minutes),
            "minutes": step.span_minutes,
            "provisional": step.provisional,
            "needs": [self.need(step, need) for need in step.needs],
            "patient": {"role": "patient", "phases": phases, "offset_minutes": 0, "minutes": step.patient_minutes},
            "stay": None if step.stay is None else self.stay(step.stay),
        }

    def need(self, step: engine.Step, need: engine.Need) -> dict[str, Any]:
        offset, minutes = step.taken(need)
        return {
            "role": need.role,
            "kind": need.kind,
            "count": need.count,
            "phases": list(need.phases),
            "offset_minutes": offset,
            "minutes": minutes,
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
            "admit": _clock(self.world.ward.admit_minute),
            "discharge": _clock(self.world.ward.discharge_minute),
            "attributes": sorted(stay.attributes),
            "candidates": self.candidates(eligibility.as_need(stay)),
        }

    def candidates(self, need: engine.Need) -> list[str]:
        able = eligibility.candidates(need, self.world)
        return [resource.code for resource in able if privilege.mask(self.world.grid, need, resource) != 0]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


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
