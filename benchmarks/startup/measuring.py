"""Timing commands from outside."""

from __future__ import annotations

import resource
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.bars import Bar, Cell
from benchmarks.median import median_interval, median_of
from benchmarks.product import STEELYARD, ProductRun, run_blueprint, steps_of
from benchmarks.provenance import load

HELP = (STEELYARD, "--help")
VALIDATE = (STEELYARD, "validate", "01-ray-training")
BLUEPRINT = "01-ray-training"


@dataclass(frozen=True, slots=True)
class Start:
    """One training from its command to its first step, in seconds. `phases`: the parts that Steelyard tells of, of rank 0."""

    first_step: float
    phases: dict[str, float]
    load_before: tuple[float, ...]


def cpu_seconds(command: tuple[str, ...], allowed: tuple[int, ...] = (0,)) -> float:
    """CPU time of one command and all that it waited for. Raises CalledProcessError for another exit status than the `allowed`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in allowed:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, 4)


def start(pause: float) -> Start:
    """Run blueprint 01 to its end and see when its first step was done."""
    before = load()
    run = run_blueprint(BLUEPRINT)
    time.sleep(pause)
    return start_of(run, before)


def start_of(run: ProductRun, load_before: tuple[float, ...]) -> Start:
    """What a finished run says of its start."""
    phases = {event["name"]: round(event["t"] - event["start"], 3) for event in run.events
              if event["kind"] == "phase" and event["writer"].startswith(("driver", "rank-0."))}
    return Start(round(steps_of(run.events, 0)[0]["t"] - run.began, 3), phases, load_before)


def cell(bar: Bar, values: list[float]) -> Cell:
    """The median against its bar, with the interval and the largest beside it."""
    interval = median_interval(values)
    sure = f"{interval.coverage:.1%} interval {interval.low:.3f} to {interval.high:.3f}" if interval else "too few for a 95% interval"
    return Cell(bar, median_of(values), f"{sure}; at most {max(values):.3f} of {len(values)} runs")


def summary(values: list[float]) -> dict[str, Any]:
    return {"median": median_of(values), "max": max(values), "runs": values}
