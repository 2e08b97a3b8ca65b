"""What a plan says beside its figures: why nothing carries a workload and what would, and what to know of what was chosen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from steelyard.blueprint import Blueprint, Device, Serve, Train, Workload
from steelyard.blueprint.devices import AUTO
from steelyard.catalog.accelerators import accelerators
from steelyard.catalog.architecture import Architecture
from steelyard.findings import Finding
from steelyard.planning.batch import BatchOption
from steelyard.planning.offers import matches
from steelyard.planning.option import Placement, distance
from steelyard.planning.plain import PlainOption
from steelyard.planning.serving import ServeOption
from steelyard.planning.training import TrainOption, words
from steelyard.sizing.distributed import total
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import GIB, serving_memory
from steelyard.units import format_money, write_bytes

AnyOption: TypeAlias = ServeOption | TrainOption | BatchOption | PlainOption
AnyPlacement: TypeAlias = Placement[ServeOption] | Placement[TrainOption] | Placement[BatchOption] | Placement[PlainOption]
Again: TypeAlias = Callable[[Workload], AnyPlacement]
"""Places a changed copy of the workload with the production planner."""

JUST_OUTSIDE = 1.25
"""By how much a cheaper offer may miss the SLO and still be worth a word."""
MOST_USABLE = 0.99
"""Of a device's memory as sold in GiB, the most that CUDA was seen to offer (A100-80GB and H100: 79.3 of 80)."""


def refused(placement: AnyPlacement, blueprint: Blueprint, again: Again, model: Architecture | None) -> Finding:
    """Why no offer carries the workload, with the parts that do not fit, and what would carry it."""
    workload = placement.workload
    nearest = nearest_of(placement)
    path = ("gpu",) if not workload.gpu.auto else ()
    if nearest is None:
        rule, message, evidence = no_such_device(workload, model)
    else:
        reason = nearest.refusal
        assert reason is not None  # noqa: S101  (it was refused)
        rule, where = reason.rule, f"{nearest.nodes} x {nearest.offer}"
        name = model.name if model else workload.name
        message = f"{name}: nothing that may be rented carries it; nearest is {where}: {reason.message}"
        evidence = evidence_of(nearest)
        if rule == "does-not-fit":
            message = f"{name} does not fit on {devices_of(nearest)}"
    return Finding(rule=rule, severity="error", object=workload.name, place=blueprint.place(workload, *path), message=message,
                   excerpt=blueprint.excerpt(workload, *path), evidence=evidence, next_step=what_fits(workload, again))


def nearest_of(placement: AnyPlacement) -> AnyOption | None:
    """The option that came nearest to a plan; None where no offer has the device at all."""
    bests: list[AnyOption] = [one.best for one in placement.others]
    return min(bests, key=distance, default=None)


def devices_of(option: AnyOption) -> str:
    """The devices that a copy of the model has, for people."""
    card = option.offer.card.name if option.offer.card else "device"
    count = option.replica.devices if isinstance(option, ServeOption | BatchOption) else option.devices
    return f"one {card}" if count == 1 else f"{count} x {card}"


def evidence_of(option: AnyOption) -> str:
    """The memory of one device by part, and what is missing."""
    if isinstance(option, ServeOption | BatchOption):
        memory = option.replica.memory
        if memory is None:
            return ""
        parts, size, short = memory.parts, memory.device_memory, option.refusal.shortfall if option.refusal else 0
        return memory_sentence(parts, size, short, f"one request of {option.replica.need.context:,} tokens")
    if isinstance(option, PlainOption) or option.fitting.impossible or option.fitting.device_memory is None:
        return ""
    parts, size = option.fitting.memory, option.fitting.device_memory
    return memory_sentence(parts, size, max(0, total(parts).likely - size), words(option.fitting.layout))


def memory_sentence(parts: Mapping[str, Figure], size: int, short: int, what: str) -> str:
    """`weights 24.2 + activations 1.9 = 26.1, of 7.4 GiB usable: 18.7 GiB short for ...`."""
    listed = " + ".join(f"{name} {figure.likely / GIB:.1f}" for name, figure in parts.items())
    whole = sum(figure.likely for _name, figure in parts.items())
    missing = f": {short / GIB:.1f} GiB short for {what}" if short else ""
    return f"{listed} = {whole / GIB:.1f}, of {size / GIB:.1f} GiB usable on each device{missing}"


