"""Bars: what a measurement must reach. They live in a `bars.toml` beside their benchmark, with the recipe that measures them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. Exactly one of `at_least` and `at_most` is given."""

    name: str
    what: str
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    def reached(self, value: float | None) -> bool:
        """What is not known has not reached its bar."""
        if value is None:
            return False
        return value >= self.at_least if self.at_least is not None else self.at_most is not None and value <= self.at_most

    @property
    def text(self) -> str:
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"


@dataclass(frozen=True, slots=True)
class Cell:
    """A measured figure against its bar."""

    bar: Bar
    value: float | None
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.bar.reached(self.value)

    @property
    def line(self) -> str:
        """`pass  ratio  0.981  >= 0.95   note`."""
        value = "-" if self.value is None else f"{self.value:.4g} {self.bar.unit}".rstrip()
        return f"{'pass' if self.passed else 'MISS'}  {self.bar.name:<22} {value:>10}   {self.bar.text:<8} {self.note}".rstrip()

    def data(self) -> dict[str, Any]:
        bar = self.bar
        return {"name": bar.name, "value": self.value, "bar": bar.text, "unit": bar.unit, "passed": self.passed, "note": self.note}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A `bars.toml`: how to measure (whole numbers by name), and the bars."""

    counts: Mapping[str, int]
    bars: Mapping[str, Bar]


def read_recipe(file: Path) -> Recipe:
    stored = tomllib.loads(file.read_text())
    return Recipe(stored["recipe"], {name: Bar(name, **fields) for name, fields in stored["bars"].items()})


def judge(cells: Sequence[Cell]) -> int:
    """Print each cell; returns the exit status: 1 when one of them missed its bar."""
    for cell in cells:
        print(cell.line)
    return 0 if all(cell.passed for cell in cells) else 1
