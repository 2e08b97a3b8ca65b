"""The files of the ledger's folder, and who holds which.

    20261123T101530-4711-1f0c9e3a5b7d2468.jsonl   one writer's records; locked (flock) by the writer for as long as it lives
    part-20261123T101612-9c2e....parquet          records of writers that are gone
    compact.lock                                  locked by the process that compacts

The kernel lets go of a lock however its holder ends, so nothing here depends on a process saying goodbye.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path

from steelyard.errors import StateError


def fresh_name() -> str:
    """A name that no other process or thread gives: time, process and a random part."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{secrets.token_hex(8)}"


def create_locked(folder: Path) -> tuple[Path, int]:
    """A new file for a writer, open for appending and locked."""
    while True:
        path = folder / f"{fresh_name()}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return path, file
        os.close(file)  # a compaction saw the file before it was locked, took it for a dead writer's and removed it


def hold_if_closed(path: Path) -> int | None:
    """An open file of a writer that is gone, locked so that no new writer gets it; None while its writer lives, or when it is gone."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that a reader who asks meanwhile does not take this lock for a writer's.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def writer_files(folder: Path) -> list[Path]:
    """All files of writers, oldest first."""
    return [path for path in _entries(folder) if path.suffix == ".jsonl"]


def part_files(folder: Path) -> list[Path]:
    """All Parquet parts, oldest first."""
    return [path for path in _entries(folder) if path.suffix == ".parquet"]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:  # an empty answer would make the unknown a zero
        raise StateError(f"the ledger {folder} cannot be read: {error.strerror}", next_step=f"ls -ld {folder}") from error


def being_written(files: list[Path]) -> frozenset[str]:
    """The names, without suffix, of those files whose writer lives."""
    alive = set()
    for path in files:
        file = hold_if_closed(path)
        if file is not None:
            os.close(file)
        elif path.exists():
            alive.add(path.stem)
    return frozenset(alive)


def sync(path: Path) -> None:
    """Have `path`, a file or a folder, on the disk when this returns."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
