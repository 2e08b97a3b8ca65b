"""How long a server takes from an empty node to its first request, by phase. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from steelyard.catalog.instances import InstanceType
from steelyard.catalog.storage import Storage
from steelyard.sizing.need import Figure

MICRO = 1_000_000
IMAGE_MB = 9_000
"""Of vLLM's image, compressed: about 9 GB; assumed."""
IMAGE_MB_S = (60.0, 150.0, 400.0)
"""Pulled and unpacked by one node: assumed, not measured. It is unpacking that takes long, so a faster network changes little."""
ENGINE = Figure(20 * MICRO, 60 * MICRO, 180 * MICRO, "imports, compilation and CUDA graphs of vLLM: assumed, not measured")


def loading(weights: int, instance: InstanceType, storage: Storage, tib: float | None) -> Mapping[str, Figure | None]:
    """Microseconds of each phase for `weights` bytes on one node; None where the storage's rate is not known.

    `tib`: the size of the file system, for storage that is faster the larger it is.
    """
    return {"image": image(), "weights": weights_time(weights, instance, storage, tib), "engine": ENGINE}


def image() -> Figure:
    return at_rates(IMAGE_MB * 1e6, IMAGE_MB_S, "9 GB of vLLM's image at 60 to 400 MB/s: assumed, not measured")


def weights_time(weights: int, instance: InstanceType, storage: Storage, tib: float | None) -> Figure | None:
    """The weights over what the node reads from the storage at most."""
    rates = storage.reads(instance, tib)
    if rates is None:
        return None
    return at_rates(weights, rates, storage.read_source)


def at_rates(size: float, mb_s: tuple[float, float, float], source: str) -> Figure:
    """Microseconds of `size` bytes at the slowest, the likely and the fastest rate."""
    low, likely, high = (round(size / rate) for rate in reversed(mb_s))  # 10^6 bytes a second are bytes a microsecond
    return Figure(low, likely, high, source)


def whole(phases: Mapping[str, Figure | None]) -> Figure | None:
    """All phases, one after the other; None where one is not known."""
    known = [figure for figure in phases.values() if figure is not None]
    if len(known) < len(phases):
        return None
    low, likely, high = (sum(column) for column in zip(*((one.low, one.likely, one.high) for one in known), strict=True))
    return Figure(low, likely, high, "sum of the phases")
