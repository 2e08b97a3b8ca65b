"""What the control groups around this process allow: a container may have less than the machine shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
NO_MEMORY_LIMIT = 2**60
"""Version 1 of control groups writes a number near 2^63 where there is no limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the control groups around this process allow; None: no limit is set."""

    cpus: float | None
    memory_bytes: int | None


def own_cgroups(table: Path = Path("/proc/self/cgroup"), root: Path = CGROUPS) -> tuple[Path, ...]:
    """The control group folders that this process is in, innermost first, up to the root (version 2, and version 1 by controller)."""
    with contextlib.suppress(OSError):
        lines = [line.split(":", 2) for line in table.read_text().splitlines()]
        return tuple(folder for line in lines if len(line) == 3 for folder in _upwards(root / line[1], line[2].lstrip("/")))
    return (root,)


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    inner = mount / path
    yield from (inner, *(parent for parent in inner.parents if parent.is_relative_to(mount)))


def cgroup_limits(folders: tuple[Path, ...]) -> Limits:
    """The tightest limit of `folders`."""
    cpus = [limit for folder in folders if (limit := _cpu_limit(folder)) is not None]
    files = [folder / name for folder in folders for name in ("memory.max", "memory.limit_in_bytes")]
    memory = [limit for file in files if (limit := _number(file)) is not None and limit < NO_MEMORY_LIMIT]
    return Limits(min(cpus, default=None), min(memory, default=None))


def _cpu_limit(folder: Path) -> float | None:
    """`cpu.max` holds "200000 100000" or "max 100000"; version 1 has two files, and -1 for no limit."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota_us / period_us if quota_us and period_us and quota_us > 0 else None


def _number(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return None
