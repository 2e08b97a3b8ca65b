"""The story of a run: what its events say, as one frozen value that the CLI, the dashboard and the ledger read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steelyard.telemetry.chronicle import Chronicle
from steelyard.telemetry.events import Event, EventReader
from steelyard.telemetry.goodput import Life, goodput, microseconds, started_us, wasted_steps
from steelyard.telemetry.records import Attempt, Goodput, Phase, Sample, Status, StepRow, Story

__all__ = ["Attempt", "Goodput", "Phase", "Sample", "Status", "StepRow", "Story", "Teller", "tell"]

ENDINGS: dict[str, Status] = {"done": "Done", "stopped": "Stopped", "failed": "Failed"}
RECENT_STEPS = 20
"""Speeds are told over so many last steps."""


def tell(run_folder: Path, *, now: float, alive: bool) -> Story:
    """Read a run's folder and say what happened. `alive`: whether its driver holds the lock; `now` ends an open life."""
    teller = Teller(run_folder)
    teller.read()
    return teller.tell(now, alive)


class Teller:
    """Tells one run again and again, and reads only what was appended since the last time."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder
        self._reader = EventReader(run_folder)
        self._chronicle = Chronicle()

    def read(self) -> list[Event]:
        """Take in what was appended since the last time; returns it."""
        fresh = self._reader.new()
        self._chronicle.add(fresh)
        return fresh

    def tell(self, now: float, alive: bool) -> Story:
        """The story of what was read, as of `now` (epoch seconds). It takes time in proportion to the steps so far."""
        logs = tuple(sorted((self._folder / "logs").glob("*.log")))
        return story_of(self._chronicle, self._folder.name, now, alive, torn_lines=self._reader.torn_lines, logs=logs)


def story_of(chronicle: Chronicle, run: str, now: float, alive: bool, *, torn_lines: int = 0, logs: tuple[Path, ...] = ()) -> Story:
    """The story that `chronicle` tells. Pure."""
    lives = lives_of(chronicle, now, alive)
    lost_us = [microseconds(t) for t in chronicle.deaths()]
    bad_ends = [life.end_us for life in lives if life.ending in ("stopped", "failed", "died")]
    checkpoints = tuple(chronicle.kept["checkpoint"])
    wasted = wasted_steps(chronicle.steps, checkpoints[-1]["step"] if checkpoints else 0, lost_us + bad_ends)
    start, train = _last(chronicle.kept["run.start"]), _last(chronicle.kept["train.start"])
    started = lives[0].start_us / 1e6 if lives else now
    cpu = cpu_seconds_by_rank(chronicle)
    status, reason = status_of(chronicle, alive)
    speed = tokens_per_second(chronicle.steps[-RECENT_STEPS:])
    return Story(
        run=run, workload=start.get("workload") or run.rpartition("-")[0], team=start.get("team"), status=status, reason=reason,
        started=started, ended=None if alive and status not in ENDINGS.values() else _ended(lives), workers=start.get("workers") or 0,
        goal_steps=train.get("steps"), parameters=train.get("parameters"), tokens_per_step=train.get("tokens_per_step"),
        attempts=tuple(chronicle.attempts), phases=tuple(chronicle.phases), steps=tuple(chronicle.steps), wasted_steps=sum(wasted),
        checkpoints=checkpoints, evaluations=tuple(chronicle.kept["evaluation"]), metrics=tuple(chronicle.kept["metric"]),
        samples=tuple(chronicle.samples), findings=tuple(chronicle.findings),
        goodput=goodput(lives, chronicle.steps, wasted, lost_us, chronicle.outside_steps),
        tokens_per_second=speed, mfu=model_flops_utilisation(speed, train, chronicle.world),
        first_step_after=chronicle.steps[0].t - started if chronicle.steps else None,
        cpu_seconds=sum(cpu.values()) if cpu else None, cpu_seconds_by_rank=cpu,
        price_micro_hour=start.get("price_micro_hour"), torn_lines=torn_lines + chronicle.unreadable, logs=logs,
    )


def lives_of(chronicle: Chronicle, now: float, alive: bool) -> tuple[Life, ...]:
    """The lives of the run's driver. One that died without a word lasted until the last event that anybody wrote."""
    starts = [float(event["t"]) for event in chronicle.kept["run.start"]] or chronicle.times[:1]
    lives: list[Life] = []
    for index, start in enumerate(starts):
        until = starts[index + 1] if index + 1 < len(starts) else None
        # The checks may have begun before `run.start` could be written.
        checks = [phase.start for phase in chronicle.phases
                  if phase.writer == "driver" and start <= phase.end and (until is None or phase.end < until)]
        begin = max(microseconds(min([start, *checks])), lives[-1].end_us if lives else 0)
        lives.append(_life(chronicle, begin, (start, until), now if alive else None))
    return tuple(lives)


def _life(chronicle: Chronicle, begin_us: int, between: tuple[float, float | None], alive_at: float | None) -> Life:
    start, until = between
    ends = [event for event in chronicle.kept["run.end"] if start <= event["t"] and (until is None or event["t"] < until)]
    if ends:
        return Life(begin_us, max(begin_us, microseconds(ends[0]["t"])), ends[0]["status"])
    if until is None and alive_at is not None:
        return Life(begin_us, max(begin_us, microseconds(alive_at)), "open")
    return Life(begin_us, max(begin_us, microseconds(chronicle.last_before(until))), "died")


def status_of(chronicle: Chronicle, alive: bool) -> tuple[Status, str]:
    """The one word, and the reason beside it."""
    start = _last(chronicle.kept["run.start"]).get("t", 0.0)
    ends = [event for event in chronicle.kept["run.end"] if event["t"] >= start]
    stops = [event for event in chronicle.kept["stop.request"] if event["t"] >= start]
    lost = [attempt for attempt in chronicle.attempts if attempt.lost is not None and attempt.lost >= start]
    last_step_us = started_us(chronicle.steps[-1]) if chronicle.steps else -1
    if ends:
        return ENDINGS[ends[-1]["status"]], str(ends[-1].get("reason") or "")
    if not alive:
        return "Lost", "its driver is gone and did not say why"
    if stops:
        return "Stopping", str(stops[-1].get("reason") or "")
    if lost and last_step_us < microseconds(lost[-1].lost or 0):
        return "Restarting", lost[-1].cause
    return ("Running" if last_step_us >= microseconds(start) else "Starting"), ""


def cpu_seconds_by_rank(chronicle: Chronicle) -> dict[str, float]:
    """CPU seconds that each rank's processes have taken over all attempts, as far as samples tell."""
    spent: dict[str, float] = {}
    for writer, (over, present) in chronicle.cpu.items():
        rank = writer.removeprefix("rank-").partition(".")[0]
        spent[rank] = spent.get(rank, 0.0) + over + present
    return spent


def tokens_per_second(steps: Sequence[StepRow]) -> float | None:
    """Tokens of all ranks a second over `steps`; None without any."""
    duration_us = sum(row.duration_us for row in steps)
    return sum(row.tokens for row in steps) * 1e6 / duration_us if duration_us else None


def model_flops_utilisation(speed: float | None, train: Event, world: int) -> float | None:
    """Share (0-1) of the devices' peak that the model's own arithmetic takes; None when the peak is not known."""
    peak, per_token = train.get("peak_flops"), train.get("flops_per_token")
    return speed * per_token / (peak * world) if speed is not None and peak and per_token else None


def _ended(lives: Sequence[Life]) -> float | None:
    return lives[-1].end_us / 1e6 if lives else None


def _last(events: Sequence[Event]) -> dict[str, Any]:
    return events[-1] if events else {}
