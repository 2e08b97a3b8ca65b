"""The long commands of the README, in its order: the demo to its end, a run that is stopped, and its resume."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess

import pytest

from tests.docs.pages import ROOT
from tests.docs.test_readme import LONG
from tests.engine.conftest import PATIENCE, Machine, steps_done, wait_until_gone

pytestmark = pytest.mark.engine

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/run/ray-training-\d\?token=\S+")


def test_the_long_commands_of_the_readme_run_in_its_order(machine: Machine) -> None:
    demo, run, resume = LONG
    done = subprocess.run(shlex.split(demo), cwd=ROOT, env=machine.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=2 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ADDRESS.search(done.stderr)
    assert re.search(r"^done +200 steps", done.stdout, re.MULTILINE)
    assert "goodput" in done.stdout
    assert "next: steelyard" in done.stderr
    losses = [row.loss for row in machine.latest("ray-training").story().steps if row.loss is not None]
    assert sum(losses[-20:]) / 20 < losses[0] - 2

    command = machine.start(*shlex.split(run)[1:])
    machine.wait_for("ray-training", lambda events: bool(events) and events[0]["run"] == "ray-training-2" and steps_done(events) >= 5)
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=PATIENCE)
    assert command.returncode == 130
    assert ADDRESS.search(err)
    assert "run --resume ray-training-2" in err

    assert "done" in machine.run(*shlex.split(resume)[1:])
    assert machine.latest("ray-training").story().steps[-1].step == 200
    wait_until_gone(machine.folder)
