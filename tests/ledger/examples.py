"""Holdings and usages that the ledger's tests share."""

from __future__ import annotations

from typing import Any

from steelyard.ledger.usage import Holding, Usage

HOUR = 3_600_000_000
GIB = 2**30


def holding(**fields: Any) -> Holding:
    """Two CPUs of a node with four at $0.36 an hour, unless `fields` say otherwise."""
    given: dict[str, Any] = {
        "run": "train-1", "workload": "train", "team": "nlp", "blueprint": "train.yaml", "node": "desk", "cpus": 2.0, "node_cpus": 4.0,
        "memory_bytes": 4 * GIB, "node_memory_bytes": 16 * GIB, "devices": (), "node_devices": (), "price_micro_hour": 360_000,
        "price_source": "Platform prices in platform.yaml", "labels": (("experiment", "ablation-3"),),
    }  # fmt: skip
    return Holding(**given | fields)


def usage(name: str = "a", start_us: int = 0, end_us: int = HOUR, *, ratio: float | None = 0.5, wasted_us: int = 0, **fields: Any) -> Usage:
    """A usage that is over, of `holding(**fields)`."""
    return Usage(name, holding(**fields), start_us, end_us, open=False, reason="done", used_ratio=ratio, attempt=1, wasted_us=wasted_us)
