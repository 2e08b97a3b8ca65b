"""A home with runs of every kind, one of them alive."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.home import Home
from steelyard.local.store import hold
from tests.browser.pages import open_dashboard
from tests.web.written import Writing, finished, folder, killed

LIVE = "ray-training-2"


def go_on(writing: Writing, stop: threading.Event) -> None:
    """Write steps as time passes, until told to stop."""
    with hold(writing.run):
        while not stop.is_set():
            writing.step(save=writing.step_number % 40 == 39)
            writing.log(writing.ranks()[0], f"step {writing.step_number}/{writing.goal}")
            stop.wait(max(writing.t - time.time(), 0))
    writing.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Under `<folder>/state`, as STEELYARD_HOME makes it."""
    where: Path = tmp_path_factory.mktemp("home")
    made = Home(where / "state", where / "cache")
    now = time.time()
    finished(made.runs, t=now - 7200)
    failed = Writing(folder(made.runs, "lora-finetune-1"), now - 4000, team=None)
    failed.start()
    failed.steps(12)
    failed.end("failed", "worker 1 was killed: out of memory <b>&</b>")
    lost = Writing(folder(made.runs, "own-script-1"), now - 90_000, team=None)
    lost.start()
    lost.steps(40)
    lost.close()
    live = killed(made.runs, LIVE, t=now - 101)
    live.goal = 2000
    live.find()
    live.steps(50)
    stop = threading.Event()
    writer = threading.Thread(target=go_on, args=(live, stop))
    writer.start()
    yield made
    stop.set()
    writer.join()


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    with open_dashboard(home) as found:
        yield found
