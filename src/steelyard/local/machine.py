"""This machine as an offer."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

import psutil

from steelyard.blueprint import Blueprint, PriceHere
from steelyard.planning import Offer
from steelyard.telemetry.gpus import open_gpus

PRICE_VARIABLE = "STEELYARD_PRICE"
"""What an hour of this machine costs, such as `$0.35/h`, where no Platform says it."""


def this_machine(price: tuple[int | None, str]) -> Offer:
    """What this machine has. `price`: micro-dollars an hour or None, and where that comes from."""
    gpus = gpu_names()
    sizes = [int(gpu["total_bytes"]) for gpu in open_gpus()() if "total_bytes" in gpu]
    return Offer(
        name="here", cpus=usable_cpus(), memory=psutil.virtual_memory().available, gpus=gpus,
        gpu_memory=min(sizes) if sizes else None, price_micro_hour=price[0], price_source=price[1],
    )


def usable_cpus() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def gpu_names() -> tuple[str, ...]:
    """NVML's names of the devices; none when there is no device, no driver or no binding."""
    if shutil.which("nvidia-smi") is None:
        return ()
    with suppress(ImportError):
        import pynvml  # noqa: PLC0415 - the extra `gpu`

        try:
            pynvml.nvmlInit()
            return tuple(str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(n))) for n in range(pynvml.nvmlDeviceGetCount()))
        except pynvml.NVMLError:
            return ()
    return ()


def price_of(blueprint: Blueprint) -> tuple[int | None, str]:
    """This machine's price and its source: the blueprint's Platform, else the environment, else unknown."""
    platform = blueprint.platform
    if platform is not None and isinstance(platform.prices, PriceHere):
        return platform.prices.hour, f"prices of Platform {platform.name}"
    if text := os.environ.get(PRICE_VARIABLE):
        return PriceHere.model_validate({"hour": text}).hour, f"${PRICE_VARIABLE}"
    return None, "unknown"
