"""What two other tools would say of a point: own code after their published formulas.

- HF accelerate, `estimate-memory` (documentation "Model memory estimator"): the parameters in one data type; four times that for a
  training with Adam. It knows no devices, so its figure is divided by all that share the weights; it has no activations, no pool.
- llm-d-planner, `capacity_planner.py` at commit e50305af90f0 (2026-04-27): its constants below. It counts activations once for all
  devices of a replica, and a card by its printed size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.memory.cards import printed_gib, usable_gib
from benchmarks.memory.points import Point
from steelyard.catalog.architecture import Architecture

GIB = 1024**3
TYPE_BYTES: Mapping[str, float] = MappingProxyType({"": 2, "none": 2, "fp8": 1, "w8a8": 1})
"""Of accelerate: what is not listed is 4 bits."""
PLANNER_ACTIVATIONS: Mapping[str, float] = MappingProxyType({"llama": 4.8, "qwen2": 5.6, "qwen3": 5.6})
PLANNER_DENSE, PLANNER_EXPERTS = 5.5, 8.0
PLANNER_OTHER_ALONE, PLANNER_OTHER_TOGETHER = 0.15, 0.6
"""GiB."""
PUBLISHED_IN_FP8 = ("deepseek_v3", "kimi_k2")
PLANNER_BYTES: Mapping[str, float] = MappingProxyType({"gptq": 0.5, "awq": 0.5, "mxfp4": 4.25 / 8, "w8a8": 1})


@dataclass(frozen=True, slots=True)
class Prediction:
    """In GiB of one device; None where the tool says nothing."""

    weights: float | None = None
    pool: float | None = None
    total: float | None = None
    fits: bool | None = None


def accelerate_serving(point: Point, model: Architecture) -> Prediction:
    each = TYPE_BYTES.get(point.text("quantization"), 0.5)
    weights = each * model.parameters / (point.count("tensor") * point.count("pipeline")) / GIB
    usable = usable_gib(point)
    share = point.number("utilization") or 0.9
    return Prediction(weights, None if usable is None else share * usable - weights, None, None if usable is None else weights <= usable)


def accelerate_training(point: Point, model: Architecture) -> Prediction:
    """Adam trains all parameters, whatever the recipe is; sharded they are divided by all devices."""
    shared = point.count("tensor") * point.count("pipeline") * (point.count("data") if point.text("sharding") == "zero3" else 1)
    weights = TYPE_BYTES.get(point.text("quantization"), 0.5) * model.parameters / shared / GIB
    usable = usable_gib(point)
    return Prediction(weights, None, 4 * weights, None if usable is None else 4 * weights <= usable)


def planner_serving(point: Point, model: Architecture) -> Prediction:
    tensor, devices = point.count("tensor"), point.count("tensor") * point.count("pipeline")
    weights = planner_weights(point, model) / devices / GIB
    card = printed_gib(point)
    if card is None:
        return Prediction(weights)
    activations = PLANNER_ACTIVATIONS.get(model.family, PLANNER_EXPERTS if model.experts else PLANNER_DENSE)
    other = PLANNER_OTHER_ALONE if tensor == 1 else PLANNER_OTHER_TOGETHER
    pool = max(0.0, (point.number("utilization") or 0.9) * card - weights - activations / devices - other)
    whole = model.latent if model.latent is not None else 2 * model.kv_heads * model.head_dim
    request = 2 * model.layers * whole * point.count("max_model_len", model.context) / GIB
    return Prediction(weights, pool, None, pool * devices >= request)


def planner_weights(point: Point, model: Architecture) -> float:
    """Bytes of what is stored; a format that vLLM makes while it loads is not seen."""
    quantization, rest = point.text("quantization"), model.parts["embeddings"] + model.parts["head"] + model.parts["norms"]
    stored_small = "fp8" in point.text("model").lower() or model.family in PUBLISHED_IN_FP8
    each = 1.0 if quantization == "fp8" and stored_small else PLANNER_BYTES.get(quantization, 2)
    if quantization == "mxfp4":
        return each * model.parts["experts"] + 2 * (model.parameters - model.parts["experts"])
    return each * (model.parameters - rest) + 2 * rest
