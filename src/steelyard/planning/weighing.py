"""Choosing: the first layout of each need, in order of liking, that the offer can carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steelyard.blueprint import Blueprint, Train
from steelyard.findings import Finding
from steelyard.planning.plan import Choice, Offer, Plan
from steelyard.sizing import Layout, Need
from steelyard.units import format_bytes

RAY_MEMORY = 1_600_000_000
"""Bytes of Ray's own processes on a machine (GCS, raylet, agents, controller), measured with Ray 2.60."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a layout was not taken."""

    rule: str
    layout: Layout
    message: str
    next_step: str


def weigh(blueprint: Blueprint, needs: Sequence[Need], offer: Offer) -> Plan:
    """Place every `Train` of the blueprint on `offer`."""
    choices: list[Choice] = []
    findings: list[Finding] = []
    by_name = {workload.name: workload for workload in blueprint.workloads if isinstance(workload, Train)}
    for need in needs:
        findings.extend(need.findings)
        choice, refusals = choose(by_name[need.workload], need, offer)
        if choice:
            choices.append(choice)
            findings.extend(notes(choice))
        elif refusals:
            findings.append(refused(need, refusals))
    return Plan(blueprint, tuple(choices), tuple(findings))


def choose(workload: Train, need: Need, offer: Offer) -> tuple[Choice | None, tuple[Refusal, ...]]:
    """The liked layout that fits, or every reason against."""
    refusals: list[Refusal] = []
    for layout in sorted(need.layouts, key=lambda one: liking(one, offer)):
        refusal = refuse(workload, layout, offer)
        if refusal is None:
            gpus = 1 if layout.device == "gpu" else 0
            return Choice(workload, layout, offer, cpus_for(workload, layout, offer), gpus), ()
        refusals.append(refusal)
    return None, tuple(refusals)


def liking(layout: Layout, offer: Offer) -> tuple[int, int]:
    """Devices before CPUs; then as many workers as there are devices, but one on a CPU, whose threads share better than processes."""
    wanted = len(offer.gpus) if layout.device == "gpu" else 1
    return (0 if layout.device == "gpu" else 1, abs(layout.workers - wanted))


def cpus_for(workload: Train, layout: Layout, offer: Offer) -> int:
    """Cores of one worker: as asked, else an equal share."""
    return max(1, round(workload.cpu)) if workload.cpu else max(1, offer.cpus // layout.workers)


def refuse(workload: Train, layout: Layout, offer: Offer) -> Refusal | None:
    """The first reason why `offer` cannot carry `layout`, or None."""
    each = cpus_for(workload, layout, offer)
    if layout.device == "gpu" and len(offer.gpus) < layout.workers:
        have = f"{len(offer.gpus)} devices" if offer.gpus else "no GPU"
        message = f"{workers(layout)} a GPU each, and this machine has {have}"
        return Refusal("no-such-device", layout, message, "gpu: 0 trains on the CPU")
    if each * layout.workers > offer.cpus:
        message = f"{workers(layout)} {each * layout.workers} CPUs, and this machine has {offer.cpus}"
        step = f"workers: {offer.cpus // each}" if each <= offer.cpus else f"cpu: {max(1, offer.cpus // layout.workers)}"
        return Refusal("not-enough-cpus", layout, message, step)
    return refuse_device_memory(layout, offer) or refuse_host_memory(workload, layout, offer)


def refuse_device_memory(layout: Layout, offer: Offer) -> Refusal | None:
    """The memory of one device, where its size and the need are known; the likely figure decides."""
    figure = layout.memory_per_worker
    if layout.device == "cpu" or figure is None or offer.gpu_memory is None or figure.likely <= offer.gpu_memory:
        return None
    message = f"a device needs {format_bytes(figure.likely)} of {format_bytes(offer.gpu_memory)}: {parts_of(layout)}"
    return Refusal("does-not-fit", layout, message, "a smaller batch or a shorter sequence")


def refuse_host_memory(workload: Train, layout: Layout, offer: Offer) -> Refusal | None:
    """The memory of the machine, where the need is known."""
    need = host_memory(workload, layout)
    if need is None or need <= offer.memory:
        return None
    each = f"{format_bytes(workload.memory)} each, as written" if workload.memory else f"{parts_of(layout)} each"
    return Refusal("does-not-fit", layout, f"{workers(layout)} {format_bytes(need)} of {format_bytes(offer.memory)}: {each}",
                   "fewer workers, less `memory:`" if workload.memory else "a smaller batch, a shorter sequence, or fewer workers")


def host_memory(workload: Train, layout: Layout) -> int | None:
    """Bytes of the host that all workers and Ray take: by what the person wrote, else by the estimate; None when neither is known."""
    figure = layout.memory_per_worker
    estimate = figure.likely if figure and layout.device == "cpu" else None
    each = workload.memory or estimate
    return None if each is None else each * layout.workers + RAY_MEMORY


def workers(layout: Layout) -> str:
    return "1 worker needs" if layout.workers == 1 else f"{layout.workers} workers need"


def parts_of(layout: Layout) -> str:
    return " + ".join(f"{name} {format_bytes(part.likely)}" for name, part in layout.memory.items())


def refused(need: Need, refusals: Sequence[Refusal]) -> Finding:
    """Of the kind of device that was tried last, the layout that was liked most is the one to tell of; the others are evidence."""
    told = next(refusal for refusal in refusals if refusal.layout.device == refusals[-1].layout.device)
    others = "; ".join(dict.fromkeys(refusal.message for refusal in refusals if refusal is not told))
    return Finding(rule=told.rule, severity="error", object=need.workload, message=f"{need.workload}: {told.message}",
                   evidence=others, next_step=told.next_step)


def notes(choice: Choice) -> list[Finding]:
    """What a person should know though it works."""
    found: list[Finding] = []
    if choice.workload.max_price is not None and choice.offer.price_micro_hour is None:
        found.append(Finding(
            rule="price-unknown", severity="warning", object=choice.workload.name,
            message="max_price cannot be held: this machine has no price",
            next_step="a Platform with target: here and prices: {hour: $0.35}",
        ))
    return found
