"""Where a served model goes: every layout on every offer, with what it carries and what it costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil

from steelyard.blueprint import Device, Platform, Serve
from steelyard.catalog.accelerators import Accelerator
from steelyard.catalog.architecture import Architecture
from steelyard.catalog.storage import Storage, storages
from steelyard.planning.offers import NodeOffer, asked, usable
from steelyard.planning.once import once
from steelyard.planning.option import (
    TENSOR,
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
from steelyard.sizing.capacity import Answer, Capacity, Likely, Load, answer_at, capacity, missed, used
from steelyard.sizing.loading import loading
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import GIB, Quantization, ServingMemory, impossible, serving_memory, usual_engine
from steelyard.sizing.speed import ReplicaSpeed, serving_speeds

FP8_WEIGHTS_ONLY = ("Ampere",)
"""Architectures without FP8 units on which vLLM keeps weights in FP8 and multiplies in 16 bits (its documentation of FP8). Of routed
experts, nothing that was read says so."""
WHOLE_NODE = 8
"""Devices of the nodes that share a model among them: tensors within a node, stages over nodes, as vLLM's documentation of
distributed serving advises. Smaller nodes are not joined."""
PIPELINE = (2, 3, 4, 6, 8, 12, 16)
ASSUMED_CONTEXT = 4096
ASSUMED_RATE = 1.0
ASSUMED_PROMPT, ASSUMED_OUTPUT = 1000, 250
ASSUMED_TTFT, ASSUMED_TPOT, ASSUMED_PERCENTILE = 2_000_000, 100_000, 95
"""Faster than people read; microseconds."""
IN_FP8 = Assumption("weights in FP8, which vLLM makes from the published 16 bits while it loads", "quantization: none")
MICRO = 1_000_000
STORAGE_OF_MODELS = "models"
"""The name, among a Platform's storage, that weights are read from."""
ROUNDING = 1e-9
"""Of a rate over a rate: 2.0000000001 replicas are two."""


@dataclass(frozen=True)
class ServeNeed:
    """What a Serve asks for, with what was taken where it says nothing."""

    workload: Serve
    model: Architecture
    context: int
    rate: float
    """Requests a second in a usual hour."""
    peak: float
    """Requests a second in the busiest hour."""
    load: Load
    quantizations: tuple[Quantization, ...]
    native: Quantization | None
    """The format that the model is published in, where that is not 16 bits."""
    most_devices: int | None
    """Of all nodes together, that the Platform's limits allow; None: as many as are needed."""
    weights_from: Storage
    weights_tib: float | None
    """Size of that file system, where it matters."""
    assumed: tuple[Assumption, ...]

    @property
    def tokens(self) -> int:
        """Of a usual request, prompt and answer."""
        return self.load.prompt + self.load.output


@dataclass(frozen=True)
class Replica:
    """One server of the model, over `tensor` x `pipeline` devices of one kind."""

    need: ServeNeed
    card: Accelerator
    tensor: int
    pipeline: int
    quantization: Quantization

    @property
    def devices(self) -> int:
        return self.tensor * self.pipeline

    @once
    def impossible(self) -> str:
        """Why the layout cannot be, or nothing."""
        if self.quantization == "fp8" and "fp8" not in self.card.tflops:
            if self.card.architecture not in FP8_WEIGHTS_ONLY:
                return f"no FP8 on {self.card.name}"
            if self.need.model.experts:
                return f"no experts in FP8 on {self.card.name}"
        if self.quantization == "awq" and self.card.architecture == "Volta":
            return f"no AWQ on {self.card.name}"
        if self.pipeline > self.need.model.layers:
            return f"{self.need.model.layers} layers cannot be shared by {self.pipeline} stages"
        return impossible(self.need.model, self.tensor, self.quantization)

    @once
    def memory(self) -> ServingMemory | None:
        """None where the layout cannot be, or what CUDA offers of the card is not known."""
        size = usable(self.card)
        if self.impossible or size is None:
            return None
        return serving_memory(self.need.model, self.tensor, size, self.quantization, pipeline_parallel=self.pipeline,
                              adapters=len(self.need.workload.adapters))  # fmt: skip

    @once
    def unfit(self) -> Refusal | None:
        """What memory and shape say against it."""
        if self.impossible:
            return Refusal("layout-impossible", self.impossible)
        if self.memory is None:
            return Refusal("memory-unknown", f"what CUDA offers of a {self.card.name} is not known")
        short = self.memory.kv_of(self.need.model, self.need.context) - self.memory.pool.likely
        if short <= 0:
            return None
        size = self.memory.device_memory
        return Refusal("does-not-fit", f"does not fit: {gib(size + short)} of {gib(size)} GiB per device", short)

    @once
    def held(self) -> Figure:
        """Usual requests that the KV cache holds at once."""
        assert self.memory is not None  # noqa: S101  (only asked of what fits)
        return self.memory.requests(self.need.model, self.need.tokens)

    @once
    def capacity(self) -> Capacity | None:
        """None where it does not fit, or its speed is not known."""
        if self.unfit or self.speeds is None or self.memory is None:
            return None
        return capacity(self.need.load, self.speeds, self.held.likely, usual_engine(self.memory.device_memory).sequences)

    @once
    def refusal(self) -> Refusal | None:
        """What speaks against it on whichever offer."""
        if self.unfit:
            return self.unfit
        if self.capacity is None:
            return Refusal("speed-unknown", f"the speed of a {self.card.name} is not known")
        if self.capacity.most:
            return None
        load, reached = self.need.load, self.capacity.at_most
        return Refusal("slo-missed", slo_missed(load, reached), round(MICRO * used(reached, load)))

    @property
    def validated(self) -> bool:
        """Whether measurements on the same kind of card stand behind its speed."""
        return self.speeds is not None and self.speeds.validated

    @once
    def speeds(self) -> ReplicaSpeed | None:
        """The speed with so many requests in flight; None where it is not known."""
        return serving_speeds(self.need.model, self.card, tensor_parallel=self.tensor, pipeline_parallel=self.pipeline,
                              quantization=self.quantization, prompt=self.need.load.prompt, output=self.need.load.output)  # fmt: skip


