"""What a training needs of each device, by part and layout, for models on GPUs. Pure.

    layout = TrainLayout(data=8, tensor=1, pipeline=1, sharding="zero3", checkpointing="full", micro_batch=1, sequence=4096, recipe="full")
    total(train_memory(model, layout)), step_time(model, layout, card, batch=64, devices_per_node=8, network_gbit_s=None)

Weights, gradients and optimizer: Rajbhandari et al., "ZeRO", arXiv 1910.02054, section 3.1. Mixed precision takes 16 bytes for each
parameter with AdamW: BF16 weights and gradients, FP32 master weights and two moments. FSDP holds the same 16 as FP32 weights,
gradients and moments. docs/training-memory.md explains all parts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from steelyard.catalog.architecture import Architecture
from steelyard.sizing.need import Figure
from steelyard.sizing.train_activations import Case, LayerBytes, layer_bytes, rest_wide
from steelyard.sizing.train_layout import (
    NF4_BITS,
    NF4_PLAIN_BITS,
    Checkpointing,
    Framework,
    Loss,
    Optimizer,
    Recipe,
    Sharding,
    Stage,
    Targets,
    TrainLayout,
    adapter_parameters,
    inner_width,
    stages,
)
from steelyard.sizing.training_time import step_time

__all__ = [
    "Checkpointing", "Framework", "Loss", "Optimizer", "Recipe", "Sharding", "Targets", "TrainLayout", "adapter_parameters",
    "checkpoint_bytes", "fits", "impossible_training", "largest_micro_batch", "library_bytes", "likely_bytes", "step_time", "total",
    "train_memory",
]  # fmt: skip

GIB = 1024**3
EIGHT_BIT_MOMENT = 1 + 4 / 256
"""Bytes of a moment of bitsandbytes' 8-bit AdamW, with a scale for each block of 256. Embeddings keep 32 bits in the Trainer."""
LOGITS: Mapping[Loss, Mapping[Case, int]] = MappingProxyType({
    "fp32": MappingProxyType({"low": 4, "likely": 12, "high": 16}), "held": MappingProxyType({"low": 8, "likely": 16, "high": 20}),
    "fused": MappingProxyType({"low": 4, "likely": 8, "high": 12}), "chunked": MappingProxyType({"low": 2, "likely": 4, "high": 8}),
})
"""Bytes for each token and word. FP32: log-probabilities, their gradient and the gradient of the logits, which live at once in the
backward pass of torch's cross_entropy, after the upcast that transformers (`ForCausalLMLoss`) and torchtitan do; high: the logits are
held as well (transformers before 4.45). Fused: FP32 logits and a shifted copy, in whose place the gradient is put (unsloth's kernel).
Chunked: logits and log-probabilities in 16 bits, and gradients of one piece only (litgpt)."""
DEEPSPEED_BUCKET = 500_000_000
"""Elements of a bucket of DeepSpeed's ZeRO 1 and 2, for gradients and for weights (its documentation of the configuration)."""
BUCKETS: Mapping[Case, float] = MappingProxyType({"low": 1, "likely": 2, "high": 4.5})
"""Buckets that are there at once. High: with overlap_comm (the same documentation)."""
CONTEXT: Mapping[Case, float] = MappingProxyType({"low": 0.25 * GIB, "likely": 0.5 * GIB, "high": 1.0 * GIB})
"""CUDA, its libraries and their workspaces. Low: what vLLM 0.19 measured as not torch's on one H100. The others are assumed."""
NCCL: Mapping[Case, float] = MappingProxyType({"low": 0.25 * GIB, "likely": 0.8 * GIB, "high": 2.2 * GIB})
"""Buffers of communication. High: what vLLM 0.19 measured with four H100. Low and likely are assumed."""
FRAGMENTED: Mapping[Case, float] = MappingProxyType({"low": 0.0, "likely": 0.03, "high": 0.1})
"""Of what comes and goes: reserved and not allocated. 1.5% of all in a log of nanotron (Llama 1B on 8 H100), 9% in Megatron-LM's pull
request 6885."""


CAREFUL = 1.14
"""A training is said to fit where so much more than what is likely fits: nine in ten of all tuning rows of benchmarks/memory need no more
(110 rows), where each of their four engines weighs the same, as each is off in its own direction. Of judging rows fewer are covered:
docs/memory.md."""


