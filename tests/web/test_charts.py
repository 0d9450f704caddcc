"""Lines and bars as geometry: a round top, gaps where nothing is known, a band that goes there and back."""

import pytest

from web.pages import charts


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.7, 0.8), (1, 1), (73, 80), (81, 100), (2.1, 2.5), (412, 500)])
def test_an_axis_ends_at_the_next_round_number(value: float, top: float) -> None:
    assert charts.nice(value) == pytest.approx(top)


def test_a_line_is_interrupted_where_there_is_no_value() -> None:
    drawn = charts.line([0, 50, None, 100])
    # Four places over 1000; 100 is the top of 200.
    assert drawn.runs == ("0.0,200.0 333.3,100.0", "1000.0,0.0")
    assert [dot.number for dot in drawn.dots] == [0, 1, 3]
    assert drawn.ticks == (0, 50, 100)


def test_a_band_runs_along_the_greatest_and_back_along_the_least() -> None:
    drawn = charts.line([50, 50], [0, 25], [100, 75])
    assert drawn.bands == ("0.0,0.0 1000.0,50.0 1000.0,150.0 0.0,200.0",)
    assert charts.line([50, 50], [None, 25], [None, 75]).bands == ()


def test_a_target_is_part_of_the_axis() -> None:
    assert charts.line([40], target=100).target == 0


def test_a_single_value_stands_in_the_middle() -> None:
    assert charts.line([1]).dots == (charts.Dot(0, 500, 0),)
    assert charts.line([]).runs == ()


def test_bars_are_shares_of_a_round_top() -> None:
    assert charts.shares([40, None, 80]) == (50, 0, 100)
