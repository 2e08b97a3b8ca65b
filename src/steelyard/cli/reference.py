"""The page docs/reference/commands.md: each command's own `--help`. Written by `make docs`; a test holds that it is up to date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from steelyard.cli.main import COMMANDS, CONTEXT, LazyCommand, command_line

SHAPE: dict[str, Any] = {"terminal_width": 110, "help_option_names": CONTEXT["help_option_names"]}
HEAD = """# Commands

Written by `make docs` from the program; what they are for and how they go together: [commands](../commands.md).
"""


def reference() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    yield _block("steelyard", typer.Context(command_line(), info_name="steelyard", **SHAPE))
    for entry in COMMANDS:
        command = LazyCommand(entry).real()
        yield f"\n## {entry.name}\n"
        yield _block(f"steelyard {entry.name}", typer.Context(command, info_name=f"steelyard {entry.name}", **SHAPE))


def _block(name: str, context: typer.Context) -> str:
    lines = context.command.get_help(context).splitlines()
    return "\n".join([f"```\n$ {name} --help", *(line.rstrip() for line in lines), "```"])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference())
