"""What planning weighs against each other, for every kind of workload: options, refusals, placements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from steelyard.blueprint import Workload
from steelyard.planning.offers import NodeOffer
from steelyard.planning.once import once
from steelyard.units import format_bytes

HOURS_PER_MONTH = 730
TENSOR = (1, 2, 4, 8)
"""Devices of a node that share tensors, where nobody says how many: heads and widths divide by them."""
NEAREST_FIRST = (
    "too-many-replicas", "over-limit", "not-enough-nodes", "over-max-price", "deadline-missed", "slo-missed", "price-unknown",
    "interruption-unknown", "never-ends", "never-chosen", "does-not-fit", "node-too-small", "layout-impossible", "speed-unknown",
    "memory-unknown",
)  # fmt: skip
"""Reasons against an option, from the one that a person can most easily change: of several refusals, the first is told."""
KEPT = 0.1
"""Share of a node's memory that the system, the kubelet and its daemons keep: assumed; EKS reserves 255 MiB and 11 MiB a pod."""
MANY = 10**6
UNKNOWN = float("inf")
"""Where a price is not known, in what is compared: it never wins."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something cannot be taken: a stable rule, and the words."""

    rule: str
    message: str
    shortfall: int = 0
    """How far it is from being taken, within its rule: bytes that one device lacks, millionths of the SLO that are reached."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """What the blueprint left open, what was taken, and how to say otherwise."""

    taken: str
    otherwise: str


class Option(Protocol):
    """One way to carry a workload: a layout on nodes of one offer. What is dear to compute is computed when it is asked for."""

    @property
    def offer(self) -> NodeOffer: ...
    @property
    def refusal(self) -> Refusal | None: ...
    @property
    def nodes(self) -> int: ...
    @property
    def devices(self) -> int:
        """Accelerators that the workload itself takes, of all nodes together."""
        ...
    @property
    def bound(self) -> float:
        """A price that `preference` is never below; cheap to tell."""
        ...
    @property
    def best_case(self) -> tuple[tuple[float, ...], int]:
        """What `preference` and `devices` are at least; cheap to tell."""
        ...
    @property
    def preference(self) -> tuple[float, ...]:
        """What is least is best; the price first. Only of options that are not refused."""
        ...


AnyOption = TypeVar("AnyOption", bound=Option)
AnyOption_co = TypeVar("AnyOption_co", bound=Option, covariant=True)


@dataclass(frozen=True)
class OfferOptions(Generic[AnyOption_co]):
    """Every option on one offer; at least one."""

    offer: NodeOffer
    bound: float
    """A price that none of its options is below; cheap to tell."""
    make: Callable[[], Sequence[AnyOption_co]]

    @once
    def options(self) -> Sequence[AnyOption_co]:
        return self.make()

    @once
    def best(self) -> AnyOption_co:
        """What can be taken at the least price; else what came nearest to it."""
        found: AnyOption_co | None = None
        for option in sorted(self.options, key=attrgetter("bound")):
            if found is not None and option.bound > found.preference[0]:
                break  # and so are all that follow
            if found is not None and option.best_case >= order(found)[:2]:
                continue  # whatever it turns out to be, it is not better
            if option.refusal is None and (found is None or order(option) < order(found)):
                found = option
        return found if found is not None else min(self.options, key=distance)


@dataclass(frozen=True, slots=True)
class Placement(Generic[AnyOption_co]):
    """Where a workload goes. The other offers are weighed when somebody asks for their `best`."""

    workload: Workload
    chosen: AnyOption_co | None
    weighed: tuple[OfferOptions[AnyOption_co], ...]
    """Every offer that may be used, by what it costs at least; unknown prices last."""
    assumed: tuple[Assumption, ...]

    @property
    def others(self) -> tuple[OfferOptions[AnyOption_co], ...]:
        """All but the chosen one's."""
        return tuple(one for one in self.weighed if self.chosen is None or one.offer is not self.chosen.offer)


def workers_on(offer: NodeOffer, workload: Workload, *, cpus: float | None = None, memory: int | None = None) -> int:
    """Workers that the host of one node carries, by the cores and the memory that the workload asks for each, or else `cpus`, `memory`."""
    cpus, memory = workload.cpu or cpus, workload.memory or memory
    by_cpus = int((offer.instance.cpus or 0) // cpus) if cpus else MANY
    return min(by_cpus, int((offer.instance.memory or 0) * (1 - KEPT) // memory) if memory else MANY)


def too_small(offer: NodeOffer, workload: Workload, *, cpus: float | None = None, memory: int | None = None) -> Refusal:
    """A host that cannot carry even one worker."""
    cpus, memory = workload.cpu or cpus, workload.memory or memory
    asked = " and ".join(part for part in (f"{cpus:g} CPUs" if cpus else "", format_bytes(memory) if memory else "") if part)
    has = f"{offer.instance.cpus or 0} CPUs and {format_bytes(offer.instance.memory)}"
    short = max(0, (memory or 0) - (offer.instance.memory or 0)) + round(max(0.0, (cpus or 0) - (offer.instance.cpus or 0)) * 2**30)
    return Refusal("node-too-small", f"{asked} are asked for, and a node has {has}", short)


def unavailable(offer: NodeOffer) -> Refusal | None:
    """Why an offer cannot be chosen by anybody; of spot, without knowing how often it is taken away, nothing can be promised."""
    if offer.never:
        return Refusal("never-chosen", offer.never)
    if offer.price is None:
        return Refusal("price-unknown", "price unknown")
    if offer.purchase == "spot" and offer.price.interruption is None:
        return Refusal("interruption-unknown", "how often it is interrupted is unknown")
    return None


def not_enough_nodes(offer: NodeOffer, nodes: int) -> Refusal | None:
    """One's own nodes are as many as they are."""
    if offer.most is None or nodes <= offer.most:
        return None
    return Refusal("not-enough-nodes", f"{nodes} are needed, and there are {offer.most}")


def distance(option: Option) -> tuple[int, int, float, int]:
    """How far a refused option is from being taken: by its reason, then by what is short, then by its price."""
    refusal = option.refusal
    return (NEAREST_FIRST.index(refusal.rule), refusal.shortfall, option.bound, option.devices) if refusal else (-1, 0, 0.0, 0)


def order(option: Option) -> tuple[tuple[float, ...], int, str, str]:
    """Price first; equals are told apart the same way each time, and towards fewer devices."""
    return option.preference, option.devices, option.offer.name, option.offer.purchase


def place(workload: Workload, offers: Sequence[OfferOptions[AnyOption]], assumed: tuple[Assumption, ...]) -> Placement[AnyOption]:
    """The winner over all offers. What costs more than the winner whatever its layout is not weighed further."""
    by_bound = tuple(sorted(offers, key=lambda one: (one.bound, one.offer.name, one.offer.purchase)))
    chosen: AnyOption | None = None
    for one in by_bound:
        if chosen is not None and one.bound > chosen.preference[0]:
            break
        if one.best.refusal is None and (chosen is None or order(one.best) < order(chosen)):
            chosen = one.best
    return Placement(workload, chosen, by_bound, assumed)
