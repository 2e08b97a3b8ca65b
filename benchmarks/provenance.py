"""Where a result comes from: commit, date, machine, versions. Written with every result, so that it can be repeated or doubted."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
TRIALS = ROOT / "artifacts" / "trials"
"""Where results with too few repetitions go; git ignores it."""
PACKAGES = ("steelyard", "torch", "ray", "pydantic", "duckdb", "typer")
NUMBER_LISTS = re.compile(r"\[[\s0-9.,e+-]*\]")


@dataclass(frozen=True, slots=True)
class Commit:
    """What is checked out. `dirty`: files differ from it, so that the id alone does not say what was measured."""

    id: str
    dirty: bool

    @property
    def short(self) -> str:
        return self.id[:10] + ("-dirty" if self.dirty else "")


def commit() -> Commit:
    """The commit of this checkout. New results beside the benchmarks do not make it dirty."""
    changed = git("status", "--porcelain", "--", ".", ":(exclude)benchmarks/*/results/*")
    return Commit(git("rev-parse", "HEAD"), bool(changed))


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def provenance(when: Commit) -> dict[str, Any]:
    """Commit, time (UTC), machine and versions as plain values."""
    return {
        "commit": when.id, "dirty": when.dirty, "date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }


def machine() -> dict[str, Any]:
    """What kind of machine this is, without its name."""
    return {
        "cpu": cpu_model(), "cores": os.cpu_count(), "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}", "architecture": platform.machine(),
    }


def cpu_model(info: Path = Path("/proc/cpuinfo")) -> str | None:
    """The processor's name, or None where the system does not say."""
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def load() -> tuple[float, ...]:
    """Load averages over 1, 5 and 15 minutes."""
    return tuple(round(value, 2) for value in os.getloadavg())


def keep(folder: Path, of: Commit, data: Mapping[str, Any]) -> Path:
    """Write a result to `folder/DATE-COMMIT.json` and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y-%m-%d}-{of.short}.json"
    file.write_text(compact(json.dumps(data, indent=1)) + "\n")
    return file


def compact(text: str) -> str:
    """Lists of numbers on one line each, the rest as it is."""
    return NUMBER_LISTS.sub(lambda match: re.sub(r"\s+", "", match[0]), text)


def shown(file: Path) -> str:
    """A file of this repository as a person names it."""
    return str(file.relative_to(ROOT))
