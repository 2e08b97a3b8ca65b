"""One rank, from its first line to its last: called in each worker process by an engine, whatever started the process."""

from __future__ import annotations

import os
import runpy
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from steelyard.runtime.corpus import DataError
from steelyard.runtime.spec import TrainSpec
from steelyard.runtime.worker import Worker, become

if TYPE_CHECKING:
    import torch


class ScriptError(Exception):
    """The user's script ended itself with an error status."""


def run_rank(spec: TrainSpec, run_folder: Path, rank: int, world_size: int, attempt: int, group_started: float) -> None:
    """Do this rank's part of the run. Torch's process group exists already when there is more than one rank.

    `group_started` is when the engine began to start the workers, in epoch seconds.
    """
    with captured_output(run_folder / "logs" / f"rank-{rank}.{attempt}.log"):
        import torch  # noqa: PLC0415 - after the output is captured, since it may warn

        device = pick_device(spec)
        torch.set_num_threads(max(1, spec.cpus_per_worker))
        me = Worker(spec, run_folder, rank, world_size, attempt, device)
        me.events.write("worker.start", rank=rank, world=world_size, pid=os.getpid(), host=os.uname().nodename)
        me.events.write("phase", name="workers", start=group_started)
        try:
            with me.sampler:
                carry_out(me)
        finally:
            me.close()


def carry_out(me: Worker) -> None:
    """Run the recipe, and tell how it ended."""
    become(me)
    try:
        see_each_other(me)
        (run_script if me.spec.recipe == "custom" else run_recipe)(me)
    except Exception as error:  # the edge of the worker process: what went wrong becomes an event, then travels on
        me.events.write("worker.end", rank=me.rank, status="failed", error=describe(error), peer_lost=is_peer_lost(error))
        traceback.print_exc()
        raise
    me.events.write("worker.end", rank=me.rank, status="done", step=me.step)


def run_recipe(me: Worker) -> None:
    start = time.time()
    from steelyard.runtime.finetune import Finetune  # noqa: PLC0415 - imports are a phase of their own
    from steelyard.runtime.pretrain import Pretrain  # noqa: PLC0415
    from steelyard.runtime.training import train  # noqa: PLC0415

    me.events.write("phase", name="imports", start=start)
    train(me, Pretrain(me) if me.spec.recipe == "pretrain" else Finetune(me))


def run_script(me: Worker) -> None:
    """Run the user's own script as `__main__`, with its arguments."""
    script = str(me.spec.script)
    sys.argv = [script, *me.spec.arguments]
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ending:  # a script may end so, as under `python train.py`
        if ending.code not in (None, 0):
            raise ScriptError(f"{Path(script).name} ended with {ending.code}") from ending


def see_each_other(me: Worker) -> None:
    """Preflight between workers: each adds its number, and all must get the sum."""
    if me.world_size == 1:
        return
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    total = torch.tensor([me.rank + 1], device=me.device)
    distributed.all_reduce(total)
    expected = me.world_size * (me.world_size + 1) // 2
    if int(total) != expected:
        message = f"the workers do not see each other: the sum of their numbers is {int(total)}, not {expected}"
        me.events.write("finding", rule="workers-apart", severity="error", object=me.spec.workload, message=message,
                        evidence=f"{me.world_size} workers, rank {me.rank}", next_step="look for a firewall between the workers")
        raise RuntimeError(message)


def pick_device(spec: TrainSpec) -> torch.device:
    import torch  # noqa: PLC0415

    return torch.device("cuda", torch.cuda.current_device()) if spec.gpus_per_worker else torch.device("cpu")


def is_peer_lost(error: Exception) -> bool:
    """Whether this rank failed only because another one vanished: the collective libraries say so in words."""
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(word in text for word in ("gloo", "nccl", "connection closed", "connection reset"))


def describe(error: Exception) -> str:
    """One line for a person."""
    return f"{error}" if isinstance(error, DataError) else f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def captured_output(log: Path) -> Iterator[None]:
    """Everything this process prints, libraries in C included, goes to `log`, line by line."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = os.dup(1), os.dup(2)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    streams = sys.stdout, sys.stderr
    # Not closed afterwards: loggers may keep them.
    out, err = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = streams
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
