"""Rows of a CSV file that a person wrote, each cell with its place. Pure.

    sheet = read_rows(text, "prices.csv", columns=("instance_type", "usd_hour", "region"), needed=("instance_type", "usd_hour"),
                      rule="price-list-invalid", example="...")
    for row in sheet.rows:
        row.text("usd_hour"), row.place("usd_hour")

Columns come in any order. Blank lines, and lines that begin with `#`, are passed over. A record is one line (RFC 4180, without its
line breaks in quotes).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from steelyard.findings import Finding, Place

T = TypeVar("T")
CELL = re.compile(r'[ \t]*(?:"((?:[^"]|"")*)"|([^,]*?))[ \t]*(,|$)')
"""A cell and what ends it; within quotes two quotes stand for one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a column of a row, without blanks around it."""

    text: str
    place: Place


class BadRowError(Exception):
    """A row cannot be used; its finding is in `Sheet.findings`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record."""

    cells: Mapping[str, Cell]
    start: Place

    @property
    def source(self) -> str:
        """File and line, for what is read from it."""
        return f"{self.start.file}:{self.start.line}"

    def text(self, column: str) -> str:
        """What it says there, or nothing."""
        cell = self.cells.get(column)
        return cell.text if cell else ""

    def place(self, column: str) -> Place:
        cell = self.cells.get(column)
        return cell.place if cell else self.start


class Sheet:
    """The rows of a file, and every finding about it: those of reading it, and those of `take` and `wrong`."""

    def __init__(self, rule: str, example: str) -> None:
        self.rule, self.example = rule, example
        self.rows: list[Row] = []
        self.findings: list[Finding] = []

    def take(self, row: Row, column: str, parse: Callable[[str], T], *, default: T) -> T:
        """The value of a cell as `parse` reads it, or `default` where it is blank.

        Raises BadRowError, with a finding, where `parse` raises ValueError.
        """
        written = row.text(column)
        if not written:
            return default
        try:
            return parse(written)
        except ValueError as error:
            raise self.wrong(row, column, str(error)) from error

    def wrong(self, row: Row, column: str, message: str, evidence: str = "") -> BadRowError:
        """Keep a finding about a cell, and return the error to raise."""
        self._tell(row.place(column), f"{column}: {message}", evidence)
        return BadRowError(message)

    def _tell(self, place: Place, message: str, evidence: str = "", next_step: str = "") -> None:
        self.findings.append(Finding(self.rule, "error", place.file, message, evidence=evidence, next_step=next_step, place=place))

    def fill(self, text: str, file: str, columns: Sequence[str], needed: Sequence[str]) -> None:
        """Read the whole file."""
        header: list[Cell] | None = None
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
            written = line.rstrip("\r")
            if not written.strip() or written.lstrip().startswith("#"):
                continue
            place = Place(file, number, 1)
            cells = _cells(written, place)
            if cells is None:
                self._tell(place, "a quote that is not closed, or text after it")
            elif header is None:
                header = self._header(cells, place, columns, needed)
                if header is None:
                    return
            elif len(cells) > len(header):
                self._tell(cells[len(header)].place, f"{len(cells)} cells, but {len(header)} columns: a comma within a number?")
            else:
                self.rows.append(Row({name.text: cell for name, cell in zip(header, cells, strict=False)}, place))
        if header is None:
            example = f"for example: {self.example}"
            self._tell(Place(file, 1, 1), "the file is empty: its first line must name the columns", next_step=example)

    def _header(self, cells: list[Cell], place: Place, columns: Sequence[str], needed: Sequence[str]) -> list[Cell] | None:
        """The columns by their names in lower case, or None, with findings, where they cannot be used."""
        names = [Cell(cell.text.lower(), cell.place) for cell in cells]
        given = [name.text for name in names]
        if len(names) == 1 and (other := next((mark for mark in ";\t" if mark in given[0]), None)):
            self._tell(place, f"columns are separated by {'semicolons' if other == ';' else 'tabs'}; separate them by commas")
            return None
        before, example = len(self.findings), f"for example: {self.example}"
        for index, name in enumerate(names):
            if name.text not in columns:
                near = get_close_matches(name.text, columns, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._tell(name.place, f"'{name.text[:40]}' is not a column{hint}", next_step=example)
            elif name.text in given[:index]:
                self._tell(name.place, f"the column {name.text} stands twice", next_step=example)
        for missing in (name for name in needed if name not in given):
            self._tell(place, f"the column {missing} is missing", next_step=example)
        return names if len(self.findings) == before else None


def read_rows(text: str, file: str, *, columns: Sequence[str], needed: Sequence[str], rule: str, example: str) -> Sheet:
    """The rows of a CSV file whose first line names its `columns`, of which `needed` must be there.

    What is wrong is a finding of `rule`; never raises.
    """
    sheet = Sheet(rule, example)
    sheet.fill(text, file, columns, needed)
    return sheet


def _cells(line: str, place: Place) -> list[Cell] | None:
    """The cells of a line, or None where its quotes do not pair."""
    cells, at = [], 0
    while True:
        match = CELL.match(line, at)
        if match is None:
            return None
        quoted, plain, end = match.groups()
        begins = match.start(1 if quoted is not None else 2) - (quoted is not None)
        if quoted is None and '"' in plain:
            return None
        cells.append(Cell(plain if quoted is None else quoted.replace('""', '"').strip(), Place(place.file, place.line, begins + 1)))
        at = match.end()
        if not end:
            return cells