def total(parts: Mapping[str, Figure]) -> Figure:
    """All parts together."""
    low = likely = high = 0
    for part in parts.values():
        low, likely, high = low + part.low, likely + part.likely, high + part.high
    return Figure(low, likely, high, "sum of the parts")


def fits(parts: Mapping[str, Figure], usable: int) -> bool:
    """Whether a device of `usable` bytes carries them, with the margin `CAREFUL`."""
    return CAREFUL * total(parts).likely <= usable


@dataclass(frozen=True, slots=True)
class StageBytes:
    """Of a device of one pipeline stage in one case: what it holds, and what each token of a forward pass adds. Three moments may be the
    fullest: the loss, the end of the backward pass, and the optimizer's step. Activations, logits and buffers are those of the first; what
    a later one needs beyond them counts as gradients, which are not there before it, or as buffers where gradients are accumulated."""

    weights: float
    gradients: float
    optimizer: float
    buffers: float
    """There for the whole pass."""
    layer_buffers: float
    """While the gradients of a layer are computed."""
    root: float
    """At the end of the backward pass, when the layers are done."""
    step_copy: float
    """While the optimizer steps."""
    libraries: float
    """CUDA and NCCL."""
    layer: LayerBytes
    layers: int
    """Of all micro-batches whose activations are there at once."""
    logits: float
    recomputes: bool
    accumulates: bool
    fragmented: float
    lowest: bool
    """Of the low case, which leaves out what shrinks while activations grow, so that more tokens need more there too."""

    def parts(self, tokens: int) -> tuple[int, int, int, int, int, int, int]:
        """In the order of `sources`."""
        logits, buffers, gradients = self.logits * tokens, self.buffers, self.gradients
        held, one_layer = self.layers * tokens, tokens * self.layer.backward
        activations, whole_layer = held * self.layer.kept, one_layer + tokens * self.layer.kept
        if self.recomputes and held * self.layer.boundary + tokens * self.layer.kept < activations:
            activations, one_layer = held * self.layer.boundary, whole_layer
        activations += max(0.0, one_layer - logits)
        buffers += 0.0 if self.lowest else max(0.0, self.layer_buffers - max(0.0, logits - one_layer))
        passing = activations + logits + buffers
        end = held * self.layer.lingering + max(whole_layer + self.layer_buffers, self.root) + self.buffers
        later = max(end, self.step_copy)
        if self.accumulates:
            buffers += 0.0 if self.lowest else max(0.0, later - passing)
        else:
            gradients = 0.0 if self.lowest else max(0.0, gradients + later - passing)
        runtime = self.libraries + self.fragmented * max(passing, later)
        return (round(self.weights), round(gradients), round(self.optimizer), round(activations), round(logits), round(buffers),
                round(runtime))  # fmt: skip


def train_memory(model: Architecture, layout: TrainLayout, nodes_devices: int = 8) -> Mapping[str, Figure]:
    """Bytes of the fullest device, by part: weights, gradients, optimizer, activations, logits, buffers, runtime. The layout must be
    possible. `nodes_devices`: devices of one node; with fewer than there are, NCCL needs buffers for the network too."""
    tokens = layout.tokens
    likely, stage = max(((stage_bytes(model, layout, one, "likely", nodes_devices).parts(tokens), one) for one in stages(model, layout)),
                        key=lambda found: sum(found[0]))  # fmt: skip
    low, high = (stage_bytes(model, layout, stage, case, nodes_devices).parts(tokens) for case in ("low", "high"))
    return MappingProxyType({
        name: Figure(min(few, usual), usual, max(usual, many), source)
        for (name, source), few, usual, many in zip(sources(layout).items(), low, likely, high, strict=True)
    })


def likely_bytes(model: Architecture, layout: TrainLayout) -> int:
    """The likely total of `train_memory`, at a third of its cost."""
    return max(sum(stage_bytes(model, layout, one, "likely", layout.devices).parts(layout.tokens)) for one in stages(model, layout))


def sources(layout: TrainLayout) -> Mapping[str, str]:
    """Of each part, in their order."""
    zero = "arXiv 1910.02054, section 3.1"
    four = "NF4 matrices (arXiv 2305.14314), the rest as peft turns it"
    return {
        "weights": four if layout.recipe == "qlora" else "dimensions of the model",
        "gradients": zero, "optimizer": f"{layout.optimizer}; {zero}",
        "activations": "tensors that transformers 5.23 keeps; arXiv 2205.05198",
        "logits": "cross entropy of transformers and torchtitan", "buffers": buffer_source(layout),
        "runtime": "CUDA, NCCL, and fragmentation of torch's allocator",
    }  # fmt: skip


