"""What a training script sees of the run it is part of. The built-in recipes use the same few calls as a user's script.

    from steelyard import worker

    me = worker()                                  # rank, world_size, device, spec, mounts
    model = me.prepare(build_model())              # on the device, gradients averaged over all workers
    optimizer = torch.optim.AdamW(model.parameters())
    state = me.restore()                           # what the last checkpoint held, or None
    if state:
        me.unwrap(model).load_state_dict(state["model"])

    for step in me.steps(200):                     # goes on after the last checkpoint; ends early when asked to
        batch = next(batches)
        me.mark("data")                            # the time since the last mark was data wait
        loss = model(batch)
        loss.backward()
        me.mark_backward()                         # compute, and the communication it did not hide
        optimizer.step()
        optimizer.zero_grad()
        me.mark("optimizer")
        me.report(loss=loss.item(), tokens=batch.numel())
        me.save_if_due(lambda: {"model": me.unwrap(model).state_dict()})

Everything that a mark does not name is counted as `other`; a script without marks works, and its steps are all `other`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steelyard.runtime.checkpoints import latest_checkpoint, save_checkpoint
from steelyard.runtime.control import stop_reason
from steelyard.runtime.spec import TrainSpec
from steelyard.telemetry.events import EventWriter
from steelyard.telemetry.recorder import StepRecorder
from steelyard.telemetry.sampler import Sampler

if TYPE_CHECKING:
    import torch
    from torch import nn

AGREE_EVERY = 0.5
"""Seconds between two moments at which the ranks agree whether to checkpoint or to stop: a broadcast of three numbers."""
UNREPORTED: dict[str, Any] = {"loss": None, "tokens": 0, "data_bytes": 0}
"""A step of which the script reported nothing."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What rank 0 tells all ranks at such a moment."""

    checkpoint: bool = False
    stop: bool = False
    next_agreement: int = 1
    """The step at which to agree again."""


