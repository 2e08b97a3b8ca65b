"""Prices: the shipped ones, those of a user's price list, and how one list completes another. Pure.

    prices = shipped_prices().with_rows(updated).with_rows(mine)
    prices.of("p5.48xlarge", "us-east-1", "spot")

A price that nobody gave is None. It is 0 only where somebody wrote 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Literal

from steelyard.catalog.instances import ON_PREMISES, InstanceType, all_types
from steelyard.catalog.rows import BadRowError, Row, Sheet, read_rows
from steelyard.findings import Finding, Place
from steelyard.units import parse_money, wrong

Purchase = Literal["on-demand", "spot"]
Key = tuple[str, str, Purchase]
"""Instance type, region, and how it is bought."""
SHIPPED_REGION = "us-east-1"
SHIPPED_DATE = "2026-07-20"
"""When the prices of the shipped tables were generated from AWS's price list (karpenter-provider-aws, zz_generated.pricing_aws.go)."""
COLUMNS = ("instance_type", "region", "purchase", "usd_hour", "date", "interruption_per_hour")
EXAMPLE = "instance_type,region,purchase,usd_hour,date,interruption_per_hour / p5.48xlarge,us-east-1,spot,19.50,2026-11-01,0.02"
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
RATE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,12})?")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of a whole instance costs."""

    micro_hour: int
    """Micro-dollars an hour."""
    source: str
    date: str
    """`2026-07-20`; empty where it is not said."""
    interruption: float | None = None
    """Of spot: interruptions an hour; None is unknown."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Known prices. What is not in it is unknown."""

    rows: Mapping[Key, Price] = field(default_factory=dict)
    rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Interruptions an hour of spot by instance type and region, for prices that do not say it themselves."""

    def of(self, instance: str, region: str, purchase: Purchase) -> Price | None:
        """The price of an instance type, or None where it is not known."""
        price = self.rows.get((instance, region, purchase))
        rate = self.rates.get((instance, region)) if purchase == "spot" else None
        return replace(price, interruption=rate) if price and rate is not None else price

    def with_rows(self, other: PriceList) -> PriceList:
        """Both lists; where both know a price, that of `other`. What it does not know stays as it was, rates too."""
        return PriceList(MappingProxyType({**self.rows, **other.rows}), MappingProxyType({**self.rates, **other.rates}))


@cache
def shipped_prices() -> PriceList:
    """Those of the tables: on demand in us-east-1."""
    return listed_prices(all_types())


def listed_prices(instances: Iterable[InstanceType]) -> PriceList:
    """The prices that instance types carry themselves: the shipped ones, and those of one's own nodes."""
    return PriceList(MappingProxyType({
        (one.name, one.region or SHIPPED_REGION, "on-demand"): Price(one.price_micro_hour, one.source, "" if one.region else SHIPPED_DATE)
        for one in instances if one.price_micro_hour is not None
    }))  # fmt: skip


# --- a user's price list ---------------------------------------------------------------------------------------------


def read_price_list(text: str, file: str) -> tuple[PriceList, tuple[Finding, ...]]:
    """The price list that a CSV file says (docs/prices.md). A row that cannot be used is a finding with its place; the others count.

    Never raises.
    """
    sheet = read_rows(text, file, columns=COLUMNS, needed=("instance_type", "usd_hour"), rule="price-list-invalid", example=EXAMPLE)
    prices: dict[Key, Price] = {}
    rates: dict[tuple[str, str], float] = {}
    first: dict[Key, Place] = {}
    for row in sheet.rows:
        try:
            _read(sheet, row, prices, rates, first)
        except BadRowError:
            continue
    return PriceList(MappingProxyType(prices), MappingProxyType(rates)), (*sheet.findings, *_strangers(first, file))


def _read(sheet: Sheet, row: Row, prices: dict[Key, Price], rates: dict[tuple[str, str], float], first: dict[Key, Place]) -> None:
    """One row into `prices` and `rates`. Raises BadRowError."""
    instance, region = row.text("instance_type"), row.text("region") or SHIPPED_REGION
    if not instance:
        raise sheet.wrong(row, "instance_type", "which one is it?")
    purchase: Purchase = sheet.take(row, "purchase", parse_purchase, default="on-demand")
    micro = sheet.take(row, "usd_hour", parse_usd, default=None)
    day = sheet.take(row, "date", _day, default="")
    rate = sheet.take(row, "interruption_per_hour", _rate, default=None)
    if rate is not None and purchase != "spot":
        raise sheet.wrong(row, "interruption_per_hour", "only spot is interrupted: write spot in the column purchase, or leave this blank")
    key: Key = (instance, region, purchase)
    if key in first:
        raise sheet.wrong(row, "instance_type", f"{instance} in {region}, {purchase}, stands twice", f"first at {first[key]}")
    first[key] = row.place("instance_type")
    if micro is not None:
        prices[key] = Price(micro, row.source, day)
    if rate is not None:
        rates[instance, region] = rate


def parse_purchase(written: str) -> Purchase:
    """`on-demand` or `spot`, in any case. Raises ValueError."""
    word = written.lower().replace("_", "-").replace(" ", "-")
    if word in ("on-demand", "ondemand"):
        return "on-demand"
    if word == "spot":
        return "spot"
    raise wrong(written, "on-demand or spot", "spot")


def parse_usd(written: str) -> int:
    """`19.50` or `$19.50`, as micro-dollars. Raises ValueError."""
    try:
        money = parse_money(f"${written.removeprefix('$').strip()}")
    except ValueError as error:
        if "micro-dollar" in str(error):
            raise
        raise wrong(written, "a price of an hour in dollars", "19.50") from None
    if money.period not in (None, "hour"):
        raise wrong(written, "a price of an hour", "19.50")
    return money.micro


def _day(written: str) -> str:
    if not DATE.fullmatch(written):
        raise wrong(written, "a date", "2026-11-01")
    try:
        return date.fromisoformat(written).isoformat()
    except ValueError:
        raise wrong(written, "a date of the calendar", "2026-11-01") from None


def _rate(written: str) -> float:
    if not RATE.fullmatch(written):
        raise wrong(written, "a number of interruptions an hour", "0.02, which is one in 50 hours")
    return float(Decimal(written))


def _strangers(first: Mapping[Key, Place], file: str) -> tuple[Finding, ...]:
    """One note for all instance types that no table has: a slip of the pen would else be passed over in silence."""
    known = {one.name for one in all_types()}
    strange: dict[str, Place] = {}
    for (instance, region, _), place in first.items():
        if instance not in known and region != ON_PREMISES:
            strange.setdefault(instance, place)
    if not strange:
        return ()
    names = [*strange]
    told = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return (Finding("price-list-unused", "note", file, f"prices of instance types that the catalogue does not have: {told}",
                    next_step="steelyard gpus -o name", place=strange[names[0]]),)  # fmt: skip
