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
from steelyard.sizing.train_activations import Case, LayerBytes, activation_bytes, layer_bytes
from steelyard.sizing.train_layout import (
    NF4_BITS,
    Checkpointing,
    Optimizer,
    Recipe,
    Sharding,
    Stage,
    TrainLayout,
    adapter_parameters,
    stages,
)
from steelyard.sizing.training_time import step_time

__all__ = [
    "Checkpointing", "Optimizer", "Recipe", "Sharding", "TrainLayout", "adapter_parameters", "checkpoint_bytes", "impossible_training",
    "largest_micro_batch", "step_time", "total", "train_memory",
]  # fmt: skip

GIB = 1024**3
EIGHT_BIT_MOMENT = 1 + 4 / 256
"""Bytes of a moment of bitsandbytes' 8-bit AdamW, with a scale for each block of 256. Embeddings keep 32 bits in the Trainer."""
LOGITS: Mapping[Case, int] = MappingProxyType({"low": 4, "likely": 12, "high": 16})
"""Bytes for each token and word. Likely: log-probabilities, their gradient and the gradient of the logits, all FP32, which live at
once in the backward pass of torch's cross_entropy, after the upcast that transformers (`ForCausalLMLoss`) and torchtitan do. Low: BF16
logits and their gradient only (a fused kernel). High: FP32 logits are held as well (transformers before 4.45)."""
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


PARTS = ("weights", "gradients", "optimizer", "activations", "logits", "buffers", "runtime")


def total(parts: Mapping[str, Figure]) -> Figure:
    """All parts together."""
    low = likely = high = 0
    for part in parts.values():
        low, likely, high = low + part.low, likely + part.likely, high + part.high
    return Figure(low, likely, high, "sum of the parts")


@dataclass(frozen=True, slots=True)
class StageBytes:
    """Of a device of one pipeline stage in one case: what it holds, and what each token of a forward pass adds."""

    weights: float
    gradients: float
    optimizer: float
    buffers: float
    libraries: float
    """CUDA and NCCL."""
    layer: LayerBytes
    layers: int
    """Of all micro-batches whose activations are there at once."""
    logits: float
    recomputes: bool
    fragmented: float

    def parts(self, tokens: int) -> tuple[int, int, int, int, int, int, int]:
        """In the order of PARTS."""
        logits = self.logits * tokens
        activations = activation_bytes(self.layer, self.layers, tokens, logits, self.recomputes)
        runtime = self.libraries + self.fragmented * (activations + logits + self.buffers)
        return (round(self.weights), round(self.gradients), round(self.optimizer), round(activations), round(logits),
                round(self.buffers), round(runtime))  # fmt: skip


def train_memory(model: Architecture, layout: TrainLayout, nodes_devices: int = 8) -> Mapping[str, Figure]:
    """Bytes of the fullest device, by part: weights, gradients, optimizer, activations, logits, buffers, runtime. The layout must be
    possible. `nodes_devices`: devices of one node; with fewer than there are, NCCL needs buffers for the network too."""
    tokens = layout.tokens
    likely, stage = max(((stage_bytes(model, layout, one, "likely", nodes_devices).parts(tokens), one) for one in stages(model, layout)),
                        key=lambda found: sum(found[0]))  # fmt: skip
    low, high = (stage_bytes(model, layout, stage, case, nodes_devices).parts(tokens) for case in ("low", "high"))
    return MappingProxyType({
        name: Figure(min(few, usual), usual, max(usual, many), sources(layout)[name])
        for name, few, usual, many in zip(PARTS, low, likely, high, strict=True)
    })


