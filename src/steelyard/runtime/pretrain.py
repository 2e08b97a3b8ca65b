"""The recipe `pretrain`: a nano GPT over bytes, from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steelyard.runtime.corpus import DataError, find_files, read_bytes
from steelyard.runtime.dimensions import NanoGPTConfig
from steelyard.runtime.nano_gpt import NanoGPT
from steelyard.runtime.training import timed
from steelyard.runtime.worker import Worker


class Pretrain:
    """Random windows of the text; the model predicts each next byte."""

    batches_per_epoch: float | None

    def __init__(self, me: Worker) -> None:
        spec = me.spec
        text = timed(me, "data", lambda: read_bytes(find_files(spec.data, Path(spec.data_folder))))
        if len(text) <= spec.sequence + 1:
            raise DataError(f"{len(text)} bytes of data are less than one sequence of {spec.sequence} bytes")
        self.text = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        torch.manual_seed(spec.seed)
        self.model: nn.Module = timed(me, "model", lambda: NanoGPT(NanoGPTConfig(context=spec.sequence)))
        self.batches_per_epoch = len(text) / (spec.batch * spec.sequence)
        self._rank, self._world, self._seed = me.rank, me.world_size, spec.seed
        self._windows, self._sequence = spec.batch_per_worker, spec.sequence

    def batch(self, step: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + step) * self._world + self._rank)
        starts = torch.randint(len(self.text) - self._sequence - 1, (self._windows, 1), generator=generator)
        windows = self.text[starts + torch.arange(self._sequence + 1)].long()
        return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        loss: Tensor = model(*batch)
        return loss

    def state(self, model: nn.Module) -> Mapping[str, Any]:
        return model.state_dict()

    def load(self, model: nn.Module, state: Mapping[str, Any]) -> None:
        model.load_state_dict(state)

    def started(self, me: Worker) -> None:
        """Nothing to measure before an untrained model."""

    def finished(self, me: Worker, model: nn.Module) -> None:
        if me.is_first:
            me.output.mkdir(parents=True, exist_ok=True)
            torch.save(model.state_dict(), me.output / "model.pt")
