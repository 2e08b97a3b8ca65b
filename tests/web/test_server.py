"""Starting the dashboard, as far as it goes without a socket."""

import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.cli.dashboard import has_screen
from steelyard.errors import MissingExtraError, NotFoundError
from steelyard.home import Home
from steelyard.web.gate import Lock
from steelyard.web.server import make_server, serve
from steelyard.web.stories import Stories


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NICEGUI_STORAGE_PATH", "as before")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    home = Home(tmp_path / "state", tmp_path / "cache")
    with pytest.raises(MissingExtraError, match="the dashboard needs the extra 'web'"):
        make_server(home, Lock(1, "x"), Stories(home), lambda: None)


def test_a_run_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no run named 'nothing'"):
        serve(Home(tmp_path / "state", tmp_path / "cache"), run="nothing", ready=print)


def test_the_command_and_the_server_are_light_until_they_serve() -> None:
    heavy = ("nicegui", "fastapi", "uvicorn", "torch", "ray")
    code = f"import sys, steelyard.cli.dashboard, steelyard.web.server; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_browser_is_opened_only_where_it_has_a_screen() -> None:
    assert has_screen({"DISPLAY": ":0"}, "linux")
    assert has_screen({}, "darwin")
    assert not has_screen({}, "linux")
