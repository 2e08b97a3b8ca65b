"""A training laid out over devices, and what each of them holds of the model. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from steelyard.catalog.architecture import FAMILIES, Architecture

Sharding = Literal["ddp", "zero1", "zero2", "zero3"]
"""What the data-parallel devices share: nothing, the optimizer, also the gradients, also the weights (zero3 is FSDP's full shard)."""
Checkpointing = Literal["none", "full"]
"""Whether the backward pass computes the activations of each layer again (activation checkpointing)."""
Recipe = Literal["pretrain", "full", "lora", "qlora"]
Optimizer = Literal["adamw", "adamw8bit", "sgd", "adafactor"]
Targets = Literal["query,value", "attention", "mlp", "all"]
"""Which matrices have LoRA adapters."""
Loss = Literal["fp32", "held", "fused", "chunked"]
"""How the loss is computed: over FP32 logits, which a training loop may hold until after the backward pass; by a kernel that puts the
gradient in their place; in 16 bits, piece by piece."""
NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
"""Of a weight in NF4 with double quantisation: 4 bits, 8 bits of scale for each 64, 32 bits for each 256 scales (Dettmers et al., arXiv
2305.14314, section 3): 4.127."""
NF4_PLAIN_BITS = 4 + 32 / 64
"""Without double quantisation: 32 bits of scale for each 64 weights (bitsandbytes, `quantize_4bit`)."""


@dataclass(frozen=True, slots=True)
class Framework:
    """What a library decides about a training. The defaults are those of transformers' Trainer with peft and accelerate."""

    master: bool = True
    """Whether what is trained in 16 bits has an FP32 copy; without it gradients and moments are in 16 bits as well."""
    autocast: bool = True
    """With adapters: whether torch autocasts; without, FP32 adapters keep their inputs in FP32."""
    adapters_wide: bool = True
    """Adapters in FP32 (peft's `autocast_adapter_dtype`)."""
    loss: Loss = "fp32"
    kernels: bool = False
    """Norms and gates in kernels of their own, which keep less (Liger, unsloth)."""
    foreach: bool = False
    """Whether AdamW takes torch's foreach path, which holds a copy of its moments' size in a step (documentation of torch.optim). The
    Trainer takes the fused one since torch 2.8."""
    rest_wide: bool = True
    """Beside 4-bit matrices: embeddings, norms and head in FP32, and so the stream (peft's `prepare_model_for_kbit_training`). Not under
    FSDP, whose units have one type (trl does not prepare the model then)."""
    double: bool = True
    """Double quantisation of the scales of 4-bit weights."""
    head_quantized: bool = False
    """Whether the head is in 4 bits as well (Lightning Fabric quantises every linear layer; transformers leaves the head out)."""
    inputs_held: bool = False
    """Whether 4-bit products hold their inputs until the graph is freed, as in bitsandbytes before 0.43.2 (its pull request 1270)."""


TRANSFORMERS = Framework()


@dataclass(frozen=True, slots=True)
class TrainLayout:
    """One way to share a training among devices."""

    data: int
    """Copies of the model that see different sequences."""
    tensor: int
    pipeline: int
    sharding: Sharding
    """Over the `data` devices."""
    checkpointing: Checkpointing
    micro_batch: int
    """Sequences of one copy in one forward pass."""
    sequence: int
    """Tokens of each."""
    recipe: Recipe
    precision: Literal["bf16", "fp32"] = "bf16"
    """Of the computation; with bf16, what is trained has an FP32 master copy."""
    optimizer: Optimizer = "adamw"
    lora_rank: int = 8
    lora_targets: Targets = "query,value"
    accumulates: bool = True
    """Whether gradients of earlier micro-batches are there while one runs."""
    framework: Framework = TRANSFORMERS
    sequence_parallel: bool = False
    """Whether they also share what lies between their matrices (Korthikanti et al., arXiv 2205.05198, section 4.2.2)."""

    @property
    def devices(self) -> int:
        return self.data * self.tensor * self.pipeline

    @property
    def tokens(self) -> int:
        """Of one forward pass of one copy."""
        return self.micro_batch * self.sequence

    @property
    def adapters_only(self) -> bool:
        """Whether the model itself is frozen."""
        return self.recipe in ("lora", "qlora")

    def shards(self, part: Literal["weights", "gradients", "optimizer"]) -> int:
        """Over how many devices a part of the training state is spread (Rajbhandari et al., arXiv 1910.02054, section 5)."""
        least = {"weights": 3, "gradients": 2, "optimizer": 1}[part]
        return self.data if ("ddp", "zero1", "zero2", "zero3").index(self.sharding) >= least else 1


@dataclass(frozen=True, slots=True)
class Stage:
    """Parameters of the model on one device of a pipeline stage, before any sharding over the data-parallel devices."""

    matrices: float
    """Of the layers."""
    vocabulary: float
    """Embedding and head."""
    head: float
    """Of `vocabulary`, what the logits are computed with; 0 where another stage computes them."""
    norms: float
    layers: int
    in_flight: int
    """Micro-batches whose activations it holds at once: with one forward, one backward in turn, the first stage holds one for
    each stage (Narayanan et al., arXiv 2104.04473, section 2.2.1)."""

    @property
    def parameters(self) -> float:
        return self.matrices + self.vocabulary + self.norms

    @property
    def unit(self) -> float:
        """Of one layer: what FSDP gathers at once."""
        return (self.matrices + self.norms) / max(1, self.layers)


def stages(model: Architecture, layout: TrainLayout) -> tuple[Stage, ...]:
    """The stages that may be the fullest: the first, with the most activations, and the last, with the logits."""
    tensor, pipeline = layout.tensor, layout.pipeline
    matrices = (model.parts["attention"] + model.parts["mlp"] + model.parts["experts"]) / tensor / pipeline
    norms, layers = model.parts["norms"] / pipeline, model.layers // pipeline
    embedding = model.parts["embeddings"] / tensor
    head = (model.parts["head"] or model.parts["embeddings"]) / tensor
    own = model.parts["head"] / tensor
    if pipeline == 1:
        return (Stage(matrices, embedding + own, head, norms, layers, 1),)
    return (Stage(matrices, embedding, 0, norms, layers, pipeline), Stage(matrices, head, head, norms, layers, 1))


def adapter_parameters(model: Architecture, rank: int, targets: Targets = "query,value") -> int:
    """Of LoRAs of that rank: a pair of thin matrices for each adapted one of every layer (Hu et al., arXiv 2106.09685, section 4.1). Where
    attention is latent, or the projections are one matrix, this stands for what peft adapts there; experts count as the chosen ones."""
    queries, values = model.heads * model.head_dim, model.kv_heads * model.head_dim
    thin = 2 * model.width + queries + values
    if targets != "query,value":
        thin = 0 if targets == "mlp" else 4 * model.width + 2 * queries + 2 * values
        thin += 0 if targets == "attention" else round((3 if gated(model) else 2) * (model.width + inner_width(model)))
    return model.layers * rank * thin


def gated(model: Architecture) -> bool:
    """Whether its feed-forward blocks have three matrices, not two."""
    family = FAMILIES.get(model.family)
    return family is None or family.gated


def inner_width(model: Architecture) -> float:
    """Width of the feed-forward block that one token passes through, mean over the layers: dense, shared and chosen experts together.
    From the parameters; a router counts with them, and is thin."""
    chosen = model.parts["experts"] * model.experts_per_token / model.experts if model.experts else 0
    return (model.parts["mlp"] + chosen) / ((3 if gated(model) else 2) * model.width * model.layers)
