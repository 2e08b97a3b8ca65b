"""This machine as an engine: observe the runs, decide what to start, start it."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from steelyard.engine import Observed, Outcome, State, Step
from steelyard.errors import StateError, SteelyardError
from steelyard.home import Home
from steelyard.local.ray_cluster import remove_ray_folder
from steelyard.local.specify import specify
from steelyard.local.store import RunFolder, RunStore
from steelyard.planning import Choice, Plan
from steelyard.runtime.control import clear_stop, request_stop
from steelyard.runtime.spec import read_spec
from steelyard.telemetry.events import read_events


@dataclass
class Driver:
    """A driver's process, as the command that started it sees it."""

    run: RunFolder
    process: subprocess.Popen[bytes]
    started: float
    """When it was started, in epoch seconds: what a resumed run did before is older."""

    def request_stop(self, reason: str) -> None:
        request_stop(self.run.path, reason)

    def kill(self) -> None:
        """End the driver and everything that it started, at once."""
        end_session(self.process.pid)
        self.process.wait()

    def wait(self, seconds: float) -> int | None:
        """Its exit status, or None when it still runs after `seconds`."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None


@dataclass
class LocalEngine:
    """Runs under `home`, with Ray on this machine or at `address`."""

    home: Home
    address: str | None = None
    files: dict[str, Path] = field(default_factory=dict)
    """The file in which each workload is written, by its name; relative paths of a workload start from there."""
    models: dict[str, Path] = field(default_factory=dict)
    """The folder of each workload's model, found beforehand."""
    drivers: list[Driver] = field(default_factory=list)
    """Of the runs that this engine started."""

    def observe(self) -> State:
        runs = [(run, run.story()) for run in RunStore(self.home).all()]
        return State(tuple(Observed(run.name, "Train", "here", story.status, story.reason, story.started) for run, story in runs))

    def steps(self, plan: Plan, state: State) -> tuple[Step, ...]:  # noqa: ARG002 - here, a plan always means a new run
        return tuple(Step("start", choice.workload.name, choice) for choice in plan.choices)

    def carry_out(self, steps: Sequence[Step]) -> Iterator[Outcome]:
        for step in steps:
            try:
                yield Outcome(step, run=self._start(step))
            except SteelyardError as error:  # the one place where an error of this engine becomes data
                yield Outcome(step, error=error)
                return

    def _start(self, step: Step) -> str:
        if step.verb == "resume":
            run = RunStore(self.home).find(step.object)
            self.drivers.append(launch(run))
            return run.name
        choice: Choice = step.detail
        name, file = choice.workload.name, self.files[choice.workload.name]
        run = RunStore(self.home).create(name)
        (run.path / "blueprint.yaml").write_bytes(file.read_bytes())
        spec = specify(choice, run=run.name, run_folder=run.path, blueprint_file=file,
                       model_path=self.models.get(name), address=self.address)
        spec.write(run.path)
        self.drivers.append(launch(run))
        return run.name


COMMAND_STARTED = "STEELYARD_COMMAND_STARTED"
"""Tells a driver when its command began, in epoch seconds: a run's life is counted from there."""


def launch(run: RunFolder) -> Driver:
    """Start the driver of `run` in a session of its own, so that Ctrl-C in this terminal does not reach Ray."""
    if run.is_alive():
        raise StateError(f"{run.name} is already running", next_step=f"steelyard get {run.name}")
    sweep(run)
    clear_stop(run.path)  # before the driver lives: a Ctrl-C while it starts must not be lost
    logs = run.path / "logs"
    logs.mkdir(exist_ok=True, mode=0o700)
    log = os.open(logs / "driver.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    threads = str(max(1, read_spec(run.path).cpus_per_worker))
    environment = os.environ | {"OMP_NUM_THREADS": threads, COMMAND_STARTED: str(psutil.Process().create_time())}
    started = time.time()
    process = subprocess.Popen([sys.executable, "-m", "steelyard.local.driver", str(run.path)], stdin=subprocess.PIPE,
                               stdout=log, stderr=log, env=environment, start_new_session=True)
    os.close(log)
    return Driver(run, process, started)


LAST_BORN_AFTER = 60.0
"""Seconds after a run's last event in which its processes may still have started others."""


def sweep(run: RunFolder) -> None:
    """End what a killed driver of this run may have left: the processes of the session that it led.

    A process id may have led another session since, so what was born later is somebody else's.
    """
    for pid, last_sign in past_drivers(run):
        if not psutil.pid_exists(pid):
            end_session(pid, born_before=last_sign + LAST_BORN_AFTER)
    remove_ray_folder(run.path)


def past_drivers(run: RunFolder) -> tuple[tuple[int, float], ...]:
    """The processes that drove this run, each with the last event of its life (epoch seconds)."""
    events = read_events(run.path)
    starts = [event for event in events if event["kind"] == "run.start"]
    ends = [*(event["t"] for event in starts[1:]), math.inf]
    return tuple((start["pid"], max(event["t"] for event in events if start["t"] <= event["t"] < end or event is start))
                 for start, end in zip(starts, ends, strict=False))


def end_session(leader: int, born_before: float = math.inf) -> None:
    """Kill every process of the session that `leader` leads or led, born before that moment (epoch seconds)."""
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) == leader and process.create_time() < born_before:
                process.send_signal(signal.SIGKILL)
