"""One rank as Ray Train calls it: where it stands is asked of Ray, everything else is `runtime.rank`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from steelyard.runtime.rank import run_rank
from steelyard.runtime.spec import read_spec


def ray_rank(config: dict[str, Any]) -> None:
    """The loop that a `TorchTrainer` runs in each worker. `config`: run_folder, attempt, group_started (epoch seconds)."""
    import ray.train  # noqa: PLC0415 - the extra `train`

    context = ray.train.get_context()
    folder = Path(config["run_folder"])
    spec = read_spec(folder)
    os.environ.update(spec.env)
    os.umask(0o077)  # whatever a run writes is the user's own
    run_rank(spec, folder, context.get_world_rank(), context.get_world_size(), config["attempt"], config["group_started"])
