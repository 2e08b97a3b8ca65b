"""Public measured points: one row is one run that somebody measured and published, with its source.

An empty field was not stated there. The columns are those of `points/serving.csv` and `points/training.csv`; memory is in GiB of one
device.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from steelyard.catalog.architecture import Architecture, read_architecture
from steelyard.catalog.known import known_models

HERE = Path(__file__).parent
LARGE_SOURCE = 20
"""A source with more points than these is split by model, so that it stands on both sides."""

Kind = Literal["serving", "training"]
Side = Literal["tuning", "judging", "held"]


@dataclass(frozen=True, slots=True)
class Point:
    """One measured run. `fields` are the row's columns as written."""

    kind: Kind
    row: int
    """Its line in the file, from 2."""
    side: Side
    fields: Mapping[str, str]

    @property
    def architecture(self) -> Architecture | None:
        """The dimensions of its model; None where the catalogue has no such model."""
        return architecture(self.fields["as"]) if self.fields["as"] else None

    def text(self, column: str) -> str:
        return self.fields[column]

    def number(self, column: str) -> float | None:
        """None where the source does not state it."""
        return float(self.fields[column]) if self.fields[column] else None

    def count(self, column: str, otherwise: int = 1) -> int:
        return int(float(self.fields[column])) if self.fields[column] else otherwise

    @property
    def name(self) -> str:
        """Where it stands, and what it is: `serving:12 Qwen/Qwen3-8B`."""
        return f"{self.kind}:{self.row} {self.fields['model']}"


@cache
def architecture(name: str) -> Architecture:
    """A model of the catalogue, or of `configs.json` here. Raises KeyError for others."""
    known = known_models()
    if name in known:
        return known[name].architecture()
    return read_architecture(name, json.loads((HERE / "configs.json").read_text())[name]["config"])


def read_points(kind: Kind) -> tuple[Point, ...]:
    """All rows of one file, each with the side it stands on."""
    with (HERE / "points" / f"{kind}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    sizes = Counter(row["source"] for row in rows)
    return tuple(Point(kind, number, side(key(row, sizes)), row) for number, row in enumerate(rows, start=2))


def key(row: Mapping[str, str], sizes: Mapping[str, int]) -> str:
    """What is split: a source, or one model of a source with many points."""
    source = row["source"]
    return f"{source}#{row['as']}" if sizes[source] > LARGE_SOURCE else source


def side(of: str) -> Side:
    """The fixed rule, written down before any error was looked at: a fifth is held back, of the rest a half judges."""
    digest = int(hashlib.sha256(of.encode()).hexdigest(), 16)
    if digest % 5 == 0:
        return "held"
    return "judging" if digest % 2 else "tuning"


def counts(points: Sequence[Point]) -> Mapping[str, Mapping[str, int]]:
    """By side: points, sources, and what was observed."""
    found: dict[str, dict[str, int]] = {}
    for name in ("tuning", "judging", "held"):
        those = [point for point in points if point.side == name]
        found[name] = {
            "points": len(those), "sources": len({point.text("source") for point in those}),
            "out of memory": sum(point.text("outcome") == "oom" for point in those),
        }
    return found
