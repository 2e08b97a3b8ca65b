"""Where a training goes: every layout on every offer and number of nodes, with its time and its price. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Literal

from steelyard.blueprint import Device, Train
from steelyard.catalog.accelerators import Accelerator
from steelyard.catalog.architecture import Architecture
from steelyard.planning.interruptions import Expected, with_interruptions
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
from steelyard.sizing.distributed import CAREFUL, checkpoint_bytes, fits, impossible_training, largest_micro_batch, total, train_memory
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import GIB
from steelyard.sizing.train_layout import Checkpointing, Recipe, Sharding, TrainLayout
from steelyard.sizing.training_time import operations, slowdown, step_time, utilisation
from steelyard.units import format_duration, format_money

NODES = (1, 2, 4, 8, 16, 32, 64)
WAYS: tuple[tuple[Sharding, Checkpointing], ...] = (("ddp", "none"), ("ddp", "full"), ("zero3", "none"), ("zero3", "full"))
"""From the one that talks least to the one that needs least memory."""
ASSUMED_BATCH, ASSUMED_SEQUENCE = 64, 2048
MILLION = 1_000_000
"""Tokens that are priced where nobody knows how many there are."""
LONG_RUN = 1000 * 3600 * 1_000_000
"""Microseconds of work over which interruptions are averaged where nobody knows how long a training is."""
MOST_AT_ONCE = 4096
"""Sequences of one forward pass that are tried at most."""
MICRO = 1_000_000
HOUR = 3600 * MICRO
START = Figure(180 * MICRO, 420 * MICRO, 900 * MICRO, "a node of EC2 from nothing, its image, and the first step: assumed, not measured")
"""Until the first step: paid for, and nothing is learned."""
CHECKPOINT_RATE = 500_000_000
"""Bytes a second to shared storage from one node: assumed."""


@dataclass(frozen=True)
class TrainNeed:
    """What a Train asks for, with what was taken where it says nothing."""

    workload: Train
    model: Architecture
    recipe: Recipe
    sequence: int
    batch: int
    tokens: int | None
    """Of the whole training; None where the size of the data is not known."""
    assumed: tuple[Assumption, ...]

    @property
    def steps(self) -> int | None:
        return None if self.tokens is None else max(1, ceil(self.tokens / (self.batch * self.sequence)))


@dataclass(frozen=True)
class Fitting:
    """A way to lay the training out over the devices of a kind."""

    need: TrainNeed
    card: Accelerator
    smallest: TrainLayout
    """With one sequence at a time."""
    per_node: int
    network_gbit_s: float | None

    @property
    def device_memory(self) -> int | None:
        """Bytes that CUDA offers of one device; None where it is not known."""
        return usable(self.card)

    @once
    def impossible(self) -> str:
        """Why the layout cannot be, or nothing."""
        copies, batch = self.smallest.data, self.need.batch
        if batch % copies:
            return f"a batch of {batch} sequences cannot be shared equally by {copies} copies of the model"
        return impossible_training(self.need.model, self.smallest, self.per_node)

    @once
    def layout(self) -> TrainLayout:
        """With the largest micro-batch that fits and divides a copy's share of the batch; with one sequence where none fits."""
        if self.impossible or self.device_memory is None:
            return self.smallest
        share = self.need.batch // self.smallest.data
        most = largest_micro_batch(self.need.model, self.smallest, self.device_memory, divisors(share))
        return replace(self.smallest, micro_batch=most or 1)

    @once
    def memory(self) -> Mapping[str, Figure]:
        """Bytes of one device by part."""
        return train_memory(self.need.model, self.layout, self.per_node)

    @once
    def unfit(self) -> Refusal | None:
        """What memory and shape say against it."""
        if self.impossible:
            return Refusal("layout-impossible", self.impossible)
        if self.device_memory is None:
            return Refusal("memory-unknown", f"what CUDA offers of a {self.card.name} is not known")
        if fits(self.memory, self.device_memory):
            return None
        careful = round(CAREFUL * total(self.memory).likely)
        short = careful - self.device_memory
        size = f"{careful / GIB:.1f} of {self.device_memory / GIB:.1f} GiB"
        return Refusal("does-not-fit", f"does not fit: {size} per device with {words(self.layout)}", short)

    @once
    def step(self) -> Figure | None:
        """Microseconds of an optimizer step; None where the speed of the card is not known."""
        return step_time(self.need.model, self.layout, self.card, self.need.batch, self.per_node, self.network_gbit_s)


