"""`kind: Train`: a training that runs until it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from steelyard.blueprint.fields import AutoCount, Count, CountFromZero, Duration, Prose, Real, Text, Texts, one_or_many
from steelyard.blueprint.part import Conflict, Part, Workload, at_least_one, at_most_one, short_form

NANO_GPT = "nano-gpt"
"""A small byte-level GPT that is built from nothing: needs no download."""

Recipe = Literal["pretrain", "full", "lora", "qlora", "custom"]


class Checkpoint(Part):
    """When the state of a training is kept."""

    every: Duration = Field(timedelta(minutes=15), description="Time between two checkpoints.", examples=["15m"])
    keep: Count = Field(3, description="How many are kept; the oldest goes first.", examples=[3])


class Script(Part):
    """The user's own training script."""

    file: Text = Field(description="Path of the script, beside the blueprint.", examples=["train.py"])
    args: Annotated[tuple[Prose, ...], BeforeValidator(one_or_many)] = Field(
        (), description="Its arguments.", examples=[["--width", "256"]]
    )


def _script(value: object) -> object:
    return value if isinstance(value, Mapping | Script) else {"file": value}


def _inferred_recipe(given: dict[str, Any]) -> Recipe:
    """script: custom; a model: lora; only data, or the nano GPT: pretrain."""
    if given.get("script") is not None:
        return "custom"
    return "pretrain" if given.get("model") in (None, NANO_GPT) else "lora"


class Train(Workload):
    """A training that runs until it is done: a recipe on a model, or your own script."""

    kind: Literal["Train"] = "Train"
    model: Text | None = Field(
        None, description="A name of the catalogue, a folder, a config.json, or nano-gpt.", examples=["meta-llama/Llama-2-7b-hf", NANO_GPT]
    )
    script: Annotated[Script, BeforeValidator(_script)] | None = Field(
        None,
        description="Your own script instead of a recipe.",
        examples=["train.py", {"file": "train.py", "args": ["--width", "256"]}],
        json_schema_extra=short_form(type="string"),
    )
    data: Texts = Field(
        (),
        description="Files, globs, s3://, a storage name (datasets/sft), or python:stdlib.",
        examples=["s3://acme-corpus/sft/*.jsonl", "python:stdlib"],
    )
    recipe: Recipe = Field(
        default_factory=_inferred_recipe,
        description="How to train. Left out: custom with a script, lora with a model, pretrain with data alone.",
        examples=["lora"],
    )
    epochs: Real | None = Field(None, description="Passes over the data.", examples=[3])
    tokens: Count | None = Field(None, description="Length in tokens, instead of epochs.", examples=["1B"])
    steps: Count | None = Field(None, description="Length in optimizer steps, instead of epochs.", examples=[2000])
    sequence: AutoCount = Field("auto", description="Tokens in one sequence.", examples=[4096])
    batch: AutoCount = Field("auto", description="Sequences per optimizer step over all workers.", examples=[128])
    learning_rate: Real | None = Field(None, description="Peak learning rate; the recipe's own when left out.", examples=["2e-4"])
    seed: CountFromZero = Field(
        1, description="Seed of initialisation and data order: the same seed gives the same training.", examples=[7]
    )
    framework: Literal["ray", "torchrun"] = Field("ray", description="What starts the workers.", examples=["torchrun"])
    workers: AutoCount = Field("auto", description="Worker processes; on GPUs one per device.", examples=[2])
    precision: Literal["auto", "fp32", "bf16", "fp16", "fp8"] = Field(
        "auto", description="Number format of the arithmetic.", examples=["bf16"]
    )
    checkpoint: Checkpoint = Field(
        default_factory=Checkpoint, description="When the state is kept, and how often.", examples=[{"every": "15m", "keep": 3}]
    )
    deadline: Duration | None = Field(None, description="The plan must be able to keep it.", examples=["2 days"])
    output: Text | None = Field(None, description="Where the result goes: a folder, or a storage name.", examples=["models/llama2-7b-lora"])

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        yield from at_most_one(given, "model", "script")
        yield from at_most_one(given, "epochs", "tokens", "steps")
        yield from at_least_one(given, "model", "script", "data")
        recipe = given.get("recipe")
        if recipe == "custom" and "script" not in given:
            yield Conflict("recipe", "recipe: custom runs your own script, and there is none; add script: train.py")
        if "script" in given and isinstance(recipe, str) and recipe != "custom":
            yield Conflict("recipe", f"recipe: {recipe[:20]} is Steelyard's own training, and script: brings yours; keep one")
        if isinstance(recipe, str) and recipe in ("full", "lora", "qlora") and not {"model", "script"} & set(given):
            yield Conflict("recipe", f"recipe: {recipe} goes on from a model, and there is none; add model: meta-llama/Llama-2-7b-hf")
