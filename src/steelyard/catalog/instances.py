"""EC2 instance types: `data/ec2-accelerators.csv` and `data/ec2-cpu.csv`, read as values.

Prices are those of us-east-1, on demand; what a table does not know is None, never 0.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from steelyard.catalog.accelerators import Accelerator, accelerators
from steelyard.units import parse_money

DATA = Path(__file__).parent / "data"
MIB = 1024 * 1024
ON_PREMISES = "on-premises"
"""The region of one's own nodes, and their family."""
SEEN_WITHOUT_GPU = ("p5.4xlarge",)
"""Some versions of Karpenter see no GPU in them, as in the fractions of a card."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One row of a table, or a kind of node of one's own (`catalog/nodes.py`)."""

    name: str
    family: str
    cpus: int | None
    memory: int | None
    """Bytes of the host."""
    accelerator_name: str
    """As EC2 calls it: `h100`, `trainium2`; empty where there is none."""
    accelerator: Accelerator | None
    """What is known of it; None for kinds that Steelyard lists and does not plan with, and where there is none."""
    accelerator_count: float | None
    """Less than one where it is a fraction of a card, 0 where there is none."""
    accelerator_memory: int | None
    """Bytes of each, as EC2 reports it."""
    network_gbit_s: float | None
    """What it can keep up (its baseline), not its bursts."""
    efa_interfaces: int
    nvme_gb: int
    price_micro_hour: int | None
    """On demand in us-east-1, micro-dollars an hour; of one's own node, what it costs there. None is unknown."""
    source: str
    note: str
    arch: str = "amd64"
    """What its CPUs run: `amd64` or `arm64`."""
    ebs_gbit_s: float | None = None
    """To block storage; EC2 lists the most that it reaches."""
    region: str | None = None
    """The only place where it is to be had: of one's own nodes. None: it is rented."""
    nodes: int | None = None
    """How many there are; None: as many as the provider has."""

    @property
    def never_chosen(self) -> str:
        """Why no plan takes it, or nothing."""
        if self.accelerator is None and self.accelerator_name:
            return f"{self.accelerator_name} is listed only"
        if self.accelerator is not None and (self.accelerator_count is None or self.accelerator_count < 1):
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
    """Those with accelerators, in the order of the table."""
    return tuple(_instance(row) for row in _rows("ec2-accelerators.csv"))


@cache
def cpu_types() -> tuple[InstanceType, ...]:
    """Those without, in the order of the table."""
    return tuple(_instance(row) for row in _rows("ec2-cpu.csv"))


@cache
def all_types() -> tuple[InstanceType, ...]:
    """Both tables."""
    return instance_types() + cpu_types()


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


def _instance(row: dict[str, str]) -> InstanceType:
    network, ebs, host = _whole(row["network_mbps"]), _whole(row["ebs_mbps"]), _whole(row["memory_mib"])
    kind, accelerator, count, memory = _accelerators(row)
    return InstanceType(
        name=row["instance_type"], family=row["family"], arch=row["arch"], cpus=_whole(row["vcpu"]),
        memory=None if host is None else host * MIB,
        accelerator_name=kind, accelerator=accelerator, accelerator_count=count, accelerator_memory=memory,
        network_gbit_s=None if network is None else network / 1000, ebs_gbit_s=None if ebs is None else ebs / 1000,
        efa_interfaces=_whole(row["efa"]) or 0, nvme_gb=_whole(row["local_nvme_gb"]) or 0,
        price_micro_hour=parse_money(f"${row['usd_h_od_us_east_1']}").micro if row["usd_h_od_us_east_1"] else None,
        source=row["source"], note=row["note"],
    )


def _accelerators(row: dict[str, str]) -> tuple[str, Accelerator | None, float | None, int | None]:
    """EC2's name of them, what is known of the kind, how many, and bytes of each."""
    if "accel_name" not in row:
        return "", None, 0, None
    memory = _whole(row["accel_mem_mib_each"])
    known = sorted((one for one in accelerators() if row["accel_name"] in one.ec2_names), key=lambda one: one.memory_mib != memory)
    count = float(row["accel_count"]) if row["accel_count"] else None
    return row["accel_name"], known[0] if known else None, count, None if memory is None else memory * MIB


def _whole(cell: str) -> int | None:
    return int(cell) if cell else None
