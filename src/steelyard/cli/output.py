"""What a command prints: data on stdout as a table, JSON, YAML or names; talk on stderr.

A command hands over records, which are plain mappings of JSON values, and the columns to show of them:

    COLUMNS = (Column("NAME", "name"), Column("STATUS", "status"), Column("AGE", "age_s", format_duration), Column("TEAM", "team", True))

    def get(output: OutputOption = Format.table) -> None:
        show([{"name": "a-1", "status": "Done", "age_s": 12.0, "team": None}], COLUMNS, output)
        next_command("steelyard describe a-1")

`-o json` and `-o yaml` print the whole records, `-o name` their `name`, `-o table` and `-o wide` the columns. What is not
known is None, printed `-`. Colour marks the STATUS word only, and only on a terminal: not with `--no-color` or `NO_COLOR`.

Only typer is imported at the top, so that `steelyard --help` stays light.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TextIO

import typer

Record = Mapping[str, Any]
"""One object as plain JSON values: what `-o json` prints of it."""


class Format(StrEnum):
    """The values of `-o`."""

    table = "table"
    wide = "wide"
    json = "json"
    yaml = "yaml"
    name = "name"


OutputOption = Annotated[Format, typer.Option("-o", "--output", help="How to print; wide has more columns.", show_default=False)]
"""The type of a command's `output` parameter; its default is `Format.table`."""


@dataclass(slots=True)
class Switches:
    """What the common flags of this process say. Set once, by the frame, before a command runs."""

    color: bool = True
    verbose: bool = False


switches = Switches()


def text(value: Any) -> str:
    """A value as a cell: `-` for None, one line, without control characters (a log may hold any byte)."""
    if value is None or value == "":
        return "-"
    return "".join(character for character in " ".join(str(value).split()) if character.isprintable())


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its upper-case header, the key of the record, how a known value reads, and where it is shown."""

    header: str
    key: str
    format: Callable[[Any], str] = text
    wide: bool = False
    """Shown by `-o wide` only."""
    right: bool = False
    """Aligned to the right, as figures are."""

    def cell(self, record: Record) -> str:
        value = record.get(self.key)
        return "-" if value is None else text(self.format(value))


def show(records: Sequence[Record], columns: Sequence[Column], output: Format = Format.table) -> None:
    """Print `records` on stdout in the form asked for."""
    if output is Format.name:
        write("".join(f"{record['name']}\n" for record in records))
    elif output in (Format.json, Format.yaml):
        show_data([dict(record) for record in records], output)
    else:
        shown = [column for column in columns if output is Format.wide or not column.wide]
        write("".join(f"{line}\n" for line in table_lines(records, shown, color=has_color(sys.stdout))))


def show_data(data: Any, output: Format) -> None:
    """Print plain data on stdout as JSON or, with `-o yaml`, as YAML; keys in the order given."""
    if output is Format.yaml:
        import yaml  # noqa: PLC0415  (only here: the other formats start without it)

        write(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    else:
        write(json.dumps(strict_json(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def strict_json(data: Any) -> Any:
    """The same with null for what JSON has no word for (a loss that is not a number), so that every reader takes it."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: strict_json(value) for key, value in data.items()}
    return [strict_json(value) for value in data] if isinstance(data, list | tuple) else data


def table_lines(records: Sequence[Record], columns: Sequence[Column], *, color: bool = False) -> list[str]:
    """The lines of a table, headers first, cells aligned; a STATUS cell is coloured when `color`."""
    rows = [[column.header for column in columns], *([column.cell(record) for column in columns] for record in records)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    lines = []
    for number, row in enumerate(rows):
        cells = zip(row, widths, columns, strict=True)
        aligned = (_aligned(cell, width, column, color=color and number > 0) for cell, width, column in cells)
        lines.append("   ".join(aligned).rstrip())
    return lines


def _aligned(cell: str, width: int, column: Column, *, color: bool) -> str:
    padded = cell.rjust(width) if column.right else cell.ljust(width)
    return padded.replace(cell, status_word(cell, color=True), 1) if color and column.header == "STATUS" else padded


STATUS_COLORS = {
    "Done": "green", "Running": "green", "ok": "green",
    "Starting": "cyan", "Restarting": "yellow", "Stopping": "yellow", "Stopped": "yellow", "warn": "yellow",
    "Failed": "red", "Lost": "red", "missing": "red", "error": "red", "warning": "yellow", "note": "cyan",
}


def status_word(word: str, *, color: bool) -> str:
    """The word, in its colour when `color`."""
    return typer.style(word, fg=STATUS_COLORS[word]) if color and word in STATUS_COLORS else word


def has_color(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`."""
    return switches.color and not os.environ.get("NO_COLOR") and stream.isatty()


def write(block: str) -> None:
    """Data, on stdout, as it is."""
    sys.stdout.write(block)
    sys.stdout.flush()


def say(message: str) -> None:
    """Talk, on stderr, one line or several."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def next_command(*commands: str) -> None:
    """The commands to type next, as the last line, on stderr; only name commands that exist."""
    if shown := [command for command in commands if command]:
        say(f"next: {'      '.join(shown)}")


def percent(ratio: float) -> str:
    """A ratio of 0 to 1 as `58%`; a little is `<1%`, never a bare 0%. Other figures: `steelyard.units.format_*`."""
    if 0 < ratio < 0.005:
        return "<1%"
    return f"{ratio * 100:.0f}%"