def no_such_device(workload: Workload, model: Architecture | None) -> tuple[str, str, str]:
    """For a device that no offer has: rule, message, evidence. A memory that is too small for the model is told as such."""
    device = workload.gpu.alternatives[0] if workload.gpu.alternatives else Device()
    if device.memory is not None and device.name is None and isinstance(workload, Serve) and model and not model.encoder:
        size = round(MOST_USABLE * device.memory / 10**9 * GIB)
        memory = serving_memory(model, 1, size)
        short = memory.kv_of(model, 1) - memory.pool.likely
        if short > 0:
            return ("does-not-fit", f"{model.name} does not fit on a device with {write_bytes(device.memory)}",
                    memory_sentence(memory.parts, size, short, "the first token of KV cache"))  # fmt: skip
    if any(matches(device, card) for card in accelerators()):
        return "no-such-device", f"none of the instance types that may be used has {workload.gpu}", ""
    names = ", ".join(card.name for card in accelerators())
    return "no-such-device", f"no instance type that Steelyard plans with has {workload.gpu}", f"there are {names}"


def what_fits(workload: Workload, again: Again) -> str:
    """The cheapest offers that would carry it: on any device, and in fewer bits."""
    found = []
    free = workload.model_copy(update={"gpu": AUTO})
    if not workload.gpu.auto and (option := again(free).chosen):
        found.append(told(option))
    if isinstance(workload, Serve) and workload.quantization in ("auto", "none"):
        option = again(free.model_copy(update={"quantization": "awq"})).chosen
        if option:
            found.append(f"quantization: awq on {told(option)}, where there is such a copy of the weights")
    if isinstance(workload, Train) and workload.recipe == "full" and (option := again(free.model_copy(update={"recipe": "lora"})).chosen):
        found.append(f"recipe: lora on {told(option)}")
    return f"fits: {'   or   '.join(found)}" if found else "a smaller model, a shorter context, or looser limits"


def told(option: AnyOption) -> str:
    """`g6e.xlarge (L40S, $1.86/h)`."""
    count = f"{option.nodes} x " if option.nodes > 1 else ""
    card = f"{option.offer.card.name}, " if option.offer.card else ""
    return f"{count}{option.offer} ({card}{format_money(option.price_micro_hour)}/h)"


def remarks(placement: AnyPlacement, blueprint: Blueprint) -> list[Finding]:
    """What a person should know of what was chosen."""
    chosen, workload = placement.chosen, placement.workload
    assert chosen is not None  # noqa: S101
    found = []
    place = blueprint.place(workload)
    if near := just_outside(placement):
        found.append(Finding(rule="cheaper-just-outside", severity="note", object=workload.name, place=place,
                             message=f"{told(near)} is cheaper and only just outside: {near.refusal.message if near.refusal else ''}",
                             next_step="a looser slo: would take it"))
    return found


def just_outside(placement: AnyPlacement) -> ServeOption | None:
    """The cheapest offer that misses the SLO by little."""
    chosen = placement.chosen
    if not isinstance(chosen, ServeOption):
        return None
    bests = [one.best for one in placement.others if one.bound < chosen.preference[0]]
    near = [option for option in bests if isinstance(option, ServeOption) and option.bound < chosen.preference[0] and nearly(option)]
    return min(near, key=lambda option: (option.bound, option.offer.name), default=None)


def nearly(option: ServeOption) -> bool:
    """Whether one request at a time misses the SLO by little."""
    load, carried = option.need.load, option.replica.capacity
    if option.refusal is None or option.refusal.rule != "slo-missed" or carried is None:
        return False
    pairs = ((carried.at_most.ttft, load.ttft), (carried.at_most.tpot, load.tpot))
    return all(limit is None or likely <= JUST_OUTSIDE * limit for likely, limit in pairs)
