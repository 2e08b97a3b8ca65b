"""Which workloads share which nodes: the cheapest set of nodes that holds them all. Pure; HiGHS solves it.

Each item goes whole to one offer, and takes so many devices there; nodes of an offer are bought whole. An item is replicas of one, two,
four or eight devices, and so many has a node: such sizes fill nodes without a gap, so counting devices is enough.
HiGHS runs with one thread, a fixed seed and a limit of nodes of its search, never of time: the same input gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

SEARCH_NODES = 2_000
GAP = 0.01
"""Of the price, between what is found and what could be: closer is not searched."""


@dataclass(frozen=True, slots=True)
class Item:
    """A workload, or a part of one that stays together."""

    name: str
    ways: Mapping[str, int]
    """By offer: the devices that it takes there. At least one."""


@dataclass(frozen=True, slots=True)
class Rentable:
    """An offer: the price of a node, in micro-dollars an hour, and its devices."""

    price: int
    devices: int
    most: int | None = None
    """How many nodes there are; None: as many as are wanted."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """Where each item goes, how many nodes of each offer that needs, and what it costs an hour."""

    where: Mapping[str, str]
    nodes: Mapping[str, int]
    price: int
    bound: float
    """No set of nodes costs less."""


def share(items: Sequence[Item], offers: Mapping[str, Rentable]) -> Sharing:
    """The cheapest nodes for all items, within `bound`."""
    kinds: dict[tuple[tuple[str, int], ...], list[Item]] = {}
    for item in items:
        kinds.setdefault(tuple(sorted(item.ways.items())), []).append(item)
    used = sorted({offer for ways in kinds for offer, _devices in ways})
    counts, bound = solve([dict(ways) for ways in kinds], [len(group) for group in kinds.values()], used, offers)
    where: dict[str, str] = {}
    devices = dict.fromkeys(used, 0)
    for (ways, group), placed in zip(kinds.items(), counts, strict=True):
        left = iter(group)
        for offer, taken in ways:
            for _ in range(placed.get(offer, 0)):
                where[next(left).name] = offer
                devices[offer] += taken
    nodes = {offer: -(-count // offers[offer].devices) for offer, count in devices.items() if count}
    price = sum(offers[offer].price * count for offer, count in nodes.items())
    return Sharing(MappingProxyType(where), MappingProxyType(nodes), price, min(bound, price))


def solve(
    ways: Sequence[Mapping[str, int]], sizes: Sequence[int], used: Sequence[str], offers: Mapping[str, Rentable],
) -> tuple[list[dict[str, int]], float]:
    """How many items of each kind go to each offer, and a bound of the price. Items of a kind are alike, so they are counted, not named."""
    import highspy  # noqa: PLC0415  (only where workloads may share: one workload is planned without it)

    class Silent(highspy.Highs):  # type: ignore[misc]
        """Says nothing on stdout, where the plan goes; HiGHS greets when its callbacks are enabled, before anybody could ask it not to."""

        def enableCallbacks(self) -> None:  # noqa: N802  (HiGHS's name)
            self.silent()
            super().enableCallbacks()

    model = Silent()
    options = {"threads": 1, "random_seed": 0, "mip_max_nodes": SEARCH_NODES, "mip_rel_gap": GAP}
    for option, value in options.items():
        model.setOptionValue(option, value)
    places = [{offer: model.addIntegral(lb=0, ub=size) for offer in kind} for kind, size in zip(ways, sizes, strict=True)]
    nodes = {offer: model.addIntegral(lb=0, ub=highspy.kHighsInf if offers[offer].most is None else offers[offer].most) for offer in used}
    for kind, size in zip(places, sizes, strict=True):
        model.addConstr(sum(kind.values()) == size)
    for offer in used:
        taken = sum(way[offer] * kind[offer] for way, kind in zip(ways, places, strict=True) if offer in way)
        model.addConstr(taken <= offers[offer].devices * nodes[offer])
    model.minimize(sum(offers[offer].price / 1e6 * count for offer, count in nodes.items()))
    if model.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return [cheapest(kind, size, offers) for kind, size in zip(ways, sizes, strict=True)], 0.0
    values = model.getSolution().col_value
    counts = [{offer: round(values[variable.index]) for offer, variable in kind.items()} for kind in places]
    return counts, model.getInfo().mip_dual_bound * 1e6


def cheapest(ways: Mapping[str, int], size: int, offers: Mapping[str, Rentable]) -> dict[str, int]:
    """All items of a kind where their devices cost least: when the search found nothing, or there are too few nodes for all."""
    return {min(ways, key=lambda offer: (ways[offer] * offers[offer].price / offers[offer].devices, offer)): size}
