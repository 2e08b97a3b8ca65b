"""What this machine has, as one frozen value: the observing half of `check`. Nothing here judges, and nothing here writes."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from steelyard.home import Home

REQUIREMENT = re.compile(r"(?P<package>[A-Za-z0-9._-]+)(?P<extras>\[[^]]*\])?[^;]*;.*extra == ['\"](?P<extra>[a-z]+)['\"].*")
CGROUPS = Path("/sys/fs/cgroup")
NO_MEMORY_LIMIT = 2**60
"""Version 1 of control groups writes a number near 2^63 where there is no limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the control groups around this process allow; None: no limit is set."""

    cpus: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts. Sizes in bytes; what could not be read is None."""

    system: str
    architecture: str
    python: tuple[int, int, int]
    executable: str
    cpus: int
    """That this process may use."""
    limits: Limits
    memory_total: int
    memory_available: int
    state_folder: Path
    state_writable: bool
    state_shared: bool
    """Whether others than the user may read it."""
    disk_free: int
    shared_memory: int | None
    gpus: tuple[str, ...] | None
    """Each as `name, memory`; None when nothing here can tell."""
    extras: Mapping[str, Mapping[str, str | None]]
    """Of each extra its packages and their versions; None is not installed."""
    hostname_resolves: bool
    loopback: str
    """Empty when a port on 127.0.0.1 can be opened and reached, else the error."""


def observe(home: Home) -> Machine:
    """Look at this machine once."""
    memory, nearest = psutil.virtual_memory(), nearest_existing(home.state)
    return Machine(
        system=platform.system(), architecture=platform.machine(), python=sys.version_info[:3], executable=sys.executable,
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        limits=cgroup_limits(own_cgroups()), memory_total=memory.total, memory_available=memory.available,
        state_folder=home.state, state_writable=nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK),
        state_shared=home.state.is_dir() and bool(home.state.stat().st_mode & 0o077), disk_free=shutil.disk_usage(nearest).free,
        shared_memory=shutil.disk_usage("/dev/shm").total if Path("/dev/shm").is_dir() else None,  # noqa: S108  (looked at, not written)
        gpus=find_gpus(), extras=installed_extras(), hostname_resolves=resolves(socket.gethostname()), loopback=loopback_error(),
    )  # fmt: skip


def nearest_existing(path: Path) -> Path:
    """`path`, or the nearest of its parents that is there."""
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


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


def find_gpus() -> tuple[str, ...] | None:
    """NVIDIA GPUs by NVML when the extra `gpu` is there, else by `nvidia-smi`; None when neither is."""
    try:
        import pynvml  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError:
        return _gpus_by_command()
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return tuple(f"{pynvml.nvmlDeviceGetName(one)}, {pynvml.nvmlDeviceGetMemoryInfo(one).total / 2**30:.0f} GiB" for one in handles)
    except pynvml.NVMLError:
        return _gpus_by_command()


def _gpus_by_command() -> tuple[str, ...] | None:
    if not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(line.strip() for line in asked.stdout.splitlines() if line.strip())


def installed_extras() -> dict[str, dict[str, str | None]]:
    """The extras that this version of Steelyard declares, as its installed metadata lists them."""
    found: dict[str, dict[str, str | None]] = {}
    for requirement in metadata.requires("steelyard") or ():
        match = REQUIREMENT.fullmatch(requirement)
        if match and match["extra"] != "all":  # which is the others again
            found.setdefault(match["extra"], {})[match["package"]] = _version(match["package"])
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def resolves(hostname: str) -> bool:
    """Whether the name has an address: workers look for each other by it."""
    try:
        return bool(socket.getaddrinfo(hostname, None))
    except OSError:
        return False


def loopback_error() -> str:
    """Open a port on loopback and connect to it; the error in words, or nothing."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
            return ""
    except OSError as error:
        return str(error)
