"""The runs of this machine, as folders. `steelyard run` makes them; every other command finds them here.

A run is alive for as long as its driver holds the lock on the file `alive`; the kernel lets go of it however the
driver ends, so a killed run is never shown as running.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steelyard.errors import NotFoundError, StateError
from steelyard.home import Home, private_folder
from steelyard.telemetry.story import Story, tell

GONE = ".gone-"
"""Before the name of a run that was deleted: an empty file."""
RUN_NAME = re.compile(r"(?P<workload>[^.].*)-(?P<number>[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder; see `telemetry.events` for what lies in it."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def workload(self) -> str:
        return self.name.rpartition("-")[0]

    @property
    def number(self) -> int:
        return int(self.name.rpartition("-")[2])

    def is_alive(self) -> bool:
        """Whether a driver holds this run's lock now."""
        try:
            file = os.open(self.path / "alive", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def story(self) -> Story:
        return tell(self.path, now=time.time(), alive=self.is_alive())


class RunStore:
    """All runs under one home."""

    def __init__(self, home: Home) -> None:
        self.root = home.runs

    def all(self) -> tuple[RunFolder, ...]:
        """Every run, by workload and number."""
        if not self.root.is_dir():
            return ()
        folders = [RunFolder(path) for path in self.root.iterdir() if RUN_NAME.fullmatch(path.name) and (path / "run.json").is_file()]
        return tuple(sorted(folders, key=lambda run: (run.workload, run.number)))

    def find(self, name: str) -> RunFolder:
        """The run of that name; a workload's name means its latest run."""
        runs = self.all()
        exact = [run for run in runs if run.name == name]
        of_workload = [run for run in runs if run.workload == name]
        if found := (exact or of_workload):
            return found[-1]
        known = sorted({run.name for run in runs} | {run.workload for run in runs})
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise NotFoundError(f"no run named '{name}' here{hint}", next_step="steelyard get" if runs else "steelyard run 01-ray-training")

    def create(self, workload: str) -> RunFolder:
        """A new folder for the next run of `workload`; two commands at once get different numbers."""
        private_folder(self.root)
        number = 1 + max((run.number for run in self._numbered(workload)), default=0)
        while True:
            path = self.root / f"{workload}-{number}"
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                number += 1
                continue
            return RunFolder(path)

    def _numbered(self, workload: str) -> Iterator[RunFolder]:
        """Every run of `workload` that ever was: a number is not used again, since the ledger remembers it."""
        for path in self.root.iterdir():
            match = RUN_NAME.fullmatch(path.name.removeprefix(GONE))
            if match and match["workload"] == workload:
                yield RunFolder(path)

    def delete(self, run: RunFolder) -> None:
        """Remove a run that is over. What it cost stays in the ledger."""
        if run.is_alive():
            raise StateError(f"{run.name} is still running", next_step="press Ctrl-C where it runs, then delete it")
        run.path.with_name(GONE + run.name).touch(mode=0o600)
        trash = run.path.with_name(f".deleted-{run.name}-{os.getpid()}")
        run.path.rename(trash)  # at once and whole, so that nobody sees half a run
        shutil.rmtree(trash)


LOCK_PATIENCE = 1.0
"""Seconds within which those who only look whether a run is alive have let go of its lock."""


def locked(file: int) -> bool:
    """Whether the exclusive lock could be taken now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def hold(run: RunFolder) -> Iterator[None]:
    """Hold the run's lock, as its driver does for its whole life."""
    file = os.open(run.path / "alive", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE
        while not locked(file):
            if time.monotonic() > deadline:
                raise StateError(f"{run.name} is already running", next_step=f"steelyard get {run.name}")
            time.sleep(0.02)
        yield
    finally:
        os.close(file)
