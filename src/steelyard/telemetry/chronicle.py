"""The chronicle: events sorted into what the story needs, so that each event is looked at once however often it is told."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from steelyard.findings import Finding
from steelyard.telemetry.events import STEP_PARTS, Event
from steelyard.telemetry.goodput import Interval, microseconds
from steelyard.telemetry.records import Attempt, Phase, Sample, StepRow

KEPT = {
    "run.start": ("workload", "workers"), "run.end": ("status",), "stop.request": (), "train.start": ("steps",),
    "checkpoint": ("step",), "evaluation": ("step", "name", "value"), "metric": ("step", "name", "value"),
}
"""Kinds that the story reads as they are, with the fields that it cannot do without."""


@dataclass(slots=True)
class Chronicle:
    """What a run's events said so far, by kind, each in order of time."""

    times: list[float] = field(default_factory=list)
    """Of every event."""
    kept: dict[str, list[Event]] = field(default_factory=lambda: {kind: [] for kind in KEPT})
    world: int = 1
    """Ranks, as the driver started them."""
    steps: list[StepRow] = field(default_factory=list)
    saving: StepRow | None = None
    """The last step whose checkpoint was about to be kept, as far as it had come then."""
    phases: list[Phase] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    outside_steps: list[Interval] = field(default_factory=list)
    cpu: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Of each writer: CPU seconds of its processes that are over, and of the present one."""
    signs: dict[int, float] = field(default_factory=dict)
    """Of each attempt, the last time at which one of its ranks wrote anything."""
    unreadable: int = 0

    def add(self, events: Iterable[Event]) -> None:
        """Take in new events. One that lacks a field of its kind (a later version wrote it) is counted and passed over."""
        for event in events:
            try:
                self._add(event["kind"], float(event["t"]), event)
            except (KeyError, TypeError, ValueError):
                self.unreadable += 1
        self.times.sort()
        self.steps.sort(key=lambda row: row.t)

    def _add(self, kind: str, t: float, event: Event) -> None:
        for name in KEPT.get(kind, ()):
            event[name]
        if reader := _READERS.get(kind):
            reader(self, t, event)
        if kind in self.kept:
            self.kept[kind].append(event)
        self.times.append(t)
        if event["writer"].startswith("rank-"):
            self.signs[event["attempt"]] = max(t, self.signs.get(event["attempt"], t))

    def last_before(self, t: float | None) -> float:
        """The last sign of life before `t` (None: the last of all); there must be one."""
        return self.times[(len(self.times) if t is None else max(bisect_left(self.times, t), 1)) - 1]

    def deaths(self) -> list[float]:
        """When workers died: the last sign of life of a lost attempt's ranks, since the driver notices only later."""
        lost = [(attempt.lost, self.signs.get(attempt.number)) for attempt in self.attempts if attempt.lost is not None]
        return [noticed if sign is None else min(noticed, sign) for noticed, sign in lost]


def is_rank_0(event: Event) -> bool:
    return str(event["writer"]).startswith("rank-0.")


def _run_start(chronicle: Chronicle, _t: float, event: Event) -> None:
    chronicle.world = max(int(event["workers"]), 1)


def _step(chronicle: Chronicle, t: float, event: Event) -> None:
    if is_rank_0(event):
        chronicle.steps.append(_row(chronicle, t, event))


def _saving(chronicle: Chronicle, t: float, event: Event) -> None:
    if is_rank_0(event):
        chronicle.saving = _row(chronicle, t, event)


def _row(chronicle: Chronicle, t: float, event: Event) -> StepRow:
    parts = {part: int(event[f"{part}_us"]) for part in STEP_PARTS}
    world = chronicle.world  # ranks share a batch evenly, so rank 0 speaks for all
    return StepRow(
        t, event["attempt"], int(event["step"]), int(event["duration_us"]), parts, event["loss"],
        tokens=int(event["tokens"]) * world, data_bytes=int(event["data_bytes"]) * world, recorder_us=int(event["recorder_us"]))


def _phase(chronicle: Chronicle, t: float, event: Event) -> None:
    chronicle.phases.append(Phase(event["name"], float(event["start"]), t, event["writer"], event["attempt"]))


def _attempt_start(chronicle: Chronicle, t: float, event: Event) -> None:
    last = chronicle.attempts[-1].number if chronicle.attempts else 0
    chronicle.attempts.append(Attempt(max(int(event["attempt"]), last + 1), t, int(event["from_step"])))


def _attempt_lost(chronicle: Chronicle, t: float, event: Event) -> None:
    if chronicle.attempts:
        attempt = chronicle.attempts[-1]
        chronicle.attempts[-1] = Attempt(attempt.number, attempt.start, attempt.from_step, t, str(event["cause"]))


def _saved(chronicle: Chronicle, t: float, event: Event) -> None:
    _outside(chronicle, "checkpoint", t, event)


def _restored(chronicle: Chronicle, t: float, event: Event) -> None:
    if is_rank_0(event):
        _outside(chronicle, "restore", t, event)
        _remember_saved(chronicle, int(event["step"]))


def _remember_saved(chronicle: Chronicle, step: int) -> None:
    """Training goes on after `step`: where rank 0 was killed after its checkpoint was kept and before it told of the step, it counts."""
    row = chronicle.saving
    if row and row.step == step and not any((one.step, one.attempt) == (step, row.attempt) for one in chronicle.steps):
        chronicle.steps.append(row)


def _outside(chronicle: Chronicle, kind: str, t: float, event: Event) -> None:
    end = microseconds(t)
    chronicle.outside_steps.append(Interval(kind, end - int(event["duration_us"]), end))


def _sample(chronicle: Chronicle, t: float, event: Event) -> None:
    cpu, writer = float(event["cpu_seconds"]), str(event["writer"])
    over, present = chronicle.cpu.get(writer, (0.0, 0.0))
    chronicle.cpu[writer] = (over, cpu) if cpu >= present else (over + present, cpu)
    gpus: tuple[dict[str, Any], ...] = tuple(event.get("gpus") or ())
    chronicle.samples.append(Sample(t, writer, event["rss_bytes"], cpu, event["host_used_bytes"], event["host_total_bytes"], gpus))


def _finding(chronicle: Chronicle, _t: float, event: Event) -> None:
    chronicle.findings.append(Finding(event["rule"], event["severity"], event["object"], event["message"],
                                      event.get("evidence", ""), event.get("next_step", "")))


_READERS = {
    "run.start": _run_start, "step": _step, "step.saving": _saving, "phase": _phase, "attempt.start": _attempt_start,
    "attempt.lost": _attempt_lost, "checkpoint": _saved, "restore": _restored, "sample": _sample, "finding": _finding,
}