@dataclass(frozen=True)
class TrainOption:
    """A layout on so many nodes of one offer."""

    fitting: Fitting
    offer: NodeOffer
    nodes: int

    @property
    def need(self) -> TrainNeed:
        return self.fitting.need

    @property
    def devices(self) -> int:
        return self.fitting.smallest.devices

    @once
    def refusal(self) -> Refusal | None:
        if self.fitting.unfit:
            return self.fitting.unfit
        if workers_on(self.offer, self.need.workload) < min(self.devices, self.fitting.per_node):
            return too_small(self.offer, self.need.workload)
        if reason := unavailable(self.offer):
            return reason
        if self.fitting.step is None:
            return Refusal("speed-unknown", f"the speed of a {self.fitting.card.name} is not known")
        if self.interrupted(LONG_RUN, START.likely).interruptions == UNKNOWN:
            return Refusal("never-ends", "it is interrupted more often than it gets on")
        return not_enough_nodes(self.offer, self.nodes) or too_long(self) or too_dear(self)

    @property
    def price_micro_hour(self) -> int | None:
        return self.offer.price_of(self.nodes)

    @once
    def work(self) -> Figure | None:
        """Microseconds of all steps, without the start and without interruptions; None where the length is not known."""
        step, steps = self.fitting.step, self.need.steps
        if step is None or steps is None:
            return None
        return Figure(step.low * steps, step.likely * steps, step.high * steps, step.source)

    @once
    def expected(self) -> tuple[Expected, Expected, Expected] | None:
        """The work with its start and its interruptions: low, likely, high."""
        if self.work is None:
            return None
        work = self.work
        return self.interrupted(work.low, START.low), self.interrupted(work.likely, START.likely), self.interrupted(work.high, START.high)

    def interrupted(self, work: int, start: int) -> Expected:
        """So much work with what interruptions are expected to cost."""
        saving = round(checkpoint_bytes(self.need.model, self.fitting.layout) / CHECKPOINT_RATE * MICRO)
        rate = (self.offer.price.interruption or 0.0) * self.nodes if self.offer.price else 0.0
        return with_interruptions(work, start, rate, saving)

    @once
    def duration(self) -> Figure | None:
        """Microseconds from the order of the nodes to the end."""
        if self.expected is None or self.work is None:
            return None
        low, likely, high = (one.total for one in self.expected)
        return Figure(low, likely, high, self.work.source)

    @once
    def total_price(self) -> Figure | None:
        """Micro-dollars of the whole training."""
        price, duration = self.price_micro_hour, self.duration
        if duration is None or price is None:
            return None
        low, likely, high = (ceil(micros * price / HOUR) for micros in (duration.low, duration.likely, duration.high))
        return Figure(low, likely, high, "duration x price of the nodes")

    @once
    def price_of_million_tokens(self) -> float | None:
        """Micro-dollars of a million tokens, without the start."""
        if self.fitting.step is None or self.price_micro_hour is None:
            return None
        lost = 1.0
        if self.offer.price and self.offer.price.interruption:  # what a long training loses to interruptions
            lost = self.interrupted(LONG_RUN, START.likely).total / LONG_RUN
        return lost * self.price_micro_hour * self.fitting.step.likely / HOUR / (self.need.batch * self.need.sequence) * 1e6

    @once
    def bound(self) -> float:
        return bound(self.need, self.offer, self.fitting.card)

    @property
    def best_case(self) -> tuple[tuple[float, ...], int]:
        return (self.bound, 0.0), 0

    @property
    def preference(self) -> tuple[float, ...]:
        """The price of the whole, or of a million tokens where its length is not known; then the time."""
        price = self.total_price.likely if self.total_price else self.price_of_million_tokens
        return (UNKNOWN if price is None else price, self.fitting.step.likely if self.fitting.step else UNKNOWN)


