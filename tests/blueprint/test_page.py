"""The page on writing blueprints says what is true: its code runs, its example of an error is the real one."""

import re
from pathlib import Path

import pytest

from steelyard.blueprint import KINDS, read_text
from steelyard.blueprint.devices import parse_gpu
from steelyard.errors import BlueprintError

PAGE = (Path(__file__).parents[2] / "docs" / "blueprint.md").read_text()


def block(language: str) -> str:
    """The first fenced block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_blueprint_is_whole() -> None:
    assert read_text(block("yaml")).workloads[0].name == "first"


def test_the_python_runs() -> None:
    exec(compile(block("python"), "docs/blueprint.md", "exec"), {})


def test_the_error_is_the_real_one() -> None:
    with pytest.raises(BlueprintError) as caught:
        read_text("kind: Team\nname: nlp\n\n\n\nborow: true\n", "team.yaml")
    assert f"{caught.value}\n" == block("text")


def test_every_kind_is_on_the_page() -> None:
    assert re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE) == list(KINDS)


def test_every_form_of_gpu_on_the_page_is_understood() -> None:
    rows = PAGE.partition("| written | meaning |")[2].partition("## ")[0]
    forms = [form for line in rows.splitlines() for form in re.findall(r"`([^`]+)`", line.partition(" | ")[0])]
    assert len(forms) == 13
    assert all(parse_gpu(form.strip("[]").split(", ") if form.startswith("[") else form) is not None for form in forms)