def buffer_source(layout: TrainLayout) -> str:
    if layout.data > 1 and layout.sharding == "zero3":
        return "FSDP's gathered units" + ("" if layout.adapters_only else " and their gradients")
    if layout.data > 1 and layout.sharding in ("zero1", "zero2"):
        return "DeepSpeed's buckets; high: 4.5 with overlap_comm (its documentation)"
    return "BF16 copy of autocast; buckets of DistributedDataParallel"


def stage_bytes(model: Architecture, layout: TrainLayout, stage: Stage, case: Case, nodes_devices: int) -> StageBytes:
    """Of one pipeline stage. Nothing here depends on the tokens of a micro-batch."""
    always, layer = buffer_bytes(model, layout, stage, case)
    return StageBytes(
        weights=weights_bytes(model, layout, stage, case), gradients=gradient_bytes(model, layout, stage),
        optimizer=optimizer_bytes(model, layout, stage), buffers=always, layer_buffers=layer,
        root=root_gradients(layout, stage, case), step_copy=step_copy(model, layout, stage, case),
        libraries=library_bytes(layout, case, nodes_devices),
        layer=layer_bytes(model, layout, case), layers=stage.in_flight * stage.layers, logits=logits_bytes(model, layout, stage, case),
        recomputes=layout.checkpointing == "full", accumulates=layout.accumulates, fragmented=FRAGMENTED[case], lowest=case == "low",
    )  # fmt: skip


def weights_bytes(model: Architecture, layout: TrainLayout, stage: Stage, case: Case) -> float:
    """Of weights that compute: of a frozen model with its adapters, or of the model that is trained, without a separate master copy."""
    shards = layout.shards("weights")
    if not layout.adapters_only:
        return trained_width(layout) * stage.parameters / shards
    adapters = trained_width(layout) * adapters_of(model, layout) / shards
    if layout.recipe == "lora":
        return (4 if layout.precision == "fp32" else 2) * stage.parameters / shards + adapters
    quantized = stage.matrices + (model.parts["head"] / layout.tensor if layout.framework.head_quantized else 0)
    rest = stage.parameters - quantized
    return (nf4_bits(layout) / 8 * quantized + (4 if rest_wide(layout, case) else 2) * rest) / shards + adapters


def nf4_bits(layout: TrainLayout) -> float:
    return NF4_BITS if layout.framework.double else NF4_PLAIN_BITS


def adapters_of(model: Architecture, layout: TrainLayout) -> float:
    """Adapter parameters of one stage; every tensor-parallel device counts them whole, as they are thin."""
    return adapter_parameters(model, layout.lora_rank, layout.lora_targets) / layout.pipeline


def trained(model: Architecture, layout: TrainLayout, stage: Stage) -> float:
    """Parameters with gradients on one device, before sharding."""
    return adapters_of(model, layout) if layout.adapters_only else stage.parameters


def wide(layout: TrainLayout) -> bool:
    """Whether what is trained is in FP32 itself: adapters as peft keeps them; weights under autocast, and in FSDP's shards."""
    if layout.precision == "fp32":
        return True
    if layout.adapters_only:
        return layout.framework.adapters_wide
    return layout.framework.master and not separate_master(layout)


def separate_master(layout: TrainLayout) -> bool:
    """Whether the FP32 weights are a copy beside those in 16 bits: so in DeepSpeed's ZeRO 1 and 2 (arXiv 1910.02054, section 3.1)."""
    narrow = layout.precision == "bf16" and not layout.adapters_only and layout.framework.master
    return narrow and layout.data > 1 and layout.sharding in ("zero1", "zero2")


def trained_width(layout: TrainLayout) -> int:
    """Bytes of a weight that is trained, and of its gradient."""
    return 4 if wide(layout) else 2


def gradient_bytes(model: Architecture, layout: TrainLayout, stage: Stage) -> float:
    return trained_width(layout) * trained(model, layout, stage) / layout.shards("gradients")


