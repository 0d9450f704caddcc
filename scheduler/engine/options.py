"""What a booking chooses: a protocol varied by options, such as anaesthesia, a trainee or more lesions."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import prod

from scheduler.engine.protocol import PHASES, Need, Option, Protocol, Step, on_grid
from scheduler.errors import Invalid

Chosen = tuple[tuple[Option, int], ...]


def varied(protocol: Protocol, options: Mapping[str, int]) -> Protocol:
    """Return the protocol as it is with these options, each counted so many times; 0 is not chosen.

    Raises Invalid("unknown-option" [option, protocol] | "option-too-often" [option, count, most] |
    "options-exclude" [option, other]).
    """
    counted = chosen(protocol, options)
    if not counted:
        return protocol
    return replace(protocol, steps=tuple(_varied_step(step, counted) for step in protocol.steps))


def chosen(protocol: Protocol, options: Mapping[str, int]) -> Chosen:
    """Return the options that are counted, with how often, in the protocol's order. Raises as `varied` does."""
    for code, count in options.items():
        option = protocol.option(code)
        if option is None:
            raise Invalid("unknown-option", option=code, protocol=protocol.code)
        if not 0 <= count <= option.most:
            raise Invalid("option-too-often", option=code, count=count, most=option.most)
    found = tuple((option, options[option.code]) for option in protocol.options if options.get(option.code))
    for (one, _), (other, _) in combinations(found, 2):
        if exclude(one, other):
            raise Invalid("options-exclude", option=one.code, other=other.code)
    return found


def exclude(one: Option, other: Option) -> bool:
    """Return whether two options do not go together; it is enough that one of them says so."""
    return other.code in one.excludes or one.code in other.excludes


def _varied_step(step: Step, counted: Chosen) -> Step:
    about = tuple((option, count) for option, count in counted if step.code in option.steps)
    if not about:
        return step
    minutes = _minutes(step, about)
    needs, stay = {need.role: need for need in step.needs}, step.stay
    for option, _ in about:
        needs = {role: need for role, need in needs.items() if role not in option.drop}
        needs |= {need.role: need for need in option.needs}
        stay = None if option.no_stay else option.stay or stay
    present = [phase for phase, _ in minutes]
    return replace(step, minutes=minutes, needs=tuple(_over(need, present) for need in needs.values()), stay=stay)


def _minutes(step: Step, counted: Chosen) -> tuple[tuple[str, int], ...]:
    """Return the phases: the procedure lengthened by all options together, then what each adds, then on the grid."""
    minutes = {phase: Fraction(length) for phase, length in step.minutes}
    minutes["procedure"] *= prod((1 + option.lengthens * count for option, count in counted), start=Fraction(1))
    for option, count in counted:
        for phase, more in option.add:
            minutes[phase] = minutes.get(phase, Fraction(0)) + more * count
    present = [phase for phase in PHASES if phase in minutes]
    return tuple(zip(present, on_grid([minutes[phase] for phase in present]), strict=True))


def _over(need: Need, present: list[str]) -> Need:
    """Return the need over the phases there are now: the whole span, or from its first phase to its last."""
    if need.whole_span:
        return replace(need, phases=tuple(phase for phase in present if phase != "recovery"))
    first, last = present.index(need.phases[0]), present.index(need.phases[-1])
    return replace(need, phases=tuple(present[first : last + 1]))


def variants(protocol: Protocol) -> Iterator[dict[str, int]]:
    """Yield each option alone and each fullest set of options that go together, counted as often as may be.

    What holds for all of these holds for every choice, because options only ever lengthen a step.
    """
    yield from ({option.code: option.most} for option in protocol.options)
    yield from _fullest_sets(protocol)


def longest(protocol: Protocol) -> dict[str, int]:
    """Return the options that go together and take the most time; none for a protocol without options."""
    sets = _fullest_sets(protocol)
    return max(sets, key=lambda options: _total(varied(protocol, options)), default={})


def _total(protocol: Protocol) -> tuple[int, int]:
    """Return the patient's minutes over all steps and how much is needed."""
    needed = sum(need.count for step in protocol.steps for need in step.needs)
    return sum(step.patient_minutes for step in protocol.steps), needed


def _fullest_sets(protocol: Protocol) -> Iterator[dict[str, int]]:
    """Yield every set of options that go together and to which none can be added."""
    for found in _grown(list(protocol.options), []):
        if found and not any(_goes(option, found) for option in protocol.options):
            yield {option.code: option.most for option in found}


def _grown(left: list[Option], taken: list[Option]) -> Iterator[list[Option]]:
    """Yield the choices of the options left: with the next where it goes, without it where another can keep it out."""
    if not left:
        yield taken
        return
    option, rest = left[0], left[1:]
    goes = _goes(option, taken)
    if goes:
        yield from _grown(rest, [*taken, option])
    if not goes or any(exclude(option, other) and _goes(other, taken) for other in rest):
        yield from _grown(rest, taken)


def _goes(option: Option, taken: list[Option]) -> bool:
    return option not in taken and all(not exclude(option, other) for other in taken)
