"""`plan`."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from steelyard.blueprint import read
from steelyard.cli.output import Format, OutputOption, next_command, say, show_data, switches, write
from steelyard.cli.plan_lines import choice_lines, placement_lines, summary
from steelyard.cli.plan_record import choice_record, plan_record
from steelyard.home import home
from steelyard.verbs.language import resolve
from steelyard.verbs.plan import weighed

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Blueprints, folders, or names of shipped ones.", show_default=False)]

Here = Annotated[bool, typer.Option("--here", help="Weigh it for this machine, as `run` does.")]


def plan(files: Files, here: Here = False, output: OutputOption = Format.table) -> None:
    """Weigh a blueprint before anything is rented: memory, speed, price, and why not something else.

    Every workload goes to the cheapest instance type that carries it. What the blueprint leaves open is assumed, and said. Exit
    status 1 says that something cannot be carried out. -o wide shows every alternative, -v the sources of the figures.

    Examples:
      steelyard plan chat.yaml
      steelyard plan platform.yaml teams.yaml chat.yaml -o wide
      steelyard plan chat.yaml -o json
      steelyard plan 01-ray-training --here
    """
    gc.disable()  # all that is weighed stays alive to the end: looking for garbage takes a fifth of the time and finds none
    try:
        weigh(files, here, output)
    finally:
        gc.enable()


def weigh(files: list[str], here: bool, output: Format) -> None:
    """The command itself."""
    blueprint = read(*resolve(files))
    if here or (blueprint.platform and blueprint.platform.target == "here"):
        plan_here(files, output)
        return
    found = weighed(blueprint, home())
    if output in (Format.json, Format.yaml):
        show_data(plan_record(found), output)
    elif output is Format.name:
        write("".join(f"{one.workload.name}\n" for one in found.placements))
    else:
        for placement in found.placements:
            if placement.chosen:
                lines = placement_lines(placement, found, wide=output is Format.wide, sources=switches.verbose)
                write("".join(f"{line}\n" for line in lines) + "\n")
        write(summary(found))
    if output is Format.table or output is Format.wide:
        for finding in found.findings:
            say(str(finding) + "\n" if finding.severity == "error" else f"{finding.severity}: {finding.message}")
    if not found.feasible:
        raise typer.Exit(1)
    next_command("steelyard plan " + " ".join(files) + " -o wide" if output is Format.table else "")


def plan_here(files: list[str], output: Format) -> None:
    """The plan that `run` would carry out on this machine; raises what `run` would."""
    from steelyard.verbs.running import notes, prepare  # noqa: PLC0415  (what runs needs much that weighing does not)

    prepared = prepare(files, home(), address=None, here=True, tell=say)
    choices = prepared.plan.choices
    if output in (Format.json, Format.yaml):
        show_data([choice_record(one) for one in choices], output)
    elif output is Format.name:
        write("".join(f"{one.workload.name}\n" for one in choices))
    else:
        write("".join(f"{line}\n" for one in choices for line in choice_lines(one)))
        for finding in notes(prepared.plan):
            say(f"{finding.severity}: {finding.message}")
        next_command("steelyard run " + " ".join(files))
