"""Goodput: a run's life cut into productive time and losses, exactly, in whole microseconds. Pure.

The life is the sum of its driver's lives. Each is tiled from its start to its end by rank 0's steps and the gaps between
them; each microsecond goes to one kind. docs/goodput.md explains the kinds to people.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from steelyard.telemetry.records import Goodput, StepRow

LOSSES = {
    "start-up": "from the command to the start of the first step: checks, cluster, workers, imports, data, model",
    "data": "steps that waited for their data",
    "checkpoint": "training stood still while a checkpoint was written",
    "restore": "a checkpoint was read back",
    "wasted": "steps whose work was lost, because no checkpoint held it when the workers died",
    "recovery": "from the death of workers to the start of the first step after it",
    "other": "the rest: logging, evaluation, shutting down",
}
"""Every kind of loss, in the order in which people read them."""

PRODUCTIVE_PARTS = ("compute", "communication", "optimizer")

Ending = Literal["done", "stopped", "failed", "died", "open"]


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a run's driver, in epoch microseconds. `died`: it ended and left no `run.end`; `open`: it goes on."""

    start_us: int
    end_us: int
    ending: Ending


@dataclass(frozen=True, slots=True)
class Interval:
    """Time outside of steps that is known to have gone to one kind of loss (a checkpoint written or read back)."""

    kind: str
    start_us: int
    end_us: int


def microseconds(t: float) -> int:
    """Epoch seconds as whole microseconds."""
    return round(t * 1_000_000)


def goodput(lives: Sequence[Life], steps: Sequence[StepRow], wasted: Sequence[bool], lost_us: Sequence[int],
            known: Sequence[Interval] = ()) -> Goodput:
    """Cut `lives` (in order, not overlapping) into kinds.

    `steps` are rank 0's in order of time and `wasted` says of each whether its work was lost; `lost_us` are the moments at
    which workers were lost; `known` are intervals whose kind is known wherever they lie outside of steps.
    """
    spent: Counter[str] = Counter()
    ends = [microseconds(row.t) for row in steps]
    for index, life in enumerate(lives):
        first = bisect_left(ends, life.start_us) if index else 0
        last = bisect_left(ends, lives[index + 1].start_us) if index + 1 < len(lives) else len(steps)
        died = [life.end_us] if life.ending == "died" else []
        losses = sorted([t for t in lost_us if life.start_us <= t <= life.end_us] + died)
        spent += _spend_life(life, steps[first:last], wasted[first:last], losses, known)
    return Goodput(sum(life.end_us - life.start_us for life in lives), spent["productive"], {kind: spent[kind] for kind in LOSSES})


def _spend_life(life: Life, steps: Sequence[StepRow], wasted: Sequence[bool], losses: Sequence[int],
                known: Sequence[Interval]) -> Counter[str]:
    spent: Counter[str] = Counter()
    cursor, kind = life.start_us, "start-up"
    for row, is_wasted in zip(steps, wasted, strict=True):
        # Clipped to what is left of the life, so that a clock which was set back cannot count time twice.
        end = min(max(microseconds(row.t), cursor), life.end_us)
        start = max(cursor, end - row.duration_us)
        spent += _spend_gap(cursor, start, kind, losses, known)
        spent += Counter({"wasted": end - start}) if is_wasted else _spend_step(row, end - start)
        lost_inside = any(start < t < end for t in losses)
        cursor, kind = end, "recovery" if lost_inside else "other"
    return spent + _spend_gap(cursor, life.end_us, kind, losses, known)


def _spend_step(row: StepRow, width: int) -> Counter[str]:
    """`width` microseconds of a step by its parts; what the parts do not explain is `other`."""
    spent: Counter[str] = Counter()
    left = width
    for part in (*PRODUCTIVE_PARTS, "data", "checkpoint"):
        taken = min(max(row.parts_us.get(part, 0), 0), left)
        spent["productive" if part in PRODUCTIVE_PARTS else part] += taken
        left -= taken
    spent["other"] += left
    return spent


def _spend_gap(start: int, end: int, kind: str, losses: Sequence[int], known: Sequence[Interval]) -> Counter[str]:
    """The time between two steps. Where workers were lost in it, an unfinished step was wasted before, and recovery follows."""
    spent: Counter[str] = Counter()
    if start == end:
        return spent
    cuts = [t for t in losses if start <= t <= end]
    for a, b in zip([start, *cuts], [*cuts, end], strict=True):
        before_loss = b in cuts and kind == "other"
        spent += _spend_known(a, b, "wasted" if before_loss else kind, known)
        kind = "recovery" if cuts else kind
    return spent


def _spend_known(start: int, end: int, kind: str, known: Sequence[Interval]) -> Counter[str]:
    """`start` to `end` is of `kind`, but for the intervals whose kind is known."""
    spent: Counter[str] = Counter()
    cursor = start
    for interval in sorted(known, key=lambda interval: interval.start_us):
        a, b = max(interval.start_us, cursor), min(interval.end_us, end)
        if a < b:
            spent[kind] += a - cursor
            spent[interval.kind] += b - a
            cursor = b
    spent[kind] += end - cursor
    return spent


def wasted_steps(steps: Sequence[StepRow], saved_step: int, losses_us: Sequence[int]) -> tuple[bool, ...]:
    """Of each step (in order of time), whether its work was lost.

    A step is lost when training later went on from before it; and when workers were lost (`losses_us`, any kind of end but
    a good one), nothing ran since, and the last checkpoint (`saved_step`, 0 for none) does not hold it.
    """
    flags = [False] * len(steps)
    lowest_after: int | None = None
    for index in range(len(steps) - 1, -1, -1):
        number = steps[index].step
        flags[index] = lowest_after is not None and number >= lowest_after
        lowest_after = number if lowest_after is None else min(lowest_after, number)
    last_loss = max(losses_us, default=None)
    if steps and last_loss is not None and started_us(steps[-1]) < last_loss:
        flags = [flag or row.step > saved_step for flag, row in zip(flags, steps, strict=True)]
    return tuple(flags)


def started_us(row: StepRow) -> int:
    """When a step began, in epoch microseconds."""
    return microseconds(row.t) - row.duration_us


def anomalous(steps: Sequence[StepRow]) -> Iterator[StepRow]:
    """Steps that took longer than the median + 3 x the median absolute deviation. Nothing below eight steps."""
    durations = [row.duration_us for row in steps]
    if len(durations) < 8:
        return
    median = statistics.median(durations)
    bar = median + 3 * statistics.median(abs(duration - median) for duration in durations)
    yield from (row for row in steps if row.duration_us > bar)
