"""Accelerators: what `data/accelerators.json` knows of each, with its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data" / "accelerators.json"


@dataclass(frozen=True, slots=True)
class MigProfile:
    """A slice of a card (NVIDIA Multi-Instance GPU User Guide, "Supported MIG Profiles")."""

    name: str
    """`1g.10gb`: compute slices, and memory."""
    memory_slices: int
    """Of the card's eight."""
    starts: tuple[int, ...]
    """The memory slices at which it may begin: not every sum of profiles can be placed."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A kind of GPU that Steelyard plans with. What is not known is None or left out, never 0."""

    name: str
    architecture: str
    ec2_names: tuple[str, ...]
    """What EC2 calls it."""
    nvml_names: tuple[str, ...]
    """NVML's names of the whole device; other builds of the chip (PCIe, NVL) and MIG slices have other figures."""
    memory_mib: int
    """As EC2 reports it."""
    usable_gib: tuple[float, float] | None
    """The least and the most that CUDA was seen to offer."""
    usable_source: str | None
    tflops: Mapping[str, float]
    """Dense peak by data type, in 10^12 operations a second."""
    bandwidth_gb_s: float
    """Of its memory."""
    link_gb_s: float | None
    """Of its NVLink, both directions together; None where there is PCIe only."""
    link: str
    mig: tuple[MigProfile, ...] | None
    """Empty where the card cannot be sliced, None where its profiles are not known."""
    source: str


@cache
def accelerators() -> tuple[Accelerator, ...]:
    """All of them, oldest first."""
    return tuple(
        Accelerator(
            name=one["name"], architecture=one["architecture"], ec2_names=tuple(one["ec2"]), nvml_names=tuple(one["nvml"]),
            memory_mib=one["memory_mib"], usable_gib=tuple(one["usable_gib"]) if one["usable_gib"] else None,
            usable_source=one["usable_source"], tflops=one["tflops"], bandwidth_gb_s=one["bandwidth_gb_s"], link_gb_s=one["link_gb_s"],
            link=one["link"], source=one["source"],
            mig=None if one["mig"] is None else tuple(
                MigProfile(name, profile["memory_slices"], tuple(profile["starts"])) for name, profile in one["mig"].items()),
        )
        for one in json.loads(DATA.read_text())["accelerators"]
    )  # fmt: skip


def kinds_called(name: str) -> tuple[Accelerator, ...]:
    """The accelerators that `name` may mean, in any case: `H100`, and `A100` in both of its sizes."""
    word = name.lower()
    return tuple(one for one in accelerators() if word == one.name.lower() or one.name.lower().startswith(f"{word}-"))


def peak_flops(device_name: str, precision: str) -> float | None:
    """FLOP/s of one device whose NVML name is `device_name` (`NVIDIA H100 80GB HBM3`), or None when it is not known."""
    for one in accelerators():
        if device_name in one.nvml_names and precision in one.tflops:
            return one.tflops[precision] * 1e12
    return None
