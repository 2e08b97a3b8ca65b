"""Where a served model goes: every layout on every offer, with what it carries and what it costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from math import ceil

from steelyard.blueprint import Device, Platform, Serve
from steelyard.catalog.accelerators import Accelerator
from steelyard.catalog.architecture import Architecture
from steelyard.catalog.storage import Storage, storages
from steelyard.planning.offers import NodeOffer, asked, usable
from steelyard.planning.option import UNKNOWN, Assumption, OfferOptions, Placement, Refusal, not_enough_nodes, place
from steelyard.sizing.capacity import Answer, Capacity, Likely, Load, answer_at, capacity
from steelyard.sizing.loading import loading
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import GIB, Quantization, ServingMemory, impossible, serving_memory, usual_engine
from steelyard.sizing.speed import ReplicaSpeed, serving_speeds

TENSOR = (1, 2, 4, 8)
WHOLE_NODE = 8
"""Devices of the nodes that share a model among them: tensors within a node, stages over nodes, as vLLM's documentation of
distributed serving advises. Smaller nodes are not joined."""
PIPELINE = (2, 3, 4, 6, 8, 12, 16)
ASSUMED_CONTEXT = 4096
ASSUMED_RATE = 1.0
ASSUMED_PROMPT, ASSUMED_OUTPUT = 1000, 250
ASSUMED_TTFT, ASSUMED_TPOT, ASSUMED_PERCENTILE = 2_000_000, 100_000, 95
"""Faster than people read; microseconds."""
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

    @cached_property
    def impossible(self) -> str:
        """Why the layout cannot be, or nothing."""
        if self.quantization == "fp8" and "fp8" not in self.card.tflops:
            return f"a {self.card.name} has no FP8"
        if self.pipeline > self.need.model.layers:
            return f"{self.need.model.layers} layers cannot be shared by {self.pipeline} stages"
        return impossible(self.need.model, self.tensor, self.quantization)

    @cached_property
    def memory(self) -> ServingMemory | None:
        """None where the layout cannot be, or what CUDA offers of the card is not known."""
        size = usable(self.card)
        if self.impossible or size is None:
            return None
        return serving_memory(self.need.model, self.tensor, size, self.quantization, pipeline_parallel=self.pipeline,
                              adapters=len(self.need.workload.adapters))  # fmt: skip

    @cached_property
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

    @cached_property
    def held(self) -> Figure:
        """Usual requests that the KV cache holds at once."""
        assert self.memory is not None  # noqa: S101  (only asked of what fits)
        return self.memory.requests(self.need.model, self.need.tokens)

    @cached_property
    def capacity(self) -> Capacity | None:
        """None where it does not fit, or its speed is not known."""
        if self.unfit or self.speeds is None or self.memory is None:
            return None
        return capacity(self.need.load, self.speeds, self.held.likely, usual_engine(self.memory.device_memory).sequences)

    @cached_property
    def refusal(self) -> Refusal | None:
        """What speaks against it on whichever offer."""
        if self.unfit:
            return self.unfit
        if self.capacity is None:
            return Refusal("speed-unknown", f"the speed of a {self.card.name} is not known")
        return None if self.capacity.most else Refusal("slo-missed", slo_missed(self.need.load, self.capacity.at_most))

    @property
    def validated(self) -> bool:
        """Whether measurements on the same kind of card stand behind its speed."""
        return self.speeds is not None and self.speeds.validated

    @cached_property
    def speeds(self) -> ReplicaSpeed | None:
        """The speed with so many requests in flight; None where it is not known."""
        return serving_speeds(self.need.model, self.card, tensor_parallel=self.tensor, pipeline_parallel=self.pipeline,
                              quantization=self.quantization, prompt=self.need.load.prompt, output=self.need.load.output)  # fmt: skip


@dataclass(frozen=True)
class ServeOption:
    """Replicas on nodes of one offer."""

    replica: Replica
    offer: NodeOffer
    shared: bool
    """Whether other workloads may use what it leaves of its nodes: then it costs its share at least, else whole nodes."""

    @property
    def need(self) -> ServeNeed:
        return self.replica.need

    @cached_property
    def refusal(self) -> Refusal | None:
        if self.replica.unfit:
            return self.replica.unfit
        if self.offer.price is None:
            return Refusal("price-unknown", "price unknown")
        if self.replica.refusal:
            return self.replica.refusal
        most = self.need.workload.replicas.high
        if "replicas" in self.need.workload.model_fields_set and self.replicas_at_peak > most:
            return Refusal("too-many-replicas", f"{self.replicas_at_peak} replicas are needed at the peak, and {most} may be")
        return not_enough_nodes(self.offer, self.nodes_at_peak)

    @cached_property
    def replicas_at_peak(self) -> int:
        return self._replicas(self.need.peak)

    @cached_property
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
        return ceil(replicas / (self.offer.devices // self.replica.tensor))

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
        each = self.offer.price_micro_hour
        return None if each is None else each * self.nodes

    @cached_property
    def bound(self) -> float:
        each = self.offer.price_micro_hour
        if each is None or self.replica.unfit:
            return UNKNOWN
        return each * self.replica.devices / self.offer.devices if self.shared else each * self.nodes_for(1)

    @property
    def preference(self) -> tuple[float, ...]:
        each = self.offer.price_micro_hour
        if each is None:
            return (UNKNOWN, UNKNOWN)
        if self.shared:
            return (each * self.devices / self.offer.devices, each * self.replicas_at_peak * self.replica.devices / self.offer.devices)
        return (each * self.nodes, each * self.nodes_at_peak)

    @cached_property
    def loading(self) -> Mapping[str, Figure | None]:
        """Microseconds of each phase from an empty node to the first request."""
        assert self.replica.memory is not None  # noqa: S101  (only asked of what fits)
        weights = self.replica.memory.parts["weights"].likely * self.replica.tensor  # stages are on nodes of their own
        return loading(weights, self.offer.instance, self.need.weights_from, self.need.weights_tib)

    @cached_property
    def answer(self) -> Answer | None:
        """Of each replica in the busiest hour, when the load is shared equally; None where its speed is not known."""
        carried, speeds = self.replica.capacity, self.replica.speeds
        if carried is None or speeds is None:
            return None
        return answer_at(self.need.peak / self.replicas_at_peak, self.need.load, speeds, carried.most)


def serve_need(workload: Serve, model: Architecture, native: Quantization | None = None, platform: Platform | None = None) -> ServeNeed:
    """What `workload` asks for. `native`: the format that the model is published in, where that is not 16 bits."""
    assumed: list[Assumption] = []
    traffic, slo = workload.traffic, workload.slo
    prompt, output = (traffic.prompt, traffic.output) if traffic else (None, None)
    if traffic is None:
        assumed.append(Assumption(f"{ASSUMED_RATE:g} request a second, {ASSUMED_PROMPT:,} tokens in and {ASSUMED_OUTPUT} out",
                                  "traffic: {rate: 4/s, prompt: 1200, output: 300, peak: 3x}"))
    elif prompt is None or output is None:
        taken = f"{prompt or ASSUMED_PROMPT:,} tokens in and {output or ASSUMED_OUTPUT:,} out"
        assumed.append(Assumption(taken, "traffic: {prompt: 1200, output: 300}"))
    prompt, output = prompt or ASSUMED_PROMPT, output or ASSUMED_OUTPUT
    if workload.context == "auto":
        context = min(model.context, max(ASSUMED_CONTEXT, 2 * (prompt + output)))
        own = context == model.context
        taken = f"context {context:,} tokens" + (", all that the model can read" if own else "")
        assumed.append(Assumption(taken, f"context: {context // 2 if own else model.context}"))
    else:
        context = workload.context
    prompt, output = shortened(prompt, output, context) if traffic is None or traffic.prompt is None else (prompt, output)
    if slo is None:
        assumed.append(Assumption("TTFT 2 s and TPOT 100 ms for 95% of the requests", "slo: {ttft: 800ms, tpot: 60ms, percentile: 95}"))
        load = Load(prompt, output, ASSUMED_TTFT, ASSUMED_TPOT, ASSUMED_PERCENTILE)
    else:
        ttft, tpot = (None if limit is None else round(limit.total_seconds() * MICRO) for limit in (slo.ttft, slo.tpot))
        load = Load(prompt, output, ttft, tpot, slo.percentile)
    rate = float(traffic.rate) if traffic else ASSUMED_RATE
    storage, tib, said = storage_of_models(platform)
    assumed += [] if said else [Assumption(f"weights from {storage.title}", "a Platform with storage: {models: {s3: s3://acme-models}}")]
    peak = rate * float(traffic.peak if traffic else 1)
    return ServeNeed(workload, model, context, rate, peak, load, formats(workload, native), storage, tib, tuple(assumed))


def storage_of_models(platform: Platform | None) -> tuple[Storage, float | None, bool]:
    """Where weights are read from, the size of that file system in TiB where it has one, and whether the Platform says so."""
    named = platform.storage.get(STORAGE_OF_MODELS) if platform else None
    size = (named.fsx or named.efs) if named else None
    name = "efs" if named and named.efs else "fsx-lustre-250" if named and named.fsx else "s3-mountpoint"
    storage = next(one for one in storages() if one.name == name)
    return storage, None if size is None else size / 2**40, named is not None


def shortened(prompt: int, output: int, context: int) -> tuple[int, int]:
    """Assumed lengths that stay within the context."""
    output = min(output, max(1, context // 4))
    return min(prompt, max(1, context - output)), output


def formats(workload: Serve, native: Quantization | None) -> tuple[Quantization, ...]:
    """The precisions that may be taken. `auto` is the model's own, and FP8, which needs no calibrated copy of the weights."""
    if workload.quantization != "auto":
        return (workload.quantization,)
    return (native,) if native else ("none", "fp8")


