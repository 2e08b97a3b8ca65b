"""Reading the GPUs that this process may use, through NVIDIA's NVML (the extra `gpu`).

What NVML cannot tell (utilisation of a MIG device, a driver that answers with a blank) is left out, never 0.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

GpuReader = Callable[[], list[dict[str, float]]]
"""Gives one object a GPU: index, and what is known of used_bytes, total_bytes, utilisation (0-1)."""

LARGEST_MEMORY = 2**50
"""Beyond any device: blank readings of NVML and DCGM (about 2^63, or -1 without a sign) are larger."""


def no_gpus() -> list[dict[str, float]]:
    """A machine without GPUs, or without the means to read them."""
    return []


def gpu_names(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """NVML's names of the same GPUs; none when NVML is not there."""
    try:
        import pynvml  # noqa: PLC0415 - an extra
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
        return tuple(str(pynvml.nvmlDeviceGetName(handle)) for _, handle in _handles(pynvml, environment.get("CUDA_VISIBLE_DEVICES")))
    except pynvml.NVMLError:
        return ()


def open_gpus(environment: Mapping[str, str] = os.environ) -> GpuReader:
    """A reader of the GPUs that `CUDA_VISIBLE_DEVICES` leaves to this process; of none when NVML is not there."""
    try:
        import pynvml  # noqa: PLC0415 - an extra
    except ImportError:
        return no_gpus
    try:
        pynvml.nvmlInit()
        handles = list(_handles(pynvml, environment.get("CUDA_VISIBLE_DEVICES")))
    except pynvml.NVMLError:
        return no_gpus
    return lambda: [read_gpu(pynvml, index, handle) for index, handle in handles]


def _handles(nvml: Any, visible: str | None) -> Iterator[tuple[int, Any]]:
    """Index and handle of each visible GPU. As CUDA does, a name that is not there hides itself and all after it."""
    names = [str(index) for index in range(nvml.nvmlDeviceGetCount())] if visible is None else visible.split(",")
    for position, name in enumerate(stripped for name in names if (stripped := name.strip())):
        try:
            if name.isdecimal():
                yield int(name), nvml.nvmlDeviceGetHandleByIndex(int(name))
            else:
                yield position, nvml.nvmlDeviceGetHandleByUUID(name.encode())
        except nvml.NVMLError:
            return


def read_gpu(nvml: Any, index: int, handle: Any) -> dict[str, float]:
    """What is known of one GPU now."""
    reading: dict[str, float] = {"index": index}
    with contextlib.suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        if 0 < memory.total < LARGEST_MEMORY:
            reading["total_bytes"] = memory.total
            if 0 <= memory.used <= memory.total:
                reading["used_bytes"] = memory.used
    with contextlib.suppress(nvml.NVMLError):
        percent = nvml.nvmlDeviceGetUtilizationRates(handle).gpu
        if 0 <= percent <= 100:
            reading["utilisation"] = percent / 100
    return reading
