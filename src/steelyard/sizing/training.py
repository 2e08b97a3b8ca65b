"""Memory of a training, by part.

Bytes per parameter: weights 4 and gradients 4 in FP32 (autocast to BF16 keeps both in FP32), AdamW's two moments 8
(Rajbhandari et al., "ZeRO", arXiv 1910.02054, section 3.1). With LoRA only the adapters have gradients and moments.
Activations of a layer: 34 x sequence x batch x width bytes in 16 bits, without the attention matrix, which
scaled_dot_product_attention does not keep (Korthikanti et al., arXiv 2205.05198, equation 1); twice that in FP32.
The logits and their gradient, in FP32, come on top. The runtime's share was measured with torch 2.15 and Ray 2.60.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steelyard.blueprint import Train
from steelyard.catalog.models import ModelCard, nano_gpt
from steelyard.findings import Finding, Place
from steelyard.sizing.need import Figure, Layout, Need

MB = 1_000_000
WORKER_RUNTIME = Figure(600 * MB, 850 * MB, 1_200 * MB, "resident memory of a worker that imported torch 2.15 and Ray 2.60, measured")
ACTIVATION_BYTES = 34
WORKER_CHOICES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a recipe takes where the blueprint says nothing. `batch` counts sequences of one worker."""

    sequence: int
    batch: int
    learning_rate: float


DEFAULTS: Mapping[str, Defaults] = {
    "pretrain": Defaults(sequence=128, batch=16, learning_rate=3e-3),
    "lora": Defaults(sequence=128, batch=2, learning_rate=1e-3),
    "full": Defaults(sequence=128, batch=2, learning_rate=5e-5),
    "custom": Defaults(sequence=1, batch=1, learning_rate=1e-3),
}


def size(workload: Train, card: ModelCard | None, place: Place | None = None) -> Need:
    """Every layout that could carry `workload`. `card` describes its model; None when it is not known or built by a script."""
    if workload.recipe not in DEFAULTS:
        return Need(workload.name, (), (unsupported(workload, place),))
    workers = WORKER_CHOICES if workload.workers == "auto" else (workload.workers,)
    devices = ("cpu",) if workload.gpu.none else ("gpu", "cpu") if workload.gpu.auto else ("gpu",)
    layouts = [layout(workload, card, device, count) for device in devices for count in workers]
    findings = [finding for finding in (indivisible(workload, place), too_long(workload, card, place)) if finding]
    return Need(workload.name, tuple(layouts), tuple(findings))


def layout(workload: Train, card: ModelCard | None, device: str, workers: int) -> Layout:
    """One layout. Figures are for one worker."""
    defaults = DEFAULTS[workload.recipe]
    sequence = defaults.sequence if workload.sequence == "auto" else workload.sequence
    batch = defaults.batch * workers if workload.batch == "auto" else workload.batch
    if workload.recipe == "pretrain":
        card = nano_gpt(sequence)
    bf16 = workload.precision == "bf16" or (workload.precision == "auto" and device == "gpu")
    parts = {"runtime": WORKER_RUNTIME}
    known = card is not None and card.parameters is not None and workload.recipe != "custom"
    trained = trainable(workload, card)
    if known and card and card.parameters:
        parts = model_memory(card, card.parameters, trained or card.parameters, max(1, batch // workers), sequence, bf16) | parts
    return Layout(
        device="gpu" if device == "gpu" else "cpu", workers=workers, precision="bf16" if bf16 else "fp32", batch=batch, sequence=sequence,
        memory=parts, memory_known=known, disk=disk_need(trained, workload.checkpoint.keep) if known else None,
    )


def trainable(workload: Train, card: ModelCard | None) -> int | None:
    """Parameters with gradients; None when not known."""
    if card is None:
        return None
    return card.adapter_parameters if workload.recipe == "lora" else card.parameters


def model_memory(card: ModelCard, parameters: int, trained: int, batch: int, sequence: int, bf16: bool) -> dict[str, Figure]:
    """The parts that the model brings, for `batch` sequences on one worker."""
    paper = "arXiv 1910.02054, section 3.1"
    activations = ACTIVATION_BYTES * (1 if bf16 else 2) * sequence * batch * card.width * card.layers
    logits = 3 * 4 * sequence * batch * card.vocabulary  # the logits, their log-softmax and their gradient
    return {
        "weights": exactly(4 * parameters, paper),
        "gradients": exactly(4 * trained, paper),
        "optimizer": exactly(8 * trained, paper),
        "activations": within_half_and_twice(activations + logits, "arXiv 2205.05198, equation 1"),
    }


def exactly(size: int, source: str) -> Figure:
    return Figure(size, size, size, source)


def within_half_and_twice(size: int, source: str) -> Figure:
    """What a framework really keeps differs from the paper's count by up to that much."""
    return Figure(size // 2, size, 2 * size, source)


def disk_need(trained: int | None, keep: int) -> int | None:
    """Checkpoints hold FP32 weights and both moments of what is trained; one more is written before the oldest goes."""
    return None if trained is None else 12 * trained * (keep + 1) + 4 * trained


def unsupported(workload: Train, place: Place | None) -> Finding:
    return Finding(
        rule="not-supported-here", severity="error", object=workload.name, place=place,
        message=f"recipe: {workload.recipe} does not run on this machine yet",
        evidence="4-bit weights need a GPU build that this version does not bring", next_step="recipe: lora",
    )


def indivisible(workload: Train, place: Place | None) -> Finding | None:
    """Each worker must get the same number of sequences."""
    batch, workers = workload.batch, workload.workers
    if batch == "auto" or workers == "auto" or batch % workers == 0:
        return None
    nearest = max(1, round(batch / workers)) * workers
    return Finding(
        rule="batch-not-divisible", severity="error", object=workload.name, place=place,
        message=f"batch: {batch} cannot be shared equally by {workers} workers", next_step=f"batch: {nearest}",
    )


def too_long(workload: Train, card: ModelCard | None, place: Place | None) -> Finding | None:
    """A model cannot read more than the context that it was made for."""
    if card is None or workload.sequence == "auto" or workload.sequence <= card.context:
        return None
    return Finding(
        rule="sequence-too-long", severity="error", object=workload.name, place=place,
        message=f"sequence: {workload.sequence} is longer than the {card.context} tokens that {card.name} can read",
        evidence=card.source, next_step=f"sequence: {card.context}",
    )
