"""Specifications and workers made by hand, for the tests of what runs inside workloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from steelyard.runtime.spec import TrainSpec
from steelyard.runtime.worker import Worker


def make_spec(**changes: Any) -> TrainSpec:
    """A small training of one worker on the CPU, with changes."""
    values: dict[str, Any] = {
        "run": "demo-1", "workload": "demo", "team": None, "blueprint": "demo.yaml", "recipe": "pretrain", "model": "nano-gpt",
        "model_path": None, "script": None, "arguments": (), "data": ("python:stdlib",), "data_folder": "/", "epochs": None, "tokens": None,
        "steps": 10, "sequence": 16, "batch": 4, "workers": 1, "cpus_per_worker": 1, "gpus_per_worker": 0, "precision": "fp32",
        "learning_rate": 1e-3, "seed": 1, "checkpoint_every": 3600.0, "checkpoint_keep": 2, "max_duration": None, "max_price": None,
        "price_micro_hour": None, "price_source": "unknown", "output": "/", "address": None,
    }  # fmt: skip
    return TrainSpec(**(values | changes))


def make_worker(folder: Path, rank: int = 0, world_size: int = 1, **changes: Any) -> Worker:
    """A rank whose run lies in `folder`."""
    folder.mkdir(exist_ok=True)
    return Worker(make_spec(**({"output": str(folder / "output")} | changes)), folder, rank, world_size, 1, torch.device("cpu"))
