"""The verb `catalog`: what is known, and since when; and what `catalog update` found changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from steelyard.aws.catalog_calls import QUOTAS
from steelyard.aws.catalog_file import RegionFacts, catalog_file, offerings, quotas, read_facts, updated_prices, write_facts
from steelyard.aws.catalog_update import Answer, fetch
from steelyard.aws.session import Clients, open_clients
from steelyard.catalog.accelerators import DATA as ACCELERATORS
from steelyard.catalog.accelerators import accelerators
from steelyard.catalog.instances import InstanceType, all_types
from steelyard.catalog.known import DATA as MODELS
from steelyard.catalog.known import known_models
from steelyard.catalog.prices import SHIPPED_DATE, SHIPPED_REGION, shipped_prices
from steelyard.catalog.storage import DATA as STORAGE
from steelyard.catalog.storage import storages
from steelyard.findings import Finding
from steelyard.home import Home

__all__ = ["CatalogPage", "Change", "Known", "Update", "catalog", "changes", "offerings", "quotas", "update", "updated_prices"]
Value = int | float | tuple[str, ...] | Mapping[str, int | None] | None
"""Micro-dollars an hour, vCPUs, zones, or figures of a type; None is unknown."""
ACTION_OF: Mapping[str, str] = {
    "on-demand": "pricing:GetProducts", "spot": "ec2:DescribeSpotPriceHistory", "zones": "ec2:DescribeInstanceTypeOfferings",
    "quota": "servicequotas:GetServiceQuota",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """One line of what the catalogue holds."""

    what: str
    region: str | None
    known: int
    of: int | None
    """How many there are, where that is known."""
    date: str | None
    """As of when; None where each row says it itself."""
    source: str


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """All that is known, and the last update."""

    rows: tuple[Known, ...]
    file: Path
    updated: str | None
    """When AWS was last asked, ISO 8601; None: never."""
    updated_region: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not what it was."""

    what: Literal["on-demand", "spot", "zones", "quota", "type"]
    name: str
    old: Value
    new: Value


@dataclass(frozen=True, slots=True)
class Update:
    """What an update found."""

    region: str
    changes: tuple[Change, ...]
    same: int
    """Things that are as they were."""
    stay: tuple[str, ...]
    """What was known and was not in AWS's answer: it stays known."""
    problems: tuple[Finding, ...]
    file: Path | None
    """Where it was written; None when it was not (a dry run)."""


def catalog(home: Home) -> CatalogPage:
    """What is known, from when and from where. Raises StateError for a file of updates that cannot be read."""
    facts = read_facts(home)
    last = max(((one.updated, region) for region, one in facts.items()), default=(None, None))
    return CatalogPage((*_shipped(), *_updated(facts)), catalog_file(home), *last)


def _shipped() -> Iterator[Known]:
    types = all_types()
    yield Known("models", None, len(known_models()), None, _date_of(MODELS), "shipped")
    yield Known("accelerators", None, len(accelerators()), None, _date_of(ACCELERATORS), "shipped")
    yield Known("instance types", None, len(types), None, None, "shipped")
    yield Known("storage", SHIPPED_REGION, len(storages()), None, _date_of(STORAGE), "shipped")
    yield Known("on-demand prices", SHIPPED_REGION, len(shipped_prices().rows), len(types), SHIPPED_DATE, "shipped")


def _date_of(data: Path) -> str:
    """The date that a file of the catalogue carries."""
    return str(json.loads(data.read_text())["date"])


def _updated(facts: Mapping[str, RegionFacts]) -> Iterator[Known]:
    for region, one in sorted(facts.items()):
        for purchase in ("on-demand", "spot"):
            dates = [price.date for (_, kind), price in one.prices.items() if kind == purchase]
            if dates:
                yield Known(f"{purchase} prices", region, len(dates), len(all_types()), max(dates), "catalog update")
        day = one.updated[:10]
        if one.zones:
            yield Known("zones", region, len(one.zones), len(all_types()), day, "catalog update")
        if one.quotas:
            yield Known("quotas", region, len(one.quotas), len(QUOTAS), day, "catalog update")


def update(
    home: Home, now: datetime, region: str | None = None, *, dry_run: bool = False,
    clients: Callable[[str | None], Clients] = open_clients,
) -> Update:  # fmt: skip
    """Ask AWS, and keep what it says; a dry run keeps nothing.

    Raises MissingExtraError, NotFoundError, StateError, or SteelyardError when AWS gives no answer at all; then nothing is changed.
    """
    kept = read_facts(home)
    opened = clients(region)
    answer = fetch(opened, [one.name for one in all_types()], now)
    before = _before(kept.get(opened.region, RegionFacts()), opened.region)
    found = tuple(changes(before, answer.facts))
    file = None if dry_run else write_facts(home, {**kept, opened.region: kept.get(opened.region, RegionFacts()).with_facts(answer.facts)})
    asked = sum(len(part) for part in (answer.facts.prices, answer.facts.zones, answer.facts.quotas))
    changed = sum(change.what != "type" for change in found)
    return Update(opened.region, found, asked - changed, tuple(_stay(before, answer)), answer.problems, file)


def _before(kept: RegionFacts, region: str) -> RegionFacts:
    """What was known of a region before: the shipped prices, and over them the earlier updates."""
    shipped = {(instance, purchase): price for (instance, where, purchase), price in shipped_prices().rows.items() if where == region}
    return RegionFacts(prices=shipped).with_facts(kept)


def changes(old: RegionFacts, new: RegionFacts) -> Iterator[Change]:
    """What `new` says otherwise than `old`, prices first, each kind by name. A type's figures are compared with the table's."""
    for (name, purchase), price in sorted(new.prices.items(), key=lambda item: (item[0][1], item[0][0])):
        was = old.prices.get((name, purchase))
        if was is None or was.micro_hour != price.micro_hour:
            yield Change(purchase, name, was.micro_hour if was else None, price.micro_hour)
    for name, zones in sorted(new.zones.items()):
        if old.zones.get(name) != zones:
            yield Change("zones", name, old.zones.get(name), zones)
    for code, quota in sorted(new.quotas.items()):
        if old.quotas.get(code) != quota:
            yield Change("quota", code, old.quotas.get(code), quota)
    table = {one.name: one for one in all_types()}
    for name, facts in sorted(new.types.items()):
        known = _figures(table[name]) if name in table else {}
        other = {key: value for key, value in facts.items() if key in known and known[key] != value}
        if other:
            yield Change("type", name, {key: known[key] for key in other}, other)


def _figures(one: InstanceType) -> dict[str, int | None]:
    """Those of the table that EC2 tells as well."""
    figures = {"cpus": one.cpus, "memory_mib": None if one.memory is None else one.memory // 2**20}
    if one.accelerator is not None and one.accelerator_count and one.accelerator_count >= 1:
        figures["gpus"] = int(one.accelerator_count)
    return figures


def _stay(before: RegionFacts, answer: Answer) -> Iterator[str]:
    """What calls that came to their end did not name any more."""
    known: Sequence[tuple[str, Any]] = [
        *((purchase, (name, purchase)) for name, purchase in before.prices), *(("zones", name) for name in before.zones),
        *(("quota", code) for code in before.quotas),
    ]  # fmt: skip
    told = {*answer.facts.prices, *answer.facts.zones, *answer.facts.quotas}
    for what, key in known:
        if ACTION_OF[what] in answer.answered and key not in told:
            yield f"{what} of {key if isinstance(key, str) else key[0]}"
