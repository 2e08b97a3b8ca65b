"""Starting the worker group, and starting it again after a loss: one attempt after the other until the work is done.

Each attempt is one `fit` of Ray Train. Whether another one is worth it is decided from the events of the ranks: a
worker that vanished (killed, out of memory, machine gone) is; an error of the script or of the data would come again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from steelyard.runtime.checkpoints import latest_checkpoint
from steelyard.runtime.spec import TrainSpec
from steelyard.telemetry.events import Event, EventWriter, read_events

MAX_LOSSES = 3
"""Attempts that may be lost one after the other without getting further than those before: the same step would kill them again."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the attempts ended. `error` is empty when the goal was reached or a stop was obeyed."""

    step: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """Why an attempt was lost, and whether its own work failed (then it is not tried again)."""

    cause: str
    own: bool


def run_attempts(spec: TrainSpec, run_folder: Path, events: EventWriter, storage: Path) -> Ending:
    """Train to the end. Every attempt, loss and restart is told as an event."""
    number, without_progress, furthest = next_attempt(read_events(run_folder)), 0, saved_step(run_folder)
    while True:
        from_step = saved_step(run_folder)
        events.write("attempt.start", attempt=number, from_step=from_step)
        error = fit(spec, run_folder, number, storage)
        seen = [event for event in read_events(run_folder) if event["attempt"] == number]
        step = max(from_step, last_step(seen))
        if not error:
            return Ending(step)
        loss = judge(seen, error)
        events.write("attempt.lost", attempt=number, cause=loss.cause, step=step)
        without_progress = 0 if step > furthest else without_progress + 1
        furthest = max(furthest, step)
        if loss.own or without_progress >= MAX_LOSSES:
            return Ending(step, loss.cause)
        number += 1


def fit(spec: TrainSpec, run_folder: Path, attempt: int, storage: Path) -> str:
    """One attempt. Returns what Ray said when it was lost, or nothing when it ended well."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig  # noqa: PLC0415 - the extra `train`
    from ray.train.torch import TorchConfig, TorchTrainer  # noqa: PLC0415
    from ray.train.v2.api.exceptions import TrainingFailedError  # noqa: PLC0415

    from steelyard.local.lean_trainer import LeanTrainer  # noqa: PLC0415
    from steelyard.local.torch_group import FileTorchConfig  # noqa: PLC0415
    from steelyard.runtime.ray_rank import ray_rank  # noqa: PLC0415

    resources = {"CPU": spec.cpus_per_worker} | ({"GPU": spec.gpus_per_worker} if spec.gpus_per_worker else {})
    rendezvous = storage / f"rendezvous-{attempt}"
    trainer = (LeanTrainer if spec.address is None else TorchTrainer)(
        ray_rank,
        train_loop_config={"run_folder": str(run_folder), "attempt": attempt, "group_started": time.time()},
        torch_config=FileTorchConfig(rendezvous=str(rendezvous)) if spec.address is None else TorchConfig(),
        scaling_config=ScalingConfig(num_workers=spec.workers, use_gpu=bool(spec.gpus_per_worker), resources_per_worker=resources),
        run_config=RunConfig(
            name=f"{spec.run}-{attempt}", storage_path=str(storage / "train"), failure_config=FailureConfig(max_failures=0)),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        return str(error)
    return ""


def saved_step(run_folder: Path) -> int:
    """The step that the latest checkpoint holds; 0 without one."""
    checkpoint = latest_checkpoint(run_folder / "checkpoints")
    return checkpoint.step if checkpoint else 0


def next_attempt(events: Sequence[Event]) -> int:
    return 1 + max((event["attempt"] for event in events if event["kind"] == "attempt.start"), default=0)


def last_step(events: Sequence[Event]) -> int:
    return max((event["step"] for event in events if event["kind"] == "step"), default=0)


def judge(events: Sequence[Event], error: str) -> Loss:
    """From one attempt's events and what Ray said: the cause in a line, and whose fault it is."""
    started = {event["rank"]: event for event in events if event["kind"] == "worker.start"}
    ended = {event["rank"]: event for event in events if event["kind"] == "worker.end"}
    own = [event for event in ended.values() if event["status"] == "failed" and not event["peer_lost"]]
    if own:
        return Loss(f"rank {own[0]['rank']}: {own[0]['error']}", own=True)
    vanished = [f"rank {rank} (process {event['pid']})" for rank, event in sorted(started.items()) if rank not in ended]
    if vanished:
        return Loss(f"{' and '.join(vanished)} died", own=False)
    return Loss(next((line.strip() for line in error.splitlines() if line.strip()), "unknown"), own=False)
