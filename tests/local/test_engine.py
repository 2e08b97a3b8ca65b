"""This machine as an engine: what it observes and decides, and how it ends what a killed driver left. Sleeping processes play drivers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from steelyard.blueprint import Blueprint, Train, read_text
from steelyard.engine import Step
from steelyard.errors import NotFoundError, StateError
from steelyard.home import Home
from steelyard.local import engine
from steelyard.local.engine import Driver, LocalEngine, end_session, launch, past_drivers, sweep
from steelyard.local.store import RunFolder, RunStore, hold
from steelyard.planning import Choice, Offer, Plan, weigh
from steelyard.runtime.control import stop_reason
from steelyard.runtime.spec import read_spec
from steelyard.sizing import size
from steelyard.telemetry.events import EventWriter
from tests.runtime.specs import make_spec

LEADER = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
time.sleep(60)
"""


@dataclass
class Sessions:
    """Sessions of two sleeping processes each: a leader and its child."""

    leaders: list[subprocess.Popen[str]] = field(default_factory=list)
    children: list[psutil.Process] = field(default_factory=list)

    def start(self) -> tuple[subprocess.Popen[str], psutil.Process]:
        leader = subprocess.Popen([sys.executable, "-c", LEADER], stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert leader.stdout is not None
        child = psutil.Process(int(leader.stdout.readline()))
        self.leaders.append(leader)
        self.children.append(child)
        return leader, child

    def start_and_kill_the_leader(self) -> tuple[int, psutil.Process]:
        leader, child = self.start()
        leader.kill()
        leader.wait()
        return leader.pid, child


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    one = Sessions()
    yield one
    for child in one.children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    for leader in one.leaders:
        leader.kill()
        leader.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state", tmp_path / "cache")


def is_gone(process: psutil.Process) -> bool:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


def driven(home: Home, *starts: tuple[float, int]) -> RunFolder:
    """A run that processes drove, each from a moment on."""
    run = RunStore(home).create("demo")
    make_spec(run=run.name).write(run.path)
    clock = iter([t for t, _ in starts])
    events = EventWriter(run.path / "events", run.name, "driver", clock=lambda: next(clock))
    for _, pid in starts:
        events.write("run.start", workload="demo", team=None, pid=pid, resumed=False, workers=1, price_micro_hour=None)
    events.close()
    return run


def test_a_session_is_ended_whole_and_no_other(sessions: Sessions) -> None:
    leader, child = sessions.start()
    _, bystander = sessions.start()
    end_session(leader.pid)
    assert leader.wait(2) == -signal.SIGKILL
    assert is_gone(child)
    assert bystander.is_running()


def test_what_a_killed_driver_left_is_swept(sessions: Sessions, home: Home) -> None:
    pid, orphan = sessions.start_and_kill_the_leader()
    sweep(driven(home, (time.time(), pid)))
    assert is_gone(orphan)


def test_a_session_that_somebody_else_led_later_under_the_same_number_is_left_alone(sessions: Sessions, home: Home) -> None:
    pid, orphan = sessions.start_and_kill_the_leader()
    sweep(driven(home, (time.time() - 3600, pid)))
    time.sleep(0.1)
    assert orphan.is_running()


def test_a_driver_that_lives_is_not_swept(sessions: Sessions, home: Home) -> None:
    leader, child = sessions.start()
    sweep(driven(home, (time.time(), leader.pid)))
    assert leader.poll() is None
    assert child.is_running()


def test_each_life_of_a_run_has_its_driver_and_its_last_sign(home: Home) -> None:
    run = driven(home, (100.0, 11), (200.0, 22))
    with_step = EventWriter(run.path / "events", run.name, "rank-0.1", clock=lambda: 150.0)
    with_step.write("step", step=1)
    with_step.close()
    assert past_drivers(run) == ((11, 150.0), (22, 200.0))


# --- starting --------------------------------------------------------------------------------------------------------

BLUEPRINT = """\
kind: Train
name: demo
model: nano-gpt
gpu: 0
workers: 2
storage: {/data: ./mine, /home: ~/theirs}
output: results
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "blueprints" / "demo.yaml"
    path.parent.mkdir()
    path.write_text(BLUEPRINT)
    return path


def plan_of(file: Path) -> Plan:
    blueprint: Blueprint = read_text(file.read_text(), str(file))
    (workload,) = blueprint.workloads
    assert isinstance(workload, Train)
    return weigh(blueprint, [size(workload, None)], Offer("here", 4, 32 * 10**9, (), None, 350_000, "prices of Platform desk"))


@dataclass
class Launches:
    """Stands for `launch`: remembers what would have been started."""

    runs: list[RunFolder] = field(default_factory=list)

    def launch(self, run: RunFolder) -> Driver:
        self.runs.append(run)
        process: Any = None
        return Driver(run, process, 0.0)


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Launches:
    one = Launches()
    monkeypatch.setattr(engine, "launch", one.launch)
    return one


def test_a_plan_is_one_start_for_each_choice(home: Home, file: Path) -> None:
    plan = plan_of(file)
    local = LocalEngine(home)
    steps = local.steps(plan, local.observe())
    assert [(step.verb, step.object) for step in steps] == [("start", "demo")]
    assert isinstance(steps[0].detail, Choice)


def test_a_start_writes_what_the_workers_will_be_told(home: Home, file: Path, launches: Launches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    local = LocalEngine(home, files={"demo": file})
    plan = plan_of(file)
    (outcome,) = local.carry_out(local.steps(plan, local.observe()))
    assert (outcome.run, outcome.error) == ("demo-1", None)
    (run,) = launches.runs
    spec = read_spec(run.path)
    assert (run.path / "blueprint.yaml").read_text() == BLUEPRINT
    assert (spec.workers, spec.cpus_per_worker, spec.batch, spec.sequence) == (2, 2, 32, 128)
    assert spec.data == ("python:stdlib",)
    assert spec.data_folder == str(file.parent)
    assert spec.mounts == {"/data": str(file.parent / "mine"), "/home": "/home/me/theirs"}
    assert spec.output == str(file.parent / "results")
    assert (spec.price_micro_hour, spec.price_source, spec.blueprint) == (350_000, "prices of Platform desk", str(file))
    assert spec.memory_bytes is not None
    assert spec.disk_bytes is not None


def test_what_a_start_ended_in_becomes_an_outcome_and_nothing_follows(home: Home, launches: Launches) -> None:
    outcomes = list(LocalEngine(home).carry_out((Step("resume", "nothing"), Step("resume", "nothing"))))
    assert [type(outcome.error) for outcome in outcomes] == [NotFoundError]
    assert launches.runs == []


def test_a_resume_starts_the_run_that_is_there(home: Home, launches: Launches) -> None:
    driven(home, (100.0, 11))
    (outcome,) = LocalEngine(home).carry_out((Step("resume", "demo"),))
    assert (outcome.run, [run.name for run in launches.runs]) == ("demo-1", ["demo-1"])


def test_observed_are_all_runs_with_their_status(home: Home) -> None:
    driven(home, (100.0, 11))
    (observed,) = LocalEngine(home).observe().observed
    assert (observed.name, observed.kind, observed.where, observed.status, observed.since) == ("demo-1", "Train", "here", "Lost", 100.0)


def test_a_run_that_is_alive_is_not_started_again(home: Home) -> None:
    run = driven(home, (100.0, os.getpid()))
    with hold(run), pytest.raises(StateError, match="demo-1 is already running"):
        launch(run)


def test_a_driver_is_asked_to_stop_waited_for_and_killed(sessions: Sessions, home: Home) -> None:
    leader, child = sessions.start()
    process: Any = leader
    driver = Driver(driven(home, (time.time(), leader.pid)), process, 0.0)
    driver.request_stop("Ctrl-C")
    assert stop_reason(driver.run.path) == "Ctrl-C"
    assert driver.wait(0.01) is None
    driver.kill()
    assert driver.wait(1) == -signal.SIGKILL
    assert is_gone(child)
