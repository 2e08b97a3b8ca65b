"""Runs and stories made by hand, for the tests of the commands."""

import json
from pathlib import Path
from typing import Any

from steelyard.findings import Finding
from steelyard.ledger.store import LedgerWriter
from steelyard.ledger.usage import Holding
from steelyard.local.store import RunFolder
from steelyard.telemetry.records import Attempt, Goodput, Phase, StepRow, Story

NOW = 1_000_100.0


def step_row(step: int, loss: float | None, attempt: int = 1) -> StepRow:
    parts = {"data": 10_000, "compute": 250_000, "communication": 50_000, "optimizer": 30_000, "checkpoint": 0, "other": 3_000}
    return StepRow(1_000_020.0 + step, attempt, step, sum(parts.values()), parts, loss, 4096)


def story(**changes: Any) -> Story:
    """A run that did 2 of 200 steps, with changes."""
    values: dict[str, Any] = {
        "run": "ray-training-1", "workload": "ray-training", "team": "nlp", "status": "Running", "reason": "", "started": 1_000_000.0,
        "ended": None, "workers": 2, "goal_steps": 200, "parameters": 1_853_568, "tokens_per_step": 4096,
        "attempts": (Attempt(1, 1_000_001.0, 0),),
        "phases": (Phase("cluster", 1_000_001.0, 1_000_008.0, "driver", 1), Phase("imports", 1_000_008.0, 1_000_012.0, "rank-0.1", 1),
                   Phase("imports", 1_000_008.0, 1_000_014.0, "rank-1.1", 1)),
        "steps": (step_row(1, 5.55), step_row(2, 5.31)), "wasted_steps": 0, "checkpoints": (), "evaluations": (), "metrics": (),
        "samples": (), "findings": (), "goodput": Goodput(100_000_000, 58_000_000, {"start-up": 40_000_000, "data": 2_000_000, "other": 0}),
        "tokens_per_second": 12_400.0, "mfu": None, "first_step_after": 21.0, "cpu_seconds": 3.0, "price_micro_hour": None,
    }  # fmt: skip
    return Story(**(values | changes))


FINDING = Finding("data-wait", "warning", "ray-training-1", "62% of the step is data wait", evidence="2 workers read 40 MB/s from one disk")


def write_run(home_folder: Path, name: str, *, done: bool = True) -> RunFolder:
    """A run as its files: five steps of rank 0, logs of three writers, one checkpoint event."""
    folder = home_folder / "state" / "runs" / name
    (folder / "logs").mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    events: list[dict[str, Any]] = [
        {"t": 1000.0, "kind": "run.start", "writer": "driver", "workload": name.rpartition("-")[0], "team": None, "pid": 1,
         "resumed": False, "workers": 2, "price_micro_hour": None},
        {"t": 1001.0, "kind": "attempt.start", "writer": "driver", "from_step": 0},
        {"t": 1020.0, "kind": "train.start", "writer": "rank-0.1", "start_step": 0, "steps": 5, "parameters": 100, "tokens_per_step": 10,
         "flops_per_token": 600, "peak_flops": None},
        *(step_event(step) for step in range(1, 6)),
        {"t": 1027.0, "kind": "checkpoint", "writer": "rank-0.1", "step": 5, "duration_us": 100_000, "bytes": 2048, "path": "step-000005"},
        {"t": 1028.0, "kind": "run.end", "writer": "driver", "status": "done", "reason": "5 steps", "step": 5},
    ]  # fmt: skip
    write_events(folder, name, events if done else events[:-1])
    (folder / "logs" / "driver.log").write_text("starting\n")
    (folder / "logs" / "rank-0.1.log").write_text("hello from 0\n")
    (folder / "logs" / "rank-1.1.log").write_text("hello from 1\nno end")
    return RunFolder(folder)


def step_event(step: int) -> dict[str, Any]:
    parts = {"data_us": 0, "compute_us": 900_000, "communication_us": 100_000, "optimizer_us": 0, "checkpoint_us": 0, "other_us": 0}
    return {"t": 1020.0 + step, "kind": "step", "writer": "rank-0.1", "step": step, "duration_us": 1_000_000, **parts,
            "loss": 6.0 - step, "tokens": 5, "data_bytes": 5, "recorder_us": 1}  # fmt: skip


def write_events(folder: Path, run: str, events: list[dict[str, Any]]) -> None:
    (folder / "events").mkdir(parents=True, exist_ok=True)
    for event in events:
        with (folder / "events" / f"{event['writer']}.jsonl").open("a") as file:
            file.write(json.dumps({"run": run, "attempt": 1} | event) + "\n")


def write_usage(home_folder: Path, run: str) -> None:
    """What such a run leaves in the ledger: 28 seconds of this machine, its price unknown."""
    holding = Holding(run, run.rpartition("-")[0], None, "01-ray-training", "here", 2.0, 2.0, 2**30, 2**34, (), (), None, "unknown")
    writer = LedgerWriter(home_folder / "state" / "ledger")
    writer.end(writer.start(holding, 1_000_000_000, 1), 1_028_000_000, "done", 0.9, 0)
    writer.close()
