"""Long series are made small without losing what matters."""

import math

from hypothesis import given
from hypothesis import strategies as st

from steelyard.web.series import LIMIT, means_around, median, sums_over, thin, tick_seconds

VALUES = st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=300)


@given(VALUES, st.integers(4, 60))
def test_a_thinned_series_is_short_ordered_and_keeps_its_ends_and_extremes(values: list[float | None], limit: int) -> None:
    rows = list(enumerate(values))
    kept = thin(rows, lambda row: row[1], limit)
    assert len(kept) <= limit
    assert list(kept) == sorted(set(kept), key=lambda row: row[0])
    assert kept[:1] == tuple(rows[:1])
    assert kept[-1:] == tuple(rows[-1:])
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if finite:
        assert min(finite) in {value for _, value in kept}
    if finite and len(finite) == len(values):
        assert max(finite) in {value for _, value in kept}


def test_one_spike_among_a_hundred_thousand_rows_is_kept() -> None:
    values = [1.0] * 100_000
    values[61_803] = 9.0
    kept = thin(list(enumerate(values)), lambda row: row[1])
    assert len(kept) <= LIMIT
    assert (61_803, 9.0) in kept


def test_a_value_that_is_not_a_number_is_kept_so_that_a_diverged_loss_shows() -> None:
    values = [1.0] * 5000
    values[2500] = math.nan
    assert any(math.isnan(value) for _, value in thin(list(enumerate(values)), lambda row: row[1]))


@given(st.lists(st.integers(-1000, 1000), max_size=60), st.integers(1, 25))
def test_sums_look_back_over_their_window(values: list[int], window: int) -> None:
    assert list(sums_over(values, window)) == [sum(values[max(0, i - window + 1):i + 1]) for i in range(len(values))]


def test_a_mean_looks_as_far_back_as_ahead_so_that_it_does_not_lag() -> None:
    falling = [float(10 - step) for step in range(10)]
    assert means_around(falling, 3) == falling


def test_the_median_of_nothing_is_not_known() -> None:
    assert median([]) is None
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == 2.5


def test_an_axis_is_divided_as_clocks_are() -> None:
    assert [tick_seconds(length, most=6) for length in (5, 40, 100, 500, 4000)] == [1, 10, 30, 120, 900]
    assert tick_seconds(1e9, most=6) is None
