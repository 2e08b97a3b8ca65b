"""What interruptions of spot nodes cost a training. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, inf, sqrt

HOUR = 3_600_000_000
NEVER = 1e-9
"""Interruptions an hour that are as good as none: one in a hundred thousand years."""
MOST = 50.0
"""Interruptions that are expected between two checkpoints, beyond which it never ends."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A training with its interruptions; microseconds."""

    total: int
    """From the order of the nodes to the end."""
    interval: int | None
    """The time between two checkpoints; None where nothing interrupts."""
    interruptions: float
    """How many are expected; infinite where it never ends."""


def with_interruptions(work: int, restart: int, rate: float, saving: int) -> Expected:
    """The expected duration of `work` microseconds when all nodes together are interrupted `rate` times an hour.

    A checkpoint takes `saving`, a restart (the first start too) `restart`. The interval is Young's (1974), sqrt(2 x saving / rate);
    the time is Daly's (Future Generation Computer Systems 22, 2006, equation 20 in its form for any rate):
    (1 / rate + restart) x (exp(rate x (interval + saving)) - 1) for each interval of work.
    """
    if rate < NEVER:
        return Expected(work + restart, None, 0.0)
    each, saving = rate / HOUR, max(1, saving)
    interval = min(max(1.0, sqrt(2 * saving / each)), max(1.0, float(work)))
    if each * (interval + saving) > MOST:
        return Expected(2**62, round(interval), inf)
    total = (1 / each + restart) * expm1(each * (interval + saving)) * work / interval
    return Expected(round(total) + restart, round(interval), each * total)
