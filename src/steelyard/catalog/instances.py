"""EC2 instance types with accelerators: `data/ec2-accelerators.csv`, read as values.

Prices are those of us-east-1, on demand; what the table does not know is None, never 0.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from steelyard.catalog.accelerators import Accelerator, accelerators
from steelyard.units import parse_money

DATA = Path(__file__).parent / "data" / "ec2-accelerators.csv"
MIB = 1024 * 1024
SEEN_WITHOUT_GPU = ("p5.4xlarge",)
"""Some versions of Karpenter see no GPU in them, as in the fractions of a card."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One row of the table."""

    name: str
    family: str
    cpus: int | None
    memory: int | None
    """Bytes of the host."""
    accelerator_name: str
    """As EC2 calls it: `h100`, `trainium2`."""
    accelerator: Accelerator | None
    """What is known of it; None for kinds that Steelyard lists and does not plan with."""
    accelerator_count: float | None
    """Less than one where it is a fraction of a card."""
    accelerator_memory: int | None
    """Bytes of each, as EC2 reports it."""
    network_gbit_s: float | None
    efa_interfaces: int
    nvme_gb: int
    price_micro_hour: int | None
    """On demand in us-east-1, micro-dollars an hour; None is unknown."""
    source: str
    note: str

    @property
    def never_chosen(self) -> str:
        """Why no plan takes it, or nothing."""
        if self.accelerator is None:
            return f"{self.accelerator_name} is listed only"
        if self.accelerator_count is None or self.accelerator_count < 1:
            return "a fraction of a card: Karpenter sees no GPU"
        if self.name in SEEN_WITHOUT_GPU:
            return "some versions of Karpenter see no GPU"
        return "" if self.price_micro_hour is not None else "price unknown"

    @property
    def price_micro_per_accelerator(self) -> int | None:
        """Micro-dollars an hour for each accelerator, rounded; None is unknown."""
        if self.price_micro_hour is None or not self.accelerator_count:
            return None
        return round(self.price_micro_hour / self.accelerator_count)


@cache
def instance_types() -> tuple[InstanceType, ...]:
    """All rows, in the order of the table."""
    with DATA.open(newline="") as file:
        return tuple(_instance(row) for row in csv.DictReader(file))


def _instance(row: dict[str, str]) -> InstanceType:
    memory = _whole(row["accel_mem_mib_each"])
    known = sorted((one for one in accelerators() if row["accel_name"] in one.ec2_names), key=lambda one: one.memory_mib != memory)
    network = _whole(row["network_mbps"])
    host = _whole(row["memory_mib"])
    return InstanceType(
        name=row["instance_type"], family=row["family"], cpus=_whole(row["vcpu"]), memory=None if host is None else host * MIB,
        accelerator_name=row["accel_name"], accelerator=known[0] if known else None,
        accelerator_count=float(row["accel_count"]) if row["accel_count"] else None,
        accelerator_memory=None if memory is None else memory * MIB, network_gbit_s=None if network is None else network / 1000,
        efa_interfaces=_whole(row["efa"]) or 0, nvme_gb=_whole(row["local_nvme_gb"]) or 0,
        price_micro_hour=parse_money(f"${row['usd_h_od_us_east_1']}").micro if row["usd_h_od_us_east_1"] else None,
        source=row["source"], note=row["note"],
    )


def _whole(cell: str) -> int | None:
    return int(cell) if cell else None
