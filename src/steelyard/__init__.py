"""Steelyard weighs AI workloads before they run, runs them, watches them, prices them, and says what is wrong and why.

    from steelyard import Train, plan, read, worker

    blueprint = read("train.yaml")          # or BlueprintError: every problem with its place
    plan("chat.yaml").price_micro_hour      # weighed before anything is rented
    Train(name="mine", script="train.py")   # the same classes as in YAML
    me = worker()                           # inside a training script: rank, checkpoints, metrics

Names are imported when they are first used, so that `import steelyard` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steelyard.blueprint import Batch, Notebook, Platform, Rag, Serve, Team, Train, read
    from steelyard.errors import (
        BlueprintError,
        InfeasibleError,
        LedgerError,
        MissingExtraError,
        NotFoundError,
        RunFailedError,
        StateError,
        SteelyardError,
    )
    from steelyard.runtime.worker import worker
    from steelyard.verbs.plan import plan

__version__ = "0.1.0"

_HOMES = {
    "steelyard.blueprint": ("Batch", "Notebook", "Platform", "Rag", "Serve", "Team", "Train", "read"),
    "steelyard.errors": (
        "BlueprintError", "InfeasibleError", "LedgerError", "MissingExtraError", "NotFoundError", "RunFailedError", "StateError",
        "SteelyardError",
    ),
    "steelyard.runtime.worker": ("worker",),
    "steelyard.verbs.plan": ("plan",),
}  # fmt: skip
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Batch", "BlueprintError", "InfeasibleError", "LedgerError", "MissingExtraError", "NotFoundError", "Notebook", "Platform", "Rag",
    "RunFailedError", "Serve", "StateError", "SteelyardError", "Team", "Train", "__version__", "plan", "read", "worker",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'steelyard' has no attribute '{name}'")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
