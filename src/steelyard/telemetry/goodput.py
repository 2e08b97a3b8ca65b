"""Goodput: a run's life cut into productive time and losses, exactly, in whole microseconds. Pure.

The life is the sum of its driver's lives. Each is tiled from its start to its end by rank 0's steps and the gaps between
them; each microsecond goes to one kind. docs/goodput.md explains the kinds to people.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
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
    ends, apart = [microseconds(row.t) for row in steps], _apart(known)
    for index, life in enumerate(lives):
        first = bisect_left(ends, life.start_us) if index else 0
        last = bisect_left(ends, lives[index + 1].start_us) if index + 1 < len(lives) else len(steps)
        died = [life.end_us] if life.ending == "died" else []
        losses = sorted([t for t in lost_us if life.start_us <= t <= life.end_us] + died)
        _Gaps(spent, losses, apart).spend_life(life, steps[first:last], wasted[first:last])
    return Goodput(sum(life.end_us - life.start_us for life in lives), spent["productive"], {kind: spent[kind] for kind in LOSSES})


def _apart(known: Sequence[Interval]) -> tuple[Interval, ...]:
    """The intervals in order of time, and no two at once: an earlier one keeps what both claim."""
    apart: list[Interval] = []
    for interval in sorted(known, key=lambda interval: interval.start_us):
        start = max(interval.start_us, apart[-1].end_us if apart else interval.start_us)
        if start < interval.end_us:
            apart.append(Interval(interval.kind, start, interval.end_us))
    return tuple(apart)


@dataclass(slots=True)
class _Gaps:
    """Tiles one life and adds what it finds to `spent`."""

    spent: Counter[str]
    losses: Sequence[int]
    known: tuple[Interval, ...]

    def spend_life(self, life: Life, steps: Sequence[StepRow], wasted: Sequence[bool]) -> None:
        cursor, kind = life.start_us, "start-up"
        for row, is_wasted in zip(steps, wasted, strict=True):
            # Clipped to what is left of the life, so that a clock which was set back cannot count time twice.
            end = min(max(microseconds(row.t), cursor), life.end_us)
            start = max(cursor, end - row.duration_us)
            self.spend_gap(cursor, start, kind)
            if is_wasted:
                self.spent["wasted"] += end - start
            else:
                self.spend_step(row, end - start)
            cursor, kind = end, "recovery" if any(start < t < end for t in self.losses) else "other"
        self.spend_gap(cursor, life.end_us, kind)

    def spend_step(self, row: StepRow, width: int) -> None:
        """`width` microseconds of a step by its parts; what the parts do not explain is `other`."""
        left = width
        for part in (*PRODUCTIVE_PARTS, "data", "checkpoint"):
            taken = min(max(row.parts_us.get(part, 0), 0), left)
            self.spent["productive" if part in PRODUCTIVE_PARTS else part] += taken
            left -= taken
        self.spent["other"] += left

    def spend_gap(self, start: int, end: int, kind: str) -> None:
        """The time between two steps. Where workers were lost in it, an unfinished step was wasted before, and recovery follows."""
        if start == end:
            return
        for loss in (t for t in self.losses if start <= t <= end):
            self.spend_known(start, loss, "wasted" if kind == "other" else kind)
            start, kind = loss, "recovery"
        self.spend_known(start, end, kind)

    def spend_known(self, start: int, end: int, kind: str) -> None:
        """`start` to `end` is of `kind`, but for the intervals whose kind is known."""
        first = bisect_right(self.known, start, key=lambda interval: interval.end_us)
        for interval in takewhile(lambda interval: interval.start_us < end, islice(self.known, first, None)):
            a, b = max(interval.start_us, start), min(interval.end_us, end)
            self.spent[kind] += a - start
            self.spent[interval.kind] += b - a
            start = b
        self.spent[kind] += end - start


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