def place_serve(need: ServeNeed, offers: Sequence[NodeOffer], *, shared: bool = False) -> Placement[ServeOption]:
    """The cheapest offer that carries the need, and the others."""
    known: dict[tuple[str, int, int, Quantization], Replica] = {}
    options = []
    for offer in offers:
        wanted = asked(need.workload.gpu, offer.card) if offer.card else None
        if offer.card is None or wanted is None or not any(allowed(wanted, tensor) for tensor in possible(offer.devices)):
            continue
        least = UNKNOWN if offer.price_micro_hour is None else offer.price_micro_hour / (offer.devices if shared else 1)
        options.append(OfferOptions(offer, least, partial(options_of, need, offer, offer.card, wanted, shared, known)))
    return place(need.workload, options, need.assumed)


def options_of(
    need: ServeNeed, offer: NodeOffer, card: Accelerator, wanted: Device, shared: bool,
    known: dict[tuple[str, int, int, Quantization], Replica],
) -> list[ServeOption]:
    """Every layout on one offer."""
    return [ServeOption(one, offer, shared) for one in layouts(need, offer, card, wanted, known)]


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
    """For each precision every layout within a node; over several nodes only where none within one fits."""

    def replica(tensor: int, pipeline: int, quantization: Quantization) -> Replica:
        return known.setdefault((card.name, tensor, pipeline, quantization), Replica(need, card, tensor, pipeline, quantization))

    found = []
    for quantization in need.quantizations:
        within = [replica(tensor, 1, quantization) for tensor in TENSOR if tensor <= offer.devices and allowed(wanted, tensor)]
        found += within
        if offer.devices == WHOLE_NODE and not any(one.unfit is None for one in within):
            over = [replica(WHOLE_NODE, stages, quantization) for stages in PIPELINE if allowed(wanted, WHOLE_NODE * stages)]
            found += [one for one in over if one.unfit is None]
    return found


@cache
def possible(devices: int) -> tuple[int, ...]:
    """Devices that a replica may have on nodes of so many: some of a node, or those of several whole nodes."""
    within = tuple(tensor for tensor in TENSOR if tensor <= devices)
    return within + tuple(WHOLE_NODE * stages for stages in PIPELINE) if devices == WHOLE_NODE else within


def allowed(wanted: Device, devices: int) -> bool:
    """Whether a replica may have so many devices."""
    return not wanted.counted or wanted.count.low <= devices <= wanted.count.high


def slo_missed(load: Load, found: Likely) -> str:
    """Which limit even one request at a time misses."""
    if load.ttft is not None and found.ttft > load.ttft:
        return f"TTFT {milliseconds(found.ttft)}, and {milliseconds(load.ttft)} are allowed"
    return f"TPOT {milliseconds(found.tpot)}, and {milliseconds(load.tpot or 0)} are allowed"


def milliseconds(micro: float) -> str:
    return f"{micro / 1000:,.0f} ms"


def gib(size: int) -> str:
    return f"{size / GIB:.1f}"
