"""Checkpoints on a file system: written whole or not at all, newest last, only so many kept.

A checkpoint is a folder `step-000040` with `state.pt`, written beside its place and renamed into it, so a process
killed while saving leaves the one before. They load with `weights_only`: tensors and plain values, no code.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = re.compile(r"step-([0-9]{6,})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    path: Path

    @property
    def step(self) -> int:
        return int(self.path.name.removeprefix("step-"))

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir())

    def load(self) -> dict[str, Any]:
        import torch  # noqa: PLC0415 - only processes that train have it

        state: dict[str, Any] = torch.load(self.path / "state.pt", map_location="cpu", weights_only=True)
        return state


def list_checkpoints(folder: Path) -> tuple[Checkpoint, ...]:
    """Whole checkpoints, oldest first."""
    if not folder.is_dir():
        return ()
    found = [Checkpoint(path) for path in folder.iterdir() if NAME.fullmatch(path.name)]
    return tuple(sorted(found, key=lambda checkpoint: checkpoint.step))


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    return next(reversed(list_checkpoints(folder)), None)


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Any], keep: int) -> Checkpoint:
    """Write the state after `step`, then let go of all but the newest `keep`."""
    import torch  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"step-{step:06d}"
    draft = folder / f".draft-{target.name}-{os.getpid()}"
    draft.mkdir(mode=0o700)
    with (draft / "state.pt").open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    if target.exists():  # a step done again after a crash between two saves
        shutil.rmtree(target)
    draft.rename(target)
    sync(folder)
    forget_old(folder, keep)
    return Checkpoint(target)


def sync(folder: Path) -> None:
    """See to it that a rename in `folder` outlives a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    os.fsync(opened)
    os.close(opened)


def forget_old(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints, and what a killed process left half written."""
    for checkpoint in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(checkpoint.path, ignore_errors=True)
    for draft in folder.glob(".draft-*"):
        shutil.rmtree(draft, ignore_errors=True)