def optimizer_bytes(model: Architecture, layout: TrainLayout, stage: Stage) -> float:
    """A separate FP32 master copy where there is one, and moments."""
    master = 4 if separate_master(layout) else 0
    count = trained(model, layout, stage)
    embeddings = 0.0 if layout.adapters_only else stage.vocabulary - (stage.head if model.parts["head"] else 0)
    return (master * count + moment_bytes(model, layout, count, embeddings)) / layout.shards("optimizer")


def moment_width(layout: TrainLayout) -> int:
    """Bytes of a moment of torch's AdamW: it has the type of what is stepped."""
    return 4 if wide(layout) or separate_master(layout) else 2


def moment_bytes(model: Architecture, layout: TrainLayout, count: float, embeddings: float) -> float:
    """AdamW keeps two moments; Adafactor a row and a column of each matrix (Shazeer and Stern, arXiv 1804.04235); SGD without
    momentum nothing."""
    if layout.optimizer == "adamw":
        return 2 * moment_width(layout) * count
    if layout.optimizer == "adamw8bit":
        return 2 * EIGHT_BIT_MOMENT * (count - embeddings) + 8 * embeddings
    return 0 if layout.optimizer == "sgd" else 8 * count / model.width


def step_copy(model: Architecture, layout: TrainLayout, stage: Stage, case: Case) -> float:
    """torch's foreach AdamW holds the roots of all second moments at once."""
    if layout.optimizer != "adamw" or case == "low" or (case == "likely" and not layout.framework.foreach):
        return 0
    return moment_width(layout) * trained(model, layout, stage) / layout.shards("optimizer")


def logits_bytes(model: Architecture, layout: TrainLayout, stage: Stage, case: Case) -> float:
    """Of one token, in the loss over the vocabulary, which tensor-parallel devices share; an encoder and the first stages have none."""
    if model.encoder or not stage.head:
        return 0
    last = 4 if layout.framework.kernels else 6  # the last norm's input, in FP32 unless in a kernel, and its output
    shared = layout.tensor if layout.sequence_parallel else 1
    return LOGITS[layout.framework.loss][case] * model.vocabulary / layout.tensor + last * model.width / shared


def buffer_bytes(model: Architecture, layout: TrainLayout, stage: Stage, case: Case) -> tuple[float, float]:
    """Copies that computing and communicating need beside the state: for the whole pass, and while a layer's gradients are computed."""
    if layout.recipe == "qlora":
        always, layer = gathered_bytes(layout, stage, case) if layout.data > 1 and layout.sharding == "zero3" else (0.0, 0.0)
        head = 4 * stage.head if layout.framework.head_quantized else 0
        return always + head, layer + 2 * model.width * inner_width(model) / max(1, model.experts_per_token)
    if layout.data > 1 and layout.sharding == "zero3":
        return gathered_bytes(layout, stage, case)
    count, width = trained(model, layout, stage), trained_width(layout)
    if layout.data > 1 and layout.sharding in ("zero1", "zero2"):
        return BUCKETS[case] * width * min(count, DEEPSPEED_BUCKET), 0.0
    autocast = not layout.adapters_only and layout.precision == "bf16" and layout.framework.master
    copy = 2 * (stage.matrices + stage.head) if autocast else 0
    return (0 if case == "low" else copy + (width * count if layout.data > 1 else 0)), 0.0


def gathered_bytes(layout: TrainLayout, stage: Stage, case: Case) -> tuple[float, float]:
    """FSDP: embedding and head, whole for the whole pass; the layer in use and the next one, whole; of what is trained also the layer's
    gradients with the copy that is reduced, and the head's, which wait for the embedding's."""
    computed = 4 if layout.precision == "fp32" else 2
    outer = computed * stage.vocabulary
    two = 2 * (nf4_bits(layout) / 8 if layout.recipe == "qlora" else computed) * stage.unit
    if layout.adapters_only:
        return (0.0 if case == "low" else outer), (2 * two if case == "high" else two)
    grown = (computed + trained_width(layout)) * stage.unit + computed * stage.head
    return {"low": (0.0, two + computed * stage.unit), "likely": (outer, two + grown), "high": (outer, 2 * two + grown)}[case]


