"""Whatever is killed, nothing is lost: the run goes on from its last checkpoint and ends at the same step.

`STEELYARD_ENGINE_KILLS` says how many kills of each kind, each at a random moment; `make prove` raises it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time

import pytest

from steelyard.runtime.checkpoints import latest_checkpoint
from steelyard.telemetry.events import Event
from tests.engine.conftest import Machine, processes_of, steps_done, wait_until_gone

pytestmark = pytest.mark.engine

KILLS = range(int(os.environ.get("STEELYARD_ENGINE_KILLS", "1")))
STEPS = 120


def worker_pid(events: list[Event], rank: int) -> int:
    return int([event["pid"] for event in events if event["kind"] == "worker.start" and event["rank"] == rank][-1])


def training_well(events: list[Event]) -> bool:
    """Past its first checkpoint, and far from its end."""
    return any(event["kind"] == "checkpoint" for event in events) and steps_done(events) >= 10


def assert_complete(machine: Machine) -> None:
    """Every step up to the goal was done, the output is there, and the parts of the life sum to it."""
    run = machine.latest("tiny")
    story = run.story()
    assert story.status == "Done"
    assert sorted({row.step for row in story.steps}) == list(range(1, STEPS + 1))
    assert all(row.loss is not None for row in story.steps)
    assert story.goodput.productive_us + sum(story.goodput.losses_us.values()) == story.goodput.life_us
    assert (run.path / "output" / "model.pt").exists()
    assert story.torn_lines == 0 or story.attempts


def pause(seed: str) -> None:
    """A random moment within the next second, the same for the same test."""
    time.sleep(random.Random(seed).random())


@pytest.mark.parametrize("number", KILLS)
def test_a_killed_worker_is_started_again_and_the_run_ends_at_the_same_step(machine: Machine, number: int) -> None:
    command = machine.start("run", machine.blueprint(STEPS))
    events = machine.wait_for("tiny", training_well)
    pause(f"worker-{number}")
    os.kill(worker_pid(events, rank=number % 2), signal.SIGKILL)
    out, err = command.communicate(timeout=300)
    assert command.returncode == 0, out + err
    assert_complete(machine)
    story = machine.latest("tiny").story()
    assert len(story.attempts) == 2
    assert story.attempts[1].from_step > 0
    assert "died" in story.attempts[0].cause
    assert story.goodput.losses_us["recovery"] > 0
    assert "restarts 1" in out
    page = json.loads(machine.run("cost", "tiny", "-o", "json"))["runs"][0]
    assert (page["attempts"], page["restarts"], page["reason"]) == (2, 1, "done")
    assert page["wasted_us"] > 0 or story.wasted_steps == 0
    wait_until_gone(machine.folder)


@pytest.mark.parametrize("number", KILLS)
def test_a_killed_driver_leaves_a_lost_run_that_can_be_resumed(machine: Machine, number: int) -> None:
    command = machine.start("run", machine.blueprint(STEPS))
    events = machine.wait_for("tiny", training_well)
    pause(f"driver-{number}")
    os.kill(next(event["pid"] for event in events if event["kind"] == "run.start"), signal.SIGKILL)
    out, err = command.communicate(timeout=300)
    assert command.returncode == 1, out + err
    assert f"run --resume {machine.latest('tiny').name}" in err
    wait_until_gone(machine.folder)
    assert machine.data("get", "tiny")[0]["status"] == "Lost"
    resumed = machine.run("run", "--resume", "tiny")
    assert "done" in resumed
    assert_complete(machine)
    page = json.loads(machine.run("cost", "tiny", "-o", "json"))["runs"][0]
    assert (page["attempts"], page["restarts"], page["reason"]) == (2, 0, "done")
    assert page["wasted_us"] > 0 or machine.latest("tiny").story().wasted_steps == 0
    story = machine.latest("tiny").story()
    assert story.attempts[-1].from_step > 0
    wait_until_gone(machine.folder)


def test_when_the_command_is_killed_too_nothing_is_left_running(machine: Machine) -> None:
    command = machine.start("run", machine.blueprint(STEPS))
    events = machine.wait_for("tiny", training_well)
    driver = next(event["pid"] for event in events if event["kind"] == "run.start")
    os.kill(command.pid, signal.SIGKILL)
    os.kill(driver, signal.SIGKILL)
    wait_until_gone(machine.folder)
    assert machine.data("get", "tiny")[0]["status"] == "Lost"


def test_ctrl_c_writes_a_checkpoint_and_the_run_goes_on_from_it(machine: Machine) -> None:
    command = machine.start("run", machine.blueprint(STEPS, every="1h"))
    machine.wait_for("tiny", lambda events: steps_done(events) >= 10)
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=120)
    assert command.returncode == 130, out + err
    run = machine.latest("tiny")
    checkpoint = latest_checkpoint(run.path / "checkpoints")
    story = run.story()
    assert checkpoint is not None
    assert story.status == "Stopped"
    assert story.reason == "Ctrl-C"
    assert checkpoint.step == story.steps[-1].step
    assert f"steelyard run --resume {run.name}" in err
    wait_until_gone(machine.folder)
    machine.run("run", "--resume", run.name)
    assert_complete(machine)
    assert machine.latest("tiny").story().wasted_steps == 0


def test_a_second_ctrl_c_ends_everything_at_once(machine: Machine) -> None:
    command = machine.start("run", machine.blueprint(100_000))
    machine.wait_for("tiny", lambda events: any(event["kind"] == "attempt.start" for event in events))
    command.send_signal(signal.SIGINT)
    command.send_signal(signal.SIGINT)
    time.sleep(0.5)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert command.returncode == 130
    wait_until_gone(machine.folder)
    assert processes_of(machine.folder) == []
