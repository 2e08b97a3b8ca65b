"""What `catalog update` learned, in one file of the state folder: read, merged, compared, and written whole or not at all.

    state/catalog/catalog.json            by region: prices, instance types, zones, quotas
    state/catalog/catalog.previous.json   the file before the last update
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from steelyard.catalog.prices import Price, PriceList, Purchase
from steelyard.errors import StateError
from steelyard.home import Home, private_folder

VERSION = 1


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """What AWS said of one region. What it never said is not in it."""

    updated: str = ""
    """When it was last asked, ISO 8601 in UTC."""
    prices: Mapping[tuple[str, Purchase], Price] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    """vCPUs, MiB of memory, GPUs and MiB of each, by instance type."""
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where an instance type is offered, in order."""
    quotas: Mapping[str, float] = field(default_factory=dict)
    """vCPUs that may run at once, by quota code."""

    def with_facts(self, later: RegionFacts) -> RegionFacts:
        """Both; where both know a thing, what `later` says. What it does not know stays."""
        return RegionFacts(
            updated=later.updated or self.updated, prices={**self.prices, **later.prices}, types={**self.types, **later.types},
            zones={**self.zones, **later.zones}, quotas={**self.quotas, **later.quotas},
        )  # fmt: skip


def catalog_file(home: Home) -> Path:
    return home.state / "catalog" / "catalog.json"


def read_facts(home: Home) -> Mapping[str, RegionFacts]:
    """By region; empty where nothing was ever updated. Raises StateError for a file that is not one of ours."""
    path = catalog_file(home)
    try:
        data = json.loads(path.read_text())
        if data["version"] > VERSION:
            raise StateError(f"{path} was written by a later version of Steelyard", next_step="upgrade Steelyard, or move the file away")
        return {region: _region(facts) for region, facts in data["regions"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}", next_step=f"ls -l {path}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(f"{path} cannot be understood", next_step=f"mv {path} {path}.broken, then steelyard catalog update") from error


def write_facts(home: Home, facts: Mapping[str, RegionFacts]) -> Path:
    """Write them all, and keep the file that was there; returns the path. Raises StateError; then the file is as it was."""
    path = catalog_file(home)
    text = json.dumps({"version": VERSION, "regions": {region: _plain(one) for region, one in sorted(facts.items())}}, indent=1)
    try:
        private_folder(path.parent)
        if path.exists():
            _replace(path.with_name("catalog.previous.json"), path.read_bytes())
        _replace(path, text.encode())
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}", next_step=f"ls -ld {path.parent}") from error
    return path


def updated_prices(home: Home) -> PriceList:
    """The prices that `catalog update` learned, of all regions; none where it never ran. Raises StateError."""
    return PriceList(MappingProxyType({
        (instance, region, purchase): price
        for region, facts in read_facts(home).items() for (instance, purchase), price in facts.prices.items()
    }))  # fmt: skip


def quotas(home: Home, region: str) -> Mapping[str, float]:
    """vCPUs that this account may run at once, by quota code; a code that is not in it is unknown. Raises StateError."""
    return read_facts(home).get(region, RegionFacts()).quotas


def offerings(home: Home, region: str) -> Mapping[str, tuple[str, ...]]:
    """The zones that offer an instance type; a type that is not in it is unknown. Raises StateError."""
    return read_facts(home).get(region, RegionFacts()).zones


def _replace(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step, readable by the user only."""
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def _plain(facts: RegionFacts) -> dict[str, Any]:
    prices = [{"instance": instance, "purchase": purchase, "micro_hour": price.micro_hour, "date": price.date, "source": price.source}
              for (instance, purchase), price in sorted(facts.prices.items())]  # fmt: skip
    zones = {name: list(of_type) for name, of_type in facts.zones.items()}
    return {"updated": facts.updated, "prices": prices, "types": dict(facts.types), "zones": zones, "quotas": dict(facts.quotas)}


def _region(data: Mapping[str, Any]) -> RegionFacts:
    return RegionFacts(
        updated=str(data["updated"]), types=data["types"], zones={name: tuple(zones) for name, zones in data["zones"].items()},
        prices={(one["instance"], one["purchase"]): Price(int(one["micro_hour"]), str(one["source"]), str(one["date"]))
                for one in data["prices"]},
        quotas={code: float(value) for code, value in data["quotas"].items()},
    )  # fmt: skip
