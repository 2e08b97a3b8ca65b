"""`check`: what this machine has, row by row, and what to do about what is missing. The judging is pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from steelyard.home import Home
from steelyard.units import format_bytes, format_money
from steelyard.verbs.machine import Machine, observe

GIB = 2**30
MEMORY_FOR_TRAINING = 4 * GIB
"""Ray and two workers of the first blueprint hold about this much."""
DISK_FOR_TRAINING = 5 * GIB
SHARED_MEMORY_FOR_RAY = GIB
OPTIONAL = {"web": "the dashboard", "gpu": "memory and utilisation of NVIDIA GPUs", "aws": "catalog update"}


@dataclass(frozen=True, slots=True)
class Check:
    """One row. `missing` is what Steelyard needs and has not; `advice` says what to do about anything but `ok`."""

    name: str
    status: Literal["ok", "warn", "missing"]
    found: str
    advice: str = ""


def check(home: Home) -> tuple[Check, ...]:
    """Look at this machine and judge it."""
    return judge(observe(home))


def judge(machine: Machine) -> tuple[Check, ...]:
    """Every row, in the order in which a person would look. Pure."""
    rows = [row(machine) for row in ROWS]
    extras = (judge_extra(extra, packages, machine.gpus) for extra, packages in machine.extras.items())
    return (*rows, *extras, judge_price(machine))


def judge_system(machine: Machine) -> Check:
    found = f"{machine.system} {machine.architecture}"
    if machine.system == "Windows":
        return Check("system", "missing", found, "runs need Linux: use WSL2")
    if machine.system != "Linux":
        return Check("system", "warn", found, "only Linux x86_64 is tested; validate and explain work, runs may not")
    if machine.architecture != "x86_64":
        return Check("system", "warn", found, "only x86_64 is tested")
    return Check("system", "ok", found)


def judge_python(machine: Machine) -> Check:
    found = f"{'.'.join(map(str, machine.python))} at {machine.executable}"
    return Check("python", "ok", found) if machine.python >= (3, 11) else Check("python", "missing", found, "install Python 3.11 or newer")


def judge_cpus(machine: Machine) -> Check:
    limit = machine.limits.cpus
    usable = machine.cpus if limit is None else min(float(machine.cpus), limit)
    found = f"{machine.cpus}" if limit is None or limit >= machine.cpus else f"{machine.cpus}, limited to {limit:g} by its control group"
    if usable < 2:
        return Check("cpus", "warn", found, "two workers share one core here: expect half the speed")
    return Check("cpus", "ok", found)


def judge_memory(machine: Machine) -> Check:
    limit = machine.limits.memory_bytes
    found = f"{format_bytes(machine.memory_available)} free of {format_bytes(machine.memory_total)}"
    usable = machine.memory_available
    if limit is not None and limit < machine.memory_total:
        found += f", limited to {format_bytes(limit)} by its control group"
        usable = min(usable, limit)
    if usable < MEMORY_FOR_TRAINING:
        return Check("memory", "warn", found, f"a training with two workers needs about {format_bytes(MEMORY_FOR_TRAINING)}")
    return Check("memory", "ok", found)


def judge_state(machine: Machine) -> Check:
    found = str(machine.state_folder)
    if not machine.state_writable:
        return Check("state folder", "missing", f"{found} cannot be written", "set STEELYARD_HOME to a folder that you can write")
    if machine.state_shared:
        return Check("state folder", "warn", f"{found} can be read by others", f"chmod 700 {found}")
    return Check("state folder", "ok", found)


def judge_disk(machine: Machine) -> Check:
    found = f"{format_bytes(machine.disk_free)} free at the state folder"
    if machine.disk_free < DISK_FOR_TRAINING:
        return Check("disk", "warn", found, "free some, or set STEELYARD_HOME to a larger disk: checkpoints and logs go there")
    return Check("disk", "ok", found)


def judge_shared_memory(machine: Machine) -> Check:
    if machine.shared_memory is None:
        return Check("shared memory", "warn", "no /dev/shm", "Ray uses the disk instead, which is slower")
    found = f"{format_bytes(machine.shared_memory)} at /dev/shm"
    if machine.shared_memory < SHARED_MEMORY_FOR_RAY:
        return Check("shared memory", "warn", found, "Ray uses the disk instead; in a container: --shm-size=2g")
    return Check("shared memory", "ok", found)


def judge_loopback(machine: Machine) -> Check:
    if machine.loopback:
        return Check("loopback", "missing", machine.loopback, "bring it up (`ip link set lo up`), or allow it in the sandbox")
    if not machine.hostname_resolves:
        return Check("loopback", "warn", "a port can be opened; this machine's own name has no address", "add the name to /etc/hosts")
    return Check("loopback", "ok", "a port can be opened and reached; this machine's own name has an address")


def judge_gpus(machine: Machine) -> Check:
    if not machine.gpus:
        return Check("gpu", "ok", "none found: runs use the CPU")
    return Check("gpu", "ok", "; ".join(machine.gpus))


def judge_price(machine: Machine) -> Check:
    micro, source = machine.price
    if micro is not None:
        return Check("price", "ok", f"{format_money(micro)} an hour, from {source}")
    return Check("price", "warn", "not known for this machine: what runs cost is printed -",
                 "export STEELYARD_PRICE='$0.35', or write a Platform with `target: here` and `prices: {hour: $0.35}` beside the workload")


def judge_extra(extra: str, packages: Mapping[str, str | None], gpus: tuple[str, ...] | None) -> Check:
    """`run` needs the extra `train`; each other one is needed by one thing only, and `gpu` only where there is a GPU."""
    found = ", ".join(f"{package} {version or 'missing'}" for package, version in packages.items())
    if all(packages.values()) or (extra == "gpu" and not gpus):
        return Check(f"extra {extra}", "ok", found)
    advice = f"{OPTIONAL.get(extra, 'run')} needs it: pip install 'steelyard[{extra}]'"
    return Check(f"extra {extra}", "warn" if extra in OPTIONAL else "missing", found, advice)


ROWS: tuple[Callable[[Machine], Check], ...] = (
    judge_system, judge_python, judge_cpus, judge_memory, judge_state, judge_disk, judge_shared_memory, judge_loopback, judge_gpus,
)  # fmt: skip
