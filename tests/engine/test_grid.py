"""Clock time and cells, clock changes included."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.grid import Grid, Span, at_minute, day_edges, day_start, local_date

DAY = date(2026, 3, 29)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Shanghai", date(2026, 3, 29), 24),
        ("Europe/London", date(2026, 3, 29), 23),
        ("Europe/London", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
    ],
)
def test_a_day_has_as_many_cells_as_its_clock_has_hours(zone: str, day: date, hours: float) -> None:
    grid = Grid(day, day + timedelta(days=1), zone)
    assert grid.cells == hours * 12
    assert day_edges(grid) == (0, hours * 12)


def test_a_day_whose_midnight_is_skipped_begins_after_the_gap() -> None:
    # Santiago 2026-09-06: clocks go from 24:00 to 01:00
    start = day_start(date(2026, 9, 6), "America/Santiago")
    assert local_date(start, "America/Santiago") == date(2026, 9, 6)
    assert local_date(start - 1, "America/Santiago") == date(2026, 9, 5)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/London", "Australia/Lord_Howe"])
def test_every_cell_belongs_to_the_local_day_it_says(zone: str) -> None:
    grid = Grid(date(2026, 10, 1), date(2026, 10, 31), zone)
    days = list(grid.days())
    for cell in range(0, grid.cells, 7):
        assert days[grid.day_of(cell)] == local_date(grid.instant(cell), zone)


def test_the_end_of_the_grid_lies_on_no_day() -> None:
    grid = Grid(DAY, DAY + timedelta(days=2), "Europe/London")
    assert grid.day_of(grid.cells) == 2


def test_wall_clock_minutes_keep_the_wall_clock_over_a_change() -> None:
    # 23 hours lie between the two noons
    before = at_minute(date(2026, 3, 28), 720, "Europe/London")
    assert at_minute(DAY, 720, "Europe/London") - before == 23 * 3600


def test_minute_1440_is_the_next_midnight() -> None:
    assert at_minute(DAY, 1440, "Europe/London") == day_start(DAY + timedelta(days=1), "Europe/London")


@settings(deadline=None, max_examples=50)  # a busy machine is no fault
@given(st.integers(-4000, 90_000), st.integers(1, 20_000))
def test_busy_time_rounds_outward_and_free_time_inward(offset: int, seconds: int) -> None:
    grid = Grid(DAY, DAY + timedelta(days=1), "Asia/Shanghai")
    starts = grid.origin + offset
    ends = starts + seconds
    cells = {cell: (grid.instant(cell), grid.instant(cell + 1)) for cell in range(grid.cells)}
    busy = sum(1 << cell for cell, (low, high) in cells.items() if low < ends and high > starts)
    free = sum(1 << cell for cell, (low, high) in cells.items() if low >= starts and high <= ends)
    assert grid.busy_bits(starts, ends) == grid.busy_mask([(starts, ends)]) == busy
    assert grid.free_bits(starts, ends) == grid.free_mask([(starts, ends)]) == free


def test_an_instant_between_cells_is_rounded_both_ways() -> None:
    grid = Grid(DAY, DAY + timedelta(days=1), "Asia/Shanghai")
    assert (grid.floor(grid.origin + 301), grid.ceil(grid.origin + 301)) == (1, 2)
    assert (grid.floor(grid.origin + 300), grid.ceil(grid.origin + 300)) == (1, 1)


@pytest.mark.parametrize(("starts", "ends"), [(5, 5), (6, 5)])
def test_an_empty_span_cannot_be_built(starts: int, ends: int) -> None:
    with pytest.raises(ValueError, match="end after it starts"):
        Span(starts, ends)


def test_a_grid_without_days_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        Grid(DAY, DAY, "Asia/Shanghai")


def test_spans_that_touch_do_not_overlap() -> None:
    assert not Span(0, 5).overlaps(Span(5, 9))
    assert Span(0, 6).overlaps(Span(5, 9))
