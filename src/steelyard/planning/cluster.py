"""A plan for rented nodes: every workload of a blueprint placed on the cheapest offers that carry it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from steelyard.blueprint import Batch, Blueprint, Device, Gpu, Notebook, Rag, Serve, Train, Workload
from steelyard.catalog.architecture import Architecture
from steelyard.catalog.instances import InstanceType
from steelyard.catalog.prices import PriceList, Purchase
from steelyard.findings import Finding
from steelyard.planning.advice import just_outside, not_acted_on, of_teams, unknown_instances
from steelyard.planning.batch import BatchOption, batch_need, place_batch
from steelyard.planning.offers import NodeOffer, node_offers
from steelyard.planning.option import AnyOption as Chosen
from steelyard.planning.option import Assumption, Placement
from steelyard.planning.placements import AnyPlacement
from steelyard.planning.plain import PlainOption, place_plain, plain_need
from steelyard.planning.pooling import NodeGroup, alone, pool, pooled
from steelyard.planning.refusing import refused
from steelyard.planning.serving import ServeOption, place_serve, serve_need
from steelyard.planning.training import TrainOption, place_train, train_need
from steelyard.sizing.serving import Quantization
from steelyard.units import format_money

AnyWorkload = TypeVar("AnyWorkload", bound=Workload)

REGION = "us-east-1"
"""Where a blueprint without a Platform goes."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a workload's model and data."""

    architecture: Architecture
    native: Quantization | None = None
    """The format that it is published in, where that is not 16 bits."""
    data_tokens: int | None = None
    """Of one pass over a training's data; None where they cannot be counted."""


