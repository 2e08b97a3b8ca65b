"""This machine as an offer."""

from __future__ import annotations

import os

import psutil
from pydantic import ValidationError

from steelyard.blueprint import Blueprint, PriceHere
from steelyard.errors import BlueprintError
from steelyard.findings import Finding
from steelyard.local.cgroups import cgroup_limits, own_cgroups
from steelyard.planning import Offer
from steelyard.telemetry.gpus import gpu_names, open_gpus

PRICE_VARIABLE = "STEELYARD_PRICE"
"""What an hour of this machine costs, such as `$0.35/h`, where no Platform says it."""


def this_machine(price: tuple[int | None, str]) -> Offer:
    """What this machine has. `price`: micro-dollars an hour or None, and where that comes from."""
    gpus = gpu_names()
    sizes = [int(gpu["total_bytes"]) for gpu in open_gpus()() if "total_bytes" in gpu]
    return Offer(
        name="here", cpus=usable_cpus(), memory=usable_memory(), gpus=gpus,
        gpu_memory=min(sizes) if sizes else None, price_micro_hour=price[0], price_source=price[1],
    )


def usable_cpus() -> int:
    """The cores that this process may use; a control group's share is rounded down, to one at least."""
    limit = cgroup_limits(own_cgroups()).cpus
    usable = len(os.sched_getaffinity(0))
    return usable if limit is None else max(1, min(usable, int(limit)))


def usable_memory() -> int:
    """Bytes that are free now, or that the control group allows if that is less."""
    available, limit = psutil.virtual_memory().available, cgroup_limits(own_cgroups()).memory_bytes
    return available if limit is None else min(available, limit)


def price_of(blueprint: Blueprint) -> tuple[int | None, str]:
    """This machine's price and its source: the blueprint's Platform, else the environment, else unknown. Raises BlueprintError."""
    platform = blueprint.platform
    if platform is not None and isinstance(platform.prices, PriceHere):
        return platform.prices.hour, f"prices of Platform {platform.name}"
    return price_here()


def price_here() -> tuple[int | None, str]:
    """The price that the environment gives this machine, and its source; raises BlueprintError when it cannot be read."""
    if text := os.environ.get(PRICE_VARIABLE):
        return parse_price(text), f"${PRICE_VARIABLE}"
    return None, "unknown"


def parse_price(text: str) -> int:
    """Micro-dollars an hour, as a Platform would read them."""
    try:
        return PriceHere.model_validate({"hour": text}).hour
    except ValidationError as error:
        wrong = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BlueprintError([Finding(
            rule="wrong-value", severity="error", object=PRICE_VARIABLE, message=f"{PRICE_VARIABLE}: {wrong}",
            next_step=f"{PRICE_VARIABLE}='$0.35'",
        )]) from None
