import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.cli import main as frame
from steelyard.cli.main import COMMANDS, WRONG_WORDS, LazyCommand, main
from steelyard.cli.output import switches
from steelyard.errors import NotFoundError

HEAVY = ("pydantic", "rich.console", "yaml", "duckdb", "numpy", "psutil", "ray", "torch", "nicegui", "prometheus_client")


@pytest.fixture(autouse=True)
def _own_home_and_switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path))
    monkeypatch.setattr(switches, "color", True)
    monkeypatch.setattr(switches, "verbose", False)


def status(*arguments: str) -> int:
    """The exit status of one command line."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code if isinstance(ended.value.code, int) else int(bool(ended.value.code))


def make_version_raise(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def version() -> None:
        raise error

    monkeypatch.setattr("steelyard.cli.about.version", version)


@pytest.mark.parametrize("code", [
    "import steelyard",
    "import sys; from steelyard.cli.main import main\ntry: main(['--help'])\nexcept SystemExit as end: assert not end.code",
])  # fmt: skip
def test_import_and_help_bring_nothing_heavy(code: str) -> None:
    probe = f"{code}\nimport json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_each_listed_command_exists_and_shows_an_example(entry: frame.Entry) -> None:
    real = LazyCommand(entry).real()
    assert real.name == entry.name
    assert f"  steelyard {entry.name}" in (real.help or "") or f"(steelyard {entry.name}" in (real.help or "")
    assert {"--no-color", "-v"} <= {option for parameter in real.params for option in parameter.opts}


def test_help_lists_every_command_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert all(f"  {entry.name} " in out for entry in COMMANDS)


def test_no_arguments_mean_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert status() == 0
    assert "Usage: steelyard" in capsys.readouterr().out


@pytest.mark.parametrize(("word", "meant"), [("descibe", "describe"), ("Validate", "validate"), *WRONG_WORDS.items()])
def test_a_wrong_word_is_answered_with_the_right_one(word: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(word) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"did you mean '{meant}'?" in err


def test_every_right_word_is_a_command() -> None:
    assert set(WRONG_WORDS.values()) <= {entry.name for entry in COMMANDS}
    assert not set(WRONG_WORDS) & {entry.name for entry in COMMANDS}


def test_a_wrong_option_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("version", "--no-colour") == 2
    assert "--no-color" in capsys.readouterr().err


def test_version_is_a_command_and_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("version") == status("--version") == 0
    assert capsys.readouterr().out == "steelyard 0.1.0\n" * 2


def test_an_error_that_a_person_can_act_on_is_said_with_its_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_version_raise(monkeypatch, NotFoundError("no run named 'x' here", next_step="steelyard get"))
    assert status("version") == 1
    assert capsys.readouterr() == ("", "no run named 'x' here\nnext: steelyard get\n")


def test_an_unexpected_error_leaves_its_traceback_in_a_private_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_version_raise(monkeypatch, KeyError("boom"))
    assert status("version") == 1
    (crash,) = (tmp_path / "state" / "crashes").iterdir()
    assert stat.S_IMODE(crash.stat().st_mode) == 0o600
    assert "Traceback" in crash.read_text()
    assert capsys.readouterr() == ("", f"steelyard failed: KeyError: 'boom'\ntraceback: {crash}\nnext: steelyard check\n")


def test_a_traceback_that_cannot_be_kept_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    make_version_raise(monkeypatch, KeyError("boom"))
    assert status("version") == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    make_version_raise(monkeypatch, KeyboardInterrupt())
    assert status("version") == 130


def test_a_reader_that_went_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "steelyard", "version"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_and_says_how_to_install_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("completion", shell) == 0
    out, err = capsys.readouterr()
    assert "_STEELYARD_COMPLETE" in out
    assert f"steelyard completion {shell} >" in err


def test_bash_accepts_the_script_and_completes_commands(tmp_path: Path) -> None:
    script = tmp_path / "completion.sh"
    printed = subprocess.run([sys.executable, "-m", "steelyard", "completion", "bash"], capture_output=True, text=True, check=True)
    script.write_text(printed.stdout)
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True, check=False).returncode == 0
    asked = os.environ | {"_STEELYARD_COMPLETE": "complete_bash", "COMP_WORDS": "steelyard de", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-m", "steelyard"], env=asked, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["describe", "delete"]
