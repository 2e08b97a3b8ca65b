"""The product as a person runs it: `steelyard run` in a process of its own, with an empty home."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from steelyard.home import home
from steelyard.local.store import RunStore
from steelyard.runtime.spec import TrainSpec, read_spec
from steelyard.telemetry.events import Event, read_events

BIN = Path(sys.executable).parent
STEELYARD = str(BIN / "steelyard")


@dataclass(frozen=True, slots=True)
class ProductRun:
    """One finished run. `began` is when the command was given, in epoch seconds; `seconds` how long the command took."""

    began: float
    seconds: float
    spec: TrainSpec
    events: tuple[Event, ...]


def run_blueprint(blueprint: str) -> ProductRun:
    """Run a blueprint to its end; a run that fails or loses a worker measures nothing and raises RuntimeError."""
    with tempfile.TemporaryDirectory(prefix="sy-bench-") as folder:
        environment = os.environ | {"STEELYARD_HOME": folder}
        began, clock = time.time(), time.perf_counter()
        done = subprocess.run([STEELYARD, "run", blueprint, "-o", "json"], env=environment, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - clock
        if done.returncode:
            raise RuntimeError(f"steelyard run {blueprint} failed ({done.returncode}):\n{done.stderr[-2000:]}")
        (run,) = RunStore(home(environment)).all()
        events = tuple(read_events(run.path))
        if any(event["kind"] == "attempt.lost" for event in events):
            raise RuntimeError("a worker was lost: this run measures nothing")
        return ProductRun(began, seconds, read_spec(run.path), events)


def steps_of(events: tuple[Event, ...], rank: int) -> list[Event]:
    """The `step` events of one rank, in order."""
    found = [event for event in events if event["kind"] == "step" and event["writer"].startswith(f"rank-{rank}.")]
    return sorted(found, key=lambda event: int(event["step"]))
