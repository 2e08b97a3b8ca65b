"""The median of a few measurements and how sure one can be of it, without assuming how they are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The true median lies in `low` to `high` with at least the probability `coverage`."""

    low: float
    high: float
    coverage: float


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """The narrowest symmetric interval between order statistics that covers the median with `confidence`; None when there are too few.

    Exact by the binomial distribution: the k-th smallest of n values lies above the median with probability
    P(Binomial(n, 1/2) < k). At 0.95, six values are the fewest that have an interval.
    """
    ordered, n = sorted(values), len(values)
    found = None
    for k in range(1, n // 2 + 1):
        coverage = 1 - 2 * sum(comb(n, i) for i in range(k)) / 2**n
        if coverage >= confidence:
            found = Interval(ordered[k - 1], ordered[n - k], coverage)
    return found


def median_of(values: Sequence[float]) -> float | None:
    """None when nothing was measured."""
    return median(values) if values else None
