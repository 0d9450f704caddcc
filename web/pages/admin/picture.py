"""A protocol as a picture: each step's phases and needs as bars over its minutes, with the numbers beside them."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask_babel import gettext, ngettext

from scheduler.engine.protocol import Lag, Need, Option, Protocol, Stay, Step
from web import words
from web.i18n import localname


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a row, in minutes from the picture's left edge; `kind` is a phase or `need`."""

    kind: str
    starts: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One need over the step: its role, who may fill it, its bar and its minutes in words."""

    name: str
    who: str
    bars: tuple[Bar, ...]
    minutes: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One step. `total` minutes are drawn, from the first that anything is taken to the end of recovery."""

    code: str
    name: str
    total: int
    phases: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def panels(protocol: Protocol) -> list[Panel]:
    """Return the picture of every step, in order."""
    return [_panel(protocol, step) for step in protocol.steps]


def _panel(protocol: Protocol, step: Step) -> Panel:
    taken = [step.taken(need) for need in step.needs]
    left = -min([0, *(begins for begins, _ in taken)])
    total = left + max([step.patient_minutes, *(begins + minutes for begins, minutes in taken)])
    phases = Row(
        words.role("patient"),
        "",
        tuple(Bar(phase, left + step.offset(phase), minutes) for phase, minutes in step.minutes),
        _span(0, step.patient_minutes),
    )
    rows = [_row(step, need, left) for need in step.needs]
    return Panel(step.code, localname(step), total, step.minutes, (phases, *rows), tuple(_notes(protocol, step)))


def _row(step: Step, need: Need, left: int) -> Row:
    begins, minutes = step.taken(need)
    name = words.role(need.role) + (f" × {need.count}" if need.count > 1 else "")
    return Row(name, who(need), (Bar("need", left + begins, minutes),), _span(begins, minutes))


def _span(begins: int, minutes: int) -> str:
    return gettext("%(first)s–%(last)s min", first=begins, last=begins + minutes)


def who(need: Need) -> str:
    """Say who or what may fill a need: a licence, attributes, or named ones only."""
    said = []
    if need.privilege:
        said.append(gettext("%(family)s level %(level)s", family=words.family(need.privilege), level=need.level))
    said += map(words.attribute, sorted(need.attributes))
    if need.codes:
        said.append(gettext("only %(codes)s", codes=gettext(", ").join(sorted(need.codes))))
    return gettext(", ").join(said) or words.kind(need.kind)


def _notes(protocol: Protocol, step: Step) -> Iterator[str]:
    lag = protocol.lag_into(step.code)
    if lag is not None:
        yield lag_words(lag, localname(protocol.step(lag.first)))
    if step.stay is not None:
        yield stay_words(step.stay)
    if step.hours is not None:
        span = {"first": clock(step.hours.first), "last": clock(step.hours.last)}
        yield gettext("Only between %(first)s and %(last)s", **span)
    if step.fasting_hours:
        yield ngettext("Fasting for %(num)d hour", "Fasting for %(num)d hours", step.fasting_hours)
    prepare = localname({"name_zh": step.prepare_zh, "name_en": step.prepare_en})
    if prepare:
        yield gettext("Preparation: %(text)s", text=prepare)
    if step.provisional:
        yield gettext("Kept provisionally until the step before decides")
    if step.open_length:
        yield gettext("The booking says how long it takes")


def clock(minute: int) -> str:
    """Write minutes after midnight as HH:MM."""
    return f"{minute // 60:02}:{minute % 60:02}"


def stay_words(stay: Stay) -> str:
    """Say how many nights a step keeps a bed."""
    nights = ngettext("%(num)d night", "%(num)d nights", stay.nights + stay.nights_before)
    said = gettext("Ward stay: %(nights)s, %(before)s before the day", nights=nights, before=stay.nights_before)
    return said + (
        gettext(", ") + gettext(", ").join(map(words.attribute, sorted(stay.attributes))) if stay.attributes else ""
    )


def lag_words(lag: Lag, first: str) -> str:
    """Say how long after another step a step comes."""
    low, high = (lag.min_days, lag.max_days) if lag.in_days else (lag.min_minutes, lag.max_minutes)
    facts = {"least": low or 0, "most": "∞" if high is None else high, "first": first}
    if not lag.in_days:
        return gettext("%(least)s to %(most)s minutes after %(first)s", **facts)
    said = gettext("%(least)s to %(most)s days after %(first)s", **facts)
    if lag.target_days is None:
        return said
    least, most = lag.target_days
    return said + gettext(", preferably %(least)s to %(most)s", least=least, most=most)


def option_words(option: Option) -> list[str]:
    """Say what an option changes."""
    return list(_option_words(option))


def _option_words(option: Option) -> Iterator[str]:
    for phase, minutes in option.add:
        yield gettext("%(phase)s %(minutes)s min longer", phase=words.phase(phase), minutes=minutes)
    if option.lengthens:
        percent = round(float(option.lengthens) * 100)
        yield gettext("procedure %(percent)s %% longer", percent=percent)
    for need in option.needs:
        yield gettext("needs %(role)s (%(who)s)", role=words.role(need.role), who=who(need))
    for role in sorted(option.drop):
        yield gettext("without %(role)s", role=words.role(role))
    if option.no_stay:
        yield gettext("without a ward stay")
    if option.stay is not None:
        yield stay_words(option.stay)
    if option.most > 1:
        yield gettext("at most %(count)s times", count=option.most)
    if option.excludes:
        yield gettext("not together with %(codes)s", codes=gettext(", ").join(sorted(option.excludes)))