def too_long(option: TrainOption) -> Refusal | None:
    """A deadline that the likely duration misses."""
    limits = [limit for limit in (option.need.workload.deadline, option.need.workload.max_duration) if limit is not None]
    if not limits or option.duration is None or option.duration.likely <= min(limits).total_seconds() * MICRO:
        return None
    takes = format_duration(option.duration.likely / MICRO)
    return Refusal("deadline-missed", f"takes {takes}, and {format_duration(min(limits))} are allowed")


def too_dear(option: TrainOption) -> Refusal | None:
    """A price limit that the likely price misses."""
    limit, price = option.need.workload.max_price, option.total_price
    if limit is None or price is None or price.likely <= limit:
        return None
    return Refusal("over-max-price", f"costs {format_money(price.likely)}, and {format_money(limit)} are allowed")


def train_need(workload: Train, model: Architecture, data_tokens: int | None = None) -> TrainNeed:
    """What `workload` asks for. `data_tokens`: of one pass over its data, where it is known."""
    assumed: list[Assumption] = []
    if workload.sequence == "auto":
        sequence = min(ASSUMED_SEQUENCE, model.context)
        assumed.append(Assumption(f"sequences of {sequence:,} tokens", f"sequence: {min(model.context, 2 * sequence)}"))
    else:
        sequence = workload.sequence
    if workload.batch == "auto":
        batch = ASSUMED_BATCH
        assumed.append(Assumption(f"batch of {batch} sequences", "batch: 128"))
    else:
        batch = workload.batch
    tokens = length(workload, batch, sequence, data_tokens)
    if tokens is None:
        limits = [field for field in ("deadline", "max_duration", "max_price") if getattr(workload, field) is not None]
        unchecked = f"; {', '.join(limits)} cannot be checked" if limits else ""
        assumed.append(Assumption(f"length not known: the data are not here to be counted{unchecked}", "tokens: 1B, or steps: 2000"))
    assert workload.recipe != "custom"  # noqa: S101  (a script of one's own has no model to weigh)
    return TrainNeed(workload, model, workload.recipe, sequence, batch, tokens, tuple(assumed))


def length(workload: Train, batch: int, sequence: int, data_tokens: int | None) -> int | None:
    """Tokens of the whole training, or None."""
    if workload.tokens is not None:
        return workload.tokens
    if workload.steps is not None:
        return workload.steps * batch * sequence
    return None if data_tokens is None else round(data_tokens * (workload.epochs or 1.0))


def place_train(need: TrainNeed, offers: Sequence[NodeOffer], most_devices: int | None = None) -> Placement[TrainOption]:
    """The cheapest offer and number of nodes that carry the need, and the others. At most `most_devices` in all."""
    known: dict[tuple[str, TrainLayout, int, float | None], Fitting] = {}
    groups = []
    for offer in offers:
        wanted = asked(need.workload.gpu, offer.card) if offer.card else None
        if offer.card is None or wanted is None or not offer.devices:
            continue
        counts = node_counts(need, offer, wanted, most_devices)
        if counts:
            groups.append(OfferOptions(offer, bound(need, offer, offer.card), partial(options_of, need, offer, offer.card, counts, known)))
    return place(need.workload, groups, need.assumed)


def bound(need: TrainNeed, offer: NodeOffer, card: Accelerator) -> float:
    """What the arithmetic alone costs at the likely utilisation of the card, however many nodes share it: no option costs less."""
    kind = "bf16" if "bf16" in card.tflops else "fp16"
    if offer.price_micro_hour is None or offer.never or kind not in card.tflops:
        return UNKNOWN
    layout = next(layouts(need, 1, 1))
    rate = card.tflops[kind] * 1e12 * utilisation(card).likely * slowdown(layout, "likely")
    seconds = operations(need.model, layout) * (need.tokens or MILLION) / rate
    return seconds * offer.price_micro_hour / offer.devices / 3600


