"""Where a model is found. Nothing is fetched."""

from pathlib import Path

import pytest

from steelyard.catalog.models import SMOLLM2_135M
from steelyard.errors import NotFoundError, RunFailedError
from steelyard.home import Home
from steelyard.local import models
from steelyard.local.models import do, find_model


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state", tmp_path / "cache")


def silent(_: str) -> None:
    raise AssertionError("nothing here takes long")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize("name", ["mine", "./mine", "mine/config.json"])
def test_a_folder_is_found_beside_the_blueprint(name: str, mine: Path, home: Home) -> None:
    assert find_model(name, mine.parent, home, silent) == mine


def test_a_folder_is_found_by_its_whole_path(mine: Path, home: Home) -> None:
    assert find_model(str(mine), Path("/nowhere"), home, silent) == mine


def test_a_model_that_is_not_here_names_one_that_is(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name in ("nobody/nothing-of-that-name", "nothing", "../nothing"):
        with pytest.raises(NotFoundError, match=f"the model '{name}' is not on this machine") as error:
            find_model(name, tmp_path, home, silent)
        assert SMOLLM2_135M.name in error.value.next_step


def test_the_small_model_is_made_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def install(_: Path, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "small.gguf").write_text("weights")

    def convert(command: list[str], what: str) -> None:
        made.append(what)
        Path(command[-1]).mkdir()
        (Path(command[-1]) / "config.json").write_text("{}")

    monkeypatch.setattr(models, "install", install)
    monkeypatch.setattr(models, "do", convert)
    said: list[str] = []
    first, again = (find_model(SMOLLM2_135M.name, Path("/nowhere"), home, said.append) for _ in range(2))
    assert first == again
    assert (first / "config.json").is_file()
    assert len(made) == len(said) == 1
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_a_step_that_fails_says_its_last_words() -> None:
    with pytest.raises(RunFailedError, match="installing x failed: no space"):
        do(["sh", "-c", "echo first >&2; echo no space >&2; exit 3"], "installing x")
    with pytest.raises(RunFailedError, match="installing x failed: 4"):
        do(["sh", "-c", "exit 4"], "installing x")
