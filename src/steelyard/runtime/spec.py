"""The specification of one run: the only thing that a worker is told. Written to `run.json` by an engine, read by every rank."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

Recipe = Literal["pretrain", "full", "lora", "custom"]
SPEC_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """A training, with everything that had a default decided. Times in seconds, sizes in bytes, money in micro-dollars."""

    run: str
    workload: str
    team: str | None
    blueprint: str
    recipe: Recipe
    model: str | None
    model_path: str | None
    """Folder of a Hugging Face model; None for a model that is built from nothing."""
    script: str | None
    arguments: tuple[str, ...]
    data: tuple[str, ...]
    data_folder: str
    """What relative data paths start from: the folder of the blueprint."""
    epochs: float | None
    tokens: int | None
    steps: int | None
    sequence: int
    batch: int
    """Sequences per optimizer step over all workers."""
    workers: int
    cpus_per_worker: int
    gpus_per_worker: int
    precision: Literal["fp32", "bf16"]
    learning_rate: float
    seed: int
    checkpoint_every: float
    checkpoint_keep: int
    max_duration: float | None
    max_price: int | None
    price_micro_hour: int | None
    price_source: str
    output: str
    address: str | None
    """Of an existing Ray cluster; None starts a private one."""
    mounts: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    peak_flops: float | None = None
    """Of one device at this precision, in FLOP/s, or None when it is not known (so for CPUs)."""
    memory_bytes: int | None = None
    """What sizing expects all workers to need at most, or None when it cannot be known."""
    disk_bytes: int | None = None
    """What the checkpoints and the output need on the state folder's disk."""

    @property
    def batch_per_worker(self) -> int:
        return self.batch // self.workers

    def write(self, run_folder: Path) -> None:
        """Write `run.json`, whole or not at all; readable by the user only, since `env` may hold what is private."""
        target, draft = run_folder / SPEC_FILE, run_folder / f".{SPEC_FILE}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=1)
        draft.replace(target)


def read_spec(run_folder: Path) -> TrainSpec:
    """The specification that `write` left in `run_folder`. Fields of newer versions are passed over."""
    stored: dict[str, Any] = json.loads((run_folder / SPEC_FILE).read_text())
    known = {f.name for f in fields(TrainSpec)}
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known}
    return TrainSpec(**values)
