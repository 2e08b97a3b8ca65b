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

    layout: Layout
    rule: str
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
    cpus = cpus_for(workload, layout, offer) * layout.workers
    if layout.device == "gpu" and len(offer.gpus) < layout.workers:
        have = f"{len(offer.gpus)} devices" if offer.gpus else "no GPU"
        message = f"{layout.workers} workers on GPUs, and this machine has {have}"
        return Refusal(layout, "no-such-device", message, "gpu: 0 trains on the CPU")
    if cpus > offer.cpus:
        return Refusal(layout, "not-enough-cpus", f"{layout.workers} workers need {cpus} CPUs, and this machine has {offer.cpus}",
                       f"workers: {max(1, offer.cpus // cpus_for(workload, layout, offer))}")
    return refuse_memory(layout, offer)


def refuse_memory(layout: Layout, offer: Offer) -> Refusal | None:
    """Host memory for a CPU run, device memory for a GPU run; the likely figure decides."""
    figure = layout.memory_per_worker
    if figure is None:
        return None
    on_gpu = layout.device == "gpu"
    have = offer.gpu_memory if on_gpu else offer.memory
    need = figure.likely if on_gpu else figure.likely * layout.workers + RAY_MEMORY
    if have is None or need <= have:
        return None
    parts = " + ".join(f"{name} {format_bytes(part.likely)}" for name, part in layout.memory.items())
    where = "a device" if on_gpu else f"{layout.workers} workers"
    return Refusal(layout, "does-not-fit", f"{where} need {format_bytes(need)} of {format_bytes(have)}: {parts} each",
                   "a smaller batch, a shorter sequence, or fewer workers")


def refused(need: Need, refusals: Sequence[Refusal]) -> Finding:
    """The last refusal is of the least demanding kind, so it is the one to tell; the others are evidence."""
    last = refusals[-1]
    others = "; ".join(dict.fromkeys(refusal.message for refusal in refusals[:-1]))
    return Finding(rule=last.rule, severity="error", object=need.workload, message=f"{need.workload}: {last.message}",
                   evidence=others, next_step=last.next_step)


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
