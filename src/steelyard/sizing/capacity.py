"""How much traffic one replica of a served model carries within its SLO and its memory. Pure.

Requests arrive at random. How many are in flight at once then varies as a Poisson variable around its mean (an M/G/infinity queue,
which batching comes close to while the batch is not full), and the mean is rate x time in the replica (Little's law). So the mean
is chosen such that at the SLO's percentile the number in flight is still one that keeps the SLO and has its KV cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil, floor, sqrt
from statistics import NormalDist
from typing import Literal

from steelyard.sizing.speed import Speed

MICRO = 1_000_000

Limit = Literal["KV cache", "TTFT", "TPOT", "max_num_seqs"]


@dataclass(frozen=True, slots=True)
class Load:
    """What one request is, and how fast it must be. Microseconds; a limit of None is none."""

    prompt: int
    output: int
    ttft: int | None
    tpot: int | None
    percentile: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica carries."""

    most: int
    """Requests in flight that its SLO and its KV cache allow; 0 where not even one is within the SLO."""
    limit: Limit
    """What allows no more."""
    rate: float
    """Requests a second."""
    at_most: Speed
    """With `most` requests in flight (with one, where `most` is 0): the speed at the percentile."""


def capacity(load: Load, speed_at: Callable[[int], Speed], held: int, sequences: int) -> Capacity:
    """The capacity of a replica whose speed with so many requests in flight is `speed_at`.

    Its KV cache holds `held` requests, and its engine takes `sequences` at once (`max_num_seqs`).
    """
    speed_at = cache(speed_at)
    top = min(held, sequences)
    most = most_within(load, speed_at, top)
    limit: Limit = "KV cache" if held < sequences else "max_num_seqs"
    if most < top:
        limit = "TTFT" if load.ttft is not None and speed_at(most + 1).ttft.likely > load.ttft else "TPOT"
    return Capacity(most, limit, rate_within(most, load, speed_at) if most else 0.0, speed_at(max(1, most)))


def most_within(load: Load, speed_at: Callable[[int], Speed], top: int) -> int:
    """The most requests in flight, up to `top`, that keep the SLO. Latency grows nearly straight with them, so the next guess lies on
    the line between both ends; halving in between bounds the number of guesses."""
    low, high = 1, top
    at_low, at_high = (used(speed_at(batch), load) for batch in (low, high)) if top else (2.0, 2.0)
    if at_low > 1 or at_high <= 1:
        return 0 if at_low > 1 else top
    halve = False
    while high - low > 1:
        guess = (low + high) // 2 if halve else low + int((1 - at_low) / (at_high - at_low) * (high - low))
        guess = min(max(guess, low + 1), high - 1)
        at_guess = used(speed_at(guess), load)
        low, at_low, high, at_high = (guess, at_guess, high, at_high) if at_guess <= 1 else (low, at_low, guess, at_guess)
        halve = not halve
    return low


def used(speed: Speed, load: Load) -> float:
    """How much of the SLO the likely figures take: above 1 it is missed."""
    return max(speed.ttft.likely / load.ttft if load.ttft else 0.0, speed.tpot.likely / load.tpot if load.tpot else 0.0)


def rate_within(most: int, load: Load, speed_at: Callable[[int], Speed]) -> float:
    """Requests a second at which at the percentile no more than `most` are in flight."""
    mean = mean_in_flight(most, load.percentile)
    below, above = max(1, floor(mean)), max(1, ceil(mean))
    shorter, longer = (time_in_replica(speed_at(batch), load) for batch in (below, above))
    return mean * MICRO / (shorter + max(0.0, mean - below) * (longer - shorter))


def mean_in_flight(most: int, percentile: int) -> float:
    """The mean of a Poisson variable that stays at or below `most` at the percentile: most = mean + z sqrt(mean)."""
    z = NormalDist().inv_cdf(percentile / 100)
    root = (-z + sqrt(z * z + 4 * most)) / 2
    return root * root


def time_in_replica(speed: Speed, load: Load) -> int:
    """Microseconds from a request's arrival to its last token."""
    return speed.ttft.likely + max(0, load.output - 1) * speed.tpot.likely


def in_flight_at(rate: float, load: Load, speed_at: Callable[[int], Speed], most: int) -> int:
    """Requests in flight, rounded up, at `rate` requests a second: the least number that gets so many through, at most `most`."""
    low, high = 1, max(1, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle * MICRO / time_in_replica(speed_at(middle), load) >= rate else (middle + 1, high)
    return low
