"""Memory of a model that vLLM serves, by part and device.

vLLM takes `gpu_memory_utilization` of a device, by default 0.9 (its documentation of engine arguments), for weights, activations
and what is not torch's; what is left of that is the pool of the KV cache. CUDA graphs come on top, in the rest of the device;
since vLLM 0.21 they are inside the share too. The constants hold for vLLM 0.17 to 0.21; 0.16 and before took 2.5 times as much for
activations. How they were found, and how far they are off: docs/memory.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Literal

from steelyard.catalog.architecture import FAMILIES, Architecture
from steelyard.sizing.need import Figure

Quantization = Literal["none", "fp8", "awq", "gptq", "mxfp4", "nvfp4"]

GIB = 1024**3
UTILIZATION = 0.9
"""Of a device's memory."""
GROUP = 128
"""Weights that share a scale in AWQ and GPTQ as they are usually published; a shard must hold whole groups."""
MATRIX_BITS: Mapping[Quantization, float] = MappingProxyType({
    "none": 16, "fp8": 8, "awq": 4 + 20 / GROUP, "gptq": 4 + 20 / GROUP, "mxfp4": 4 + 8 / 32, "nvfp4": 4 + 8 / 16,
})
"""Of one weight of a layer's matrices; of a routed expert's, where they are MXFP4 (gpt-oss keeps the rest in 16 bits). AWQ and GPTQ
keep a scale of 16 bits and a zero point of 4 for each 128 weights; MXFP4 (OCP Microscaling Formats 1.0) and NVFP4 a scale of 8 bits
for each 32 and 16. Embeddings, head and norms stay in 16 bits."""
MEASURED_ON = "H100"
MEASURED = f"vLLM 0.17 to 0.21, mostly on {MEASURED_ON}; docs/memory.md"
WEIGHTS_MORE = 1.01
"""vLLM reports up to so much more than the dimensions say: what its allocator rounds up, and small buffers."""
GRAPHS_ALWAYS, GRAPHS_LAYER = round(0.1 * GIB), round(0.023 * GIB)
GRAPHS_OFF = (0.6, 2.2)
"""CUDA graphs of a model, and of each of its layers, with vLLM's largest captured batch; and the interval."""
LARGEST_CAPTURED = 512
"""Sequences of the largest batch that vLLM captures as a graph (`cudagraph_capture_sizes`)."""
OTHER_ALONE = Figure(round(0.125 * GIB), round(0.25 * GIB), round(0.5 * GIB), MEASURED)
OTHER_TOGETHER = Figure(round(2.07 * GIB), round(2.07 * GIB), round(2.21 * GIB), MEASURED)
"""What is not torch's on a device: CUDA and, where tensors are shared, the buffers of their communication. Half and twice of the first
are assumed."""
SMALL_DEVICE, LARGE_DEVICE = 70 * GIB, 78 * GIB
"""From 70 GiB on vLLM runs more at once (`EngineArgs.get_batch_defaults`; not on an A100, which is so taken for needing more than it does).
No card offers a memory between the two: the slope there only keeps a larger device from holding less."""
SEQUENCES, TOKENS = (256, 1024), (2048, 8192)
VOCABULARY_MULTIPLE = 64
"""vLLM pads a vocabulary to it (`DEFAULT_VOCAB_PADDING_SIZE`)."""
SAMPLER_BYTES = 14.5
"""Of one sequence and token of the vocabulary while vLLM profiles its sampler: logits in 16 bits, three copies of them in 32, and
half a byte more."""
ALWAYS = round(0.04 * GIB)
"""Activations that depend on nothing."""
ACTIVATIONS_OFF = (0.85, 1.15)
"""The interval: assumed, from 6% that the tuning runs are off at most."""
ROTARY_LATENT = 64
"""Elements of a latent that are rotated, in every model of the catalogue that has one (`qk_rope_head_dim`)."""
VISION_TOWERS: Mapping[str, int] = MappingProxyType({"gemma3_text": 417_000_000})
"""Parameters of the image encoder that vLLM loads with models of this family, from 4B on (Gemma 3 report, arXiv 2503.19786, table 1)."""
TOWER_WIDTH = 2560
ADAPTER_RANK = 16
"""vLLM's default of `max_lora_rank`."""


