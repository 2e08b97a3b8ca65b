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

from steelyard.blueprint import NANO_GPT, Train
from steelyard.catalog.architecture import Architecture
from steelyard.catalog.models import ModelCard, nano_gpt
from steelyard.findings import Finding, Place
from steelyard.sizing.distributed import train_memory
from steelyard.sizing.need import Figure, Layout, Need
from steelyard.sizing.train_layout import Recipe, TrainLayout

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
    if found := unsupported(workload, place):
        return Need(workload.name, (), (found,))
    devices = ("cpu",) if workload.gpu.none else ("gpu", "cpu") if workload.gpu.auto else ("gpu",)
    layouts = [layout(workload, card, device, count) for device in devices for count in worker_counts(workload, device)]
    problems = (
        indivisible(workload, devices[0], place), disagreeing(workload, place), too_long(workload, card, place), no_data(workload, place),
    )
    return Need(workload.name, tuple(layouts), tuple(finding for finding in problems if finding))


def worker_counts(workload: Train, device: str) -> tuple[int, ...]:
    """How many workers may be tried: as written, else as many as devices were asked for, else any usual number that divides the batch."""
    if workload.workers != "auto":
        return (workload.workers,)
    asked = devices_asked(workload) if device == "gpu" else ()
    return tuple(count for count in asked or WORKER_CHOICES if workload.batch == "auto" or workload.batch % count == 0)


def devices_asked(workload: Train) -> tuple[int, ...]:
    """The numbers of devices that `gpu: 2` or `gpu: 4..8` takes; none where a kind or a memory is named, which nothing here chooses by."""
    plain = [device.count for device in workload.gpu.alternatives if device.name is None and device.memory is None]
    return tuple(sorted({count for asked in plain for count in range(asked.low, asked.high + 1)}))


def layout(workload: Train, card: ModelCard | None, device: str, workers: int) -> Layout:
    """One layout. Figures are for one worker."""
    defaults = DEFAULTS[workload.recipe]
    sequence = defaults.sequence if workload.sequence == "auto" else workload.sequence
    batch = defaults.batch * workers if workload.batch == "auto" else workload.batch
    if workload.recipe == "pretrain":
        card = nano_gpt(sequence)
    bf16 = workload.precision == "bf16" or (workload.precision == "auto" and device == "gpu")
    parts = {"runtime": WORKER_RUNTIME}
    trained = trainable(workload, card)
    known = trained is not None and workload.recipe != "custom"
    if card and card.parameters and trained and known:
        parts = model_memory(card, card.parameters, trained, max(1, batch // workers), sequence, bf16) | parts
        if device == "gpu" and workload.recipe in ("full", "lora") and (architecture := card.architecture):
            parts |= passing_memory(architecture, workload.recipe, workers, max(1, batch // workers), sequence, bf16)
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


def passing_memory(architecture: Architecture, recipe: Recipe, workers: int, batch: int, sequence: int, bf16: bool) -> dict[str, Figure]:
    """What comes and goes on a GPU, and what CUDA takes, as `plan` counts them (sizing/distributed.py)."""
    layout = TrainLayout(data=workers, tensor=1, pipeline=1, sharding="ddp", checkpointing="none", micro_batch=batch, sequence=sequence,
                         recipe=recipe, precision="bf16" if bf16 else "fp32")  # fmt: skip
    counted = train_memory(architecture, layout, workers)
    return {part: counted[part] for part in ("activations", "logits", "buffers", "runtime") if part in counted}


def exactly(size: int, source: str) -> Figure:
    return Figure(size, size, size, source)


def within_half_and_twice(size: int, source: str) -> Figure:
    """What a framework really keeps differs from the paper's count by up to that much."""
    return Figure(size // 2, size, 2 * size, source)


def disk_need(trained: int | None, keep: int) -> int | None:
    """Checkpoints hold FP32 weights and both moments of what is trained; one more is written before the oldest goes."""
    return None if trained is None else 12 * trained * (keep + 1) + 4 * trained


def unsupported(workload: Train, place: Place | None) -> Finding | None:
    """What no layout here can carry."""
    recipe, model = workload.recipe, workload.model
    if recipe == "qlora":
        message, step = "recipe: qlora does not run on this machine yet: 4-bit weights need a GPU build that is not here", "recipe: lora"
    elif recipe == "pretrain" and model not in (None, NANO_GPT):
        message, step = f"recipe: pretrain builds {NANO_GPT} here, and no {model}", f"model: {NANO_GPT}; or recipe: lora goes on from yours"
    elif recipe in ("lora", "full") and model == NANO_GPT:
        message, step = f"recipe: {recipe} goes on from weights, and {NANO_GPT} is built from nothing", "recipe: pretrain"
    else:
        return None
    return Finding(rule="not-supported-here", severity="error", object=workload.name, place=place, message=message, next_step=step)


def no_data(workload: Train, place: Place | None) -> Finding | None:
    """Fine-tuning has nothing to learn from that it could take by itself."""
    if workload.data or workload.recipe not in ("lora", "full"):
        return None
    return Finding(
        rule="missing-field", severity="error", object=workload.name, place=place,
        message=f"recipe: {workload.recipe} needs examples to learn from, and there is no `data`", next_step="data: pairs.jsonl",
    )


def disagreeing(workload: Train, place: Place | None) -> Finding | None:
    """On GPUs there is one worker for each device."""
    asked, workers = devices_asked(workload), workload.workers
    if not asked or workers == "auto" or workers in asked:
        return None
    return Finding(
        rule="fields-conflict", severity="error", object=workload.name, place=place,
        message=f"workers: {workers} and gpu: {workload.gpu} say different things: each worker has one device",
        next_step=f"gpu: {workers}, or leave workers out",
    )


def indivisible(workload: Train, device: str, place: Place | None) -> Finding | None:
    """Each worker must get the same number of sequences."""
    batch = workload.batch
    tried = worker_counts(workload, device) or devices_asked(workload)
    if batch == "auto" or any(batch % count == 0 for count in tried):
        return None
    workers = tried[0]
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
