"""Memory of a model that vLLM serves, by part and device.

vLLM takes `gpu_memory_utilization` of a device, by default 0.9 (its documentation of engine arguments), for weights, activations
and what is not torch's; what is left of that is the pool of the KV cache. CUDA graphs come on top, in the rest of the device.
The constants were measured with vLLM 0.17 to 0.19 on H100 (49 public runs); those of 0.16 and before are 2.5 times as large for
activations. Weights follow from the model's dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from steelyard.catalog.architecture import Architecture
from steelyard.sizing.need import Figure

Quantization = Literal["none", "fp8", "awq", "gptq"]

GIB = 1024**3
UTILIZATION = 0.9
"""Of a device's memory, for all but the CUDA graphs."""
MATRIX_BITS: Mapping[Quantization, float] = MappingProxyType({"none": 16, "fp8": 8, "awq": 4 + 20 / 128, "gptq": 4 + 20 / 128})
"""Of one weight of a layer's matrices. AWQ and GPTQ keep a scale of 16 bits and a zero point of 4 for each 128 weights.
Embeddings, head and norms stay in 16 bits."""
MEASURED_ON = "H100"
MEASURED = f"vLLM 0.17 to 0.19 on {MEASURED_ON}, 49 public runs"
ACTIVATIONS = Figure(round(0.75 * GIB), round(1.9 * GIB), round(3.99 * GIB), MEASURED)
ACTIVATIONS_OF = {"llama": 1.89, "qwen2": 2.21, "qwen3": 2.21, "gemma3_text": 3.9, "granite": 0.8}
"""GiB by family, where it was measured."""
WEIGHTS_MORE = 1.01
"""vLLM reports a little more than the dimensions say: 0.2% for Llama-3.1-8B in 16 bits, 0.4% in FP8."""
GRAPHS = Figure(round(0.5 * GIB), round(1.04 * GIB), round(1.9 * GIB), MEASURED)
OTHER_ALONE = Figure(round(0.25 * GIB), round(0.25 * GIB), round(0.25 * GIB), MEASURED)
OTHER_TOGETHER = Figure(round(2.07 * GIB), round(2.13 * GIB), round(2.21 * GIB), MEASURED)
"""What is not torch's on a device: CUDA and, where several work together, the buffers of their communication."""


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """A model on one device of `tensor_parallel`, in bytes."""

    parts: Mapping[str, Figure]
    """weights, activations, other, graphs."""
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


def impossible(model: Architecture, tensor_parallel: int) -> str:
    """Why `model` cannot be shared by so many devices, or nothing."""
    if model.heads % tensor_parallel:
        return f"{model.heads} attention heads cannot be shared equally by {tensor_parallel} devices"
    if model.latent is None and model.kv_heads % tensor_parallel and tensor_parallel % model.kv_heads:
        return f"{model.kv_heads} KV heads can neither be shared by {tensor_parallel} devices nor be repeated on them"
    return ""


def serving_memory(model: Architecture, tensor_parallel: int, device_memory: int, quantization: Quantization = "none") -> ServingMemory:
    """The memory of one device of `device_memory` usable bytes. The layout must be possible."""
    likely = round(ACTIVATIONS_OF[model.family] * GIB) if model.family in ACTIVATIONS_OF else ACTIVATIONS.likely
    weights = weights_of(model, tensor_parallel, quantization)
    parts = {
        "weights": Figure(weights, weights, round(weights * WEIGHTS_MORE), "dimensions of the model"),
        "activations": Figure(ACTIVATIONS.low, likely, ACTIVATIONS.high, MEASURED),
        "other": OTHER_ALONE if tensor_parallel == 1 else OTHER_TOGETHER,
    }
    budget = int(UTILIZATION * device_memory)
    pool = Figure(budget - sum(part.high for part in parts.values()), budget - sum(part.likely for part in parts.values()),
                  budget - sum(part.low for part in parts.values()), f"{UTILIZATION:.0%} of the device less the parts")
    shared = 1 if model.latent is not None else min(tensor_parallel, model.kv_heads)  # a latent is whole on each device
    return ServingMemory(MappingProxyType(parts | {"graphs": GRAPHS}), pool, 2 * model.kv_elements(1) // shared, device_memory)


def weights_of(model: Architecture, tensor_parallel: int, quantization: Quantization) -> int:
    """Bytes of the weights on one device: matrices and vocabulary are shared, norms and what has too few KV heads are repeated."""
    matrices = model.parts["attention"] + model.parts["mlp"] + model.parts["experts"]
    vocabulary = model.parts["embeddings"] + model.parts["head"]
    repeated = 0
    if model.latent is None and tensor_parallel > model.kv_heads:
        keys = 2 * model.layers * model.width * model.kv_heads * model.head_dim
        repeated = keys // model.kv_heads - keys // tensor_parallel
    bits = MATRIX_BITS[quantization] * (matrices / tensor_parallel + repeated) + 16 * (vocabulary / tensor_parallel + model.parts["norms"])
    return round(bits / 8)
