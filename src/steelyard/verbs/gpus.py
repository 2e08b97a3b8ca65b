"""The verb `gpus`: accelerators, and the instance types that have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from steelyard.catalog.accelerators import Accelerator, accelerators
from steelyard.catalog.instances import InstanceType, instance_types
from steelyard.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class GpuPage:
    """An accelerator, and where it is to be had: the cheapest for each accelerator first, unknown prices last."""

    accelerator: Accelerator
    instances: tuple[InstanceType, ...]


def gpus() -> tuple[InstanceType, ...]:
    """Every instance type of the catalogue by what it costs for each accelerator; what no plan takes comes last."""
    return by_price(instance_types())


def gpu(name: str) -> GpuPage:
    """An accelerator by its name (`H100`, `a100-80gb`), in any case."""
    names = {one.name.lower(): one for one in accelerators()}
    found = names.get(name.lower())
    if found is None:
        near = [key for key in names if key.startswith(name.lower())] or get_close_matches(name.lower(), names, n=2)
        told = ", ".join(names[key].name for key in near)
        raise NotFoundError(f"no GPU {name} in the catalogue" + (f"; near: {told}" if near else ""),
                            next_step=f"steelyard gpus {names[near[0]].name}" if near else "steelyard gpus")
    return GpuPage(found, by_price([one for one in instance_types() if one.accelerator == found]))


def by_price(instances: Sequence[InstanceType]) -> tuple[InstanceType, ...]:
    def key(one: InstanceType) -> tuple[bool, bool, int, str]:
        price = one.price_micro_per_accelerator
        return bool(one.never_chosen), price is None, price or 0, one.name

    return tuple(sorted(instances, key=key))
