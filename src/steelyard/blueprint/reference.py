"""The reference page of the blueprint language, from the classes: `python -m steelyard.blueprint.reference FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from steelyard.blueprint.explaining import Explanation, explain
from steelyard.blueprint.kinds import KINDS

_INTRODUCTION = """# Blueprint reference

Generated from the classes by `make docs`; the same text comes from `steelyard explain KIND.field`. How to write blueprints:
[blueprint.md](../blueprint.md). *Honoured by* names the engines that do what the field says; with `-`, `run` says
"not enforced here yet".
"""


def reference() -> str:
    """The page as Markdown."""
    return "\n".join([_INTRODUCTION, *(line for kind in KINDS for line in _kind(explain(kind)))])


def _kind(kind: Explanation) -> Iterator[str]:
    yield f"## {kind.path}\n\n{kind.description}\n"
    yield from _table(kind)
    for field in kind.fields:
        if field.fields:
            yield f"### {field.path}\n\n{field.description}\n"
            yield from _table(field)


def _table(owner: Explanation) -> Iterator[str]:
    yield "| field | takes | default | example | honoured by | |"
    yield "|---|---|---|---|---|---|"
    for field in owner.fields:
        example = f"`{field.examples[0]}`" if field.examples else ""
        cells = [f"`{field.name}`", field.type, f"`{field.default}`", example, ", ".join(field.honoured) or "-", field.description]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
