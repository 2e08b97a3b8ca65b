"""How long an optimizer step takes: arithmetic at the utilisation that others measured, and the communication that it does not hide. Pure.

A token takes 6 operations for each parameter that it passes through: 2 forward, 4 backward (Kaplan et al., arXiv 2001.08361, section
2.1). Recomputation adds a forward pass. With LoRA the frozen weights have no gradients, which leaves 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType

from steelyard.catalog.accelerators import Accelerator
from steelyard.catalog.architecture import Architecture
from steelyard.sizing.need import Figure
from steelyard.sizing.train_activations import CASES, Case
from steelyard.sizing.train_layout import NF4_BITS, TrainLayout, adapter_parameters

MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Share of a card's dense peak that the arithmetic reaches, recomputation counted; high is fast."""

    low: float
    likely: float
    high: float
    source: str


MFU: Mapping[str, Utilisation] = MappingProxyType({
    "Volta": Utilisation(0.20, 0.28, 0.40, "V100: 24% to 30% (Shoeybi et al., arXiv 1909.08053)"),
    "Turing": Utilisation(0.15, 0.25, 0.40, "T4: no published figure, assumed after V100"),
    "Ampere": Utilisation(0.35, 0.50, 0.65, "A100: 44% to 52% (arXiv 2104.04473), 52% to 58% (torchtitan), 45% to 64% (llm-foundry)"),
    "Hopper": Utilisation(0.28, 0.40, 0.55, "H100: 33% to 39% (torchtitan), 38% to 43% (arXiv 2407.21783), 26% to 46% (llm-foundry)"),
    "Blackwell": Utilisation(0.25, 0.38, 0.55, "B200: no independent figure, assumed after H100"),
})  # fmt: skip
"""By architecture, of cards with NVLink. torchtitan: its docs/performance.md and benchmarks of December 2024; llm-foundry: its README of
scripts/train/benchmarking, where recomputation counts up to 59% on H100 and 77% on A100."""
WITHOUT_LINK = Utilisation(0.25, 0.38, 0.55, "cards without NVLink: 48% on one RTX 4090 (torchtune's README), less assumed at lower power")
LORA: Mapping[Case, float] = MappingProxyType({"low": 1.0, "likely": 0.9, "high": 0.7})
"""Of that utilisation, by case of the time: norms and activations take as long, the matrices a third less. Assumed."""
QLORA = 0.78
"""Of LoRA's speed: 2,413 against 3,083 tokens a second (torchtune's README, Llama 3.1 8B on RTX 4090): weights go back into 16 bits."""
LINK_SHARE: Mapping[Case, float] = MappingProxyType({"low": 0.85, "likely": 0.7, "high": 0.4})
"""Of a link's rate in one direction, that collectives reach. Assumed."""
PCIE_GB_S = MappingProxyType({"3": 16, "4": 32, "5": 64})
"""Of 16 lanes in one direction, by generation (PCI-SIG)."""
PCIE_SHARE: Mapping[Case, float] = MappingProxyType({"low": 0.75, "likely": 0.4, "high": 0.25})
"""Through the host, which the cards share. Assumed."""
OVERLAP: Mapping[Case, float] = MappingProxyType({"low": 1.0, "likely": 0.8, "high": 0.3})
"""Of the arithmetic's time, behind which gathers and reductions hide. Assumed."""
ADAM_BYTES = 28
"""Of AdamW for each trained parameter, in FP32: weight, gradient and two moments are read, weight and moments written."""


@dataclass(frozen=True, slots=True)
class Wires:
    """Bytes a second and device, in one direction."""

    tensor: float
    data: float


def step_time(
    model: Architecture, layout: TrainLayout, card: Accelerator, batch: int, devices_per_node: int, network_gbit_s: float | None,
) -> Figure | None:
    """Microseconds of one optimizer step of `batch` sequences over all devices. `network_gbit_s` is that of a node. None where the peak
    of the card, or the network between several nodes, is not known. Cards without BF16 (V100, T4) are taken at their peak in FP16."""
    kind = "fp32" if layout.precision == "fp32" else "bf16" if "bf16" in card.tflops else "fp16"
    if kind not in card.tflops or (layout.devices > devices_per_node and not network_gbit_s):
        return None
    used, peak = utilisation(card), card.tflops[kind] * 1e12
    shares: Mapping[Case, float] = {"low": used.high, "likely": used.likely, "high": used.low}
    low, likely, high = (
        seconds(model, layout, card, batch, peak * shares[case] * slowdown(layout, case),
                wires(card, layout, devices_per_node, network_gbit_s, case), case)
        for case in CASES
    )  # fmt: skip
    return Figure(ceil(low * MICRO), ceil(likely * MICRO), ceil(high * MICRO), f"peak in {kind} x utilisation; {used.source}")