@dataclass(frozen=True, slots=True)
class Engine:
    """How vLLM runs. `sequences` and `tokens` are `max_num_seqs` and `max_num_batched_tokens`."""

    utilization: float
    sequences: int
    tokens: int
    graphs_inside: bool
    """Whether CUDA graphs are taken from the share of `utilization`, as since vLLM 0.21."""


def usual_engine(device_memory: int) -> Engine:
    """vLLM's defaults when it serves on a device of so many bytes, as before 0.21."""
    large = min(1.0, max(0.0, (device_memory - SMALL_DEVICE) / (LARGE_DEVICE - SMALL_DEVICE)))
    sequences, tokens = (round(few + large * (many - few)) for few, many in (SEQUENCES, TOKENS))
    return Engine(UTILIZATION, sequences, tokens, graphs_inside=False)


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """A model on one device of `tensor_parallel`, in bytes."""

    parts: Mapping[str, Figure]
    """weights, activations, other, graphs; adapters where there are any."""
    pool: Figure
    """What is left for the KV cache; negative where the rest does not fit."""
    kv_per_token: int
    """Bytes of one more token on this device, before any window is full."""
    device_memory: int

    def kv_of(self, model: Architecture, tokens: int) -> int:
        """Bytes that one sequence of so many tokens holds on this device."""
        return self.kv_per_token * model.kv_elements(tokens) // model.kv_elements(1)

    def requests(self, model: Architecture, tokens: int) -> Figure:
        """How many sequences of so many tokens the pool holds at once."""
        each = self.kv_of(model, tokens)
        low, likely, high = (max(0, size // each) for size in (self.pool.low, self.pool.likely, self.pool.high))
        return Figure(low, likely, high, "pool over the KV cache of a sequence")

    def longest_context(self, model: Architecture) -> int:
        """Tokens of the longest sequence that the pool is likely to hold, at most the model's own context; 0 where it holds none."""
        low, high = 0, model.context
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.kv_of(model, middle) <= self.pool.likely else (low, middle - 1)
        return low


def impossible(model: Architecture, tensor_parallel: int, quantization: Quantization = "none") -> str:
    """Why `model` cannot be shared by so many devices, or nothing."""
    if model.heads % tensor_parallel:
        return f"{model.heads} attention heads cannot be shared equally by {tensor_parallel} devices"
    if model.latent is None and model.kv_heads % tensor_parallel and tensor_parallel % model.kv_heads:
        return f"{model.kv_heads} KV heads can neither be shared by {tensor_parallel} devices nor be repeated on them"
    if (padded := padded_vocabulary(model)) % tensor_parallel:
        return f"a vocabulary of {model.vocabulary}, padded to {padded}, cannot be shared equally by {tensor_parallel} devices"
    inner, what = inner_width(model), "of an expert" if model.experts else "of the feed-forward block"
    if inner % tensor_parallel:
        return f"the inner width of {inner} {what} cannot be shared equally by {tensor_parallel} devices"
    if quantization in ("awq", "gptq") and tensor_parallel > 1 and inner // tensor_parallel % GROUP:
        return f"the inner width of {inner} {what}, shared by {tensor_parallel} devices, is no multiple of a group of {GROUP} weights"
    return ""


def serving_memory(
    model: Architecture, tensor_parallel: int, device_memory: int, quantization: Quantization = "none", *,
    pipeline_parallel: int = 1, kv_bits: Literal[16, 8] = 16, adapters: int = 0, engine: Engine | None = None,
) -> ServingMemory:
    """The memory of one device of `device_memory` usable bytes: of the fullest stage, where there are several. The layout must be possible.

    `adapters` is `max_loras`: so many LoRA adapters of rank 16 have their place in memory.
    """
    engine = engine or usual_engine(device_memory)
    weights = weights_of(model, tensor_parallel, quantization, pipeline_parallel)
    likely = activations_of(model, tensor_parallel, engine)
    parts = {
        "weights": Figure(weights, weights, round(weights * WEIGHTS_MORE), "dimensions of the model"),
        "activations": Figure(round(ACTIVATIONS_OFF[0] * likely), likely, round(ACTIVATIONS_OFF[1] * likely), MEASURED),
        "other": OTHER_ALONE if tensor_parallel == 1 else OTHER_TOGETHER,
    }
    if adapters:
        size = adapters * adapter_of(model, tensor_parallel, ADAPTER_RANK) // pipeline_parallel
        parts["adapters"] = Figure(size, size, size, "dimensions of the model")
    graphs = graphs_of(model, pipeline_parallel, engine)
    taken = [*parts.values(), graphs] if engine.graphs_inside else [*parts.values()]
    budget = int(engine.utilization * device_memory)
    pool = Figure(budget - sum(part.high for part in taken), budget - sum(part.likely for part in taken),
                  budget - sum(part.low for part in taken), f"{engine.utilization:.0%} of the device less the parts")
    shared = 1 if model.latent is not None else min(tensor_parallel, model.kv_heads)  # a latent is whole on each device
    per_token = kv_bits // 8 * model.kv_elements(1) * max(stage_layers(model.layers, pipeline_parallel)) // (model.layers * shared)
    return ServingMemory(MappingProxyType(parts | {"graphs": graphs}), pool, per_token, device_memory)


def weights_of(model: Architecture, tensor_parallel: int, quantization: Quantization, pipeline_parallel: int = 1) -> int:
    """Bytes of the weights on one device of the fullest stage.

    Matrices and vocabulary are shared, norms and what has too few KV heads are repeated. Each device also has the tables of the
    rotary embedding, of the model's whole context, and a latent attention's projections up a second time, in 16 bits (vLLM absorbs
    them into its queries and outputs).
    """
    bits, vocabulary = MATRIX_BITS[quantization], padded_vocabulary(model) / model.vocabulary
    layers = (bits if quantization != "mxfp4" else 16) * (model.parts["attention"] + model.parts["mlp"]) / tensor_parallel
    layers += bits * model.parts["experts"] * kernel_padding(model, quantization) / tensor_parallel
    layers += bits * repeated_keys(model, tensor_parallel) + 16 * (latent_again(model) / tensor_parallel + model.parts["norms"])
    tower = VISION_TOWERS.get(model.family, 0) if model.width >= TOWER_WIDTH else 0
    first, last = (size / tensor_parallel for size in (tower + vocabulary * model.parts["embeddings"], vocabulary * model.parts["head"]))
    rotated = model.context * (model.head_dim if model.latent is None else ROTARY_LATENT)
    if pipeline_parallel == 1:
        return round((layers + 16 * (first + last + rotated)) / 8)
    shares = stage_layers(model.layers, pipeline_parallel)
    last = last or vocabulary * model.parts["embeddings"] / tensor_parallel  # a tied head is on the last stage once more
    outer = [first, *[0.0] * (pipeline_parallel - 2), last]
    return max(round((layers * count / model.layers + 16 * (one + rotated)) / 8) for count, one in zip(shares, outer, strict=True))


def stage_layers(layers: int, pipeline_parallel: int) -> tuple[int, ...]:
    """Layers of each stage, as vLLM shares them: what does not divide goes to the stages before the last (`get_pp_indices`)."""
    each, rest = divmod(layers, pipeline_parallel)
    return tuple(each + (pipeline_parallel - 1 - rest <= stage < pipeline_parallel - 1) for stage in range(pipeline_parallel))


def repeated_keys(model: Architecture, tensor_parallel: int) -> int:
    """Parameters of a device that its neighbours have too: those of KV heads, where there are fewer of them than devices."""
    if model.latent is not None or tensor_parallel <= model.kv_heads:
        return 0
    keys = 2 * model.layers * model.width * model.kv_heads * model.head_dim
    return keys // model.kv_heads - keys // tensor_parallel


def latent_again(model: Architecture) -> int:
    """Parameters of the projections up from a latent, over all layers; the values are taken as wide as what is not rotated of the keys."""
    if model.latent is None:
        return 0
    return model.layers * (model.latent - ROTARY_LATENT) * model.heads * 2 * (model.head_dim - ROTARY_LATENT)


def kernel_padding(model: Architecture, quantization: Quantization) -> float:
    """How much larger vLLM's kernels make an expert in MXFP4: they pad its width to 256 (vLLM, `mxfp4.py`; Marlin's pads more)."""
    return ceil(model.width / 256) * 256 / model.width if quantization == "mxfp4" else 1


def padded_vocabulary(model: Architecture) -> int:
    return ceil(model.vocabulary / VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE


def inner_width(model: Architecture) -> int:
    """Of a routed expert, else of the feed-forward block, from the parameter counts. 0 where they do not tell."""
    family, width = FAMILIES[model.family], model.width
    if model.experts:
        for routed in range(model.layers, 0, -1):  # the first layers may be dense
            each, rest = divmod(model.parts["experts"], routed * model.experts)
            biases = width if family.sinks else 0
            if not rest and not (each - biases) % (3 * width + (2 if family.sinks else 0)):
                return (each - biases) // (3 * width + (2 if family.sinks else 0))
        return 0
    each = model.parts["mlp"] // model.layers
    matrices = 3 if family.gated else 2
    return (each - width) // (matrices * width + 1) if family.mlp_bias else each // (matrices * width)


def activations_of(model: Architecture, tensor_parallel: int, engine: Engine) -> int:
    """Bytes of the peak of vLLM's profiling run, in 16 bits: the larger of a layer over all tokens of a step and of the sampler.

    A dense layer holds its inner states, before and after the gate, and three states of the model's width. The sampler has the
    logits of `max_num_seqs` sequences over the whole vocabulary on each device, beside the last states. The buffers of an expert
    layer (each token goes to several experts) stay allocated while the sampler runs. An encoder has no sampler.
    """
    inner = inner_width(model) // tensor_parallel
    words = 0 if model.encoder else padded_vocabulary(model)
    sampler = SAMPLER_BYTES * engine.sequences * words + 2 * engine.tokens * model.width
    if model.experts:
        routed = engine.tokens * model.experts_per_token
        return round(ALWAYS + sampler + 2 * routed * (max(2 * inner, model.width) + max(inner, model.width)))
    gated = 3 if FAMILIES[model.family].gated else 2
    return round(ALWAYS + max(sampler, 2 * engine.tokens * (gated * inner + 3 * model.width)))


def graphs_of(model: Architecture, pipeline_parallel: int, engine: Engine) -> Figure:
    """CUDA graphs of a device: their buffers grow with the layers, and with the largest batch that is captured."""
    layers = max(stage_layers(model.layers, pipeline_parallel))
    likely = (GRAPHS_ALWAYS + GRAPHS_LAYER * layers) * min(LARGEST_CAPTURED, engine.sequences) / LARGEST_CAPTURED
    return Figure(round(GRAPHS_OFF[0] * likely), round(likely), round(GRAPHS_OFF[1] * likely), MEASURED)


def adapter_of(model: Architecture, tensor_parallel: int, rank: int) -> int:
    """Bytes of one LoRA adapter's place on a device, in 16 bits: of all matrices of attention and of a dense feed-forward block.

    Of a matrix that is shared by its outputs the first factor is whole on each device, of one shared by its inputs the second.
    """
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    inner = 0 if model.experts else inner_width(model)
    gates = 2 if FAMILIES[model.family].gated else 1
    whole = 3 * model.width + model.width + (gates + 1) * model.width * bool(inner)
    shared = queries + 2 * keys + queries + (gates + 1) * inner
    return round(2 * rank * model.layers * (whole + shared / tensor_parallel))
