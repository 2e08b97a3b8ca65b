"""What this machine has, as one frozen value: the observing half of `check`. Nothing here judges, and nothing here writes."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from steelyard.home import Home
from steelyard.local.cgroups import Limits, cgroup_limits, own_cgroups
from steelyard.local.machine import price_here

REQUIREMENT = re.compile(r"(?P<package>[A-Za-z0-9._-]+)(?P<extras>\[[^]]*\])?[^;]*;.*extra == ['\"](?P<extra>[a-z]+)['\"].*")


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
    price: tuple[int | None, str]
    """Micro-dollars an hour and where that is from."""


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
        price=price_here(),
    )  # fmt: skip


def nearest_existing(path: Path) -> Path:
    """`path`, or the nearest of its parents that is there."""
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


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
