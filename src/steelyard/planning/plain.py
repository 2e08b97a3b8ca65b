"""Where a workload goes that says itself what it needs: a notebook, a script of your own, a RAG's parts without its model. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from steelyard.blueprint import Device, Notebook, Rag, Train, Workload
from steelyard.planning.offers import NodeOffer, asked
from steelyard.planning.once import once
from steelyard.planning.option import (
    UNKNOWN,
    Assumption,
    OfferOptions,
    Placement,
    Refusal,
    not_enough_nodes,
    place,
    too_small,
    unavailable,
    workers_on,
)  # fmt: skip
from steelyard.sizing.serving import GIB
from steelyard.units import format_bytes

ASSUMED_CPUS = {"Notebook": 4.0, "Train": 4.0, "Rag": 4.0}
ASSUMED_MEMORY = {"Notebook": 16 * GIB, "Train": 16 * GIB, "Rag": 12 * GIB}


@dataclass(frozen=True)
class PlainNeed:
    """What one worker asks for, and how many of them."""

    workload: Workload
    workers: int
    cpus: float
    memory: int
    assumed: tuple[Assumption, ...]


@dataclass(frozen=True)
class PlainOption:
    """All workers on nodes of one offer, each with so many devices."""

    need: PlainNeed
    offer: NodeOffer
    device: Device | None
    """What each worker has of the offer's card; None: no device."""

    @property
    def each(self) -> int:
        """Devices of one worker: of a training one, of another workload as many as are written; a share of one counts as one."""
        if self.device is None:
            return 0
        return self.device.count.low if self.device.counted and not isinstance(self.need.workload, Train) else 1

    @property
    def devices(self) -> int:
        return self.each * self.need.workers

    @once
    def per_node(self) -> int:
        """Workers that one node holds, by its cores, its memory and its devices."""
        by_host = workers_on(self.offer, self.need.workload, cpus=self.need.cpus, memory=self.need.memory)
        return min(by_host, self.offer.devices // self.each) if self.each else by_host

    @property
    def nodes(self) -> int:
        return ceil(self.need.workers / max(1, self.per_node))

    @once
    def refusal(self) -> Refusal | None:
        if self.per_node < 1:
            if self.each > self.offer.devices:
                return Refusal("node-too-small", f"{self.each} devices are asked for, and a node has {self.offer.devices}", self.each)
            return too_small(self.offer, self.need.workload, cpus=self.need.cpus, memory=self.need.memory)
        if reason := unavailable(self.offer):
            return reason
        return not_enough_nodes(self.offer, self.nodes)

    @property
    def price_micro_hour(self) -> int | None:
        return self.offer.price_of(self.nodes)

    @property
    def bound(self) -> float:
        each = self.offer.price_micro_hour
        return UNKNOWN if each is None or self.offer.never else each

    @property
    def best_case(self) -> tuple[tuple[float, ...], int]:
        return (self.bound,), 0

    @property
    def preference(self) -> tuple[float, ...]:
        return (UNKNOWN if self.price_micro_hour is None else self.price_micro_hour,)


def plain_need(workload: Workload) -> PlainNeed:
    """What `workload` asks for, with what is taken where it says nothing."""
    assumed = []
    cpus, memory = workload.cpu or ASSUMED_CPUS[workload.kind], workload.memory or ASSUMED_MEMORY[workload.kind]
    if workload.cpu is None or workload.memory is None:
        taken = f"{cpus:g} CPUs and {format_bytes(memory)} for each worker"
        assumed.append(Assumption(taken, f"cpu: {cpus:g}, memory: {memory // GIB}GiB"))
    workers = workers_of(workload) if isinstance(workload, Train) else 1
    if isinstance(workload, Notebook | Rag) and workload.gpu.auto:
        assumed.append(Assumption("no GPU", "gpu: L4"))
    return PlainNeed(workload, workers, cpus, memory, tuple(assumed))


def workers_of(workload: Train) -> int:
    """As written, else one for each device."""
    if workload.workers != "auto":
        return workload.workers
    return next((device.count.low for device in workload.gpu.alternatives if device.counted), 1)


def place_plain(need: PlainNeed, offers: Sequence[NodeOffer]) -> Placement[PlainOption]:
    """The cheapest offer that has what was asked for."""
    gpu = need.workload.gpu
    without = gpu.none or gpu.auto
    groups = []
    for offer in offers:
        device = asked(gpu, offer.card) if offer.card and not without else None
        if (offer.card is None) == without and (without or device):
            only = [PlainOption(need, offer, device)]
            groups.append(OfferOptions(offer, only[0].bound, only.copy))
    return place(need.workload, groups, need.assumed)
