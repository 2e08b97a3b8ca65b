"""The peer of the shared nodes: every assignment tried, on instances that are small enough for it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random

from steelyard.planning.sharing import Item, Rentable, share

SIZES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Compared:
    """One instance: what was found, the exact optimum, and the bound that was proved; micro-dollars an hour."""

    items: int
    offers: int
    found: int
    exact: int
    bound: float

    @property
    def ratio(self) -> float:
        return self.found / self.exact


def compared(seed: int) -> Compared:
    """A random instance of 2 to 6 workloads and 2 to 4 offers, solved both ways."""
    items, offers = instance(Random(seed))
    found = share(items, offers)
    return Compared(len(items), len(offers), found.price, exact_price(items, offers), found.bound)


def instance(random: Random) -> tuple[list[Item], dict[str, Rentable]]:
    """Offers of one to eight devices; workloads that fit on some of them, with a size for each."""
    offers = {f"o{number}": Rentable(random.randint(500_000, 20_000_000), random.choice(SIZES)) for number in range(random.randint(2, 4))}
    items = []
    for number in range(random.randint(2, 6)):
        there = {name: offer for name, offer in offers.items() if random.random() < 0.7} or {"o0": offers["o0"]}
        ways = {name: random.choice([size for size in SIZES if size <= offer.devices]) for name, offer in there.items()}
        items.append(Item(f"w{number}", ways))
    return items, offers


def exact_price(items: list[Item], offers: dict[str, Rentable]) -> int:
    """The least price over all assignments."""
    return min(price_of(items, assignment, offers) for assignment in product(*(item.ways for item in items)))


def price_of(items: list[Item], assignment: tuple[str, ...], offers: dict[str, Rentable]) -> int:
    """Of the nodes that one assignment needs."""
    devices = dict.fromkeys(assignment, 0)
    for item, offer in zip(items, assignment, strict=True):
        devices[offer] += item.ways[offer]
    return sum(offers[offer].price * -(-count // offers[offer].devices) for offer, count in devices.items())
