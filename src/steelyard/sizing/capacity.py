"""How much traffic one replica of a served model carries within its SLO and its memory. Pure.

Requests arrive at random. How many are in flight at once then varies as a Poisson variable around its mean (an M/G/infinity queue,
which batching comes close to while memory is enough), and the mean is rate x time in the replica (Little's law). So the mean is chosen
such that at the SLO's percentile the number in flight is still one that keeps the TPOT and has its KV cache.

A request's first token waits for the prompts of others. Prompts are read one after the other, each for the same time S, so this is an
M/D/1 queue: it is busy for rho = rate x S of the time, and a request waits longer than t with probability rho exp(-2 t (1 - rho) / S)
(Kingman's exponential tail with the mean of Pollaczek and Khinchine).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist
from typing import Literal

from steelyard.sizing.need import Figure
from steelyard.sizing.speed import ReplicaSpeed

MICRO = 1_000_000
Limit = Literal["KV cache", "TTFT", "TPOT", "max_num_seqs", "prompts"]
"""`prompts`: reading them would keep the replica busy all the time."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one request is, and how fast it must be. Microseconds; a limit of None is none."""

    prompt: int
    output: int
    ttft: int | None
    tpot: int | None
    percentile: int


@dataclass(frozen=True, slots=True)
class Likely:
    """What a replica is likely to do when at the percentile `in_flight` requests are there; microseconds."""

    in_flight: int
    rate: float
    """Requests a second."""
    ttft: float
    """Until the first token, of all requests but the slowest beyond the percentile."""
    tpot: float
    """A token after the first, when so many are in flight."""
    busy: float
    """The share of the time in which it reads prompts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The same with intervals."""

    in_flight: int
    rate: float
    ttft: Figure
    tpot: Figure


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica carries."""

    most: int
    """Requests in flight that its SLO and its KV cache allow; 0 where not even one is within the SLO."""
    limit: Limit
    """What allows no more."""
    rate: float
    """Requests a second."""
    at_most: Likely
    """With `most` in flight at the percentile; with one where `most` is 0."""


def capacity(load: Load, speed: ReplicaSpeed, held: int, sequences: int) -> Capacity:
    """The capacity of a replica whose KV cache holds `held` requests, and whose engine takes `sequences` at once (`max_num_seqs`)."""
    top = min(held_at(held, load.percentile), sequences)
    most = most_within(load, speed, top)
    at_most = likely(load, speed, max(1, most))
    limit: Limit = "KV cache" if held < sequences else "max_num_seqs"
    if most < top:
        limit = missed(likely(load, speed, most + 1), load)
    return Capacity(most, limit, at_most.rate if most else 0.0, at_most)


def held_at(held: int, percentile: int) -> int:
    """Requests in flight at the percentile when 95% of the time no more than `held` are there: memory is not a matter of the SLO."""
    if percentile >= MEMORY_PERCENTILE or not held:
        return held
    mean = mean_in_flight(held, MEMORY_PERCENTILE)
    return max(1, int(mean + max(0.0, NormalDist().inv_cdf(percentile / 100)) * sqrt(mean)))


def most_within(load: Load, speed: ReplicaSpeed, top: int) -> int:
    """The most requests in flight, up to `top`, that keep the SLO. Latency grows nearly straight with them, so the next guess lies on
    the line between both ends; halving in between bounds the number of guesses."""
    low, high = 1, top
    at_low, at_high = (used(likely(load, speed, batch), load) for batch in (low, high)) if top else (2.0, 2.0)
    if at_low > 1 or at_high <= 1:
        return 0 if at_low > 1 else top
    halve = False
    while high - low > 1:
        guess = (low + high) // 2 if halve else low + int((1 - at_low) / (at_high - at_low) * (high - low))
        guess = min(max(guess, low + 1), high - 1)
        at_guess = used(likely(load, speed, guess), load)
        low, at_low, high, at_high = (guess, at_guess, high, at_high) if at_guess <= 1 else (low, at_low, guess, at_guess)
        halve = not halve
    return low


def used(found: Likely, load: Load) -> float:
    """How much of the SLO is taken: above 1 it is missed."""
    return max(found.ttft / load.ttft if load.ttft else 0.0, found.tpot / load.tpot if load.tpot else 0.0, found.busy / BUSIEST)


def missed(found: Likely, load: Load) -> Limit:
    """Which limit is reached first."""
    if load.tpot and found.tpot > load.tpot:
        return "TPOT"
    return "TTFT" if load.ttft and found.ttft > load.ttft else "prompts"


MEMORY_PERCENTILE = 95
BUSIEST = 0.9
"""Of the time, for reading prompts: beyond, nothing is written. A choice of ours; without an SLO nothing else would limit it."""
STUCK = 0.999
"""A queue that is busy all the time grows without end; so much is as good as that."""


def likely(load: Load, speed: ReplicaSpeed, in_flight: int) -> Likely:
    """What a replica does when at the percentile `in_flight` requests are there."""
    mean = mean_in_flight(in_flight, load.percentile)
    first, prompt, tpot = speed.micro(max(1.0, mean))
    busy = min(busy_at(mean, prompt, first + max(0, load.output - 1) * tpot), STUCK)
    rate = busy / prompt if prompt > 0 else mean / (first + max(0, load.output - 1) * tpot)  # a microsecond
    waits = prompt / (2 * (1 - busy)) * max(0.0, log(busy / (1 - load.percentile / 100))) if busy > 0 else 0.0
    return Likely(in_flight, rate * MICRO, first + waits, speed.micro(in_flight)[2], busy)


def busy_at(mean: float, prompt: float, alone: float) -> float:
    """The share rho of the time in which prompts are read, when `mean` requests are there, each for `alone` and its wait.

    Little's law with the mean wait of the M/D/1 queue (Pollaczek and Khinchine): mean = rho / prompt x (alone + prompt rho / 2 (1 - rho)),
    solved for rho.
    """
    a, b, c = 2 * alone - prompt, -2 * (alone + mean * prompt), 2 * mean * prompt
    if abs(a) < 1e-9 * alone:
        return -c / b
    return (-b - sqrt(max(0.0, b * b - 4 * a * c))) / (2 * a)


def mean_in_flight(most: int, percentile: int) -> float:
    """The mean of a Poisson variable that stays at or below `most` at the percentile, or at the median where that is more:
    most = mean + z sqrt(mean)."""
    z = max(0.0, NormalDist().inv_cdf(percentile / 100))
    root = (-z + sqrt(z * z + 4 * most)) / 2
    return root * root


def answer_at(rate: float, load: Load, speed: ReplicaSpeed, most: int) -> Answer:
    """What a replica does at `rate` requests a second: with the fewest in flight that get so many through, at most `most`."""
    low, high = 1, max(1, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if likely(load, speed, middle).rate >= rate else (middle + 1, high)
    found, full = likely(load, speed, low), speed(low)
    return Answer(low, found.rate, scaled(full.ttft, found.ttft), scaled(full.tpot, found.tpot))


def scaled(figure: Figure, value: float) -> Figure:
    """Another likely value with the same relative interval."""
    ratio = value / figure.likely
    return Figure(round(figure.low * ratio), round(value), round(figure.high * ratio), figure.source)
