"""The README can be followed: its quick commands are executed here, the long ones in the engine tests, `ci` is what CI calls."""

import os
import re
import shlex
from pathlib import Path

import pytest

from steelyard.blueprint import read_text
from steelyard.cli.main import main
from tests.docs.pages import ROOT, SOURCE, Block, blocks
from tests.verbs.stories import write_run, write_usage

README = blocks(ROOT / "README.md")
QUICK = [line for block in README if block.info == "sh run" for line in block.code.splitlines()]
LONG = [line for block in README if block.info == "sh demo" for line in block.code.splitlines()]


def test_every_block_says_how_it_is_checked() -> None:
    assert {block.info for block in README} <= {"sh run", "sh ci", "sh demo", "yaml", "python"}
    assert QUICK
    assert LONG


def test_the_quick_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "home", "ray-training-1")
    write_usage(tmp_path / "home", "ray-training-1")
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for block in README:
        if block.info == "yaml" and (named := re.match(r"# (\S+\.yaml)\n", block.code)):
            (tmp_path / named[1]).write_text(block.code)
    for line in QUICK:
        program, *arguments = shlex.split(line)
        assert program == "steelyard"
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0, f"{line}: {capsys.readouterr().err}"


@pytest.mark.parametrize("line", LONG)
def test_the_long_commands_name_what_exists(line: str) -> None:
    if line.startswith("make "):
        assert re.search(rf"^{line.removeprefix('make ')}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        assert line.startswith("steelyard run ")
        named = [word for word in line.split()[2:] if re.match(r"[0-9]{2}-", word)]
        assert all((SOURCE / "blueprints" / word).is_dir() for word in named)
        assert named or "--resume ray-training" in line


def test_the_block_for_ci_is_what_ci_calls() -> None:
    (block,) = [block for block in README if block.info == "sh ci"]
    runner = ROOT / ".ci" / "run"
    assert block.code.strip() == "make test"
    assert os.access(runner, os.X_OK)
    assert "exec make test" in runner.read_text()


@pytest.mark.parametrize("block", [block for block in README if block.info == "yaml"], ids=lambda block: block.code.splitlines()[1])
def test_the_blueprints_are_valid(block: Block) -> None:
    assert read_text(block.code, "README.md").workloads


@pytest.mark.parametrize("block", [block for block in README if block.info == "python"], ids=lambda block: block.code.splitlines()[0])
def test_the_python_compiles_and_uses_what_exists(block: Block) -> None:
    from steelyard.runtime.worker import Worker

    code = block.code
    compile(code, "README.md", "exec")
    assert {name for name in re.findall(r"\bme\.(\w+)\(", code) if not hasattr(Worker, name)} == set()
