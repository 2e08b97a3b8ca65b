"""What PyTorch keeps of a forward pass for the backward pass, in bytes. Pure.

The count of Korthikanti et al. (arXiv 2205.05198, equation 1) is that of a GPT with dropout and two matrices in its feed-forward block.
The models of today have neither, so the coefficients here are those of the tensors that autograd saves in a layer of Hugging Face
transformers 5.23 with torch 2.15 (Llama, listed with `torch.autograd.graph.saved_tensors_hooks`, each storage once). Attention keeps
no matrix of sequence x sequence: scaled_dot_product_attention and FlashAttention compute it again (Dao et al., arXiv 2205.14135).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from steelyard.catalog.architecture import Architecture
from steelyard.sizing.train_layout import TrainLayout, gated, inner_width

Case = Literal["low", "likely", "high"]
CASES: tuple[Case, Case, Case] = ("low", "likely", "high")


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes that a layer keeps for one token, as multiples of widths."""

    stream: int
    """Of the model's width: what the norms and the projections keep."""
    gated: int
    """Of the feed-forward block's width, where it has a gate."""
    plain: int
    """The same, where it has none."""
    boundary: int
    """Of the model's width: the input of a layer that is computed again."""
    element: int = 2
    """Bytes of a query, key or value."""


FUSED = Saved(stream=8, gated=6, plain=4, boundary=2)
"""Norms in one kernel (torch's rms_norm), and the gate in one (Liger)."""
PURE = Saved(stream=16, gated=8, plain=4, boundary=2)
"""Weights in BF16 while they compute: FSDP, DeepSpeed. A norm keeps its input in FP32, and two outputs."""
AUTOCAST = Saved(stream=26, gated=8, plain=4, boundary=4)
"""Weights in FP32, as in a Trainer with `bf16` and DistributedDataParallel: the stream stays in FP32, each projection keeps a copy."""
FP32 = Saved(stream=24, gated=16, plain=8, boundary=4, element=4)
ADAPTED = Saved(stream=8, gated=6, plain=2, boundary=2)
"""With LoRA: a frozen matrix does not need its input, so less is kept; each adapter's input comes on top (`adapted_inputs`)."""
ADAPTED_FUSED = Saved(stream=4, gated=4, plain=2, boundary=2)
ADAPTED_FP32 = Saved(stream=8, gated=12, plain=4, boundary=4, element=4)
ROUTED = 2
"""Elements of the model's width for each chosen expert: its gathered input and its output."""
BACKWARD_STREAM, BACKWARD_INNER = 8, 6
"""Bytes of the gradients that live at once in the backward pass of a feed-forward block, as multiples of the widths: of product, gate
and up in 16 bits; of the stream in FP32, twice. Counted by hand."""


@dataclass(frozen=True, slots=True)
class LayerBytes:
    """Of one layer on one device, for one token."""

    kept: float
    boundary: float
    lingering: float
    """What is not given back of its input and of the gradient of it before the whole backward pass is over."""
    backward: float


def saved_by(layout: TrainLayout, case: Case) -> Saved:
    """What is kept, by how the framework runs it; low and high are how others run it."""
    if layout.precision == "fp32":
        return ADAPTED_FP32 if layout.adapters_only else FP32
    fused = case == "low" or (case == "likely" and layout.framework.kernels)
    if layout.adapters_only:
        return ADAPTED_FUSED if fused else ADAPTED
    if case != "likely" or fused:
        return FUSED if fused else AUTOCAST
    return AUTOCAST if layout.framework.master and (layout.sharding == "ddp" or layout.data == 1) else PURE


def frozen_units(layout: TrainLayout) -> bool:
    """Whether FSDP shares a frozen model."""
    return layout.adapters_only and layout.data > 1 and layout.sharding == "zero3"


def rest_wide(layout: TrainLayout, case: Case) -> bool:
    """Whether what is not in 4 bits is in FP32, and the stream between the layers with it."""
    usual = layout.framework.rest_wide and not frozen_units(layout)
    return layout.recipe == "qlora" and (case == "high" or (case == "likely" and usual))


def layer_bytes(model: Architecture, layout: TrainLayout, case: Case) -> LayerBytes:
    """Matrices are shared by the tensor-parallel devices; what lies between them is whole on each, but for sequence parallelism
    (arXiv 2205.05198, sections 4.2.1 and 4.2.2)."""
    saved, inner = saved_by(layout, case), inner_width(model)
    of_stream, of_queries, of_inner = adapted_inputs(layout, case)
    queries = model.heads * model.head_dim
    held = held_inputs(layout)
    inside = ((saved.gated if gated(model) else saved.plain) + of_inner + 2 * held) * inner + of_queries * queries
    inside += attention_bytes(model, saved, case == "high") + held * queries
    between = (saved.stream + of_stream + 4 * held + ROUTED * saved.element * model.experts_per_token) * model.width
    shared = layout.tensor if layout.sequence_parallel else 1
    boundary = 4 if rest_wide(layout, case) else saved.boundary
    backward_between, backward_inside = BACKWARD_STREAM * model.width, BACKWARD_INNER * saved.element / 2 * inner
    return LayerBytes(
        kept=between / shared + inside / layout.tensor,
        boundary=boundary * model.width / shared,
        lingering=2 * boundary * model.width / shared if frozen_units(layout) and case != "low" else 0.0,
        backward=backward_between / shared + backward_inside / layout.tensor,
    )


def adapted_inputs(layout: TrainLayout, case: Case) -> tuple[int, int, int]:
    """Bytes of one token that adapters keep, as multiples of the widths of the model, of its queries and of the feed-forward block. Each
    adapter keeps its own copy: in the adapters' precision, or in 16 bits under autocast."""
    if not layout.adapters_only:
        return 0, 0, 0
    framework = layout.framework
    narrow = case == "low" or not framework.adapters_wide or (framework.autocast and case == "likely")
    each = 4 if layout.precision == "fp32" or not narrow else 2
    targets = layout.lora_targets
    stream = {"query,value": 2, "attention": 3, "mlp": 2, "all": 5}[targets]
    return each * stream, each * (targets in ("attention", "all")), each * (targets in ("mlp", "all"))


def held_inputs(layout: TrainLayout) -> int:
    """Bytes of an element of an input that a 4-bit product holds. It is there twice: the one of the pass before goes when its loss is
    forgotten, but what attention holds anyway counts once."""
    return 2 if layout.recipe == "qlora" and layout.framework.inputs_held and layout.checkpointing == "none" else 0


def attention_bytes(model: Architecture, saved: Saved, repeated: bool) -> float:
    """Queries, keys, values and output of one layer for one token, and for each head the logarithm of its sum. A latent is spread out
    over all heads before attention (DeepSeek-V2, arXiv 2405.04434, section 2.1), and kept itself, with its norm.
    `repeated`: keys and values once for each head, which a padding mask makes transformers do."""
    queries = model.heads * model.head_dim
    keys = queries if repeated or model.latent is not None else model.kv_heads * model.head_dim
    return 2 * saved.element * (queries + keys) + 4 * model.heads + 8 * (model.latent or 0)
