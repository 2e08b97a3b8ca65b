"""`check`: the set-up of this machine."""

from __future__ import annotations

from dataclasses import asdict

import typer

from steelyard.cli.output import Column, Format, OutputOption, next_command, say, show
from steelyard.home import home
from steelyard.verbs.check import check as check_machine

COLUMNS = (Column("NAME", "name"), Column("STATUS", "status"), Column("FOUND", "found"), Column("WHAT TO DO", "advice", wide=True))


def check(output: OutputOption = Format.table) -> None:
    """Say what this machine has, and what to do about what is missing. Exits 1 when something needed is missing.

    Examples:
      steelyard check
      steelyard check -o json
    """
    rows = check_machine(home())
    show([asdict(row) for row in rows], COLUMNS, output)
    for row in rows:
        if row.advice and output is Format.table:
            say(f"{row.name}: {row.advice}")
    missing = [row for row in rows if row.status == "missing"]
    if missing:
        say(f"missing: {', '.join(row.name for row in missing)}")
        raise typer.Exit(1)
    next_command("steelyard run 01-ray-training")
