"""A made-up run whose clock the test moves: what its driver and its ranks would have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steelyard.telemetry.events import Event, EventWriter, read_events
from steelyard.telemetry.story import Story, tell

PARTS = {"data": 50_000, "compute": 700_000, "communication": 100_000, "optimizer": 100_000, "checkpoint": 0, "other": 50_000}


class MadeUpRun:
    """Starts at 1,000 s with two workers. `driver` and `rank` write events at the time `now`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "demo-1"
        self.now = 1000.0
        self.attempt = 1
        self._writers: dict[str, EventWriter] = {}

    def _write(self, writer: str, kind: str, attempt: int, fields: dict[str, Any]) -> None:
        if writer not in self._writers:
            self._writers[writer] = EventWriter(self.folder / "events", "demo-1", writer, attempt, clock=lambda: self.now)
        self._writers[writer].write(kind, **fields)

    def driver(self, kind: str, **fields: Any) -> None:
        self._write("driver", kind, 1, {"attempt": self.attempt} | fields)

    def rank(self, kind: str, rank: int = 0, **fields: Any) -> None:
        self._write(f"rank-{rank}.{self.attempt}", kind, self.attempt, fields)

    def start(self, resumed: bool = False, price: int | None = None) -> None:
        self.driver("run.start", workload="demo", team="nlp", pid=1, resumed=resumed, workers=2, price_micro_hour=price)

    def attempt_start(self, from_step: int = 0, peak: float | None = None) -> None:
        self.driver("attempt.start", from_step=from_step)
        self.rank("train.start", start_step=from_step + 1, steps=100, parameters=1000, tokens_per_step=200,
                  flops_per_token=6000.0, peak_flops=peak)

    def steps(self, first: int, last: int, rank: int = 0, **parts: int) -> None:
        """Steps of one second (unless `parts`, in microseconds, say otherwise), one after the other."""
        spent = PARTS | parts
        for step in range(first, last + 1):
            self.now = round(self.now + sum(spent.values()) / 1e6, 6)
            self.step_event(step, rank, spent)

    def step_event(self, step: int, rank: int, spent: dict[str, int]) -> None:
        self.rank("step", rank, **step_fields(step, spent))

    def checkpoint(self, step: int, duration_us: int = 0) -> None:
        self.rank("checkpoint", step=step, duration_us=duration_us, bytes=1000, path=f"checkpoints/{step}")

    def lose_workers(self, step: int, cause: str = "worker 1 was killed") -> None:
        self.driver("attempt.lost", cause=cause, step=step)
        self.attempt += 1

    def end(self, status: str = "done", reason: str = "", step: int = 0) -> None:
        self.driver("run.end", status=status, reason=reason, step=step)

    def story(self, alive: bool = True) -> Story:
        return tell(self.folder, now=self.now, alive=alive)

    def events(self) -> list[Event]:
        return read_events(self.folder)


def step_fields(step: int, spent: dict[str, int], data_bytes: int = 400) -> dict[str, Any]:
    """The fields of a `step` event."""
    return {"step": step, "duration_us": sum(spent.values()), **{f"{part}_us": us for part, us in spent.items()},
            "loss": 6.0 - step / 100, "tokens": 100, "data_bytes": data_bytes, "recorder_us": 50}
