"""One rank from its first line to its last: its log, its events, and whose fault it was."""

import sys
from pathlib import Path

import pytest

from steelyard.runtime import worker as module
from steelyard.runtime.corpus import DataError
from steelyard.runtime.rank import describe, is_peer_lost, pick_device, run_rank
from steelyard.telemetry.events import read_events
from tests.runtime.specs import make_spec


@pytest.mark.parametrize(
    "message",
    [
        "[/torch/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:40961",
        "Application timeout caused pair closure: Gloo connectFullMesh failed",
        "Connection reset by peer",
        "NCCL communicator was aborted on rank 1",
    ],
)
def test_a_rank_that_only_lost_its_peers_says_so_in_the_words_of_its_library(message: str) -> None:
    assert is_peer_lost(RuntimeError(message))
    assert not is_peer_lost(ValueError(message))


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), ValueError("x"), DataError("no file matches 'x'")])
def test_any_other_error_is_the_ranks_own(error: Exception) -> None:
    assert not is_peer_lost(error)


def test_an_error_is_told_in_one_line() -> None:
    assert describe(ValueError("first\nsecond")) == "ValueError: first"
    assert describe(DataError("no file matches 'x'")) == "no file matches 'x'"


def test_a_rank_without_gpus_trains_on_the_cpu() -> None:
    assert pick_device(make_spec()).type == "cpu"


def script(folder: Path, text: str, *arguments: str) -> Path:
    """Run `text` as the script of a run of one worker; its run's folder."""
    run = folder / "demo-1"
    run.mkdir()
    (folder / "train.py").write_text(text)
    (folder / "beside.py").write_text("VALUE = 42\n")
    spec = make_spec(recipe="custom", script=str(folder / "train.py"), arguments=arguments, steps=2, output=str(run / "output"))
    run_rank(spec, run, 0, 1, 1, 100.0)
    return run


@pytest.fixture(autouse=True)
def _this_process_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank takes over its process: arguments, paths, and who it is. A test gives them back."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(module, "_current", [])


TELLING = """
import sys
import beside
from steelyard import worker
me = worker()
for step in me.steps():
    me.report(loss=1.0)
print("said", __name__, sys.argv[1:], beside.VALUE, me.rank)
"""


def test_a_script_runs_as_if_it_was_started_by_hand_and_prints_to_its_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = script(tmp_path, TELLING, "--width", "64")
    assert (run / "logs" / "rank-0.1.log").read_text() == "said __main__ ['--width', '64'] 42 0\n"
    assert capfd.readouterr().out == ""
    kinds = [event["kind"] for event in read_events(run)]
    assert kinds.count("step") == 2
    (end,) = [event for event in read_events(run) if event["kind"] == "worker.end"]
    assert (end["status"], end["step"]) == ("done", 2)
    (phase,) = [event for event in read_events(run) if event["kind"] == "phase"]
    assert (phase["name"], phase["start"]) == ("workers", 100.0)


def test_a_script_that_fails_leaves_its_error_in_the_events_and_its_traceback_in_the_log(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="my own mistake"):
        script(tmp_path, "raise ValueError('my own mistake')\n")
    run = tmp_path / "demo-1"
    (end,) = [event for event in read_events(run) if event["kind"] == "worker.end"]
    assert (end["status"], end["error"], end["peer_lost"]) == ("failed", "ValueError: my own mistake", False)
    assert "Traceback" in (run / "logs" / "rank-0.1.log").read_text()
