"""What can be rented: instance types with their price, and which of them a request for devices means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from steelyard.blueprint import Device, Gpu
from steelyard.catalog.accelerators import Accelerator
from steelyard.catalog.instances import InstanceType
from steelyard.catalog.prices import Price, PriceList, Purchase
from steelyard.planning.once import once
from steelyard.sizing.serving import GIB

RESERVED = 1.075
"""A card that is sold with 24, 48 or 192 GB keeps some of it for error correction, and reports 22.4, 44.7 and 179 GiB."""
ROUNDED = 0.02
"""By so much may what is asked for differ from what a card is sold with."""
QUOTAS = {"p": "L-417A185B", "g": "L-DB2E81BA"} | dict.fromkeys("acdhimrtz", "L-1216C47A")
"""Service quota of running on-demand vCPUs, by the first letter of the family (AWS Service Quotas, EC2; the last is that of the standard
families). Those of spot are not in the catalogue."""


@dataclass(frozen=True)
class NodeOffer:
    """One instance type in one region, bought one way."""

    instance: InstanceType
    region: str
    purchase: Purchase
    price: Price | None
    """None is unknown: such an offer is listed and never chosen."""
    never: str = ""
    """Why it is not chosen whatever it costs."""

    @property
    def name(self) -> str:
        return self.instance.name

    @once
    def card(self) -> Accelerator | None:
        return self.instance.accelerator

    @once
    def devices(self) -> int:
        """Whole accelerators of a node."""
        return int(self.instance.accelerator_count or 0)

    @property
    def price_micro_hour(self) -> int | None:
        return self.price.micro_hour if self.price else None

    def price_of(self, nodes: int) -> int | None:
        """Micro-dollars an hour of so many nodes."""
        return None if self.price is None else self.price.micro_hour * nodes

    @property
    def most(self) -> int | None:
        """How many nodes there are; None: as many as the provider has."""
        return self.instance.nodes

    @property
    def quota(self) -> str:
        """The code of the quota that its vCPUs count against, or nothing where it is not known."""
        return QUOTAS.get(self.name[:1], "") if self.purchase == "on-demand" and self.instance.region is None else ""

    def __str__(self) -> str:
        return self.name if self.purchase == "on-demand" else f"{self.name} {self.purchase}"


def usable(card: Accelerator) -> int | None:
    """Bytes of one device that CUDA offers at least; None where it is not known."""
    return None if card.usable_gib is None else round(card.usable_gib[0] * GIB)


def node_offers(
    instances: Iterable[InstanceType], prices: PriceList, region: str, allowed: Sequence[str] = (),
    purchases: Sequence[Purchase] = ("on-demand",),
) -> tuple[NodeOffer, ...]:
    """Every offer of the region that Steelyard plans with, in a fixed order; one's own nodes too.

    `allowed`: families or types, all where none is named. Images are built for amd64, so nothing else is offered.
    """
    offers = []
    for one in instances:
        never = "" if one.never_chosen == PRICE_UNKNOWN else one.never_chosen
        foreign = bool(one.accelerator_name) and (one.accelerator is None or (one.accelerator_count or 0) < 1)
        if one.arch != "amd64" or foreign or not permitted(one, allowed):
            continue
        if one.region is not None:
            offers.append(NodeOffer(one, one.region, "on-demand", prices.of(one.name, one.region, "on-demand"), never))
        else:
            offers += [NodeOffer(one, region, purchase, prices.of(one.name, region, purchase), never) for purchase in purchases]
    return tuple(offers)


PRICE_UNKNOWN = "price unknown"
"""Of the table; another list may know it."""


def permitted(one: InstanceType, allowed: Sequence[str]) -> bool:
    """Whether a Platform's `instances` take this type; one's own nodes are there because they are named there."""
    named = [name for name in allowed if not name.endswith(".csv")]
    if one.region is not None:
        return True
    return not allowed or one.name in named or one.family in named


def matches(device: Device, card: Accelerator) -> bool:
    """Whether one alternative of `gpu:` means this kind of card."""
    if device.name is not None and device.name.lower() != card.name.lower() and not card.name.lower().startswith(f"{device.name.lower()}-"):
        return False
    if device.memory is None:
        return True
    reported, wanted = card.memory_mib / 1024, device.memory / 1e9
    sold = reported if reported == int(reported) else reported * RESERVED
    if device.at_least:
        return sold > wanted * (1 - ROUNDED)
    return any(abs(size / wanted - 1) < ROUNDED for size in (sold, reported))


def asked(gpu: Gpu, card: Accelerator) -> Device | None:
    """The first alternative that means this card; of `auto`, any number of it."""
    if gpu.auto:
        return Device(counted=False)
    return next((device for device in gpu.alternatives if matches(device, card)), None)
