"""Storage that weights and data are read from: how fast, at which price, and what shares it. `data/storage.json`, with its sources."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from steelyard.catalog.instances import InstanceType
from steelyard.units import parse_money

DATA = Path(__file__).parent / "data" / "storage.json"
MB_S_OF_GBIT_S = 125
"""10^6 bytes a second in 10^9 bits a second."""
Range = tuple[float, float, float]
"""Low, likely, high."""


@dataclass(frozen=True, slots=True)
class Storage:
    """One kind of storage. Rates are MB/s (10^6 bytes), prices micro-dollars in us-east-1; what is not known is None, never 0."""

    name: str
    title: str
    path: Literal["network", "ebs", "local"]
    """What of an instance it is read through."""
    read_mb_s: Range | None
    """What one client reads."""
    per_tib: bool
    """Whether that is for each TiB of the file system."""
    client_limit_mb_s: float | None
    """The most that one client reaches, however large the file system is."""
    shared_by: str
    price_micro_gb_month: int | None
    price_micro_gb_read: int | None
    """None where reading is not charged by size, or not known to be."""
    price_micro_million_requests: int | None
    price_micro_mb_s_month: int | None
    """Of each MB/s that is provisioned beyond `included_mb_s`."""
    included_mb_s: float | None
    note: str
    read_source: str
    price_source: str

    def reads(self, instance: InstanceType, tib: float | None = None) -> Range | None:
        """MB/s that one `instance` reads: no more than its network, or its way to EBS, carries.

        `tib` is the size of the file system, for storage that is faster the larger it is. None is unknown, also for want of `tib`.
        """
        if self.read_mb_s is None or (self.per_tib and tib is None):
            return None
        way = {"network": instance.network_gbit_s, "ebs": instance.ebs_gbit_s, "local": None}[self.path]
        limits = [limit for limit in (self.client_limit_mb_s, None if way is None else way * MB_S_OF_GBIT_S) if limit is not None]
        low, likely, high = (min([rate * ((tib or 1) if self.per_tib else 1), *limits]) for rate in self.read_mb_s)
        return low, likely, high


@cache
def storages() -> tuple[Storage, ...]:
    """All of them, in the order of the file."""
    return tuple(
        Storage(
            name=one["name"], title=one["title"], path=one["path"], read_mb_s=tuple(one["read_mb_s"]) if one["read_mb_s"] else None,
            per_tib=one["per_tib"], client_limit_mb_s=one["client_limit_mb_s"], shared_by=one["shared_by"],
            price_micro_gb_month=_micro(one["usd_gb_month"]), price_micro_gb_read=_micro(one["usd_gb_read"]),
            price_micro_million_requests=_micro(one["usd_million_requests"]), price_micro_mb_s_month=_micro(one["usd_mb_s_month"]),
            included_mb_s=one["included_mb_s"], note=one["note"], read_source=one["read_source"], price_source=one["price_source"],
        )
        for one in json.loads(DATA.read_text())["storages"]
    )  # fmt: skip


def _micro(usd: str | None) -> int | None:
    return None if usd is None else parse_money(f"${usd}").micro
