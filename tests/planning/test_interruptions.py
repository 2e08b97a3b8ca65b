"""What interruptions cost a training."""

from math import inf, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.planning.interruptions import HOUR, with_interruptions

MINUTE = 60_000_000


def test_without_interruptions_only_the_start_comes_on_top() -> None:
    found = with_interruptions(10 * HOUR, 5 * MINUTE, 0.0, MINUTE)
    assert (found.total, found.interval, found.interruptions) == (10 * HOUR + 5 * MINUTE, None, 0.0)


def test_the_interval_is_young_s() -> None:
    found = with_interruptions(100 * HOUR, 5 * MINUTE, 0.1, MINUTE)
    assert found.interval == pytest.approx(sqrt(2 * MINUTE * 10 * HOUR), rel=1e-6)
    assert found.interval == pytest.approx(34.6 * MINUTE, rel=0.01)
    assert found.interruptions == pytest.approx(found.total / HOUR * 0.1, rel=0.01)


def test_the_time_is_that_of_a_simulation() -> None:
    """50 hours of work, a minute to save, 7 to restart, 6 interruptions an hour."""
    random = Random(5)
    expected = with_interruptions(50 * HOUR, 7 * MINUTE, 6.0, MINUTE)
    assert expected.interval is not None
    piece, ends = expected.interval + MINUTE, []
    for _ in range(60):
        clock, done = 7.0 * MINUTE, 0.0
        while done < 50 * HOUR:
            until = random.expovariate(6.0 / HOUR)
            if until >= piece:
                clock, done = clock + piece, done + expected.interval
            else:
                clock += until + 7 * MINUTE
        ends.append(clock)
    assert expected.total == pytest.approx(sum(ends) / len(ends), rel=0.06)


def test_where_more_is_lost_than_done_it_never_ends() -> None:
    found = with_interruptions(HOUR, 10 * MINUTE, 60_000.0, 10 * MINUTE)
    assert found.interruptions == inf
    assert found.total > 1_000_000 * HOUR


@given(
    st.integers(1, 10**13), st.integers(0, 10**10), st.floats(0, 5), st.floats(0, 5), st.integers(1, 10**9),
)
def test_more_interruptions_never_make_it_shorter(work: int, restart: int, rate: float, more: float, saving: int) -> None:
    few = with_interruptions(work, restart, rate, saving)
    assert few.total >= work + restart - 1
    assert with_interruptions(work, restart, rate + more, saving).total >= few.total - 1
