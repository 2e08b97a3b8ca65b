"""What was proven for a commit, kept from one call of `make prove` to the next in a folder that git ignores."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.provenance import ROOT, Commit

STATE = ROOT / "artifacts" / "prove"


@dataclass(frozen=True, slots=True)
class Done:
    """How one step ended. `counts` is what it was told to do, `seen` what its output shows."""

    name: str
    passed: bool
    seconds: float
    date: str
    counts: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    """The last lines of its output."""


class Record:
    """The steps done for one commit. What differs from its commit, or is a trial, is not gone on with."""

    def __init__(self, commit: Commit, trial: bool, folder: Path = STATE) -> None:
        self.folder = folder / (commit.short + ("-trial" if trial else ""))
        self._resumable = not commit.dirty and not trial

    def passed(self, name: str) -> Done | None:
        """The step, if an earlier call has seen it pass."""
        file = self._file(name)
        if not self._resumable or not file.exists():
            return None
        done = Done(**json.loads(file.read_text()))
        return done if done.passed else None

    def keep(self, done: Done) -> None:
        """Whole or not at all: an interrupted call leaves no half-written success."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{done.name}"
        draft.write_text(json.dumps(asdict(done)))
        draft.replace(self._file(done.name))

    def log(self, name: str) -> Path:
        """Where the whole output of a step goes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{name}.log"

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"