def sources(layout: TrainLayout) -> Mapping[str, str]:
    """Of each part."""
    zero = "arXiv 1910.02054, section 3.1"
    return {
        "weights": "NF4 matrices (arXiv 2305.14314), the rest in 16 bits; high: in 32, as peft may turn it" if layout.recipe == "qlora"
        else "dimensions of the model",
        "gradients": zero, "optimizer": f"{layout.optimizer}; {zero}", "logits": "FP32 cross entropy of transformers and torchtitan",
        "activations": "tensors that transformers 5.23 keeps; arXiv 2205.05198", "buffers": buffer_source(layout),
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
    return StageBytes(
        weights=weights_bytes(model, layout, stage, case), gradients=gradient_bytes(model, layout, stage),
        optimizer=optimizer_bytes(model, layout, stage), buffers=buffer_bytes(model, layout, stage, case),
        libraries=library_bytes(layout, case, nodes_devices), layer=layer_bytes(model, layout, case),
        layers=stage.in_flight * stage.layers, logits=logits_bytes(model, layout, stage, case),
        recomputes=layout.checkpointing == "full", fragmented=FRAGMENTED[case],
    )  # fmt: skip


def weights_bytes(model: Architecture, layout: TrainLayout, stage: Stage, case: Case) -> float:
    """Of weights that compute: of a frozen model with its adapters, or of the model that is trained, without its master copy."""
    shards, wide = layout.shards("weights"), 4 if layout.precision == "fp32" else 2
    adapters = 4 * adapters_of(model, layout) / shards if layout.adapters_only else 0
    if layout.recipe != "qlora":
        return wide * stage.parameters / shards + adapters
    rest = stage.vocabulary + stage.norms
    return (NF4_BITS / 8 * stage.matrices + (4 if case == "high" else 2) * rest) / shards + adapters


def adapters_of(model: Architecture, layout: TrainLayout) -> float:
    """Adapter parameters of one stage; every tensor-parallel device counts them whole, as they are thin."""
    return adapter_parameters(model, layout.lora_rank) / layout.pipeline


def trained(model: Architecture, layout: TrainLayout, stage: Stage) -> float:
    """Parameters with gradients on one device, before sharding."""
    return adapters_of(model, layout) if layout.adapters_only else stage.parameters


def gradient_width(layout: TrainLayout) -> int:
    """Bytes of a gradient: that of the weight which is trained. peft keeps adapters in FP32."""
    return 4 if layout.adapters_only or layout.precision == "fp32" else 2


def gradient_bytes(model: Architecture, layout: TrainLayout, stage: Stage) -> float:
    return gradient_width(layout) * trained(model, layout, stage) / layout.shards("gradients")


def optimizer_bytes(model: Architecture, layout: TrainLayout, stage: Stage) -> float:
    """FP32 master weights, where what is trained is in 16 bits, and moments."""
    master = 0 if gradient_width(layout) == 4 else 4
    count = trained(model, layout, stage)
    embeddings = 0.0 if layout.adapters_only else stage.vocabulary - (stage.head if model.parts["head"] else 0)
    return (master * count + moment_bytes(model, layout, count, embeddings)) / layout.shards("optimizer")


def moment_bytes(model: Architecture, layout: TrainLayout, count: float, embeddings: float) -> float:
    """AdamW keeps two FP32 moments; Adafactor a row and a column of each matrix (Shazeer and Stern, arXiv 1804.04235); SGD without
    momentum nothing."""
    if layout.optimizer == "adamw":
        return 8 * count
    if layout.optimizer == "adamw8bit":
        return 2 * EIGHT_BIT_MOMENT * (count - embeddings) + 8 * embeddings
    return 0 if layout.optimizer == "sgd" else 8 * count / model.width


def logits_bytes(model: Architecture, layout: TrainLayout, stage: Stage, case: Case) -> float:
    """Of one token, in the loss over the vocabulary, which tensor-parallel devices share; an encoder and the first stages have none."""
    return 0 if model.encoder or not stage.head else LOGITS[case] * model.vocabulary / layout.tensor


def buffer_bytes(model: Architecture, layout: TrainLayout, stage: Stage, case: Case) -> float:
    """Copies that computing and communicating need beside the state."""
    if layout.data > 1 and layout.sharding == "zero3":
        return gathered_bytes(layout, stage, case)
    count, width = trained(model, layout, stage), gradient_width(layout)
    if layout.data > 1 and layout.sharding in ("zero1", "zero2"):
        return BUCKETS[case] * width * min(count, DEEPSPEED_BUCKET)
    copy = 2 * (stage.matrices + stage.head) if not layout.adapters_only and layout.precision == "bf16" else 0
    return 0 if case == "low" else copy + (4 * count if layout.data > 1 else 0)


def gathered_bytes(layout: TrainLayout, stage: Stage, case: Case) -> float:
    """FSDP: the layer in use and the next one, whole; embedding and head, whole for the whole pass; of what is trained also the layer's
    gradients, before they are reduced in FP32, and the head's."""
    wide = 4 if layout.precision == "fp32" else NF4_BITS / 8 if layout.recipe == "qlora" else 2
    outer = (4 if layout.precision == "fp32" else 2) * stage.vocabulary
    two = 2 * wide * stage.unit
    if layout.adapters_only:
        return {"low": two, "likely": outer + two, "high": outer + 2 * two}[case]
    width = gradient_width(layout)
    likely = outer + width * stage.head + two + (width + 4) * stage.unit
    return {"low": two + width * stage.unit, "likely": likely, "high": likely + 2 * width * stage.vocabulary + two}[case]


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
    """Sequences at a time that likely fit into `usable` bytes of a device; 0 where not one does. `sizes`, rising: the largest of these."""
    every = [stage_bytes(model, layout, stage, "likely", layout.devices) for stage in stages(model, layout)]

    def fits(size: int) -> bool:
        return all(sum(one.parts(size * layout.sequence)) <= usable for one in every)

    if sizes is not None:
        count = bisect_left(sizes, True, key=lambda size: not fits(size))
        return sizes[count - 1] if count else 0
    if not fits(1):
        return 0
    most = 1
    while fits(2 * most):
        most *= 2
    return bisect_left(range(2 * most), True, lo=most, key=lambda size: not fits(size)) - 1


def checkpoint_bytes(model: Architecture, layout: TrainLayout) -> int:
    """Of a checkpoint to go on from, of all devices together: FP32 weights of what is trained, and its moments."""
    count = adapter_parameters(model, layout.lora_rank) if layout.adapters_only else model.parameters
    embeddings = 0 if layout.adapters_only else model.parts["embeddings"]
    return round(4 * count + moment_bytes(model, layout, count, embeddings))
