"""The interval of the median against the probabilities that it claims."""

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.median import median_interval, median_of


@pytest.mark.parametrize("count", range(6))
def test_fewer_than_six_values_have_no_interval(count: int) -> None:
    assert median_interval([1.0] * count) is None


@pytest.mark.parametrize(("count", "rank", "coverage"), [(6, 1, 0.96875), (7, 1, 0.984375), (9, 2, 0.9609375), (20, 6, 0.958610)])
def test_the_interval_lies_between_the_ranks_of_the_tables(count: int, rank: int, coverage: float) -> None:
    interval = median_interval([float(value) for value in range(1, count + 1)])
    assert interval
    assert (interval.low, interval.high) == (rank, count + 1 - rank)
    assert interval.coverage == pytest.approx(coverage, abs=1e-6)


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    source, tries, hits = random.Random(7), 4_000, 0
    for _ in range(tries):
        interval = median_interval([source.expovariate(1) for _ in range(9)])
        assert interval
        hits += interval.low <= 0.693147 <= interval.high
    assert hits / tries == pytest.approx(0.961, abs=0.012)


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=40), st.randoms())
def test_the_order_of_measurements_does_not_matter_and_the_median_is_inside(values: list[float], order: random.Random) -> None:
    interval = median_interval(values)
    assert interval
    assert interval.low <= median(values) <= interval.high
    order.shuffle(values)
    assert median_interval(values) == interval


def test_nothing_measured_has_no_median() -> None:
    assert median_of([]) is None