class Worker:
    """One rank of a run. Made by the engine; `worker()` gives it to a script."""

    def __init__(self, spec: TrainSpec, run_folder: Path, rank: int, world_size: int, attempt: int, device: torch.device) -> None:
        self.spec, self.run_folder = spec, run_folder
        self.rank, self.world_size, self.attempt, self.device = rank, world_size, attempt, device
        self.events = EventWriter(run_folder / "events", spec.run, f"rank-{rank}.{attempt}", attempt)
        self.mounts = {path: Path(folder) for path, folder in spec.mounts.items()}
        self.output = Path(spec.output)
        self.step = 0
        self.start_step = 0
        self.goal: int | None = None
        self.sampler = Sampler(self.events)
        self._recorder = StepRecorder(self.events, background=self.sampler.cpu_ns)
        self._agreed_at = time.monotonic()
        self._agreed_step = 0
        self._orders = Orders()
        self._last_checkpoint = time.monotonic()
        self._saved_step = 0
        self._report: dict[str, Any] = {}
        self._gradients_ready: Any = None
        self._stepping = False

    @property
    def checkpoints(self) -> Path:
        return self.run_folder / "checkpoints"

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which saves what there is to save."""
        return self.rank == 0

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def mount(self, path: str) -> Path:
        """The folder behind a mount path of the blueprint's `storage`."""
        return self.mounts[path]

    # Model -----------------------------------------------------------------------------------------------------------

    def prepare(self, model: nn.Module) -> nn.Module:
        """`model` on this rank's device; with several ranks its gradients are averaged while they are computed."""
        model = model.to(self.device)
        if self.world_size == 1:
            return model
        from torch.nn.parallel import DistributedDataParallel  # noqa: PLC0415

        devices = [self.device] if self.device.type == "cuda" else None
        wrapped = DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)
        wrapped.register_comm_hook(self, reduce_and_mark)
        return wrapped

    def unwrap(self, model: nn.Module) -> nn.Module:
        """The model as it was before `prepare`."""
        inner: nn.Module = getattr(model, "module", model)
        return inner

    # State -----------------------------------------------------------------------------------------------------------

    def restore(self) -> dict[str, Any] | None:
        """What the latest checkpoint holds, or None on a first start. `steps` goes on after its step."""
        checkpoint = latest_checkpoint(self.checkpoints)
        if checkpoint is None:
            return None
        began = time.perf_counter_ns()
        state = checkpoint.load()
        self.start_step = self.step = self._saved_step = checkpoint.step
        self.events.write("restore", step=checkpoint.step, duration_us=(time.perf_counter_ns() - began) // 1000)
        return state

    def save_if_due(self, state: Callable[[], Mapping[str, Any]]) -> bool:
        """Save `state()` after this step if a checkpoint is due: its time has come, the run ends, or it was asked to stop."""
        due = self._orders.checkpoint or self.step == self.goal
        if due and self._saved_step != self.step:
            self._save(state)
        return due

    def _save(self, state: Callable[[], Mapping[str, Any]]) -> None:
        self._recorder.mark("other")
        if self.is_first:
            self._recorder.saving(self.step, **(UNREPORTED | self._report))
            began = time.perf_counter_ns()
            saved = save_checkpoint(self.checkpoints, self.step, state(), self.spec.checkpoint_keep)
            took = (time.perf_counter_ns() - began) // 1000
            self.events.write("checkpoint", step=self.step, duration_us=took, bytes=saved.size, path=str(saved.path))
        self._last_checkpoint = time.monotonic()
        self._saved_step = self.step
        self._recorder.mark("checkpoint")

    # Steps -----------------------------------------------------------------------------------------------------------

    def begin(self, goal: int, *, tokens_per_step: int | None = None, parameters: int | None = None,
              flops_per_token: int | None = None, peak_flops: float | None = None) -> None:
        """Say what this training is, once, before its steps. `steps` does it for a script that did not."""
        self.goal = goal
        self.events.write("train.start", start_step=self.start_step, steps=goal, parameters=parameters,
                          tokens_per_step=tokens_per_step, flops_per_token=flops_per_token, peak_flops=peak_flops)

    def steps(self, goal: int | None = None) -> Iterator[int]:
        """The numbers of the steps to do, from the one after the last checkpoint to `goal` (or the blueprint's `steps`)."""
        if self._stepping:
            raise RuntimeError("steps() was called before: a run has one loop over its steps")
        self._stepping = True
        if self.goal is None:
            wanted = goal if goal is not None else self.spec.steps
            if wanted is None:
                raise ValueError("how many steps? give steps(N), or `steps:` in the blueprint")
            self.begin(wanted)
        self._recorder.begin()
        self._agreed_at, self._agreed_step = time.monotonic(), self.start_step
        for step in range(self.start_step + 1, (self.goal or 0) + 1):
            self.step = step
            if step >= self._orders.next_agreement:
                self._orders = self._agree()
            elif self._orders.checkpoint:
                self._orders = Orders(next_agreement=self._orders.next_agreement)
            yield step
            self._recorder.end_step(step, **(UNREPORTED | self._report))
            self._report = {}
            if self._orders.stop:
                return

    def mark(self, part: str) -> None:
        """The time since the last mark went to `part`: data, compute, communication, optimizer, checkpoint or other."""
        self._finish_device()
        self._recorder.mark(part)

    def mark_backward(self) -> None:
        """After `backward()`: what came after the last gradient was ready is communication that compute did not hide."""
        self._finish_device()
        if self._gradients_ready is not None:  # on a GPU the hook runs ahead of the device, so the device's own clock tells
            exposed_us = int(self._gradients_ready.elapsed_time(self._event()) * 1000)
            self._gradients_ready = None
            self._recorder.mark("compute")
            self._recorder.move("compute", "communication", exposed_us)
        else:
            self._recorder.mark("compute" if self.world_size == 1 else "communication")

    def gradients_ready(self) -> None:
        """A bucket of gradients is about to be averaged: what was done until now is compute. Called while `backward` runs."""
        if self.device.type == "cuda":
            self._gradients_ready = self._event(wait=False)
        else:
            self._recorder.mark("compute")

    def _finish_device(self) -> None:
        """Kernels run behind the program; a mark means that they are done."""
        if self.device.type == "cuda":
            import torch  # noqa: PLC0415

            torch.cuda.synchronize(self.device)

    def _event(self, *, wait: bool = True) -> Any:
        """A moment on the device's own clock, reached already if `wait`."""
        import torch  # noqa: PLC0415

        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        if wait:
            event.synchronize()
        return event

    def report(self, *, loss: float | None = None, tokens: int = 0, data_bytes: int = 0, **metrics: float) -> None:
        """This step's figures: the loss, this rank's tokens, the bytes it read; any other name is a metric of your own."""
        self._report = {"loss": loss, "tokens": tokens, "data_bytes": data_bytes}
        for name, value in metrics.items():
            self.events.write("metric", step=self.step, name=name, value=float(value))

    def evaluation(self, name: str, value: float) -> None:
        """A figure about the model, such as the loss on held-out data."""
        self.events.write("evaluation", step=self.step, name=name, value=value)

    def stopping(self) -> bool:
        """Whether this step is the last because the run was asked to stop."""
        return self._orders.stop

    def _agree(self) -> Orders:
        """Rank 0 decides, every rank hears it. All ranks call this at the same steps."""
        orders = self._decide() if self.is_first else Orders()
        if self.world_size == 1:
            return orders
        import torch  # noqa: PLC0415
        from torch import distributed  # noqa: PLC0415

        told = torch.tensor([orders.checkpoint, orders.stop, orders.next_agreement], device=self.device)
        distributed.broadcast(told, src=0)
        checkpoint, stop, next_agreement = told.tolist()
        return Orders(bool(checkpoint), bool(stop), int(next_agreement))

    def _decide(self) -> Orders:
        stop = stop_reason(self.run_folder) is not None
        due = time.monotonic() - self._last_checkpoint >= self.spec.checkpoint_every
        now, done = time.monotonic(), self.step - 1 - self._agreed_step
        step_seconds = (now - self._agreed_at) / done if done else AGREE_EVERY
        self._agreed_at, self._agreed_step = now, self.step - 1
        return Orders(checkpoint=due or stop, stop=stop, next_agreement=self.step + max(1, int(AGREE_EVERY / step_seconds)))

    def close(self) -> None:
        """Write what is still in memory and let go of the event file."""
        self.sampler.close()
        self._recorder.flush()
        self.events.close()


def reduce_and_mark(me, bucket):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - torch refuses annotations that are text
    """A communication hook of DistributedDataParallel: average the bucket, and remember that its gradients were ready now.

    Until the last bucket is ready the device computes; what `backward` takes after that is exposed communication.
    """
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook  # noqa: PLC0415

    me.gradients_ready()
    return allreduce_hook(None, bucket)  # type: ignore[arg-type]  # None is the default group


_current: list[Worker] = []


def worker() -> Worker:
    """The rank that this process is. Outside a run: an error that says how to start one."""
    if not _current:
        raise RuntimeError(f"no run: start this script by a blueprint with `script:` and `steelyard run` (process {os.getpid()})")
    return _current[-1]


def become(me: Worker) -> None:
    """Make `worker()` answer `me` in this process."""
    _current[:] = [me]
