"""What is set before Ray is imported, and what is done when it is over. Ray itself is not there."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from steelyard.local import ray_cluster
from steelyard.local.ray_cluster import SETTINGS, prepare_environment, private_token
from tests.runtime.specs import make_spec


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy, so that what is set here is not set elsewhere."""
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})


def test_a_private_ray_is_quiet_and_has_a_token_of_its_own(tmp_path: Path) -> None:
    prepare_environment(tmp_path, make_spec())
    assert {name: os.environ[name] for name in SETTINGS} == SETTINGS
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert Path(os.environ["RAY_AUTH_TOKEN_PATH"]).parent == tmp_path


def test_on_an_existing_cluster_only_the_usage_statistics_are_touched(tmp_path: Path) -> None:
    prepare_environment(tmp_path, make_spec(address="auto"))
    assert {name for name in os.environ if name.startswith(("RAY", "GLOO"))} == {"RAY_USAGE_STATS_ENABLED"}
    assert list(tmp_path.iterdir()) == []


def test_the_token_is_readable_by_the_user_only_and_new_each_time(tmp_path: Path) -> None:
    first = private_token(tmp_path).read_text()
    path = private_token(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(first) == 64
    assert path.read_text() != first


def test_a_process_of_rays_that_does_not_end_by_itself_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "EXIT_SECONDS", 0.1)
    stuck = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    ray_cluster.end([psutil.Process(stuck.pid)])
    assert stuck.wait(timeout=5) == -9
