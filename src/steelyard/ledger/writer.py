"""Writing: one process, one writer, one file of its own."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from steelyard.errors import StateError
from steelyard.home import private_folder
from steelyard.ledger import records
from steelyard.ledger.files import create_locked
from steelyard.ledger.usage import Holding


class LedgerWriter:
    """Appends usage records to this process's own file under `folder` (`<home>/ledger`).

    A record is with the kernel when a method returns: killing this process then loses nothing (there is no fsync, so
    losing the machine's power may). Threads may share a writer. Every method raises StateError when a record cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.path, self._file = create_locked(private_folder(folder))
        except OSError as error:
            raise _unwritable(folder, error) from error
        self._torn = False

    def start(self, holding: Holding, start_us: int, attempt: int) -> str:
        """Record that `holding` began; returns the usage's id."""
        usage = uuid.uuid4().hex
        self._append("start", usage, start_us, {"attempt": attempt} | records.holding_fields(holding))
        return usage

    def beat(self, usage: str, now_us: int, used_ratio: float | None, at_risk_us: int = 0) -> None:
        """Record a sign of life: what is open is known to have lasted until `now_us`; `at_risk_us` is wasted if nothing follows."""
        self._append("beat", usage, now_us, {"used_ratio": records.known_ratio(used_ratio), "wasted_us": at_risk_us})

    def end(self, usage: str, end_us: int, reason: str, used_ratio: float | None, wasted_us: int) -> None:
        """Record that it ended."""
        fields = {"reason": reason, "used_ratio": records.known_ratio(used_ratio), "wasted_us": wasted_us}
        self._append("end", usage, end_us, fields)

    def close(self) -> None:
        """Let go of the file; from now on it may be compacted. Closing twice does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, kind: str, usage: str, t_us: int, fields: dict[str, Any]) -> None:
        line = records.line(kind, uuid.uuid4().hex, usage, t_us, fields)
        block = b"\n" + line if self._torn else line  # so that the half record of a full disk spoils no other
        try:
            written = os.write(self._file, block)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._torn = written < len(block)
        if self._torn:
            raise StateError(f"the ledger {self.path} could not be written: the disk is full", next_step=f"df -h {self.path.parent}")


def _unwritable(path: Path, error: OSError) -> StateError:
    return StateError(f"the ledger {path} could not be written: {error.strerror}", next_step=f"ls -ld {path}")
