"""Reading: the records of all files, folded by DuckDB into usages. Millions of records take seconds and bounded memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from steelyard.errors import StateError
from steelyard.ledger import records
from steelyard.ledger.files import being_written, part_files, writer_files
from steelyard.ledger.usage import Usage

MEMORY_LIMIT = "1GB"


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What is in the ledger, and what of it cannot be used."""

    usages: tuple[Usage, ...]
    """By start and id."""
    torn_lines: int
    """Lines that nobody can read: what a killed writer left unfinished."""
    orphans: int
    """Usages whose start cannot be read, so that nobody knows what was held."""


def read_usages(folder: Path) -> tuple[Usage, ...]:
    """Every usage of every writer, compacted or not, each once, by start and id."""
    return read_ledger(folder).usages


def read_ledger(folder: Path) -> LedgerReport:
    """Every usage, and a count of what cannot be read. An empty or missing folder is an empty ledger."""
    while True:
        lines = writer_files(folder)
        # Asked before reading: who lives now may end meanwhile and its end is read; the other way round it would seem lost.
        alive = being_written(lines)
        # Listed after the lines: what a compaction takes from the lines is in a part before it is gone from there.
        parts = part_files(folder)
        try:
            return _read(folder, lines, parts, alive)
        except duckdb.Error as error:
            if all(path.exists() for path in lines):
                raise StateError(f"the ledger {folder} cannot be read: {error}", next_step=f"ls -l {folder}") from error
            # A compaction moved a file away between listing and reading: look again.


def _read(folder: Path, lines: Sequence[Path], parts: Sequence[Path], alive: frozenset[str]) -> LedgerReport:
    sources = ([records.lines_sql(lines)] if lines else []) + ([records.parts_sql(parts, (path.stem for path in lines))] if parts else [])
    if not sources:
        return LedgerReport((), 0, 0)
    usages, torn, orphans = [], 0, 0
    with database(folder) as connection:
        for row in _rows(connection.execute(records.usages_sql(sources))):
            if row["usage"] is None:
                torn += row["records"]
            elif row["start_us"] is None:
                orphans += 1
            else:
                usages.append(records.usage_of(row, alive))
    return LedgerReport(tuple(usages), torn, orphans)


def _rows(cursor: Any) -> Iterator[dict[str, Any]]:
    """The rows of a query, a thousand in memory at a time."""
    names = [column[0] for column in cursor.description]
    while block := cursor.fetchmany(1000):
        for row in block:
            yield dict(zip(names, row, strict=True))


@contextlib.contextmanager
def database(folder: Path) -> Iterator[Any]:
    """A DuckDB in memory, with bounded memory, that never fetches anything and spills beside the ledger only."""
    connection = duckdb.connect(config={
        "memory_limit": MEMORY_LIMIT, "temp_directory": str(folder / ".spill"), "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    })  # fmt: skip
    try:
        yield connection
    finally:
        connection.close()
