"""Documentation cannot drift: what the program has, its pages explain, and nothing else."""

import ast
import re
from pathlib import Path

import pytest

from steelyard import errors
from steelyard.cli.main import COMMANDS
from steelyard.cli.reference import reference
from tests.docs.pages import ROOT, pages, rules_in, trees

LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)(#[^)]*)?\)")
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def test_every_rule_of_a_finding_is_explained() -> None:
    explained = set(re.findall(r"^### `([^`]+)`$", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE))
    rules = rules_in(trees())
    assert rules - explained == set(), "not explained in docs/findings.md"
    assert explained - rules == set(), "explained in docs/findings.md, but no longer in the program"


def test_every_rule_has_a_kebab_case_name() -> None:
    assert [rule for rule in rules_in(trees()) if not KEBAB.fullmatch(rule)] == []


def test_rules_are_found_however_they_are_given() -> None:
    module = ast.parse(
        "def _flaw(self, rule, mark): ...\n"
        "class Problem:\n    rule: str\n    path: str\n"
        "Finding('a-a', 'error'); Finding(rule='b-b'); self._flaw('c-c', 1); Problem('d-d', 2); write('e-e')\n"
        "events.write('finding', rule='f-f' if x else 'g-g'); Finding(found.rule, 'x')\n"
    )
    assert rules_in((module,)) == {"a-a", "b-b", "c-c", "d-d", "f-f", "g-g"}


def test_every_error_is_explained_and_drawn() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    explained = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE))
    assert explained == classes


def test_the_reference_of_commands_is_up_to_date() -> None:
    assert (ROOT / "docs" / "reference" / "commands.md").read_text() == reference(), "run: make docs"


def test_every_command_is_explained() -> None:
    explained = re.findall(r"^### `steelyard (\w+)", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    assert set(explained) == {entry.name for entry in COMMANDS}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [target for target, _ in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert broken == []


def test_the_index_of_docs_lists_every_page() -> None:
    folder = ROOT / "docs"
    listed = {target for target, _ in LINK.findall((folder / "README.md").read_text())}
    assert {str(page.relative_to(folder)) for page in folder.rglob("*.md")} - {"README.md"} <= listed
