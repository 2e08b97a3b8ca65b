"""Where Steelyard keeps things on this machine: state (runs, ledger) and cache (models, environments).

`$STEELYARD_HOME` holds both when it is set; else the XDG folders. Nothing is kept in the working folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from steelyard.errors import StateError


@dataclass(frozen=True, slots=True)
class Home:
    """The two folders. They are made, private to the user (0700), when something is first written."""

    state: Path
    cache: Path

    @property
    def runs(self) -> Path:
        return self.state / "runs"

    @property
    def ledger(self) -> Path:
        return self.state / "ledger"


def home(environment: Mapping[str, str] = os.environ) -> Home:
    """The folders that `environment` asks for."""
    if chosen := environment.get("STEELYARD_HOME"):
        root = Path(chosen).expanduser().absolute()
        return Home(root / "state", root / "cache")
    user = Path(environment.get("HOME") or "~").expanduser()
    state = Path(environment.get("XDG_STATE_HOME") or user / ".local" / "state")
    cache = Path(environment.get("XDG_CACHE_HOME") or user / ".cache")
    return Home(state / "steelyard", cache / "steelyard")


def private_folder(path: Path) -> Path:
    """Make `path` and its parents, readable by the user only, and return it."""
    try:
        for folder in (*reversed(path.parents), path):  # `mkdir` would give the mode to the last one only
            folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateError(f"{path} cannot be used: {error.strerror}", next_step="set STEELYARD_HOME to another folder") from error
    return path
