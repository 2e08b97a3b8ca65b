"""`kind: Serve`: a model, or several, that answer requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from steelyard.blueprint.devices import Range
from steelyard.blueprint.fields import AutoCount, Count, Duration, Factor, Name, Percentile, Rate, Replicas, Text
from steelyard.blueprint.part import Conflict, Part, Workload, at_least_one, at_most_one


class Traffic(Part):
    """What the service must carry."""

    rate: Rate = Field(description="Requests per second in a usual hour.", examples=["4/s"])
    prompt: Count | None = Field(None, description="Tokens of a usual prompt.", examples=[1200])
    output: Count | None = Field(None, description="Tokens of a usual answer.", examples=[300])
    peak: Factor = Field(Decimal(1), description="The busiest hour, as a multiple of the usual rate.", examples=["3x"])


class Slo(Part):
    """How fast answers must be, for `percentile` of the requests."""

    ttft: Duration | None = Field(None, description="Time to the first token.", examples=["800ms"])
    tpot: Duration | None = Field(None, description="Time per token after the first.", examples=["60ms"])
    percentile: Percentile = Field(95, description="Share of the requests that must be that fast, in percent.", examples=[95])

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        yield from at_least_one(given, "ttft", "tpot")


class ServedModel(Part):
    """One of several models in one server."""

    model: Text = Field(description="A name of the catalogue, or a folder.", examples=["sentence-transformers/all-MiniLM-L6-v2"])
    replicas: Count = Field(1, description="Copies of it in each server.", examples=[2])


class Serve(Workload):
    """A model, or several, that answer requests."""

    kind: Literal["Serve"] = "Serve"
    model: Text | None = Field(
        None, description="A name of the catalogue, a folder, or the output of a Train.", examples=["meta-llama/Llama-2-70b-chat-hf"]
    )
    models: Mapping[Name, ServedModel] = Field(
        {},
        description="Several models in one Triton server, by name.",
        examples=[{"embed": {"model": "sentence-transformers/all-MiniLM-L6-v2", "replicas": 1}}],
    )
    adapters: Mapping[Name, Text] = Field(
        {}, description="LoRA adapters by the name that requests use.", examples=[{"support": "models/llama2-7b-lora"}]
    )
    engine: Literal["vllm", "triton"] = Field("vllm", description="What serves: vLLM, or Triton for several models.", examples=["triton"])
    quantization: Literal["none", "fp8", "awq", "gptq", "auto"] = Field(
        "auto", description="How the weights are compressed.", examples=["fp8"]
    )
    context: AutoCount = Field("auto", description="Longest prompt and answer together, in tokens.", examples=[4096])
    traffic: Traffic | None = Field(
        None, description="What it must carry.", examples=[{"rate": "4/s", "prompt": 1200, "output": 300, "peak": "3x"}]
    )
    slo: Slo | None = Field(None, description="How fast answers must be.", examples=[{"ttft": "800ms", "tpot": "60ms", "percentile": 95}])
    replicas: Replicas = Field(Range(1, 1), description="Servers, fixed or from..to; from 0 it may sleep.", examples=["1..6", 2])
    access: Literal["team", "cluster", "public"] = Field("team", description="Who can reach it.", examples=["cluster"])

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        yield from at_most_one(given, "model", "models")
        yield from at_least_one(given, "model", "models")
        if "models" in given and given.get("engine") != "triton":
            yield Conflict("models", "several models in one server need Triton; add engine: triton")
