"""`validate`, `explain`, `schema` and `init`: the blueprint language at the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steelyard.cli.output import Column, Format, OutputOption, next_command, say, show, show_data, write

if TYPE_CHECKING:
    from steelyard.findings import Finding
    from steelyard.verbs.language import Explanation, Validation

_SHIPPED = (Column("NAME", "name"), Column("WHAT", "title"))
_FINDINGS = (Column("NAME", "name"), Column("SEVERITY", "severity"), Column("MESSAGE", "message"))


def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files, folders, or names of shipped blueprints.", show_default=False)
    ],
    output: OutputOption = Format.table,
) -> None:
    """Check blueprints, and print every problem with its place, the nearest right word and an example.

    Examples:
      steelyard validate train.yaml
      steelyard validate platform.yaml teams/ -o json
    """
    from steelyard.verbs import language  # noqa: PLC0415  (pydantic is imported when it is needed)

    validation = language.validate(files)
    if output in (Format.table, Format.wide):
        write("".join(f"{block}\n" for block in _blocks(validation)))
    else:
        show([_record(finding) for finding in validation.findings], _FINDINGS, output)
    if not validation.valid:
        say(f"{len(validation.findings)} to mend")
        next_command(f"steelyard explain {_kind_of(validation.findings[0])}".rstrip())
        raise typer.Exit(1)
    next_command(f"steelyard run {' '.join(files)}" if validation.runs_here else f"steelyard explain {validation.counts[0][0]}")


def _blocks(validation: Validation) -> list[str]:
    """What a person reads: the problems, a blank line between them; or that all is well, and a line for each note."""
    if not validation.valid:
        return [f"{finding}\n" for finding in validation.findings]
    well = f"ok   {', '.join(f'{count} {kind}' for kind, count in validation.counts)}   in {', '.join(validation.files)}"
    return [well, *(f"{note.place}: note: {note.message}" for note in validation.findings)]


def _record(finding: Finding) -> dict[str, Any]:
    """A finding as JSON; its name is its place."""
    place = finding.place
    return {
        "name": str(place) if place else finding.object,
        "rule": finding.rule,
        "severity": finding.severity,
        "object": finding.object,
        "message": finding.message,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "excerpt": finding.excerpt,
        "next_step": finding.next_step,
    }


def _kind_of(finding: Finding) -> str:
    """The kind of the document that a finding is about, or nothing."""
    from steelyard.blueprint.kinds import KINDS  # noqa: PLC0415

    word = finding.object.partition(" ")[0]
    return word if word in KINDS else ""


def explain(
    path: Annotated[
        str, typer.Argument(metavar="[KIND[.FIELD]]", help="What to explain; all kinds when left out.", show_default=False)
    ] = "",
    output: OutputOption = Format.table,
) -> None:
    """Explain a kind or a field of the blueprint language: what it takes, its default, an example, and who honours it.

    Examples:
      steelyard explain
      steelyard explain Train
      steelyard explain Train.checkpoint.every
    """
    from steelyard.verbs import language  # noqa: PLC0415

    explanation = language.explain(path)
    if output in (Format.table, Format.wide):
        write(explanation.text() + "\n")
    elif output is Format.name:
        write("".join(f"{field.path}\n" for field in explanation.fields or (explanation,)))
    else:
        show_data(_explained(explanation), output)
    next_command(f"steelyard explain {explanation.fields[-1].path}" if explanation.fields else "steelyard init")


def _explained(explanation: Explanation) -> dict[str, Any]:
    return {
        "path": explanation.path,
        "description": explanation.description,
        "type": explanation.type,
        "default": explanation.default,
        "examples": list(explanation.examples),
        "honoured_by": list(explanation.honoured),
        "fields": [_explained(field) for field in explanation.fields],
    }


def schema() -> None:
    """Print the JSON Schema of blueprints, for editors that complete and check YAML.

    Example:
      steelyard schema > steelyard.schema.json
    """
    from steelyard.verbs import language  # noqa: PLC0415

    show_data(language.schema(), Format.json)
    say("first line of a blueprint: # yaml-language-server: $schema=./steelyard.schema.json")
    next_command("steelyard schema > steelyard.schema.json")


def init(
    blueprint: Annotated[str, typer.Argument(metavar="[BLUEPRINT]", help="Which; without one, all are listed.", show_default=False)] = "",
    output: OutputOption = Format.table,
) -> None:
    """Copy a shipped blueprint into this folder, to run it and to change it.

    Examples:
      steelyard init
      steelyard init 01-ray-training
    """
    from steelyard.verbs import language  # noqa: PLC0415

    if not blueprint:
        known = language.shipped()
        show([{"name": one.name, "title": one.title} for one in known], _SHIPPED, output)
        next_command(f"steelyard init {known[0].name}" if known else "steelyard explain")
        return
    target = language.init(blueprint, Path.cwd())
    show([{"name": file.relative_to(Path.cwd()).as_posix()} for file in sorted(target.rglob("*")) if file.is_file()], _SHIPPED[:1], output)
    next_command(f"steelyard validate {target.name}", f"steelyard run {target.name}")
