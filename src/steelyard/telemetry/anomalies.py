"""Which steps took longer than steps of this run do. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from steelyard.telemetry.records import StepRow

FEWEST = 8
"""Fewer steps say nothing of what is usual."""


def anomaly_bar(durations: Sequence[int]) -> float:
    """The median + 3 x the median absolute deviation, in the unit of `durations`."""
    median = statistics.median(durations)
    return median + 3 * statistics.median(abs(duration - median) for duration in durations)


def anomalous(steps: Sequence[StepRow]) -> tuple[StepRow, ...]:
    """The steps over the bar."""
    if len(steps) < FEWEST:
        return ()
    bar = anomaly_bar([row.duration_us for row in steps])
    return tuple(row for row in steps if row.duration_us > bar)
