"""The bitmap operations against their plain meaning, bit by bit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine import bitmap

masks = st.integers(min_value=0, max_value=(1 << 80) - 1)
lengths = st.integers(min_value=1, max_value=90)

unhurried = settings(deadline=None)
"""A busy machine is no fault."""


def has(mask: int, bit: int) -> bool:
    return bit >= 0 and bool(mask >> bit & 1)


@unhurried
@given(masks, lengths)
def test_runs_are_the_bits_where_so_many_set_bits_begin(mask: int, length: int) -> None:
    expected = {bit for bit in range(80) if all(has(mask, bit + step) for step in range(length))}
    assert set(bitmap.bits(bitmap.runs(mask, length))) == expected


@unhurried
@given(masks, lengths)
def test_reach_is_the_bits_from_which_a_set_bit_is_near(mask: int, width: int) -> None:
    expected = {bit for bit in range(80) if any(has(mask, bit + step) for step in range(width))}
    assert set(bitmap.bits(bitmap.reach(mask, width))) == expected


@unhurried
@given(masks, lengths)
def test_spread_is_the_bits_to_which_a_set_bit_is_near(mask: int, width: int) -> None:
    expected = {bit for bit in range(80 + width) if any(has(mask, bit - step) for step in range(width))}
    assert set(bitmap.bits(bitmap.spread(mask, width))) == expected


@unhurried
@given(st.lists(masks, max_size=8), st.integers(min_value=1, max_value=9))
def test_a_threshold_is_the_bits_set_in_at_least_so_many(several: list[int], least: int) -> None:
    expected = {bit for bit in range(80) if sum(has(mask, bit) for mask in several) >= least}
    assert set(bitmap.bits(bitmap.threshold(several, least))) == expected


@unhurried
@given(st.lists(st.tuples(st.integers(-20, 100), st.integers(-20, 100))), st.integers(0, 80))
def test_filled_covers_the_ranges_and_nothing_else(ranges: list[tuple[int, int]], length: int) -> None:
    expected = {bit for bit in range(length) if any(first <= bit < last for first, last in ranges)}
    assert set(bitmap.bits(bitmap.filled(length, ranges))) == expected


@unhurried
@given(st.integers(-20, 90), st.integers(-20, 90))
def test_cells_are_the_bits_of_a_range(first: int, last: int) -> None:
    assert list(bitmap.bits(bitmap.cells(first, last))) == list(range(max(first, 0), last))


@unhurried
@given(masks)
def test_lowest_is_the_first_bit_or_minus_one(mask: int) -> None:
    assert bitmap.lowest(mask) == next(bitmap.bits(mask), -1)


@unhurried
@given(masks, lengths, lengths)
def test_runs_of_runs_are_longer_runs(mask: int, one: int, other: int) -> None:
    assert bitmap.runs(bitmap.runs(mask, one), other) == bitmap.runs(mask, one + other - 1)
