"""Shape: the steps of the protocol, each of its length, with exactly the slots it needs, each over its phases."""

from collections import Counter
from collections.abc import Iterator

from scheduler.engine.protocol import Step
from scheduler.engine.rules.reading import MINUTE, Reading, broken, need_of, need_span, patient_span
from scheduler.engine.world import SlotPlan, StepPlan, Violation


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield unknown-step, duplicate-step, missing-step, wrong-length and what is wrong with the slots."""
    yield from _steps(reading)
    for step, plan in reading.steps:
        yield from _length(step, plan)
        yield from _counts(reading, step, plan)
        yield from _spans(step, plan)


def _steps(reading: Reading) -> Iterator[Violation]:
    known = [step.code for step in reading.problem.protocol.steps]
    given = Counter(plan.step for plan in reading.placement.steps)
    for code, count in given.items():
        if code not in known:
            yield Violation("unknown-step", {"step": code})
        elif count > 1:
            yield Violation("duplicate-step", {"step": code})
    for code in known:
        if code not in given:
            yield Violation("missing-step", {"step": code})


def _length(step: Step, plan: StepPlan) -> Iterator[Violation]:
    if plan.ends - plan.starts != step.span_minutes * MINUTE:
        facts = {"step": step.code, "starts": plan.starts, "ends": plan.ends, "minutes": step.span_minutes}
        yield Violation("wrong-length", facts)


def _counts(reading: Reading, step: Step, plan: StepPlan) -> Iterator[Violation]:
    """Yield need-not-filled and extra-slot; the bed of a stay is counted by the rule for beds."""
    wanted = {need.role: need.count for need in step.needs}
    wanted["patient"] = 0 if reading.problem.patient is None else 1
    wanted["bed"] = 0 if step.stay is None else 1
    filled: Counter[str] = Counter()
    for slot in plan.slots:
        filled[slot.role] += 1
        if filled[slot.role] > wanted.get(slot.role, 0):
            yield broken("extra-slot", step, slot)
    for role, count in wanted.items():
        if filled[role] < count and role != "bed":
            facts = {"step": step.code, "role": role, "count": count, "filled": filled[role]}
            yield Violation("need-not-filled", facts)


def _spans(step: Step, plan: StepPlan) -> Iterator[Violation]:
    for slot in plan.slots:
        expected = _expected(step, plan, slot)
        if expected is not None and expected != (slot.starts, slot.ends):
            yield broken("slot-span-wrong", step, slot, expected_starts=expected[0], expected_ends=expected[1])


def _expected(step: Step, plan: StepPlan, slot: SlotPlan) -> tuple[int, int] | None:
    if slot.role == "patient":
        return patient_span(step, plan.starts)
    need = need_of(step, slot.role)
    return None if need is None else need_span(step, need, plan.starts)
