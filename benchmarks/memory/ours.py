"""What Steelyard's sizing says of a point. A setting that it cannot express is said to be so, and is not compared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from benchmarks.memory.cards import GIB, usable_gib
from benchmarks.memory.judging import version
from benchmarks.memory.peers import Prediction
from benchmarks.memory.points import Point
from steelyard.catalog.architecture import FAMILIES, Architecture
from steelyard.sizing.distributed import Checkpointing, Recipe, Sharding, TrainLayout, total, train_memory
from steelyard.sizing.serving import Engine, Quantization, impossible, inner_width, serving_memory, usual_engine, weights_of

QUANTIZATIONS: Mapping[str, Quantization] = MappingProxyType({name: name for name in get_args(Quantization)} | {"": "none", "w8a8": "fp8"})
"""INT8 takes as much as FP8."""
RECIPES: Mapping[str, Recipe] = MappingProxyType({name: name for name in get_args(Recipe)})
CHECKPOINTINGS: Mapping[str, Checkpointing] = MappingProxyType({name: name for name in get_args(Checkpointing)})
SHARDINGS: Mapping[str, Sharding] = MappingProxyType({name: name for name in get_args(Sharding)})
"""By what the points write."""
SEQUENCE_PARALLEL = ("torchtitan",)
"""Engines whose tensor parallelism also shares what lies between the matrices (their documentation)."""
RANK = 8
"""Of a LoRA whose rank is not stated."""


def serving(point: Point, model: Architecture) -> Prediction:
    """Fields that are not stated have vLLM's defaults; the context is then the model's own."""
    tensor, pipeline, quantization = point.count("tensor"), point.count("pipeline"), QUANTIZATIONS[point.text("quantization")]
    if impossible(model, tensor):
        return Prediction(fits=False)
    weights = weights_of(model, tensor, quantization, pipeline) / GIB
    usable = usable_gib(point)
    if usable is None:
        return Prediction(weights)
    engine = engine_of(point, round(usable * GIB))
    memory = serving_memory(model, tensor, round(usable * GIB), quantization, pipeline_parallel=pipeline,
                            kv_bits=8 if point.text("kv_dtype") == "fp8" else 16, engine=engine)  # fmt: skip
    request = memory.kv_of(model, point.count("max_model_len", model.context))
    outside = 0 if engine.graphs_inside else memory.parts["graphs"].likely
    fits = memory.pool.likely >= request and outside <= (1 - engine.utilization) * usable * GIB
    return Prediction(weights, memory.pool.likely / GIB, None, fits)


def engine_of(point: Point, device_memory: int) -> Engine:
    """vLLM as the point says, else as it is by default. A version that is not stated is taken for one before 0.21."""
    usual = usual_engine(device_memory)
    return Engine(
        point.number("utilization") or usual.utilization, point.count("max_num_seqs", usual.sequences),
        point.count("max_num_batched_tokens", usual.tokens), graphs_inside=version(point) >= (0, 21),
    )


def training(point: Point, model: Architecture) -> Prediction | None:
    """None for a setting that a TrainLayout cannot express."""
    layout = layout_of(point, model)
    if layout is None:
        return None
    parts = train_memory(model, layout)
    whole, usable = total(parts).likely / GIB, usable_gib(point)
    beside = parts["runtime"].likely / GIB if point.text("measured") in ("allocated", "reserved") else 0
    return Prediction(parts["weights"].likely / GIB, None, whole - beside, None if usable is None else whole <= usable)


def layout_of(point: Point, model: Architecture) -> TrainLayout | None:
    """The point's layout. Not expressed are: training all weights in 16 bits without a copy in 32, checkpointing of some layers only or
    of a kind that is not stated, activations that are moved to the host, and a micro-batch that is not stated."""
    recipe, sharding = RECIPES.get(point.text("recipe")), SHARDINGS.get(point.text("sharding"))
    checkpointing = CHECKPOINTINGS.get(point.text("checkpointing"))
    if recipe is None or checkpointing is None or sharding is None or not point.text("micro_batch"):
        return None
    if recipe in ("pretrain", "full") and point.text("precision") == "bf16":
        return None
    return TrainLayout(
        data=point.count("data"), tensor=point.count("tensor"), pipeline=point.count("pipeline"), sharding=sharding,
        checkpointing=checkpointing, micro_batch=point.count("micro_batch"), sequence=point.count("sequence"), recipe=recipe,
        lora_rank=rank_of(point, model), sequence_parallel=point.text("engine") in SEQUENCE_PARALLEL,
    )


def rank_of(point: Point, model: Architecture) -> int:
    """A layout has adapters on queries and values. For others: the rank at which those have as many parameters."""
    queries, keys, inner = model.heads * model.head_dim, model.kv_heads * model.head_dim, inner_width(model)
    both = 2 * model.width + queries + keys
    attention = 4 * model.width + 2 * queries + 2 * keys
    block = (3 if FAMILIES[model.family].gated else 2) * (model.width + inner)
    wider = {"attention": attention, "mlp": block, "all": attention + block}.get(point.text("lora_targets"), both)
    return max(1, round(point.count("lora_rank", RANK) * wider / both))
