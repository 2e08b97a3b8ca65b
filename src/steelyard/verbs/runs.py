"""`get`, `describe`, `logs`, `events`, `delete`: what is known of the runs of this machine, and letting go of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from steelyard.errors import InfeasibleError
from steelyard.findings import Finding
from steelyard.local.store import RunFolder, RunStore
from steelyard.telemetry.events import STEP_PARTS, Event, read_events
from steelyard.telemetry.records import Story

KIND = "Train"
"""Of every run: the local engine runs no other kind yet."""

OVER = ("Done", "Stopped", "Failed", "Lost")
DATA_FOLDERS = ("checkpoints", "output")
NOISE = ("step", "step.saving", "sample", "metric")
"""Kinds of events that come by the thousand; `events` leaves them out unless asked."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One row of `get`. What is not known is None."""

    name: str
    kind: str
    where: str
    status: str
    reason: str
    step: int | None
    goal_steps: int | None
    loss: float | None
    goodput: float | None
    """Productive share of the run's life, 0-1."""
    age_s: float
    team: str | None
    workers: int
    tokens_per_second: float | None
    started: float
    """Epoch seconds, as `ended` is."""
    ended: float | None

    @property
    def is_over(self) -> bool:
        return self.status in OVER


def summarise(story: Story, now: float) -> RunSummary:
    """The row of one run. Pure; `now` in epoch seconds."""
    last = story.steps[-1] if story.steps else None
    return RunSummary(
        name=story.run, kind=KIND, where="here", status=story.status, reason=story.reason,
        step=last.step if last else None, goal_steps=story.goal_steps, loss=last.loss if last else None, goodput=story.goodput.ratio,
        age_s=max(0.0, now - story.started), team=story.team, workers=story.workers, tokens_per_second=story.tokens_per_second,
        started=story.started, ended=story.ended,
    )  # fmt: skip


def get(store: RunStore, now: float, name: str | None = None) -> tuple[RunSummary, ...]:
    """The run of that name (a workload's name means its latest run), or all runs, by name. Raises NotFoundError."""
    folders = (store.find(name),) if name else store.all()
    return tuple(summarise(folder.story(), now) for folder in folders)


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """A start-up phase of one attempt: how long the slowest of its writers took, in seconds."""

    attempt: int
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stored:
    """A folder of a run that holds something, with its bytes on disk."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Description:
    """Everything of one run, for `describe`."""

    summary: RunSummary
    story: Story
    phases: tuple[PhaseTime, ...]
    step_parts_us: dict[str, int]
    """Over all steps; they sum to the steps' durations exactly."""
    folder: Path
    files: tuple[Stored, ...]


def describe(store: RunStore, name: str, now: float) -> Description:
    """Everything that is known of the run `name`. Raises NotFoundError."""
    folder = store.find(name)
    story = folder.story()
    files = tuple(stored for sub in ("events", "logs", *DATA_FOLDERS) if (stored := measure_folder(folder.path / sub)).size)
    return Description(summarise(story, now), story, phase_times(story), step_parts(story), folder.path, files)


def phase_times(story: Story) -> tuple[PhaseTime, ...]:
    """Each phase of each attempt once: ranks do the same at the same time, the slowest is what the run waited for. Pure."""
    slowest: dict[tuple[int, str], float] = {}
    for phase in story.phases:
        key = (phase.attempt, phase.name)
        slowest[key] = max(slowest.get(key, 0.0), phase.end - phase.start)
    return tuple(PhaseTime(attempt, name, seconds) for (attempt, name), seconds in sorted(slowest.items(), key=lambda item: item[0][0]))


def step_parts(story: Story) -> dict[str, int]:
    """Microseconds of all steps by part. Pure."""
    return {part: sum(row.parts_us.get(part, 0) for row in story.steps) for part in STEP_PARTS}


def measure_folder(path: Path) -> Stored:
    """The bytes of all files below `path`; 0 when it is not there."""
    return Stored(path.name, path, sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir()))


def events(store: RunStore, name: str, *, everything: bool = False) -> list[Event]:
    """The run's events in order of time; without `everything` only what is worth reading one by one."""
    found = read_events(store.find(name).path)
    return found if everything else [event for event in found if event["kind"] not in NOISE]


LOG_NAME = re.compile(r"rank-(?P<rank>[0-9]+)(?:\..*)?")


class LogReader:
    """Reads a run's logs as they grow: each call to `new` gives the whole lines since the last, of all writers.

    `rank` narrows it to one rank, in all its attempts. A line that is not yet ended waits for the next call, or for `rest`.
    """

    def __init__(self, run: RunFolder, rank: int | None = None) -> None:
        self._folder = run.path / "logs"
        self._rank = rank
        self._offsets: dict[Path, int] = {}
        self._rests: dict[Path, bytes] = {}

    def new(self) -> Iterator[tuple[str, str]]:
        """(writer, line) of each new line: the driver's, then each rank's."""
        for path in sorted(self._folder.glob("*.log"), key=_log_order):
            if self._rank is not None and _log_order(path)[0] != self._rank:
                continue
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                block = file.read()
            self._offsets[path] = self._offsets.get(path, 0) + len(block)
            *lines, self._rests[path] = (self._rests.get(path, b"") + block).split(b"\n")
            yield from ((path.stem, line.decode(errors="replace")) for line in lines)

    def rest(self) -> Iterator[tuple[str, str]]:
        """The last lines that were never ended, once the run is over."""
        for path, rest in self._rests.items():
            if rest:
                yield path.stem, rest.decode(errors="replace")
        self._rests.clear()


def _log_order(path: Path) -> tuple[int, str]:
    match = LOG_NAME.fullmatch(path.stem)
    return (int(match["rank"]) if match else -1, path.stem)


def delete(store: RunStore, names: Sequence[str], *, with_data: bool = False) -> tuple[str, ...]:
    """Delete runs that are over; returns their names. What they cost stays in the ledger.

    All or none: raises InfeasibleError when one is still running, or holds checkpoints or output and not `with_data`.
    """
    runs = list({run.name: run for run in (store.find(name) for name in names)}.values())
    findings = [finding for run in runs for finding in _obstacles(run, with_data=with_data)]
    if findings:
        raise InfeasibleError(findings)
    for run in runs:
        store.delete(run)
    return tuple(run.name for run in runs)


def _obstacles(run: RunFolder, *, with_data: bool) -> Iterator[Finding]:
    if run.is_alive():
        yield Finding(
            "run-still-alive", "error", run.name, f"{run.name} is still running",
            next_step="press Ctrl-C where it runs (a checkpoint is written), then delete it",
        )  # fmt: skip
    stored = [found for found in (measure_folder(run.path / sub) for sub in DATA_FOLDERS) if found.size]
    if stored and not with_data:
        yield Finding(
            "run-holds-data", "error", run.name, f"{run.name} holds data that deleting it would lose",
            evidence="\n".join(f"  {found.name}: {found.size:,} bytes in {found.path}" for found in stored),
            next_step=f"copy what you need, then: steelyard delete {run.name} --with-data",
        )  # fmt: skip