@dataclass(frozen=True)
class ServeOption:
    """Replicas on nodes of one offer."""

    replica: Replica
    offer: NodeOffer

    @property
    def need(self) -> ServeNeed:
        return self.replica.need

    @once
    def refusal(self) -> Refusal | None:
        if self.replica.unfit:
            return self.replica.unfit
        if self.per_node < 1:
            return too_small(self.offer, self.need.workload)
        if reason := unavailable(self.offer):
            return reason
        if self.replica.refusal:
            return self.replica.refusal
        return self.too_many or not_enough_nodes(self.offer, self.nodes_at_peak)

    @property
    def too_many(self) -> Refusal | None:
        """Replicas or devices beyond what was written."""
        most = self.need.workload.replicas.high
        if "replicas" in self.need.workload.model_fields_set and self.replicas_at_peak > most:
            return Refusal("too-many-replicas", f"{self.replicas_at_peak} replicas are needed at the peak, and {most} may be")
        devices = self.nodes_at_peak * self.offer.devices
        if self.need.most_devices is not None and devices > self.need.most_devices:
            return Refusal("over-limit", f"{devices} GPUs are more than the {self.need.most_devices} that limits: allows", devices)
        return None

    @once
    def replicas_at_peak(self) -> int:
        return self._replicas(self.need.peak)

    @once
    def replicas(self) -> int:
        """In a usual hour; all that the peak needs where nothing may scale."""
        scales = self.need.workload.replicas.low < self.need.workload.replicas.high
        return self._replicas(self.need.rate) if scales else self.replicas_at_peak

    def _replicas(self, rate: float) -> int:
        carried = self.replica.capacity.rate if self.replica.capacity else 0.0
        return max(1, self.need.workload.replicas.low, ceil(rate / carried - ROUNDING) if carried else 1)

    def nodes_for(self, replicas: int) -> int:
        if self.replica.pipeline > 1:
            return replicas * self.replica.pipeline
        return ceil(replicas / max(1, self.per_node))

    @once
    def per_node(self) -> int:
        """Replicas that one node holds, by its devices and by the host's cores and memory, where these are asked for."""
        by_devices = max(1, self.offer.devices // self.replica.tensor)
        return min(by_devices, workers_on(self.offer, self.need.workload))

    @property
    def nodes(self) -> int:
        return self.nodes_for(self.replicas)

    @property
    def nodes_at_peak(self) -> int:
        return self.nodes_for(self.replicas_at_peak)

    @property
    def devices(self) -> int:
        return self.replicas * self.replica.devices

    @property
    def price_micro_hour(self) -> int | None:
        """Of all its nodes, in a usual hour."""
        return self.offer.price_of(self.nodes)

    @once
    def bound(self) -> float:
        each = self.offer.price_micro_hour
        if each is None or self.offer.never or self.replica.unfit:
            return UNKNOWN
        return each * self.nodes_for(1)

    @property
    def best_case(self) -> tuple[tuple[float, ...], int]:
        return (self.bound, self.bound), self.replica.devices

    @property
    def preference(self) -> tuple[float, ...]:
        each = self.offer.price_micro_hour
        if each is None:
            return (UNKNOWN, UNKNOWN)
        return (each * self.nodes, each * self.nodes_at_peak)

    @property
    def share_price(self) -> float:
        """Micro-dollars an hour of its devices alone, where others use the rest of its nodes."""
        each = self.offer.price_micro_hour
        return UNKNOWN if each is None else each * self.devices / self.offer.devices

    @property
    def carries(self) -> tuple[float, float, float]:
        """Requests a second of one replica: low, likely, high, with the interval of its TPOT, which most of a request's time is."""
        rate = self.replica.capacity.rate if self.replica.capacity else 0.0
        if self.answer is None:
            return rate, rate, rate
        tpot = self.answer.tpot
        return rate * tpot.likely / tpot.high, rate, rate * tpot.likely / tpot.low

    @once
    def loading(self) -> Mapping[str, Figure | None]:
        """Microseconds of each phase from an empty node to the first request."""
        assert self.replica.memory is not None  # noqa: S101  (only asked of what fits)
        weights = self.replica.memory.parts["weights"].likely * self.replica.tensor  # stages are on nodes of their own
        if self.replica.quantization == "fp8" and self.need.native is None:
            weights *= 2  # what is read is the published copy in 16 bits
        return loading(weights, self.offer.instance, self.need.weights_from, self.need.weights_tib)

    @once
    def answer(self) -> Answer | None:
        """Of each replica in the busiest hour, when the load is shared equally; None where its speed is not known."""
        carried, speeds = self.replica.capacity, self.replica.speeds
        if carried is None or speeds is None:
            return None
        return answer_at(self.need.peak / self.replicas_at_peak, self.need.load, speeds, carried.most)


def serve_need(workload: Serve, model: Architecture, native: Quantization | None = None, platform: Platform | None = None) -> ServeNeed:
    """What `workload` asks for. `native`: the format that the model is published in, where that is not 16 bits."""
    assumed: list[Assumption] = []
    prompt, output = lengths(workload, model, assumed)
    context = context_of(workload, model, prompt + output, assumed)
    load = load_of(workload, prompt, output, assumed)
    storage, tib, said = storage_of_models(platform)
    if not said:
        assumed.append(Assumption(f"weights from {storage.title}", "a Platform with storage: {models: {s3: s3://acme-models}}"))
    rate = float(workload.traffic.rate) if workload.traffic else ASSUMED_RATE
    peak = rate * float(workload.traffic.peak if workload.traffic else 1)
    most = platform.limits.gpu if platform else None
    return ServeNeed(workload, model, context, rate, peak, load, formats(workload, native), native, most, storage, tib, tuple(assumed))


def lengths(workload: Serve, model: Architecture, assumed: list[Assumption]) -> tuple[int, int]:
    """Tokens of a prompt and of its answer, as written; what is not written is assumed, and fits into the context."""
    traffic, limit = workload.traffic, model.context if workload.context == "auto" else workload.context
    prompt, output = (traffic.prompt, traffic.output) if traffic else (None, None)
    told = (prompt, output)
    output = output or max(1, min(ASSUMED_OUTPUT, limit // 4, limit - (prompt or 1)))
    prompt = prompt or max(1, min(ASSUMED_PROMPT, limit - output))
    if traffic is None:
        assumed.append(Assumption(f"{ASSUMED_RATE:g} request a second, {prompt:,} tokens in and {output:,} out",
                                  "traffic: {rate: 4/s, prompt: 1200, output: 300, peak: 3x}"))
    elif None in told:
        assumed.append(Assumption(f"{prompt:,} tokens in and {output:,} out", "traffic: {prompt: 1200, output: 300}"))
    return prompt, output


def context_of(workload: Serve, model: Architecture, tokens: int, assumed: list[Assumption]) -> int:
    """The longest request, as written, else enough for two usual ones."""
    if workload.context != "auto":
        return workload.context
    context = min(model.context, max(ASSUMED_CONTEXT, 2 * tokens))
    own = context == model.context
    taken = f"context {context:,} tokens" + (", all that the model can read" if own else "")
    assumed.append(Assumption(taken, f"context: {context // 2 if own else model.context}"))
    return context


def load_of(workload: Serve, prompt: int, output: int, assumed: list[Assumption]) -> Load:
    """The SLO, as written, else assumed."""
    slo = workload.slo
    if slo is None:
        assumed.append(Assumption("TTFT 2 s and TPOT 100 ms for 95% of the requests", "slo: {ttft: 800ms, tpot: 60ms, percentile: 95}"))
        return Load(prompt, output, ASSUMED_TTFT, ASSUMED_TPOT, ASSUMED_PERCENTILE)
    ttft, tpot = (None if limit is None else round(limit.total_seconds() * MICRO) for limit in (slo.ttft, slo.tpot))
    return Load(prompt, output, ttft, tpot, slo.percentile)


def storage_of_models(platform: Platform | None) -> tuple[Storage, float | None, bool]:
    """Where weights are read from, the size of that file system in TiB where it has one, and whether the Platform says so."""
    named = platform.storage.get(STORAGE_OF_MODELS) if platform else None
    size = (named.fsx or named.efs) if named else None
    name = "efs" if named and named.efs else "fsx-lustre-250" if named and named.fsx else "s3-mountpoint"
    storage = next(one for one in storages() if one.name == name)
    return storage, None if size is None else size / 2**40, named is not None


def formats(workload: Serve, native: Quantization | None) -> tuple[Quantization, ...]:
    """The precisions that may be taken. `auto` is the model's own, and FP8, which needs no calibrated copy of the weights."""
    if workload.quantization != "auto":
        return (workload.quantization,)
    return (native,) if native else ("none", "fp8")


def place_serve(need: ServeNeed, offers: Sequence[NodeOffer]) -> Placement[ServeOption]:
    """The cheapest offer that carries the need, and the others."""
    known: dict[tuple[str, int, int, Quantization], Replica] = {}
    options = []
    for offer in offers:
        wanted = asked(need.workload.gpu, offer.card) if offer.card else None
        if offer.card is None or wanted is None or not possible(wanted, offer.devices):
            continue
        least = UNKNOWN if offer.price_micro_hour is None or offer.never else offer.price_micro_hour
        options.append(OfferOptions(offer, least, partial(options_of, need, offer, offer.card, wanted, known)))
    found = place(need.workload, options, need.assumed)
    if found.chosen is None or found.chosen.replica.quantization != "fp8" or need.workload.quantization == "fp8" or need.native:
        return found
    return replace(found, assumed=(*found.assumed, IN_FP8))


def options_of(
    need: ServeNeed, offer: NodeOffer, card: Accelerator, wanted: Device, known: dict[tuple[str, int, int, Quantization], Replica],
) -> list[ServeOption]:
    """Every layout on one offer."""
    return [ServeOption(one, offer) for one in layouts(need, offer, card, wanted, known)]


def in_precision(placement: Placement[ServeOption], quantization: Quantization) -> ServeOption | None:
    """The cheapest option in one precision, of what was weighed; None where none can be taken."""
    groups = []
    for one in placement.weighed:
        found = [option for option in one.options if option.replica.quantization == quantization]
        if found:
            groups.append(OfferOptions(one.offer, one.bound, found.copy))
    return place(placement.workload, groups, ()).chosen


def layouts(
    need: ServeNeed, offer: NodeOffer, card: Accelerator, wanted: Device, known: dict[tuple[str, int, int, Quantization], Replica],
) -> list[Replica]:
    """For each precision every layout within a node, and the fewest whole nodes that hold the model: where it hardly fits on one, two carry
    more than twice as much."""

    def replica(tensor: int, pipeline: int, quantization: Quantization) -> Replica:
        return known.setdefault((card.name, tensor, pipeline, quantization), Replica(need, card, tensor, pipeline, quantization))

    found = []
    for quantization in need.quantizations:
        within = [replica(tensor, 1, quantization) for tensor in tensors(wanted, offer.devices)]
        found += within
        over = [replica(WHOLE_NODE, stages, quantization) for stages in pipelines(wanted, offer.devices)]
        fitting = next((number for number, one in enumerate(over) if one.unfit is None), len(over) - 1)  # the largest, where none fits
        found += over[fitting : fitting + 1]
    return found


def tensors(wanted: Device, devices: int) -> list[int]:
    """Devices within a node that a replica may have: as written, else usual numbers."""
    usual = range(wanted.count.low, wanted.count.high + 1) if wanted.counted else TENSOR
    return [count for count in usual if count <= devices]


def pipelines(wanted: Device, devices: int) -> list[int]:
    """Whole nodes of so many devices that a replica may have, a stage each."""
    if devices != WHOLE_NODE:
        return []
    return [stages for stages in PIPELINE if not wanted.counted or wanted.count.low <= WHOLE_NODE * stages <= wanted.count.high]


def possible(wanted: Device, devices: int) -> bool:
    """Whether a replica may have some of a node of so many devices, or several such nodes."""
    return bool(tensors(wanted, devices) or pipelines(wanted, devices))


def slo_missed(load: Load, found: Likely) -> str:
    """Which limit even one request at a time misses."""
    limit = missed(found, load)
    if limit == "prompts":
        return f"reading prompts would keep it busy {found.busy:.0%} of the time"
    reached, allowed_at_most = (found.ttft, load.ttft) if limit == "TTFT" else (found.tpot, load.tpot)
    return f"{limit} {milliseconds(reached)}, and {milliseconds(allowed_at_most or 0)} are allowed"


def milliseconds(micro: float) -> str:
    return f"{micro / 1000:,.0f} ms"


def gib(size: int) -> str:
    return f"{size / GIB:.1f}"