def utilisation(card: Accelerator) -> Utilisation:
    """What is published of the card's architecture, or of cards without NVLink."""
    if card.link_gb_s is None and card.architecture != "Turing":
        return WITHOUT_LINK
    return MFU.get(card.architecture, WITHOUT_LINK)


def slowdown(layout: TrainLayout, case: Case) -> float:
    """What is left of the utilisation with a recipe that trains adapters."""
    return (LORA[case] if layout.adapters_only else 1.0) * (QLORA if layout.recipe == "qlora" else 1.0)


def operations(model: Architecture, layout: TrainLayout) -> float:
    """Of one token: matrices, and attention, whose backward pass takes twice its forward pass."""
    forward, attention = 2 * model.active, attention_operations(model, layout.sequence)
    backward = forward if layout.adapters_only else 2 * forward
    again = forward + attention if layout.checkpointing == "full" else 0.0
    return forward + backward + 3 * attention + again


def attention_operations(model: Architecture, sequence: int) -> float:
    """Of one token forward: two products, each 2 x width for each token that it sees. Where it sees only those before it, these are
    half of the sequence on average, and at most the window's."""
    seen = 0.0
    for window in model.windows:
        within = sequence if window is None else min(window, sequence)
        seen += sequence if model.encoder else within - within * within / (2 * sequence)
    return 4 * model.heads * model.head_dim * seen


def wires(card: Accelerator, layout: TrainLayout, per_node: int, network_gbit_s: float | None, case: Case) -> Wires:
    """NVLink's figure is that of both directions together. Tensor-parallel devices sit beside each other, copies of the model around
    them; a ring of copies enters a node once, and as many rings as there are tensor-parallel devices share the node's network."""
    if card.link_gb_s is not None:
        inside = card.link_gb_s / 2 * 1e9 * LINK_SHARE[case]
    else:
        inside = PCIE_GB_S.get(card.link[-1:], 16) * 1e9 * PCIE_SHARE[case]
    if layout.data * layout.tensor <= per_node or network_gbit_s is None:
        return Wires(inside, inside)
    return Wires(inside, min(inside, network_gbit_s / 8 * 1e9 * LINK_SHARE[case] / layout.tensor))


def seconds(model: Architecture, layout: TrainLayout, card: Accelerator, batch: int, rate: float, wire: Wires, case: Case) -> float:
    """One step at `rate` operations a second of a device."""
    share = ceil(batch / layout.data)
    micro_steps = ceil(share / layout.micro_batch)
    computing = operations(model, layout) * share * layout.sequence / (layout.tensor * layout.pipeline) / rate
    bubble = 1 + (layout.pipeline - 1) / micro_steps  # Narayanan et al., arXiv 2104.04473, section 2.2.1: (p-1)/m of the time without it
    exposed = max(0.0, data_seconds(model, layout, micro_steps, wire) - OVERLAP[case] * computing)
    return (computing + tensor_seconds(model, layout, micro_steps, wire)) * bubble + exposed + update_seconds(model, layout, card)


def tensor_seconds(model: Architecture, layout: TrainLayout, micro_steps: int, wire: Wires) -> float:
    """In each layer two all-reduces of the activations forward, two backward, two to compute it again (Shoeybi et al., arXiv
    1909.08053, section 3). Nothing hides them. Sequence parallelism moves as many bytes (arXiv 2205.05198, section 4.2.2)."""
    if layout.tensor == 1:
        return 0.0
    times = 6 if layout.checkpointing == "full" else 4
    size = (4 if layout.precision == "fp32" else 2) * layout.tokens * model.width
    ring = 2 * (layout.tensor - 1) / layout.tensor
    return times * model.layers / layout.pipeline * micro_steps * size * ring / wire.tensor


def data_seconds(model: Architecture, layout: TrainLayout, micro_steps: int, wire: Wires) -> float:
    """Between the copies (arXiv 1910.02054, section 7): FSDP gathers the weights twice and reduces the gradients in each micro-step;
    the others reduce gradients once a step, and with ZeRO 1 and 2 gather the weights in 16 bits."""
    held = model.parameters / layout.tensor / layout.pipeline
    trained = adapter_parameters(model, layout.lora_rank) / layout.pipeline if layout.adapters_only else held
    width = 4 if layout.precision == "fp32" else NF4_BITS / 8 if layout.recipe == "qlora" else 2
    if layout.sharding == "zero3":
        moved = micro_steps * (2 * width * held + 4 * trained)
    else:
        moved = (8 if layout.sharding == "ddp" else 4) * trained
    return moved * (layout.data - 1) / layout.data / wire.data


def update_seconds(model: Architecture, layout: TrainLayout, card: Accelerator) -> float:
    """The optimizer reads and writes its state once."""
    count = adapter_parameters(model, layout.lora_rank) if layout.adapters_only else model.parameters / layout.tensor
    return ADAM_BYTES * count / layout.pipeline / layout.shards("optimizer") / (card.bandwidth_gb_s * 1e9)