@dataclass(frozen=True, slots=True)
class Market:
    """What can be rented, and at what price."""

    instances: Sequence[InstanceType]
    prices: PriceList
    quotas: Mapping[str, float] = field(default_factory=dict)
    """vCPUs that may run at once, by quota code, of the codes that are known."""
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where an instance type is offered, of the types that are known; empty where nobody asked."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """All placements, the nodes that they need, and what is worth telling. An error among the findings: it cannot be carried out."""

    blueprint: Blueprint
    region: str
    placements: tuple[AnyPlacement, ...]
    nodes: tuple[NodeGroup, ...]
    findings: tuple[Finding, ...]
    sharing_bound: float | None
    """Micro-dollars an hour that servers which may share nodes cost at least, among the considered offers; None without such."""

    @property
    def feasible(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def price_micro_hour(self) -> int:
        """In a usual hour, while every training runs."""
        return sum(group.price_micro_hour for group in self.nodes)


def plan_cluster(blueprint: Blueprint, models: Mapping[str, ModelFacts], market: Market) -> ClusterPlan:
    """Place every Serve, Train and Batch of the blueprint whose name is in `models`, and what says itself what it needs."""
    planner = _Planner(blueprint, models, market)
    by_name: dict[str, AnyPlacement] = {}
    nodes: list[NodeGroup] = []
    bounds: list[float] = []
    serves = [one for one in blueprint.workloads if isinstance(one, Serve) and one.name in models]
    for name in dict.fromkeys(pool(one, blueprint) for one in serves):
        found = pooled([planner.serve(one) for one in serves if pool(one, blueprint) == name])
        by_name |= {one.workload.name: one for one in found.placements}
        bounds += [found.bound] if found.bound is not None else []
        nodes += found.nodes
        planner.take(found.nodes)
    for workload in blueprint.workloads:
        if workload.name in by_name or not (workload.name in models or says_itself(workload)):
            continue
        placement = planner.again(workload)
        by_name[workload.name] = placement
        if placement.chosen:
            nodes.append(alone(placement.chosen, workload.name))
            planner.take(nodes[-1:])
    placements = tuple(by_name[one.name] for one in blueprint.workloads if one.name in by_name)
    findings = [finding for placement in placements for finding in planner.findings(placement)]
    findings += [*unknown_instances(blueprint, market.instances), *of_teams(blueprint, placements, nodes)]
    findings += [*quota_findings(nodes, market.quotas), *given_out_twice(nodes), *over_limits(blueprint, nodes), *not_acted_on(blueprint)]
    return ClusterPlan(blueprint, planner.region, placements, tuple(nodes), tuple(findings), sum(bounds) if bounds else None)


class _Planner:
    """One blueprint being planned."""

    def __init__(self, blueprint: Blueprint, models: Mapping[str, ModelFacts], market: Market) -> None:
        self.blueprint, self.models, self.market = blueprint, models, market
        self.region = blueprint.platform.region if blueprint.platform else REGION
        self.taken: dict[str, int] = {}
        """Of one's own nodes, how many are given out, by type."""

    def offers(self, workload: Workload) -> tuple[NodeOffer, ...]:
        """What this workload may be placed on. A server is not put on nodes that may be taken away, unless that is what was asked."""
        platform = self.blueprint.platform
        written = {platform.spot if platform else "auto", workload.spot}
        if "never" in written:
            purchases: tuple[Purchase, ...] = ("on-demand",)
        else:
            purchases = ("spot",) if "only" in written else ("on-demand", "spot") if isinstance(workload, Train) else ("on-demand",)
        instances = [self.left_of(one) for one in self.market.instances if self.offered(one)]
        return node_offers(instances, self.market.prices, self.region, platform.instances if platform else (), purchases)

    def left_of(self, one: InstanceType) -> InstanceType:
        """The type with as many nodes as nobody has yet."""
        taken = self.taken.get(one.name, 0)
        return one if one.nodes is None or not taken else replace(one, nodes=max(0, one.nodes - taken))

    def take(self, nodes: Sequence[NodeGroup]) -> None:
        """Count the nodes of one's own that are given out."""
        for group in nodes:
            if group.offer.most is not None:
                self.taken[group.offer.name] = self.taken.get(group.offer.name, 0) + group.count_at_peak

    def liked(self, workload: AnyWorkload, place: Callable[[AnyWorkload], Placement[Chosen]]) -> Placement[Chosen]:
        """With alternatives in `gpu`, the first that can be had; else what spoke against all of them."""
        for device in workload.gpu.alternatives if len(workload.gpu.alternatives) > 1 else ():
            found = place(workload.model_copy(update={"gpu": Gpu((device,))}))
            if found.chosen is not None:
                return replace(found, workload=workload, assumed=(*found.assumed, *liking(workload, device)))
        return place(workload)

    def offered(self, one: InstanceType) -> bool:
        """Whether a zone that may be used has this type; where nobody asked AWS, yes."""
        zones, wanted = self.market.zones, self.blueprint.platform.zones if self.blueprint.platform else ()
        if not zones or one.region is not None:
            return True
        return any(not wanted or zone in wanted for zone in zones.get(one.name, ()))

    def serve(self, workload: Serve) -> Placement[ServeOption]:
        return self.liked(workload, self.serve_on)

    def train(self, workload: Train) -> Placement[TrainOption]:
        return self.liked(workload, self.train_on)

    def batch(self, workload: Batch) -> Placement[BatchOption]:
        return self.liked(workload, self.batch_on)

    def plain(self, workload: Workload) -> Placement[PlainOption]:
        return self.liked(workload, self.plain_on)

    def serve_on(self, workload: Serve) -> Placement[ServeOption]:
        facts = self.models[workload.name]
        need = serve_need(workload, facts.architecture, facts.native, self.blueprint.platform)
        return place_serve(need, self.offers(workload))

    def train_on(self, workload: Train) -> Placement[TrainOption]:
        facts, platform = self.models[workload.name], self.blueprint.platform
        need = train_need(workload, facts.architecture, facts.data_tokens)
        return place_train(need, self.offers(workload), platform.limits.gpu if platform else None)

    def batch_on(self, workload: Batch) -> Placement[BatchOption]:
        facts = self.models[workload.name]
        return place_batch(batch_need(workload, facts.architecture, facts.native), self.offers(workload))

    def plain_on(self, workload: Workload) -> Placement[PlainOption]:
        return place_plain(plain_need(workload), self.offers(workload))

    def again(self, workload: Workload) -> AnyPlacement:
        """The same for a changed copy of a workload: what-ifs are the planner itself."""
        if isinstance(workload, Serve):
            return self.serve(workload)
        if isinstance(workload, Batch):
            return self.batch(workload)
        return self.train(workload) if isinstance(workload, Train) and workload.name in self.models else self.plain(workload)

    def findings(self, placement: AnyPlacement) -> list[Finding]:
        if placement.chosen is None:
            facts = self.models.get(placement.workload.name)
            return [refused(placement, self.blueprint, self.region, self.again, facts.architecture if facts else None)]
        if isinstance(placement.chosen, ServeOption) and (found := just_outside(placement)):
            return [found]
        return []


