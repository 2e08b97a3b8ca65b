"""The verbs of the blueprint language: validate, explain, schema, init, and what a command's FILE argument means."""

from __future__ import annotations

import difflib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import steelyard
from steelyard.blueprint.explaining import Explanation, explain
from steelyard.blueprint.honours import honoured_nowhere, runs_here
from steelyard.blueprint.reading import read
from steelyard.blueprint.schema import schema
from steelyard.errors import BlueprintError, NotFoundError, StateError
from steelyard.findings import Finding

__all__ = ["Explanation", "Shipped", "Validation", "explain", "init", "resolve", "schema", "shipped", "validate"]

SCHEMA_FILE = "steelyard.schema.json"
"""What the first line of a blueprint names, for editors."""
SHIPPED = Path(steelyard.__file__).parent / "blueprints"
"""The blueprints that come with Steelyard, a folder each."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What `validate` found. `counts` are the documents by kind, in order of first appearance; empty when something is wrong.

    `findings` are either errors, or notes on fields that no engine honours yet.
    """

    files: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    findings: tuple[Finding, ...]

    @property
    def valid(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def runs_here(self) -> bool:
        """Whether this machine can run something of it."""
        return any(runs_here(kind) for kind, _ in self.counts)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A blueprint that comes with Steelyard. `title` is the heading of its README."""

    name: str
    title: str


def validate(paths: Sequence[str]) -> Validation:
    """Read `paths` (files, folders, names of shipped blueprints) as one blueprint, and collect every problem instead of raising."""
    files = resolve(paths)
    try:
        blueprint = read(*files)
    except BlueprintError as error:
        return Validation(tuple(map(str, files)), (), error.findings)
    counts = Counter(document.kind for document in blueprint.documents)
    notes = tuple(note for document in blueprint.documents for note in honoured_nowhere(document, blueprint))
    return Validation(tuple(map(str, files)), tuple(counts.items()), notes)


def shipped() -> tuple[Shipped, ...]:
    """Every blueprint that comes with Steelyard, by name."""
    folders = sorted(path for path in SHIPPED.iterdir() if any(path.glob("*.yaml"))) if SHIPPED.is_dir() else []
    return tuple(Shipped(folder.name, _title(folder / "README.md")) for folder in folders)


def _title(readme: Path) -> str:
    lines = readme.read_text(encoding="utf-8").splitlines() if readme.is_file() else []
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")


def resolve(paths: Sequence[str]) -> tuple[Path, ...]:
    """The files that `paths` mean: files, the `*.yaml` of folders, sorted, and those of shipped blueprints by name.

    What is here wins over what is shipped, so that a copy made by `init` is what runs. Raises NotFoundError with the nearest name.
    """
    return tuple(file for path in paths for file in _resolve(path))


def _resolve(path: str) -> list[Path]:
    names = [blueprint.name for blueprint in shipped()]
    try:
        place = SHIPPED / path if path in names and not Path(path).exists() else Path(path)
        if place.is_file():
            return [place]
        if place.is_dir():
            return _yaml_files(place)
    except (OSError, ValueError) as error:  # a name that no file can have
        raise NotFoundError(f"'{path[:60]}' is not the name of a file", next_step="steelyard init") from error
    here = sorted(str(file) for file in Path().glob("*.yaml"))
    nearest = difflib.get_close_matches(path, [*here, *names], n=1)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    raise NotFoundError(f"'{path}' is no file, no folder and no shipped blueprint{hint}", next_step="steelyard init")


def _yaml_files(folder: Path) -> list[Path]:
    if files := sorted(folder.glob("*.yaml")):
        return files
    raise NotFoundError(f"the folder '{folder}' holds no .yaml file", next_step="steelyard init")


def init(name: str, folder: Path) -> Path:
    """Copy the shipped blueprint `name` to `folder/name`, with the schema for editors, and return that; refuses to overwrite."""
    names = [blueprint.name for blueprint in shipped()]
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise NotFoundError(f"no blueprint named '{name}' is shipped{hint}", next_step="steelyard init")
    target = folder / name
    try:
        shutil.copytree(SHIPPED / name, target, ignore=shutil.ignore_patterns("__pycache__"))
    except FileExistsError as error:
        step = f"remove {target}, or run it as it is: steelyard run {name}"
        raise StateError(f"{target} is there already, and nothing is overwritten", next_step=step) from error
    (target / SCHEMA_FILE).write_text(json.dumps(schema(), indent=1) + "\n")
    return target
