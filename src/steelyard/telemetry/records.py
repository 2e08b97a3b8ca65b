"""The values that a run's story is made of. Frozen; `story.tell` makes them, everybody reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from steelyard.findings import Finding
from steelyard.telemetry.events import Event

Status = Literal["Starting", "Running", "Restarting", "Stopping", "Done", "Stopped", "Failed", "Lost"]
"""Lost: the driver is gone and left no `run.end`."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One optimizer step as rank 0 saw it. `t` is its end, in epoch seconds; parts are whole microseconds and sum to `duration_us`."""

    t: float
    attempt: int
    step: int
    duration_us: int
    parts_us: dict[str, int]
    loss: float | None
    tokens: int
    """Of all ranks."""
    data_bytes: int = 0
    """Read by all ranks for this step."""
    recorder_us: int = 0
    """CPU time that telemetry itself took in rank 0's process during this step."""


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    start: float
    end: float
    writer: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One life of the worker group. `lost` says when and why it ended, if it was lost."""

    number: int
    start: float
    from_step: int
    lost: float | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Goodput:
    """The run's life in whole microseconds, by kind; productive time and losses sum to `life_us` exactly (see docs/goodput.md)."""

    life_us: int
    productive_us: int
    losses_us: dict[str, int]

    @property
    def ratio(self) -> float | None:
        """Productive share of the life; None before there is any life."""
        return self.productive_us / self.life_us if self.life_us else None


@dataclass(frozen=True, slots=True)
class Sample:
    t: float
    writer: str
    rss_bytes: int
    cpu_seconds: float
    host_used_bytes: int
    host_total_bytes: int
    gpus: tuple[dict[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of a run. Times are epoch seconds; what is not known is None, never 0."""

    run: str
    workload: str
    team: str | None
    status: Status
    reason: str
    started: float
    ended: float | None
    workers: int
    goal_steps: int | None
    parameters: int | None
    tokens_per_step: int | None
    attempts: tuple[Attempt, ...]
    phases: tuple[Phase, ...]
    steps: tuple[StepRow, ...]
    """Every step of every attempt, in order of time; a step done again appears again."""
    wasted_steps: int
    checkpoints: tuple[Event, ...]
    evaluations: tuple[Event, ...]
    samples: tuple[Sample, ...]
    findings: tuple[Finding, ...]
    goodput: Goodput
    tokens_per_second: float | None
    """Over the last 20 steps."""
    mfu: float | None
    first_step_after: float | None
    """Seconds from the command to the end of the first step."""
    cpu_seconds: float | None
    """Of all ranks and attempts."""
    price_micro_hour: int | None
    torn_lines: int = 0
    logs: tuple[Path, ...] = field(default=())
    metrics: tuple[Event, ...] = ()
    """What the user's own script reported."""
    cpu_seconds_by_rank: dict[str, float] = field(default_factory=dict)

    @property
    def restarts(self) -> int:
        """How often lost workers were started again; going on by hand after a stop is none."""
        return sum(attempt.lost is not None for attempt in self.attempts[:-1])