def says_itself(workload: Workload) -> bool:
    """Whether a workload's own fields are all that is known of what it needs."""
    return isinstance(workload, Notebook | Rag) or (isinstance(workload, Train) and workload.script is not None)


def liking(workload: Workload, device: Device) -> tuple[Assumption, ...]:
    """That a later alternative was taken, if it was."""
    first = workload.gpu.alternatives[0]
    return () if device == first else (Assumption(f"{device}, since nothing that may be rented carries it on {first}", f"gpu: {first}"),)


def quota_findings(nodes: Sequence[NodeGroup], quotas: Mapping[str, float]) -> list[Finding]:
    """What AWS must allow, all nodes together in the busiest hour: an error where it is known to allow less, a note where it is unknown."""
    needed: dict[str, int] = {}
    for group in nodes:
        if group.offer.quota:
            needed[group.offer.quota] = needed.get(group.offer.quota, 0) + group.count_at_peak * (group.offer.instance.cpus or 0)
    found = []
    for code, cpus in sorted(needed.items()):
        step = f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code} --desired-value {cpus}"
        if code not in quotas:
            found.append(Finding(rule="quota-needed", severity="note", object=code, next_step="steelyard catalog update",
                                 message=f"the plan needs {cpus} vCPUs of the quota {code}; how many you have is not known"))  # fmt: skip
        elif quotas[code] < cpus:
            found.append(Finding(rule="over-quota", severity="error", object=code, next_step=step,
                                 message=f"the plan needs {cpus} vCPUs of the quota {code}, and you have {quotas[code]:g}"))  # fmt: skip
    return found


def given_out_twice(nodes: Sequence[NodeGroup]) -> list[Finding]:
    """One's own nodes of which more are needed than there are."""
    needed: dict[str, int] = {}
    there: dict[str, int] = {}
    for group in nodes:
        if group.offer.most is not None:
            name = group.offer.name
            needed[name] = needed.get(name, 0) + group.count_at_peak
            there[name] = max(there.get(name, 0), group.offer.most)
    return [Finding(rule="not-enough-nodes", severity="error", object=name, next_step="fewer replicas, or rented nodes beside them",
                    message=f"the plan needs {count} x {name}, and there are {there[name]}")
            for name, count in needed.items() if count > there[name]]  # fmt: skip


def over_limits(blueprint: Blueprint, nodes: Sequence[NodeGroup]) -> list[Finding]:
    """What the Platform does not allow, all nodes together, in the busiest hour."""
    platform = blueprint.platform
    if platform is None:
        return []
    devices = sum(group.count_at_peak * group.offer.devices for group in nodes)
    price = sum(group.count_at_peak * (group.offer.price_micro_hour or 0) for group in nodes)
    gpus, dollars = platform.limits.gpu, platform.limits.price

    def over(message: str, step: str) -> Finding:
        return Finding(rule="over-limit", severity="error", object=platform.name, place=blueprint.place(platform, "limits"),
                       message=message, next_step=step)  # fmt: skip

    found = []
    if gpus is not None and devices > gpus:
        found.append(over(f"the plan needs {devices} GPUs, and limits: allows {gpus}", f"limits: {{gpu: {devices}}}"))
    if dollars is not None and price > dollars:
        message = f"the plan costs {format_money(price)} an hour at its peak, and limits: allows {format_money(dollars)}"
        found.append(over(message, "raise limits.price, or leave it out"))
    return found
