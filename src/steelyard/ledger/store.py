"""The append-only store: JSON lines, one file a writer, compacted to Parquet."""

from __future__ import annotations

from pathlib import Path

from steelyard.ledger.usage import Holding, Usage


class LedgerWriter:
    """Appends usage records to this process's own file under `folder` (`<home>/ledger`)."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def start(self, holding: Holding, start_us: int, attempt: int) -> str:
        """Record that `holding` began; returns the usage's id."""
        raise NotImplementedError

    def beat(self, usage: str, now_us: int, used_ratio: float | None) -> None:
        """Record a sign of life: what is open is known to have lasted until `now_us`."""
        raise NotImplementedError

    def end(self, usage: str, end_us: int, reason: str, used_ratio: float | None, wasted_us: int) -> None:
        """Record that it ended."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def read_usages(folder: Path) -> tuple[Usage, ...]:
    """Every usage of every writer, compacted or not, each once, by start and id."""
    raise NotImplementedError


def compact(folder: Path) -> None:
    """Move records of closed files to Parquet without loss or double count; safe to kill at any moment, and to run twice at once."""
    raise NotImplementedError