def options_of(
    need: TrainNeed, offer: NodeOffer, card: Accelerator, counts: Sequence[tuple[int, int]],
    known: dict[tuple[str, TrainLayout, int, float | None], Fitting],
) -> list[TrainOption]:
    """Options on one offer, with more and more nodes until the model fits with nothing computed twice and no tensors shared: from there on
    more nodes only add communication, and are tried only for the sake of time."""
    found: list[TrainOption] = []
    for nodes, per_node in counts:
        network = offer.instance.network_gbit_s if nodes > 1 else None
        options: list[TrainOption] = []
        for layout in layouts(need, nodes * per_node, per_node):
            if layout.tensor > 1 and any(option.fitting.unfit is None and option.fitting.smallest.tensor == 1 for option in options):
                break  # tensor parallelism needs another model code: only where nothing else fits
            key = (card.name, layout, per_node, network)
            fitting = known.setdefault(key, Fitting(need, card, layout, per_node, network))
            options.append(TrainOption(fitting, offer, nodes))
            if layout == simplest(layout) and layout.adapters_only and fitting.unfit is None:
                break  # nothing is computed twice, and the gradients of adapters are small: no other layout is faster
        found += options
        if any(easy(option) for option in options) and (not limited(need) or any(option.refusal is None for option in options)):
            break
    return found


def easy(option: TrainOption) -> bool:
    """Whether it fits without computing anything twice and without sharing tensors."""
    layout = option.fitting.smallest
    return layout.tensor == 1 and layout.checkpointing == "none" and option.fitting.unfit is None


def divisors(number: int) -> list[int]:
    """All of them, rising; up to `MOST_AT_ONCE`, which no device holds."""
    return [size for size in range(1, min(number, MOST_AT_ONCE) + 1) if number % size == 0]


def limited(need: TrainNeed) -> bool:
    """Whether more nodes could be needed for the time, not only for the memory."""
    return need.workload.deadline is not None or need.workload.max_duration is not None


def node_counts(need: TrainNeed, offer: NodeOffer, wanted: Device, most_devices: int | None) -> list[tuple[int, int]]:
    """How many nodes, and how many devices of each, may be tried, in rising order."""
    workers = need.workload.workers
    if workers == "auto" and not wanted.counted:
        found = [(nodes, offer.devices) for nodes in NODES]
    else:
        top = min(wanted.count.high, NODES[-1] * offer.devices)
        counts = (workers,) if workers != "auto" else range(wanted.count.low, top + 1)
        found = [(devices // per_node, per_node) for devices in counts
                 if (per_node := min(devices, offer.devices)) and devices % per_node == 0]  # fmt: skip
        found.sort(key=lambda pair: (pair[0], -pair[1]))  # a node costs the same however many of its devices are used
    return [(nodes, each) for nodes, each in found if most_devices is None or nodes * offer.devices <= most_devices]


def layouts(need: TrainNeed, devices: int, per_node: int) -> Iterator[TrainLayout]:
    """Every way to share the training among so many devices; tensor parallelism stays within a node."""
    precision: Literal["bf16", "fp32"] = "fp32" if need.workload.precision == "fp32" else "bf16"
    for tensor in TENSOR:
        if tensor > per_node or devices % tensor:
            continue
        copies = devices // tensor
        for sharding, checkpointing in WAYS:
            if copies > 1 or sharding == "ddp":
                yield TrainLayout(
                    data=copies, tensor=tensor, pipeline=1, sharding=sharding, checkpointing=checkpointing, micro_batch=1,
                    sequence=need.sequence, recipe=need.recipe, precision=precision, sequence_parallel=tensor > 1,
                )  # fmt: skip


def simplest(layout: TrainLayout) -> TrainLayout:
    """The layout of as many devices that shares nothing and computes nothing twice."""
    return replace(layout, data=layout.devices, tensor=1, pipeline=1, sharding="ddp", checkpointing="none", sequence_parallel=False)


def words(layout: TrainLayout) -> str:
    """The layout for people."""
    names = {"ddp": "DDP", "zero1": "ZeRO-1", "zero2": "ZeRO-2", "zero3": "FSDP"}
    parts = [f"{names[layout.sharding]} over {layout.data}"] if layout.data > 1 else []
    parts += [f"tensor parallel {layout.tensor}"] if layout.tensor > 1 else []
    parts += [f"pipeline of {layout.pipeline}"] if layout.pipeline > 1 else []
    parts += [f"{layout.micro_batch} sequence{'s' if layout.micro_batch > 1 else ''} at a time"]
    parts += ["activation checkpointing"] if layout.checkpointing == "full" else []
    return ", ".join(parts)
