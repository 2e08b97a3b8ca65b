"""Shared nodes: always whole, never overfull, and as cheap as an exhaustive search finds."""

from __future__ import annotations

from random import Random

from benchmarks.planning.exhaustive import compared, instance
from steelyard.planning.sharing import Item, Rentable, share

OFFERS = {"one": Rentable(1_000_000, 1), "four": Rentable(3_500_000, 4), "eight": Rentable(6_000_000, 8)}


def test_eight_small_ones_share_one_node() -> None:
    found = share([Item(f"w{number}", {"one": 1, "four": 1, "eight": 1}) for number in range(8)], OFFERS)
    assert (found.nodes, found.price) == ({"eight": 1}, 6_000_000)
    assert set(found.where.values()) == {"eight"}


def test_one_alone_takes_the_small_node() -> None:
    found = share([Item("w", {"one": 1, "four": 1, "eight": 1})], OFFERS)
    assert (dict(found.where), dict(found.nodes)) == ({"w": "one"}, {"one": 1})


def test_the_price_is_within_three_percent_of_an_exhaustive_search() -> None:
    for seed in range(30):
        found = compared(seed)
        assert found.exact <= found.found <= 1.03 * found.exact
        assert found.bound <= found.exact * (1 + 1e-6)


def test_the_same_items_are_shared_the_same_way_each_time() -> None:
    items, offers = instance(Random(3))
    assert share(items, offers) == share(items, offers)
    assert set(share(items, offers).where) == {item.name for item in items}
