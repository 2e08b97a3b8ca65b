"""The training loop, one for all built-in recipes. A recipe says what to train and on what; this says how a step goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from steelyard.runtime.worker import Worker


class Task(Protocol):
    """What a recipe makes. `model` is not yet prepared for several ranks."""

    model: nn.Module
    batches_per_epoch: float | None
    """Optimizer steps that one pass over the data takes, over all workers; the last one may reach into the next pass."""

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """This rank's part of the step's batch: the same for the same step, so that a resumed run sees the same data."""

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """A scalar to minimise."""

    def state(self, model: nn.Module) -> Mapping[str, Any]:
        """What a checkpoint must hold of the model."""

    def load(self, model: nn.Module, state: Mapping[str, Any]) -> None:
        """Put it back."""

    def started(self, me: Worker) -> None:
        """Before the first step of a fresh run."""

    def finished(self, me: Worker, model: nn.Module) -> None:
        """After the last step, when the run was not stopped: write the output. Called on every rank."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up, then a cosine down to a tenth of the learning rate at the last step."""

    peak: float
    goal: int

    def at(self, step: int) -> float:
        warm_up = max(1, min(50, self.goal // 10))
        if step <= warm_up:
            return self.peak * step / warm_up
        progress = (step - warm_up) / max(1, self.goal - warm_up)
        return self.peak * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def goal_steps(me: Worker, task: Task, tokens_per_step: int) -> int:
    """The blueprint's `steps`, `tokens` or `epochs` as optimizer steps; without any of them, one epoch."""
    if me.spec.steps is not None:
        return me.spec.steps
    if me.spec.tokens is not None:
        return max(1, math.ceil(me.spec.tokens / tokens_per_step))
    if task.batches_per_epoch is None:
        raise ValueError("this data has no end: say `steps:` or `tokens:`")
    return max(1, math.ceil((me.spec.epochs or 1) * task.batches_per_epoch))


def train(me: Worker, task: Task) -> None:
    """Train `task` to its goal, or until the run is asked to stop. Everything that happens is told as events.

    FLOPs a token: 2 forward and 2 backward for each parameter, 2 more for the gradient of each that is trained (6 N when all
    are: Kaplan et al., arXiv 2001.08361, section 2.1).
    """
    model = me.prepare(task.model)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=me.spec.learning_rate, betas=(0.9, 0.95), weight_decay=0.01)
    restore(me, task, model, optimizer)
    tokens_per_step = me.spec.batch * me.spec.sequence
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in trainable)
    goal = goal_steps(me, task, tokens_per_step)
    if me.start_step == 0:
        task.started(me)
    me.begin(goal, tokens_per_step=tokens_per_step, parameters=parameters,
             flops_per_token=4 * parameters + 2 * trained, peak_flops=me.spec.peak_flops)
    schedule = Schedule(me.spec.learning_rate, goal)
    model.train()
    for step in me.steps():
        one_step(me, task, model, optimizer, schedule.at(step), step)
    if not me.stopping() or me.step == goal:
        task.finished(me, me.unwrap(model).eval())


def one_step(me: Worker, task: Task, model: nn.Module, optimizer: torch.optim.Optimizer, rate: float, step: int) -> None:
    """One optimizer step, with the time of each part marked as it ends."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    batch = tuple(part.to(me.device, non_blocking=True) for part in task.batch(step))
    me.mark("data")
    with autocast(me):
        loss = task.loss(model, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    me.mark_backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    value = loss.item()
    me.mark("optimizer")
    me.report(loss=value, tokens=batch[0].numel(), data_bytes=sum(part.nbytes for part in batch))
    me.save_if_due(lambda: {"step": step, "model": task.state(me.unwrap(model)), "optimizer": optimizer.state_dict()})


def autocast(me: Worker) -> torch.autocast:
    return torch.autocast(me.device.type, dtype=torch.bfloat16, enabled=me.spec.precision == "bf16")


def restore(me: Worker, task: Task, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Go on from the latest checkpoint, if there is one. Every rank reads it."""
    state = me.restore()
    if state is None:
        return
    task.load(me.unwrap(model), state["model"])
    optimizer.load_state_dict(state["optimizer"])


def timed(me: Worker, name: str, work: Callable[[], Any]) -> Any:
    """Do `work` and tell it as a start-up phase."""
    start = me.now()
    result = work()
    me.events.write("phase", name=name, start=start)
    return result
