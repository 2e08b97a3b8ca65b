"""Compaction: what dead writers left as JSON lines becomes Parquet, once each, whatever is killed meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from steelyard.errors import StateError
from steelyard.ledger import records
from steelyard.ledger.files import being_written, fresh_name, hold_if_closed, part_files, sync, writer_files
from steelyard.ledger.reading import database

DUE_FILES = 64
DUE_BYTES = 8_000_000
"""More files of dead writers, or more bytes in them, and they are worth compacting."""
BATCH_FILES = 256
"""Files folded into one part at most: each is held open meanwhile."""


def compact_if_due(folder: Path) -> None:
    """Compact when enough of what dead writers left lies around; called at the end of a run."""
    files = writer_files(folder)
    alive = being_written(files)
    closed = [size for path in files if path.stem not in alive and (size := _size(path)) is not None]
    if len(closed) > DUE_FILES or sum(closed) > DUE_BYTES:
        compact(folder)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def compact(folder: Path) -> None:
    """Move records of closed files to Parquet without loss or double count; safe to kill at any moment, and to run twice at once.

    A part appears whole, by a rename, and holds whole files; the files go after that. Killed in between, both are there: readers
    then take the files, and the next compaction removes them. While another process compacts, this returns at once. Raises StateError.
    """
    files = writer_files(folder)
    if not files:
        return
    try:
        with _only_one(folder) as alone:
            if alone:
                _compact(folder, files)
    except (OSError, duckdb.Error) as error:
        raise StateError(f"the ledger {folder} could not be compacted: {error}", next_step=f"df -h {folder}") from error


def _compact(folder: Path, files: Sequence[Path]) -> None:
    for left in folder.glob("*.tmp"):
        left.unlink()  # of a compaction that was killed
    for first in range(0, len(files), BATCH_FILES):
        _fold(folder, files[first : first + BATCH_FILES])


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[bool]:
    """Whether this process may compact; the right to it is held within the block."""
    file = os.open(folder / "compact.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def _fold(folder: Path, files: Sequence[Path]) -> None:
    """Fold those of `files` whose writer is gone into one part, then remove them."""
    held = {path: file for path in files if (file := hold_if_closed(path)) is not None}
    try:
        done = _compacted_writers(folder)
        if lines := [path for path, file in held.items() if path.stem not in done and os.fstat(file).st_size]:
            _write_part(folder, lines)
        for path in held:
            path.unlink()
    finally:
        for file in held.values():
            os.close(file)


def _compacted_writers(folder: Path) -> set[str]:
    parts = part_files(folder)
    if not parts:
        return set()
    with database(folder) as connection:
        return {writer for (writer,) in connection.execute(f"select distinct writer from {records.parts_sql(parts, ())}").fetchall()}  # noqa: S608


def _write_part(folder: Path, lines: Sequence[Path]) -> None:
    part = folder / f"part-{fresh_name()}.parquet"
    unfinished = part.with_suffix(".tmp")
    with database(folder) as connection:
        target = records.quoted(str(unfinished))
        connection.execute(f"copy {records.lines_sql(lines)} to {target} (format parquet, compression zstd)")
    unfinished.chmod(0o600)
    sync(unfinished)
    unfinished.rename(part)
    sync(folder)
