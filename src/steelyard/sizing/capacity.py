"""How much traffic one replica of a served model carries within its SLO and its memory. Pure.

Requests arrive at random. How many are in flight at once then varies as a Poisson variable around its mean (an M/G/infinity queue,
which batching comes close to while the batch is not full), and the mean is rate x time in the replica (Little's law). So the mean
is chosen such that at the SLO's percentile the number in flight is still one that keeps the SLO and has its KV cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    top = min(held, sequences)
    low, high = 0, top
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if within(speed_at(middle), load) else (low, middle - 1)
    at_most = speed_at(max(1, low))
    limit: Limit = "KV cache" if held < sequences else "max_num_seqs"
    if low < top:
        limit = "TTFT" if load.ttft is not None and speed_at(low + 1).ttft.likely > load.ttft else "TPOT"
    return Capacity(low, limit, rate_within(low, load, speed_at) if low else 0.0, at_most)


def within(speed: Speed, load: Load) -> bool:
    """Whether the likely figures keep the SLO."""
    return (load.ttft is None or speed.ttft.likely <= load.ttft) and (load.tpot is None or speed.tpot.likely <= load.tpot)


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
