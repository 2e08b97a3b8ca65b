"""What must be true before workers are started: each check gives one row, and a failure says its cause and the next step.

That the workers see each other is checked by the workers themselves (`runtime.rank.see_each_other`).
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from steelyard.findings import Finding
from steelyard.local.machine import usable_memory
from steelyard.runtime.corpus import DataError, find_files
from steelyard.runtime.spec import TrainSpec
from steelyard.units import format_bytes


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `finding` is set when it is not as it must be."""

    name: str
    detail: str
    finding: Finding | None = None


def preflight(spec: TrainSpec, run_folder: Path) -> tuple[Check, ...]:
    """All checks of this machine for this run, in the order in which a person would look."""
    checks: tuple[Callable[[], Check], ...] = (
        lambda: check_memory(spec, usable_memory()),
        lambda: check_disk(spec, shutil.disk_usage(run_folder).free),
        lambda: check_data(spec),
        lambda: check_mounts(spec),
        lambda: check_loopback(spec),
    )
    return tuple(check() for check in checks)


def check_memory(spec: TrainSpec, available: int) -> Check:
    """The estimate of sizing against what is free now."""
    if spec.memory_bytes is None:
        return Check("memory", f"need unknown, {format_bytes(available)} free")
    detail = f"{format_bytes(spec.memory_bytes)} of {format_bytes(available)}"
    if spec.memory_bytes <= available:
        return Check("memory", detail)
    return Check("memory", detail, Finding(
        rule="not-enough-memory", severity="error", object=spec.workload,
        message=f"{spec.workload} needs about {format_bytes(spec.memory_bytes)} of memory, and {format_bytes(available)} are free",
        evidence=f"short by {format_bytes(spec.memory_bytes - available)}; {spec.workers} workers",
        next_step="fewer workers, a smaller batch or a shorter sequence; or end what holds the memory",
    ))


def check_disk(spec: TrainSpec, free: int) -> Check:
    need = spec.disk_bytes
    if need is None:
        return Check("disk", f"need unknown, {format_bytes(free)} free")
    detail = f"{format_bytes(need)} of {format_bytes(free)}"
    if need <= free:
        return Check("disk", detail)
    return Check("disk", detail, Finding(
        rule="not-enough-disk", severity="error", object=spec.workload,
        message=f"checkpoints and output need {format_bytes(need)}, and {format_bytes(free)} are free",
        evidence=f"{spec.checkpoint_keep} checkpoints are kept",
        next_step="set STEELYARD_HOME to a larger disk, or checkpoint: {keep: 1}",
    ))


def check_data(spec: TrainSpec) -> Check:
    """Every source has a file, and the first byte of each can be read."""
    if not spec.data:
        return Check("data", "none")
    try:
        files = find_files(spec.data, Path(spec.data_folder))
        for file in files:
            with file.open("rb") as opened:
                opened.read(1)
    except (DataError, OSError) as error:
        return Check("data", "unreadable", Finding(
            rule="data-unreadable", severity="error", object=spec.workload, message=f"the data cannot be read: {error}",
            evidence=f"data: {', '.join(spec.data)}", next_step="correct `data:`; relative paths start from the blueprint's folder",
        ))
    return Check("data", f"{format_bytes(sum(file.stat().st_size for file in files))} in {len(files)} files")


def check_mounts(spec: TrainSpec) -> Check:
    missing = [f"{path}: {folder}" for path, folder in spec.mounts.items() if not Path(folder).is_dir()]
    if not missing:
        return Check("storage", f"{len(spec.mounts)} mounted")
    return Check("storage", "missing", Finding(
        rule="storage-missing", severity="error", object=spec.workload, message=f"no such folder on this machine: {', '.join(missing)}",
        evidence="storage names of a Platform with `target: here` are folders", next_step="make the folder, or correct `storage:`",
    ))


def check_loopback(spec: TrainSpec) -> Check:
    """A port can be opened on loopback and reached: workers talk to each other over it."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
            return Check("loopback", "reachable")
    except OSError as error:
        return Check("loopback", "unreachable", Finding(
            rule="loopback-unreachable", severity="error", object=spec.workload,
            message=f"a port on 127.0.0.1 cannot be opened and reached: {error}", evidence="workers talk to each other over loopback",
            next_step="bring the interface lo up (`ip link set lo up`), or allow it in the sandbox",
        ))
