"""How much a replica carries: Little's law, random arrivals, and whatever limits it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.sizing.capacity import Load, capacity, in_flight_at, mean_in_flight
from steelyard.sizing.need import Figure
from steelyard.sizing.speed import Speed

MS = 1000


def exact(micro: int) -> Figure:
    return Figure(micro, micro, micro, "a test")


def slower_with_each(batch: int) -> Speed:
    """20 ms to the first token for each request, 10 ms a token and 1 ms more for each request."""
    return Speed(exact(20 * MS * batch), exact(10 * MS + MS * batch), 1, 1, validated=True)


def load(ttft: int | None = None, tpot: int | None = None, percentile: int = 95) -> Load:
    return Load(prompt=100, output=101, ttft=ttft, tpot=tpot, percentile=percentile)


@pytest.mark.parametrize(
    ("limits", "held", "most", "limit"),
    [
        (load(tpot=30 * MS), 100, 20, "TPOT"), (load(ttft=200 * MS), 100, 10, "TTFT"), (load(), 7, 7, "KV cache"),
        (load(), 1000, 64, "max_num_seqs"), (load(tpot=5 * MS), 100, 0, "TPOT"),
    ],
)  # fmt: skip
def test_the_first_limit_that_is_reached_is_named(limits: Load, held: int, most: int, limit: str) -> None:
    found = capacity(limits, slower_with_each, held, 64)
    assert (found.most, found.limit) == (most, limit)
    assert (found.rate > 0) == (most > 0)


def test_the_rate_is_the_mean_in_flight_over_the_time_in_the_replica() -> None:
    found = capacity(load(tpot=30 * MS, percentile=50), slower_with_each, 100, 64)
    assert found.rate == pytest.approx(20 / (20 * 20e-3 + 100 * 30e-3))


@given(st.integers(1, 1000), st.integers(50, 99))
def test_at_the_percentile_no_more_are_in_flight(most: int, percentile: int) -> None:
    mean = mean_in_flight(most, percentile)
    assert 0 < mean <= most * (1 + 1e-9)
    assert mean_in_flight(most, 99) <= mean * (1 + 1e-9)
    assert mean_in_flight(most + 1, percentile) > mean


@given(st.floats(0.1, 20))
def test_so_many_are_in_flight_that_the_rate_gets_through(rate: float) -> None:
    found = in_flight_at(rate, load(), slower_with_each, 64)
    speed = slower_with_each(found)
    through = found / ((speed.ttft.likely + 100 * speed.tpot.likely) / 1e6)
    assert through >= rate or found == 64
