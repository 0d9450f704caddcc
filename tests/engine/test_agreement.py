"""The engine against plain enumeration, over random small departments."""

from random import Random

import pytest

from scheduler.engine.check import check
from scheduler.engine.find import find
from tests import strategies
from tests.strategies import Oracle

DEPARTMENTS = 1_000
SLICES = 20


def slice_of(number: int) -> range:
    size = DEPARTMENTS // SLICES
    return range(number * size, (number + 1) * size)


@pytest.mark.parametrize("number", range(SLICES))
def test_find_yields_exactly_the_starts_that_enumeration_yields(number: int) -> None:
    for seed in slice_of(number):
        problem = strategies.problem(seed)
        proposals = find(problem, limit=100_000)
        assert [each.steps[0].starts for each in proposals] == Oracle(problem).starts(), f"department {seed}"


@pytest.mark.parametrize("number", range(SLICES))
def test_every_proposal_passes_check_and_the_oracle(number: int) -> None:
    for seed in slice_of(number):
        problem = strategies.problem(seed)
        for placement in find(problem, limit=100_000)[::7]:
            assert check(problem, placement) == [], f"department {seed}"
            assert Oracle(problem).codes(placement) == set(), f"department {seed}"


def test_the_departments_are_neither_all_full_nor_all_empty() -> None:
    found = [len(find(strategies.problem(seed), limit=3)) for seed in range(300)]
    assert 90 <= sum(count > 0 for count in found) <= 270


@pytest.mark.parametrize("number", range(SLICES))
def test_check_names_the_same_faults_as_the_oracle(number: int) -> None:
    for seed in slice_of(number):
        problem, chance = strategies.problem(seed), Random(seed)
        oracle = Oracle(problem)
        right = find(problem, limit=3)
        for _ in range(8):
            placement = chance.choice(right) if right and chance.random() < 0.7 else None
            placement = placement or strategies.random_placement(problem, chance)
            for _ in range(chance.choice((0, 1, 1, 2, 3))):
                if placement.steps:
                    placement = strategies.spoilt(placement, problem, chance)
            codes = {violation.code for violation in check(problem, placement)}
            assert codes == oracle.codes(placement), f"department {seed}: {placement}"


CODES = {
    "bed-span-wrong",
    "duplicate-step",
    "extra-slot",
    "in-closure",
    "lacks-attribute",
    "lag-too-long",
    "lag-too-short",
    "lead-too-short",
    "missing-step",
    "need-not-filled",
    "no-bed",
    "not-eligible",
    "occupied",
    "outside-horizon",
    "outside-hours",
    "outside-opening",
    "outside-window",
    "patient-elsewhere",
    "patient-sex",
    "privilege-missing",
    "require-not-met",
    "role-taken-twice",
    "self-overlap",
    "slot-span-wrong",
    "supply-past-use-by",
    "unknown-resource",
    "unknown-step",
    "wrong-kind",
    "wrong-length",
    "wrong-patient",
}
"""Every violation there is (docs/engine.md lists them with their facts)."""


def test_the_random_placements_break_every_rule_there_is() -> None:
    seen: set[str] = set()
    for seed in range(400):
        problem, chance = strategies.problem(seed), Random(seed)
        placement = next(iter(find(problem, limit=1)), None) or strategies.random_placement(problem, chance)
        seen |= {each.code for each in check(problem, strategies.spoilt(placement, problem, chance))}
    assert seen == CODES
