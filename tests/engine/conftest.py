"""Real Ray on this machine: the command line as a person types it, in a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from steelyard.home import Home, home
from steelyard.local.store import RunFolder, RunStore
from steelyard.telemetry.events import Event, read_events

PATIENCE = 300.0
"""Seconds within which anything here must have happened, also on a busy machine."""

BLUEPRINT = """\
kind: Platform
name: laptop
target: here
prices: {{hour: $0.36}}
---
kind: Team
name: nlp
---
kind: Train
name: tiny
team: nlp
model: nano-gpt
data: python:stdlib
steps: {steps}
batch: 8
sequence: 64
workers: 2
gpu: 0
checkpoint: {{every: {every}, keep: 2}}
"""


@dataclass
class Machine:
    """One home, and the command line in it."""

    folder: Path
    commands: list[subprocess.Popen[str]] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    """More of the environment."""

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"STEELYARD_HOME": str(self.folder / "home"), "STEELYARD_PRICE": ""} | self.extra

    @property
    def home(self) -> Home:
        return home(self.environment)

    def blueprint(self, steps: int, every: str = "3s") -> str:
        file = self.folder / "tiny.yaml"
        file.write_text(BLUEPRINT.format(steps=steps, every=every))
        return str(file)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in the background, in a process group of its own, as a shell would start it."""
        process = subprocess.Popen([sys.executable, "-m", "steelyard", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment, cwd=self.folder, start_new_session=True)
        self.commands.append(process)
        return process

    def run(self, *arguments: str, status: int = 0) -> str:
        """A command to its end; its standard output. It must exit with `status`."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == status, f"{' '.join(arguments)} exited with {process.returncode}\n{out}\n{err}"
        return out

    def data(self, *arguments: str) -> list[dict[str, object]]:
        """What a command prints with `-o json`."""
        data: list[dict[str, object]] = json.loads(self.run(*arguments, "-o", "json"))
        return data

    def latest(self, workload: str) -> RunFolder:
        return RunStore(self.home).find(workload)

    def wait_for(self, workload: str, what: Callable[[list[Event]], bool]) -> list[Event]:
        """Wait until the events of the workload's latest run are as wanted."""
        return wait_until(lambda: self._events(workload), what)

    def _events(self, workload: str) -> list[Event]:
        folders = [run for run in RunStore(self.home).all() if run.workload == workload]
        return read_events(folders[-1].path) if folders else []


def wait_until(look: Callable[[], list[Event]], what: Callable[[list[Event]], bool]) -> list[Event]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        seen = look()
        if what(seen):
            return seen
        time.sleep(0.1)
    raise AssertionError(f"did not happen within {PATIENCE:.0f} s; seen: {[event['kind'] for event in seen][-20:]}")


def steps_done(events: list[Event], attempt: int | None = None) -> int:
    """The last step that rank 0 told of, in `attempt` or in any."""
    return max((event["step"] for event in events if event["kind"] == "step" and event["writer"].startswith("rank-0.")
                and attempt in (None, event["attempt"])), default=0)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Living processes that have this home in their environment: whatever a run started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STEELYARD_HOME", "").startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.2)
    left = [f"{process.pid} {' '.join(process.cmdline())[:100]}" for process in processes_of(folder)]
    assert not left, f"left running: {left}"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    one = Machine(tmp_path)
    yield one
    for process in one.commands:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    for left in processes_of(tmp_path):
        left.kill()