def root_gradients(layout: TrainLayout, stage: Stage, case: Case) -> float:
    """At the end of the backward pass: embedding and head are one unit of FSDP, whose gradients are whole, and once more in the copy that
    is reduced."""
    if layout.adapters_only or layout.data == 1 or layout.sharding != "zero3" or case == "low":
        return 0.0
    return ((4 if layout.precision == "fp32" else 2) + trained_width(layout)) * stage.vocabulary


def library_bytes(layout: TrainLayout, case: Case, nodes_devices: int) -> float:
    """CUDA, and NCCL where there are several devices."""
    groups = (layout.data > 1) + (layout.tensor > 1) + (layout.pipeline > 1)
    far = 1 if layout.devices > nodes_devices else 0
    return CONTEXT[case] + NCCL[case] * (groups + far if case == "high" else min(1, groups))


def impossible_training(model: Architecture, layout: TrainLayout, nodes_devices: int = 8) -> str:
    """Why `model` cannot be trained in this layout, or nothing. `nodes_devices`: devices of one node."""
    return shape_problem(model, layout) or parallel_problem(model, layout, nodes_devices)


def shape_problem(model: Architecture, layout: TrainLayout) -> str:
    """What of the model cannot be divided."""
    tensor, pipeline = layout.tensor, layout.pipeline
    if model.heads % tensor:
        return f"{model.heads} attention heads cannot be shared equally by {tensor} devices"
    if model.latent is None and model.kv_heads % tensor:
        return f"{model.kv_heads} KV heads cannot be shared equally by {tensor} devices"
    if model.vocabulary % tensor:
        return f"a vocabulary of {model.vocabulary:,} cannot be shared equally by {tensor} devices"
    if model.layers < pipeline:
        return f"{model.layers} layers are fewer than {pipeline} pipeline stages"
    if model.layers % pipeline:
        return f"{model.layers} layers cannot be shared equally by {pipeline} pipeline stages"
    return ""


def parallel_problem(model: Architecture, layout: TrainLayout, nodes_devices: int) -> str:
    """What of the layout does not go together."""
    if min(layout.data, layout.tensor, layout.pipeline, layout.micro_batch, layout.sequence) < 1:
        return "every size of a layout is at least 1"
    if layout.sequence > model.context and not model.encoder:
        return f"a sequence of {layout.sequence:,} tokens is longer than the {model.context:,} that the model can read"
    if layout.tensor > nodes_devices:
        return f"tensor parallelism over {layout.tensor} devices does not stay within a node of {nodes_devices}"
    return combination_problem(layout)


def combination_problem(layout: TrainLayout) -> str:
    """Ways of sharing that exclude each other."""
    if layout.pipeline > 1 and layout.sharding in ("zero2", "zero3"):
        return "sharded gradients would be gathered for every micro-batch of a pipeline: ZeRO-2 and FSDP do not go with pipeline stages"
    if layout.sequence_parallel and layout.sequence % layout.tensor:
        return f"a sequence of {layout.sequence:,} tokens cannot be shared equally by {layout.tensor} devices"
    if layout.recipe == "qlora" and layout.tensor > 1:
        return "4-bit weights cannot be shared by tensor parallelism: their blocks of 64 do not follow rows"
    return ""


def largest_micro_batch(model: Architecture, layout: TrainLayout, usable: int, sizes: Sequence[int] | None = None) -> int:
    """Sequences at a time that fit into `usable` bytes of a device as in `fits`; 0 where not one does. `sizes`, rising: the largest of
    these."""
    every = [stage_bytes(model, layout, stage, "likely", layout.devices) for stage in stages(model, layout)]

    def holds(size: int) -> bool:
        return all(CAREFUL * sum(one.parts(size * layout.sequence)) <= usable for one in every)

    if sizes is not None:
        count = bisect_left(sizes, True, key=lambda size: not holds(size))
        return sizes[count - 1] if count else 0
    if not holds(1):
        return 0
    most = 1
    while holds(2 * most):
        most *= 2
    return bisect_left(range(2 * most), True, lo=most, key=lambda size: not holds(size)) - 1


def checkpoint_bytes(model: Architecture, layout: TrainLayout) -> int:
    """Of a checkpoint to go on from, of all devices together: FP32 weights of what is trained, and its moments."""
    count = adapter_parameters(model, layout.lora_rank, layout.lora_targets) if layout.adapters_only else model.parameters
    embeddings = 0 if layout.adapters_only else model.parts["embeddings"]
    return round(4 * count + moment_bytes(model, layout, count, embeddings))
