"""The blueprints that are shipped can be followed: what their pages tell to type and to change exists."""

import re
from pathlib import Path

import pytest

from steelyard.blueprint import Train, read, read_text
from steelyard.cli.main import COMMANDS
from steelyard.runtime.worker import Worker
from steelyard.sizing import size
from steelyard.verbs.language import SHIPPED, shipped

NAMES = [one.name for one in shipped()]
INLINE_CHANGE = re.compile(r"^\| `([a-z_]+: [^`]+)`", re.MULTILINE)


def readme(name: str) -> str:
    return (SHIPPED / name / "README.md").read_text()


def training(name: str) -> tuple[Path, Train]:
    (file,) = (SHIPPED / name).glob("*.yaml")
    (workload,) = read(file).workloads
    assert isinstance(workload, Train)
    return file, workload


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_title_of_one_line(name: str) -> None:
    assert re.match(r"# \w.{10,90}\n\n", readme(name))


@pytest.mark.parametrize("name", NAMES)
def test_each_command_of_its_page_exists(name: str) -> None:
    commands = re.findall(r"steelyard ([a-z]+)", readme(name))
    assert len(commands) >= 3
    assert set(commands) <= {entry.name for entry in COMMANDS}


@pytest.mark.parametrize("name", NAMES)
def test_each_run_that_its_page_names_is_one_that_it_makes(name: str) -> None:
    _, workload = training(name)
    named = re.findall(r"steelyard (?:logs|describe|events|cost|run --resume) ([a-z0-9-]+)", readme(name))
    assert set(named) <= {workload.name}


@pytest.mark.parametrize("name", NAMES)
def test_each_change_that_its_page_proposes_is_a_valid_blueprint(name: str) -> None:
    file, _ = training(name)
    changes = INLINE_CHANGE.findall(readme(name))
    assert len(changes) >= 3
    for change in changes:
        field = change.partition(":")[0]
        if field == "args":
            changed = re.sub(r"args: \[.*?\]", change, file.read_text())
        else:
            kept = [line for line in file.read_text().splitlines() if not line.startswith(f"{field}:")]
            changed = "\n".join([*kept, change])
        assert read_text(changed, f"{name} with {change}").workloads


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_carried_by_a_machine_of_two_cores(name: str) -> None:
    _, workload = training(name)
    need = size(workload, None)
    assert need.findings == ()
    assert [layout.workers for layout in need.layouts] == [2]


def test_the_page_of_the_script_explains_calls_that_exist() -> None:
    script = (SHIPPED / "03-own-script" / "train.py").read_text()
    known = set(dir(Worker)) | set(Worker.__init__.__code__.co_names)
    for text in (readme("03-own-script"), script):
        assert set(re.findall(r"\bme\.([a-z_]+)", text)) <= known
    explained = (SHIPPED.parents[2] / "docs" / "own-script.md").read_text()
    assert set(re.findall(r"\bme\.([a-z_]+)", explained)) <= known
    assert set(re.findall(r"\bme\.([a-z_]+)", script)) <= set(re.findall(r"\bme\.([a-z_]+)", explained))
