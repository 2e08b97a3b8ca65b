"""How much a replica carries: Little's law, random arrivals, and whatever limits it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.sizing.capacity import Load, answer_at, capacity, likely, mean_in_flight
from steelyard.sizing.need import Figure
from steelyard.sizing.speed import ReplicaSpeed, Speed

MS = 1000


def exact(micro: int) -> Figure:
    return Figure(micro, micro, micro, "a test")


class Made:
    """A replica of a test: microseconds of the first token, of a prompt and of TPOT by the requests in flight."""

    def __init__(self, micro: Callable[[int], tuple[float, float, float]]) -> None:
        self.micro = micro

    def __call__(self, batch: int) -> Speed:
        first, prompt, tpot = self.micro(batch)
        return Speed(exact(round(first)), exact(round(tpot)), first, prompt, 1, 1, validated=True)


slower_with_each = cast("ReplicaSpeed", Made(lambda batch: (20.0 * MS, 15.0 * MS, 10.0 * MS + MS * batch)))
"""20 ms to the first token, 15 ms of them for the prompt; 10 ms a token and 1 ms more for each request."""


def load(ttft: int | None = None, tpot: int | None = None, percentile: int = 95) -> Load:
    return Load(prompt=100, output=101, ttft=ttft, tpot=tpot, percentile=percentile)


@pytest.mark.parametrize(
    ("limits", "held", "most", "limit"),
    [
        (load(tpot=30 * MS), 100, 20, "TPOT"), (load(), 7, 7, "KV cache"), (load(), 1000, 64, "max_num_seqs"),
        (load(tpot=5 * MS), 100, 0, "TPOT"), (load(ttft=10 * MS), 100, 0, "TTFT"),
    ],
)  # fmt: skip
def test_the_first_limit_that_is_reached_is_named(limits: Load, held: int, most: int, limit: str) -> None:
    found = capacity(limits, slower_with_each, held, 64)
    assert (found.most, found.limit) == (most, limit)
    assert (found.rate > 0) == (most > 0)


def test_the_rate_is_the_mean_in_flight_over_the_time_in_the_replica() -> None:
    found = capacity(load(tpot=30 * MS, percentile=50), slower_with_each, 100, 64)
    busy = found.rate * 15e-3
    wait = 15e-3 * busy / (2 * (1 - busy))
    assert found.rate == pytest.approx(20 / (20e-3 + wait + 100 * 30e-3))


def test_prompts_that_keep_it_busy_make_the_first_token_wait() -> None:
    calm, hot = (likely(load(), slower_with_each, in_flight) for in_flight in (1, 40))
    assert calm.ttft == 20 * MS
    assert hot.ttft > calm.ttft
    assert hot.busy == pytest.approx(hot.rate * 15e-3)


def test_prompts_alone_can_be_too_much() -> None:
    all_prompt = cast("ReplicaSpeed", Made(lambda _batch: (110.0 * MS, 100.0 * MS, 1.0 * MS)))
    found = capacity(Load(1000, 2, None, None, 95), all_prompt, 100, 64)
    assert found.limit == "prompts"
    assert found.rate < 10


@given(st.integers(1, 1000), st.integers(50, 99))
def test_at_the_percentile_no_more_are_in_flight(most: int, percentile: int) -> None:
    mean = mean_in_flight(most, percentile)
    assert 0 < mean <= most * (1 + 1e-9)
    assert mean_in_flight(most, 99) <= mean * (1 + 1e-9)
    assert mean_in_flight(most + 1, percentile) > mean


@given(st.floats(0.1, 20))
def test_so_many_are_in_flight_that_the_rate_gets_through(rate: float) -> None:
    found = answer_at(rate, load(), slower_with_each, 64)
    assert found.rate >= rate or found.in_flight == 64
    assert found.in_flight == 1 or likely(load(), slower_with_each, found.in_flight - 1).rate < rate


def test_so_many_are_in_flight_as_a_simulation_of_random_arrivals_shows() -> None:
    """Prompts of 100 ms one after the other, then 19 tokens of 10 ms whoever else is there."""
    replica = cast("ReplicaSpeed", Made(lambda _batch: (110.0 * MS, 100.0 * MS, 10.0 * MS)))
    found = likely(Load(8000, 20, None, None, 95), replica, 8)
    random, clock, free = Random(3), 0.0, 0.0
    spans = []
    for _ in range(20_000):
        clock += random.expovariate(found.rate)
        free = max(clock, free) + 0.1
        spans.append((clock, free + 0.01 + 19 * 0.01))
    times = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    there, seen = 0, []
    for _, change in times:
        there += change
        if change == 1:
            seen.append(there - 1)
    assert sum(seen) / len(seen) == pytest.approx(mean_in_flight(8, 95), rel=0.1)
