"""What a workload needs, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from steelyard.findings import Finding


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate with its interval and its source: `low <= likely <= high`."""

    low: int
    likely: int
    high: int
    source: str


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to carry a workload: `workers` data-parallel copies on one kind of device."""

    device: Literal["cpu", "gpu"]
    workers: int
    precision: Literal["fp32", "bf16"]
    batch: int
    """Sequences per optimizer step over all workers."""
    sequence: int
    memory: Mapping[str, Figure]
    """Bytes of one worker by part: weights, gradients, optimizer, activations, runtime."""
    memory_known: bool
    """False when a part cannot be known (a user's own script, a model without dimensions)."""
    disk: int | None
    """Bytes for the checkpoints that are kept, one more while it is written, and the output."""

    @property
    def memory_per_worker(self) -> Figure | None:
        """All parts of one worker together, or None when one is unknown."""
        if not self.memory_known:
            return None
        parts = self.memory.values()
        low, likely, high = (sum(column) for column in zip(*((part.low, part.likely, part.high) for part in parts), strict=True))
        return Figure(low, likely, high, "sum of the parts")


@dataclass(frozen=True, slots=True)
class Need:
    """A workload with every layout that could carry it. No layout: `findings` say why."""

    workload: str
    layouts: tuple[Layout, ...]
    findings: tuple[Finding, ...] = ()
