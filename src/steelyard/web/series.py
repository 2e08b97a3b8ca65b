"""Long series made small enough to draw, without losing what matters in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

Row = TypeVar("Row")

LIMIT = 500
"""Points of one drawn series: about one for each pixel or two of a picture."""

TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800)
"""Seconds by which a clock's axis may be divided."""


def thin(rows: Sequence[Row], value: Callable[[Row], float | None], limit: int = LIMIT) -> tuple[Row, ...]:
    """At most `limit` of `rows` (`limit` >= 4), in order: the first, the last, and of each stretch its lowest and its highest.

    A single spike among 100,000 rows is kept. A row whose value is None or not finite counts as the highest, so that it is kept too.
    """
    if len(rows) <= limit:
        return tuple(rows)
    ranks = [_rank(value(row)) for row in rows]
    stretches = (limit - 2) // 2
    inner = len(rows) - 2
    kept = {0, len(rows) - 1}
    for index in range(stretches):
        stretch = range(1 + index * inner // stretches, 1 + (index + 1) * inner // stretches)
        kept.add(min(stretch, key=ranks.__getitem__))
        kept.add(max(stretch, key=ranks.__getitem__))
    return tuple(rows[index] for index in sorted(kept))


def _rank(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else math.inf


def means_around(values: Sequence[float], around: int) -> list[float]:
    """For each value, the mean of it, of up to `around` before it and of as many after it (fewer near both ends, as many on each side)."""
    sums = [0.0, *accumulate(values)]
    means = []
    for index in range(len(values)):
        reach = min(around, index, len(values) - 1 - index)
        means.append((sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1))
    return means


def sums_over(values: Sequence[float], window: int) -> Iterator[float]:
    """For each value, the sum of it and of up to `window` - 1 before it."""
    total = 0.0
    for index, value in enumerate(values):
        total += value
        if index >= window:
            total -= values[index - window]
        yield total


def median(values: Sequence[float]) -> float | None:
    """The middle one; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def tick_seconds(length: float, *, most: int) -> int | None:
    """The finest division of `length` seconds that makes at most `most` parts; None when no division of ours is coarse enough."""
    return next((each for each in TICKS if length / each <= most), None)
