"""What Steelyard's sizing says of a point. A setting that it cannot express is said to be so, and is not compared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from benchmarks.memory.cards import GIB, usable_gib
from benchmarks.memory.frameworks import ONE_PASS, built, framework_of
from benchmarks.memory.judging import version
from benchmarks.memory.peers import Prediction
from benchmarks.memory.points import Point
from steelyard.catalog.architecture import Architecture
from steelyard.sizing.distributed import (
    Checkpointing,
    Recipe,
    Sharding,
    Targets,
    TrainLayout,
    fits,
    library_bytes,
    total,
    train_memory,
)
from steelyard.sizing.serving import Engine, Quantization, impossible, serving_memory, usual_engine, weights_of

QUANTIZATIONS: Mapping[str, Quantization] = MappingProxyType({name: name for name in get_args(Quantization)} | {"": "none", "w8a8": "fp8"})
"""INT8 takes as much as FP8."""
RECIPES: Mapping[str, Recipe] = MappingProxyType({name: name for name in get_args(Recipe)})
CHECKPOINTINGS: Mapping[str, Checkpointing] = MappingProxyType({name: name for name in get_args(Checkpointing)})
SHARDINGS: Mapping[str, Sharding] = MappingProxyType({name: name for name in get_args(Sharding)})
TARGETS: Mapping[str, Targets] = MappingProxyType({name: name for name in get_args(Targets)})
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
    holds = memory.pool.likely >= request and outside <= (1 - engine.utilization) * usable * GIB
    return Prediction(weights, memory.pool.likely / GIB, None, holds)


def engine_of(point: Point, device_memory: int) -> Engine:
    """vLLM as the point says, else as it is by default. A version that is not stated is taken for one before 0.21."""
    usual = usual_engine(device_memory)
    return Engine(
        point.number("utilization") or usual.utilization, point.count("max_num_seqs", usual.sequences),
        point.count("max_num_batched_tokens", usual.tokens), graphs_inside=version(point) >= (0, 21),
    )


def training(point: Point, model: Architecture) -> Prediction | None:
    """None for a setting that a TrainLayout cannot express."""
    layout, model = layout_of(point), built(point, model)
    if layout is None:
        return None
    parts = train_memory(model, layout)
    whole, usable = total(parts).likely / GIB, usable_gib(point)
    libraries = library_bytes(layout, "likely", layout.devices)
    beside = {"allocated": parts["runtime"].likely, "reserved": libraries}.get(point.text("measured"), 0) / GIB
    return Prediction(parts["weights"].likely / GIB, None, whole - beside, None if usable is None else fits(parts, round(usable * GIB)))


def layout_of(point: Point) -> TrainLayout | None:
    """The point's layout. Not expressed are: checkpointing of some layers only or of a kind that is not stated, activations that are moved
    to the host, and a micro-batch that is not stated."""
    recipe, sharding = RECIPES.get(point.text("recipe")), SHARDINGS.get(point.text("sharding"))
    checkpointing = CHECKPOINTINGS.get(point.text("checkpointing"))
    if recipe is None or checkpointing is None or sharding is None or not point.text("micro_batch"):
        return None
    engine = point.text("engine")
    return TrainLayout(
        data=point.count("data"), tensor=point.count("tensor"), pipeline=point.count("pipeline"), sharding=sharding,
        checkpointing=checkpointing, micro_batch=point.count("micro_batch"), sequence=point.count("sequence"), recipe=recipe,
        lora_rank=point.count("lora_rank", RANK), lora_targets=TARGETS.get(point.text("lora_targets"), "query,value"),
        accumulates=engine not in ONE_PASS, framework=framework_of(point), sequence_parallel=engine in SEQUENCE_PARALLEL,
    )
