"""Doing one run of each kind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.product import BIN, run_blueprint, steps_of
from benchmarks.provenance import ROOT, load
from benchmarks.throughput.measured import Measured
from steelyard.runtime.spec import TrainSpec

BLUEPRINT = ROOT / "src" / "steelyard" / "blueprints" / "01-ray-training" / "training.yaml"
PLAIN = ROOT / "benchmarks" / "throughput" / "plain.py"


@contextmanager
def blueprint_with(steps: int) -> Iterator[Path]:
    """Blueprint 01, with another number of steps and nothing else changed."""
    text, changed = re.subn(r"(?m)^steps:.*$", f"steps: {steps}", BLUEPRINT.read_text())
    if changed != 1:
        raise RuntimeError(f"{BLUEPRINT} has {changed} lines with steps, not one")
    with tempfile.TemporaryDirectory(prefix="sy-bench-") as folder:
        file = Path(folder) / BLUEPRINT.name
        file.write_text(text)
        yield file


def run_steelyard(steps: int, steady_from: int) -> tuple[Measured, TrainSpec]:
    """Through the whole product; also returns what it decided, so that `run_plain` can do the same."""
    before = load()
    with blueprint_with(steps) as blueprint:
        run = run_blueprint(str(blueprint))
    ranks = [steps_of(run.events, rank) for rank in range(run.spec.workers)]
    if any([event["step"] for event in rank] != list(range(1, steps + 1)) for rank in ranks):
        raise RuntimeError(f"not every rank did the steps 1 to {steps} once")
    measured = Measured(
        who="steelyard", load_before=before, seconds=round(run.seconds, 2), tokens_per_step=sum(rank[-1]["tokens"] for rank in ranks),
        durations_us=tuple(event["duration_us"] for event in ranks[0]), losses=tuple(event["loss"] for event in ranks[0]),
        recorder_us=tuple(sum(event["recorder_us"] for event in step) for step in zip(*ranks, strict=True)),
        all_ranks_us=tuple(sum(event["duration_us"] for event in step) for step in zip(*ranks, strict=True)),
        checkpoint_us=sum(event["checkpoint_us"] for event in ranks[0] if event["step"] >= steady_from),
    )
    return measured, run.spec


def run_plain(steps: int, spec: TrainSpec) -> Measured:
    """`torchrun plain.py` with what `spec` says: model, batch, workers, threads."""
    if spec.gpus_per_worker or spec.precision != "fp32":
        raise RuntimeError("plain.py is for CPUs and FP32")
    before, clock = load(), time.perf_counter()
    done = subprocess.run(plain_command(steps, spec), env=plain_environment(spec), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"plain.py failed ({done.returncode}):\n{done.stderr[-2000:]}")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Measured(
        who="plain", load_before=before, seconds=round(time.perf_counter() - clock, 2), tokens_per_step=rows[-1]["tokens"],
        durations_us=tuple(row["duration_us"] for row in rows), losses=tuple(row["loss"] for row in rows),
    )


def plain_command(steps: int, spec: TrainSpec) -> list[str]:
    return [
        str(BIN / "torchrun"), "--standalone", f"--nproc-per-node={spec.workers}", str(PLAIN), f"--steps={steps}", f"--batch={spec.batch}",
        f"--sequence={spec.sequence}", f"--learning-rate={spec.learning_rate}", f"--seed={spec.seed}", f"--threads={spec.cpus_per_worker}",
    ]


def plain_environment(spec: TrainSpec) -> dict[str, str]:
    """The same threads and the same network interface as Steelyard gives its workers."""
    return os.environ | {"OMP_NUM_THREADS": str(spec.cpus_per_worker), "GLOO_SOCKET_IFNAME": "lo"}
