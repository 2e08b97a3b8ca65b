"""The events of a run: JSON lines, one file a writer, never rewritten.

A run's folder is

    <home>/runs/NAME-1/
        run.json              what was started, written once (`runtime.spec`)
        blueprint.yaml        what the person wrote
        events/WRITER.jsonl   these events; WRITER is `driver` or `rank-0.1` (rank and attempt)
        logs/WRITER.log       what the process printed
        checkpoints/          what the run can go on from
        output/               what the run is for
        alive                 locked (flock) by the driver for as long as it lives

Each line is one object with the keys of `Event` plus the fields of its kind. Lines are written with one `write` and
flushed, so a process killed at any byte spoils at most its own last line, which readers pass over.

| kind | written by | fields |
|---|---|---|
| run.start | driver | workload, team, pid, resumed (bool), workers, price_micro_hour (int or null) |
| check | driver | name, detail, ok (bool): one row of the preflight |
| phase | driver, rank | name (one of `PHASES`), start (epoch s); `t` is its end |
| attempt.start | driver | from_step |
| attempt.lost | driver | cause, step (last step seen) |
| worker.start | rank | rank, world, pid, host |
| worker.end | rank | rank, status (done, failed), step or error, peer_lost (bool, when failed) |
| train.start | rank | start_step, steps (the goal), parameters, tokens_per_step (all ranks), flops_per_token, peak_flops (a rank's device, or null) |
| step | rank | step (counts from 1), duration_us, data_us, compute_us, communication_us, optimizer_us, checkpoint_us, other_us, loss, tokens (this rank's), data_bytes, recorder_us |
| step.saving | rank 0 | as `step`, up to the moment before its checkpoint is kept: stands for a `step` that its rank did not live to tell |
| checkpoint | rank 0 | step, duration_us, bytes, path |
| restore | rank | step, duration_us |
| evaluation | rank 0 | step, name, value |
| metric | rank | step, name, value (a user's own) |
| sample | rank | rss_bytes, cpu_seconds (process, total so far), host_used_bytes, host_total_bytes, gpus: [{index, used_bytes, total_bytes, utilisation (0-1)}] |
| finding | driver, rank | rule, severity, object, message, evidence, next_step |
| stop.request | driver | reason |
| run.end | driver | status (done, stopped, failed), reason, step |

In `step` the six parts are whole microseconds and sum to `duration_us` exactly. The duration runs from the end of the
previous step to the end of this one, so that consecutive steps of a rank leave no gap.
"""  # noqa: E501 - a table

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PHASES = ("command", "check", "cluster", "workers", "imports", "data", "model", "compile")
"""Start-up, in order; what lies between them and the first step is counted as start-up too."""

STEP_PARTS = ("data", "compute", "communication", "optimizer", "checkpoint", "other")

LATEST = 1e11
"""No event is as late as that, in epoch seconds; neither is NaN."""

Event = dict[str, Any]
"""`t` (epoch seconds, float), `kind`, `run`, `writer`, `attempt` (from 1), and the fields of the kind."""


class EventWriter:
    """Appends events to one file. One process, one writer; threads of that process may share it."""

    def __init__(self, folder: Path, run: str, writer: str, attempt: int = 1, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{writer}.jsonl"
        self._run, self._writer, self._attempt, self._clock = run, writer, attempt, clock
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if needs_newline(self._file, self.path):
            os.write(self._file, b"\n")

    def write(self, kind: str, **fields: Any) -> None:
        """Append one event of `kind`. The line is on its way to the disk when this returns (no fsync)."""
        self.append(self.line(kind, self._clock(), fields))

    def line(self, kind: str, t: float, fields: dict[str, Any]) -> bytes:
        """One event of `kind` at `t` (epoch seconds) as it is written. A `t` in `fields` has the last word."""
        event = {"t": round(t, 6), "kind": kind, "run": self._run, "writer": self._writer, "attempt": self._attempt}
        return json.dumps(event | fields, separators=(",", ":")).encode() + b"\n"

    def append(self, lines: bytes) -> None:
        """Append whole lines with one `write`."""
        os.write(self._file, lines)

    def close(self) -> None:
        os.close(self._file)


def needs_newline(file: int, path: Path) -> bool:
    """Whether an earlier writer of this file was killed inside a line."""
    size = os.fstat(file).st_size
    if not size:
        return False
    with path.open("rb") as existing:
        existing.seek(size - 1)
        return existing.read(1) != b"\n"


class EventReader:
    """Reads the events of a run's folder as they come: each call to `new` gives what was appended since the last."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / "events"
        self._offsets: dict[Path, int] = {}
        self.torn_lines = 0

    def new(self) -> list[Event]:
        """New events of all writers, in order of time. A line without its end is left for the next call."""
        events = [event for path in sorted(self._folder.glob("*.jsonl")) for event in self._new_in(path)]
        return sorted(events, key=lambda event: float(event["t"]))

    def _new_in(self, path: Path) -> Iterator[Event]:
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            block = file.read()
        whole, _, _rest = block.rpartition(b"\n")
        self._offsets[path] = self._offsets.get(path, 0) + (len(whole) + 1 if whole else 0)
        for line in whole.splitlines():
            event = parse_event(line)
            if event is None:
                self.torn_lines += bool(line.strip())
            else:
                yield event


def parse_event(line: bytes) -> Event | None:
    """One line as an event, or None when it is torn or not an event."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        return None
    t = event.get("t")
    return event if isinstance(t, int | float) and not isinstance(t, bool) and abs(t) < LATEST else None


def read_events(run_folder: Path) -> list[Event]:
    """All events of a run so far, in order of time."""
    return EventReader(run_folder).new()
