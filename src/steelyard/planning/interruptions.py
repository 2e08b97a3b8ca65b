"""What interruptions of spot nodes cost a training. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

HOUR = 3_600_000_000
NEVER = 1e-9
"""Interruptions an hour that are as good as none: one in a hundred thousand years."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A training with its interruptions; microseconds."""

    total: int
    """From the order of the nodes to the end."""
    interval: int | None
    """The best time between two checkpoints; None where nothing interrupts."""
    interruptions: float
    """How many are expected."""


def with_interruptions(work: int, restart: int, rate: float, saving: int) -> Expected:
    """The expected duration of `work` microseconds when all nodes together are interrupted `rate` times an hour.

    A checkpoint takes `saving`, a restart (the first start too) `restart`. The interval is the one of Young (1974) in its first-order
    form, sqrt(2 x saving / rate), which Daly (Future Generation Computer Systems 22, 2006) refines for high rates; on average half an
    interval is lost with each interruption.
    """
    if rate < NEVER:
        return Expected(work + restart, None, 0.0)
    each = rate / HOUR
    interval = max(1.0, sqrt(2 * max(1, saving) / each))
    lost = each * (interval / 2 + restart)
    if lost >= 1:  # more is lost than is done
        return Expected(2**62, round(interval), float("inf"))
    total = work * (1 + saving / interval) / (1 - lost)
    return Expected(round(total) + restart, round(interval), each * total)
