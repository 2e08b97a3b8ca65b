"""Each recipe for real: a small run from the command to its summary."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from steelyard.telemetry.events import STEP_PARTS
from tests.engine.conftest import PATIENCE, Machine, processes_of, steps_done, wait_until_gone

pytestmark = pytest.mark.engine


def listeners_off_loopback(machine: Machine) -> list[str]:
    """Sockets of this home's processes that others than this machine could reach."""
    pids = {process.pid for process in processes_of(machine.folder)}
    return [f"{connection.pid} {connection.laddr}" for connection in psutil.net_connections("inet")
            if connection.pid in pids and connection.status == psutil.CONN_LISTEN and connection.laddr
            and not connection.laddr.ip.removeprefix("::ffff:").startswith(("127.", "::1"))]


def test_a_training_is_private_while_it_runs_and_adds_up_when_it_is_done(machine: Machine) -> None:
    command = machine.start("run", machine.blueprint(steps=80))
    machine.wait_for("tiny", lambda events: steps_done(events) >= 5)
    running = processes_of(machine.folder)
    assert any("raylet" in process.name() for process in running)
    assert listeners_off_loopback(machine) == []
    actors = {process.name().removeprefix("ray::")[:10] for process in running if process.name().startswith("ray::")}
    assert {"RayTrainWo", "TrainContr"} <= actors
    assert not actors & {"PlacementG", "DatasetMan"}  # what LeanTrainer leaves out
    assert {process.environ()["RAY_USAGE_STATS_ENABLED"] for process in running if "raylet" in process.name()} == {"0"}
    run = machine.latest("tiny")
    assert (run.path / "ray-token").stat().st_mode & 0o777 == 0o600
    out, err = command.communicate(timeout=PATIENCE)
    assert command.returncode == 0, out + err
    story = machine.latest("tiny").story()
    losses = [row.loss for row in story.steps if row.loss is not None]
    assert losses[-1] < losses[0] - 1
    assert [row.step for row in story.steps] == list(range(1, 81))
    for row in story.steps:
        assert sum(row.parts_us[part] for part in STEP_PARTS) == row.duration_us
    goodput = story.goodput
    assert goodput.productive_us + sum(goodput.losses_us.values()) == goodput.life_us
    assert story.first_step_after is not None
    assert {phase.name for phase in story.phases} >= {"check", "cluster", "workers", "imports", "data", "model"}
    page = json.loads(machine.run("cost", "tiny", "-o", "json"))["runs"][0]
    assert page["allocated_micro"] > 0
    assert page["prices_micro_hour"] == [360_000]
    assert page["team"] == "nlp"
    wait_until_gone(machine.folder)


def test_a_run_stops_at_its_longest_duration_after_a_last_checkpoint(machine: Machine) -> None:
    blueprint = Path(machine.blueprint(steps=100_000, every="1h"))
    blueprint.write_text(blueprint.read_text() + "max_duration: 45s\n")
    machine.run("run", str(blueprint), status=1)
    story = machine.latest("tiny").story()
    assert story.status == "Stopped"
    assert "max_duration" in story.reason
    assert story.checkpoints
    assert story.checkpoints[-1]["step"] == story.steps[-1].step


def test_a_run_stops_at_its_highest_price(machine: Machine) -> None:
    blueprint = Path(machine.blueprint(steps=100_000, every="1h"))
    blueprint.write_text(blueprint.read_text().replace("$0.36", "$3.60") + "max_price: $0.05\n")
    machine.run("run", str(blueprint), status=1)
    story = machine.latest("tiny").story()
    assert "max_price" in story.reason
    page = json.loads(machine.run("cost", "tiny", "-o", "json"))["runs"][0]
    assert page["allocated_micro"] <= 60_000


def test_a_script_of_ones_own_trains_and_its_error_is_told_without_a_second_try(machine: Machine) -> None:
    machine.run("init", "03-own-script")
    out = machine.run("run", "03-own-script")
    assert "done" in out
    story = machine.latest("own-script").story()
    assert story.steps[-1].step == 300
    assert story.steps[-1].loss is not None
    assert story.steps[-1].loss < 0.1
    assert {event["name"] for event in story.metrics} == {"largest_error"}
    assert (machine.latest("own-script").path / "output" / "sine.pt").exists()
    assert "rank 1 of 2 starts after step 0" in machine.run("logs", "own-script")

    script = machine.folder / "03-own-script" / "train.py"
    script.write_text("raise ValueError('my own mistake')\n")
    failed = machine.start("run", "03-own-script")
    out, err = failed.communicate(timeout=PATIENCE)
    assert failed.returncode == 1
    assert "my own mistake" in out
    assert "Traceback" not in out + err
    assert len(machine.latest("own-script").story().attempts) == 1


def test_a_fine_tuned_model_is_better_on_held_out_pairs_and_answers_beside_its_base(machine: Machine) -> None:
    out = machine.run("run", "02-lora-finetune")
    run = machine.latest("lora-finetune")
    values = {event["name"]: event["value"] for event in run.story().evaluations}
    assert values["held-out loss, tuned"] < values["held-out loss, base"] - 0.5
    answers = json.loads((run.path / "output" / "answers.json").read_text())
    assert answers["base"] != answers["tuned"]
    assert answers["question"] in out
    assert answers["tuned"].split()[:3] == out.partition("tuned says")[2].split()[:3]
    assert (run.path / "output" / "adapter" / "adapter_model.safetensors").exists()


def test_a_run_joins_a_ray_cluster_that_is_there_and_leaves_it_running(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ray = Path(sys.executable).with_name("ray")
    settings = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    environment = machine.environment | settings
    subprocess.run([ray, "start", "--head", f"--port={port}", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats",
                    f"--temp-dir={short_folder()}"], env=environment, check=True, capture_output=True, timeout=PATIENCE)
    machine.extra = settings  # a driver must see the cluster as its own processes do
    machine.run("run", machine.blueprint(steps=20), "--address", f"127.0.0.1:{port}")
    assert machine.latest("tiny").story().status == "Done"
    assert any("raylet" in process.name() for process in processes_of(machine.folder))


def short_folder() -> str:
    """Ray's sockets need a short path."""
    return tempfile.mkdtemp(prefix="ray-")
