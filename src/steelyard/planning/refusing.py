"""Why no offer carries a workload: what is wrong, at the field that says so, by how much, and what would do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import TypeAlias

from steelyard.blueprint import Blueprint, Device, Serve, Train, Workload
from steelyard.blueprint.devices import AUTO
from steelyard.catalog.accelerators import accelerators
from steelyard.catalog.architecture import Architecture
from steelyard.findings import Finding
from steelyard.planning.batch import BatchOption
from steelyard.planning.offers import matches
from steelyard.planning.option import Refusal, distance
from steelyard.planning.placements import AnyOption, AnyPlacement
from steelyard.planning.plain import PlainOption
from steelyard.planning.serving import ServeOption, milliseconds
from steelyard.planning.training import TrainOption, words
from steelyard.sizing.distributed import total
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import GIB, UTILIZATION, ServingMemory, serving_memory
from steelyard.units import format_money, write_bytes

Again: TypeAlias = Callable[[Workload], AnyPlacement]
"""Places a changed copy of the workload with the production planner."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "slo-missed": ("slo",), "deadline-missed": ("deadline",), "over-max-price": ("max_price",), "too-many-replicas": ("replicas",),
    "does-not-fit": ("gpu",), "never-chosen": ("gpu",), "node-too-small": ("cpu",),
}  # fmt: skip
"""Where a person would change what stands against a plan."""
MOST_USABLE = 0.99
"""Of a device's memory as sold in GiB, the most that CUDA was seen to offer (A100-80GB and H100: 79.3 of 80)."""
MICRO = 1_000_000


def refused(placement: AnyPlacement, blueprint: Blueprint, region: str, again: Again, model: Architecture | None) -> Finding:
    """The finding of a workload that nothing carries."""
    workload, name = placement.workload, model.name if model else placement.workload.name
    bests: list[AnyOption] = [one.best for one in placement.weighed]
    nearest = min(bests, key=distance, default=None)
    if nearest is None or nearest.refusal is None:
        rule, message, evidence = no_such_device(workload, model)
        step = what_fits(workload, again)
    else:
        rule, evidence = nearest.refusal.rule, evidence_of(nearest) if nearest.refusal.rule == "does-not-fit" else ""
        message = f"{name}: {told(nearest.refusal, nearest, region)}"
        step = next_step(nearest.refusal, nearest, region) or what_fits(workload, again)
    path = FIELDS.get(rule, ("gpu",) if not workload.gpu.auto else ())
    path = path if path and path[0] in workload.model_fields_set else ()
    return Finding(rule=rule, severity="error", object=workload.name, place=blueprint.place(workload, *path), message=message,
                   excerpt=blueprint.excerpt(workload, *path), evidence=evidence, next_step=step)


def told(refusal: Refusal, option: AnyOption, region: str) -> str:
    """What is wrong, for people."""
    where = f"{option.nodes} x {option.offer}"
    if refusal.rule == "does-not-fit":
        return f"does not fit on {devices_of(option)}"
    if refusal.rule == "price-unknown":
        return f"no price is known in {region}, so nothing can be chosen; {where} would carry it"
    if refusal.rule == "interruption-unknown":
        return f"how often spot is interrupted is not known in {region}, so nothing can be chosen; {where} would carry it"
    if refusal.rule == "slo-missed" and isinstance(option, ServeOption):
        return f"no offer keeps the SLO; nearest is {where}: {refusal.message}{roofline(option)}"
    return f"nothing that may be rented carries it; nearest is {where}: {refusal.message}"


def roofline(option: ServeOption) -> str:
    """Whether the SLO asks for more than the card's memory and arithmetic allow at all."""
    load, speeds = option.need.load, option.replica.speeds
    if speeds is None:
        return ""
    alone = speeds(1)
    for what, limit, fastest in (("TTFT", load.ttft, alone.fastest_ttft), ("TPOT", load.tpot, alone.fastest_tpot)):
        if limit is not None and limit < fastest:
            return f"; below the roofline: no {what} under {milliseconds(fastest)} is possible there"
    return ""


def next_step(refusal: Refusal, option: AnyOption, region: str) -> str:
    """The change that would do, where it can be told from the nearest option."""
    if refusal.rule in ("price-unknown", "interruption-unknown"):
        return f"steelyard catalog update --region {region}; or prices: your-prices.csv in the Platform"
    if refusal.rule == "node-too-small":
        return "less cpu: or memory:"
    if isinstance(option, ServeOption):
        return serve_step(refusal, option)
    return train_step(refusal, option) if isinstance(option, TrainOption) else ""


def serve_step(refusal: Refusal, option: ServeOption) -> str:
    if refusal.rule == "slo-missed" and option.replica.capacity:
        reached = option.replica.capacity.at_most
        return f"slo: {{ttft: {ceil(reached.ttft / 1000)}ms, tpot: {ceil(reached.tpot / 1000)}ms}} is what one request at a time reaches"
    return f"replicas: {option.need.workload.replicas.low}..{option.replicas_at_peak}" if refusal.rule == "too-many-replicas" else ""


