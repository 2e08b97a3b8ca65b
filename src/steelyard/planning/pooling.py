"""Servers that share nodes, where that is cheaper than nodes of their own. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from steelyard.blueprint import Blueprint, Workload
from steelyard.planning.offers import NodeOffer
from steelyard.planning.option import TENSOR, Placement
from steelyard.planning.placements import AnyOption
from steelyard.planning.serving import ServeOption
from steelyard.planning.sharing import Item, Rentable, share

OFFERS = 6
"""Offers that are considered for each server: those on which its share of the nodes is cheapest, and the one that it has alone."""


TRIED = 16
"""Offers of which the share is computed for each server, from the one with the cheapest device."""


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes of one offer, and the workloads on them."""

    offer: NodeOffer
    count: int
    """In a usual hour."""
    count_at_peak: int
    workloads: tuple[str, ...]

    @property
    def price_micro_hour(self) -> int:
        """In a usual hour; only offers with a price are chosen."""
        return (self.offer.price_micro_hour or 0) * self.count


@dataclass(frozen=True, slots=True)
class Pooled:
    """Servers with their nodes. `bound`: no other way of sharing among the considered offers costs less; None where nothing is shared."""

    placements: tuple[Placement[ServeOption], ...]
    nodes: tuple[NodeGroup, ...]
    bound: float | None


def pool(workload: Workload, blueprint: Blueprint) -> str:
    """Who may share nodes with whom: all, but for the workloads of a team that is fenced off."""
    team = blueprint.team(workload.team)
    return team.name if team and team.isolation == "strict" else ""


def alone(option: AnyOption, name: str) -> NodeGroup:
    """The nodes of a workload that shares none."""
    at_peak = option.nodes_at_peak if isinstance(option, ServeOption) else option.nodes
    return NodeGroup(option.offer, option.nodes, at_peak, (name,))


def pooled(placements: Sequence[Placement[ServeOption]]) -> Pooled:
    """One pool of servers, each placed alone before: together where that is cheaper, or where there are too few nodes for each alone."""
    apart = Pooled(tuple(placements), tuple(alone(one.chosen, one.workload.name) for one in placements if one.chosen), None)
    able = [one for one in placements if one.chosen and shares(one.chosen)]
    if len(able) < 2:
        return apart
    together, groups, bound = shared_nodes(able)
    names = {one.workload.name for one in able}
    own = [group for group in apart.nodes if group.workloads[0] not in names]
    price = sum(group.price_micro_hour for group in groups)
    price_apart = sum(group.price_micro_hour for group in apart.nodes if group.workloads[0] in names)
    if price >= price_apart and not too_few(apart.nodes):
        return replace(apart, bound=min(bound, price_apart) + sum(group.price_micro_hour for group in own))
    by_name = {one.workload.name: one for one in together}
    return Pooled(tuple(by_name.get(one.workload.name, one) for one in placements), (*own, *groups),
                  bound + sum(group.price_micro_hour for group in own))  # fmt: skip


def too_few(groups: Sequence[NodeGroup]) -> bool:
    """Whether more of one's own nodes are needed than there are."""
    needed: dict[str, int] = {}
    for group in groups:
        needed[group.offer.name] = needed.get(group.offer.name, 0) + group.count_at_peak
    return any(group.offer.most is not None and needed[group.offer.name] > group.offer.most for group in groups)


def shares(option: ServeOption) -> bool:
    """Whether devices are all that the option takes of a node, in sizes that fill nodes without a gap."""
    usual = option.replica.tensor in TENSOR and option.offer.devices in TENSOR
    return usual and option.replica.pipeline == 1 and option.need.workload.cpu is None and option.need.workload.memory is None


def shared_nodes(placements: Sequence[Placement[ServeOption]]) -> tuple[list[Placement[ServeOption]], list[NodeGroup], float]:
    """The cheapest nodes that hold these together."""
    ways = {one.workload.name: ways_of(one) for one in placements}
    offers = {str(option.offer): option.offer for options in ways.values() for option in options.values()}
    found = share([Item(name, {key: option.devices for key, option in options.items()}) for name, options in ways.items()],
                  {key: Rentable(offer.price_micro_hour or 0, offer.devices, offer.most) for key, offer in offers.items()})  # fmt: skip
    placed = [replace(one, chosen=ways[one.workload.name][found.where[one.workload.name]]) for one in placements]
    groups = []
    for key, count in found.nodes.items():
        there = [one for one in placed if found.where[one.workload.name] == key]
        at_peak = sum(one.chosen.replicas_at_peak * one.chosen.replica.devices for one in there if one.chosen)
        groups.append(NodeGroup(offers[key], count, -(-at_peak // offers[key].devices), tuple(one.workload.name for one in there)))
    return placed, groups, found.bound


def cheapest_share(options: Sequence[ServeOption]) -> ServeOption | None:
    """Of one offer, the option whose devices are the fewest; one that has more for a single replica already is not weighed."""
    best: ServeOption | None = None
    for option in sorted(options, key=lambda option: option.replica.devices):
        if best is not None and option.replica.devices >= best.devices:
            break
        if shares(option) and option.refusal is None and (best is None or option.devices < best.devices):
            best = option
    return best


def ways_of(placement: Placement[ServeOption]) -> dict[str, ServeOption]:
    """By offer, the option whose share of the nodes costs least."""
    chosen = placement.chosen
    assert chosen is not None  # noqa: S101  (only asked of what was placed)
    scarce = chosen.offer.most is not None
    found: list[ServeOption] = []
    for one in sorted(placement.weighed, key=lambda group: (group.bound / max(1, group.offer.devices), str(group.offer))):
        if one.bound / max(1, one.offer.devices) > (chosen.price_micro_hour or 0) and not scarce:
            break  # not even one device of it costs less than the nodes of its own
        if option := cheapest_share(one.options):
            found.append(option)
        if len(found) == TRIED:
            break
    cheapest = sorted(found, key=lambda option: (option.share_price, str(option.offer)))[:OFFERS]
    return {str(option.offer): option for option in (*cheapest, chosen)}