def train_step(refusal: Refusal, option: TrainOption) -> str:
    if refusal.rule == "deadline-missed" and option.duration:
        return f"deadline: {ceil(option.duration.likely / MICRO / 3600)}h, or fewer tokens"
    if refusal.rule == "over-max-price" and option.total_price:
        return f"max_price: ${ceil(option.total_price.likely / MICRO)}, or fewer tokens"
    copies = option.fitting.smallest.data
    return f"batch: {max(1, round(option.need.batch / copies)) * copies}" if option.need.batch % copies else ""


def devices_of(option: AnyOption) -> str:
    """The devices that a copy of the model has, for people."""
    card = option.offer.card.name if option.offer.card else "device"
    count = option.replica.devices if isinstance(option, ServeOption | BatchOption) else option.devices
    return f"one {card}" if count == 1 else f"{count} x {card}"


def evidence_of(option: AnyOption) -> str:
    """The memory of one device by part, and what is missing."""
    if isinstance(option, ServeOption | BatchOption):
        memory, refusal = option.replica.memory, option.refusal
        return served_memory(memory, refusal.shortfall if refusal else 0, option.replica.need.context) if memory else ""
    if isinstance(option, PlainOption) or option.fitting.impossible or option.fitting.device_memory is None:
        return ""
    parts, size = option.fitting.memory, option.fitting.device_memory
    short = max(0, total(parts).likely - size)
    missing = f": {short / GIB:.1f} GiB short" if short else ""
    return f"{listed(parts)}, of {size / GIB:.1f} GiB usable on each device{missing}, with {words(option.fitting.layout)}"


def served_memory(memory: ServingMemory, short: int, tokens: int) -> str:
    """What vLLM's share of a device has to hold, and what is missing for a request of so many tokens."""
    inside = {name: figure for name, figure in memory.parts.items() if name != "graphs"}
    share = UTILIZATION * memory.device_memory / GIB
    request = "the first token of KV cache" if tokens == 1 else f"the KV cache of {tokens:,} tokens"
    missing = f": {short / GIB:.1f} GiB short for {request}" if short else ""
    return f"{listed(inside)}, of {share:.1f} that vLLM takes ({UTILIZATION:.0%} of {memory.device_memory / GIB:.1f} GiB usable){missing}"


def listed(parts: Mapping[str, Figure]) -> str:
    """`weights 24.2 + activations 1.9 = 26.1 GiB`."""
    whole = sum(figure.likely for figure in parts.values())
    return f"{' + '.join(f'{name} {figure.likely / GIB:.1f}' for name, figure in parts.items())} = {whole / GIB:.1f} GiB"


def no_such_device(workload: Workload, model: Architecture | None) -> tuple[str, str, str]:
    """For a device that no offer has: rule, message, evidence. A memory that is too small for the model is told as such."""
    device = workload.gpu.alternatives[0] if workload.gpu.alternatives else Device()
    if workload.gpu.none and isinstance(workload, Serve | Train):
        return "no-such-device", f"a {workload.kind} is weighed on GPUs only", ""
    if workload.gpu.none or workload.gpu.auto:
        return "no-such-device", "none of the instance types that may be used is without accelerators, or carries it", ""
    if device.memory is not None and device.name is None and isinstance(workload, Serve) and model and not model.encoder:
        memory = serving_memory(model, 1, round(MOST_USABLE * device.memory / 10**9 * GIB))
        short = memory.kv_of(model, 1) - memory.pool.likely
        if short > 0:
            message = f"{model.name} does not fit on a device with {write_bytes(device.memory)}"
            return "does-not-fit", message, served_memory(memory, short, 1)
    cards = [card.name for card in accelerators() if matches(device, card)]
    if cards:
        return "no-such-device", f"none of the instance types that may be used has {workload.gpu}", f"it means {', '.join(cards)}"
    names = ", ".join(card.name for card in accelerators())
    return "no-such-device", f"no instance type that Steelyard plans with has {workload.gpu}", f"there are {names}"


def what_fits(workload: Workload, again: Again) -> str:
    """The cheapest offers that would carry it: on any device, and in fewer bits where that is cheaper still."""
    if not isinstance(workload, Serve | Train):
        return "another device, or other instances: in the Platform"
    found: list[AnyOption] = []
    free = workload.model_copy(update={"gpu": AUTO})
    texts = []
    if not workload.gpu.auto and (option := again(free).chosen):
        found.append(option)
        texts.append(named(option))
    if isinstance(workload, Serve) and workload.quantization in ("auto", "none"):
        smaller = again(free.model_copy(update={"quantization": "awq"})).chosen
        if smaller and all((smaller.price_micro_hour or 0) < (one.price_micro_hour or 0) for one in found):
            texts.append(f"quantization: awq on {named(smaller)}, where there is such a copy of the weights")
    if isinstance(workload, Train) and workload.recipe == "full" and (option := again(free.model_copy(update={"recipe": "lora"})).chosen):
        texts.append(f"recipe: lora on {named(option)}")
    return f"fits: {'   or   '.join(texts)}" if texts else "a smaller model, a shorter context, or other instances"


def named(option: AnyOption) -> str:
    """`g6e.xlarge (L40S, $1.86/h)`."""
    count = f"{option.nodes} x " if option.nodes > 1 else ""
    card = f"{option.offer.card.name}, " if option.offer.card else ""
    return f"{count}{option.offer} ({card}{format_money(option.price_micro_hour)}/h)"
