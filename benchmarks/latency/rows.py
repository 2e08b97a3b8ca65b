"""The measured rows: `silicon_sample.csv` of aiconfigurator-core, and what they say about a deployment."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from steelyard.catalog.accelerators import Accelerator, kinds_called
from steelyard.catalog.architecture import Architecture, read_architecture
from steelyard.catalog.known import known_models
from steelyard.sizing.roofline import Format, Numbers, Work, work_of
from steelyard.sizing.serving import GIB, Quantization, serving_memory

JUDGED_OF = 5
"""One in so many configurations judges; the others are for tuning."""
IN_FLIGHT = re.compile(r"silicon_concurrency=(\d+)")
SAME_AS = {
    "nvidia/Llama-3.1-8B-Instruct-FP8": "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-235B-A22B-FP8": "Qwen/Qwen3-235B-A22B",
}
"""Checkpoints of a model that the catalogue has by another name."""
FORMATS: Mapping[str, tuple[Format, Format]] = {"": ("bf16", "bf16"), "fp8": ("fp8", "fp8"), "int4": ("bf16", "int4")}
"""By the column `precision`: the dense part, the routed experts."""

NEAR: Mapping[Format, Quantization] = {"bf16": "none", "fp8": "fp8", "nvfp4": "nvfp4", "mxfp4": "mxfp4", "int4": "nvfp4"}
"""As the sizing calls a format, or the nearest that it has."""
UNKNOWN_USABLE = 0.97
"""Of a card's memory, where nobody told how much of it CUDA offers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured deployment. Latencies in seconds."""

    number: int
    """Its place among the aggregated rows of vLLM."""
    id: str
    model: str
    system: str
    precision: str
    tensor_parallel: int
    """The column `tp_size`."""
    devices: int
    """That the replica really had: see `devices_of`."""
    in_flight: int
    prompt: int
    output: int
    engine: str
    """Version of vLLM; empty where it is not told."""
    ttft: float
    tpot: float

    @property
    def configuration(self) -> str:
        """What rows of one configuration have in common: they all judge or they all tune."""
        return "|".join((self.model, self.system, self.precision, str(self.tensor_parallel), str(self.prompt), str(self.output)))

    @property
    def judges(self) -> bool:
        return int(hashlib.sha256(self.configuration.encode()).hexdigest(), 16) % JUDGED_OF == 0


@dataclass(frozen=True, slots=True)
class Deployment:
    """A row as Steelyard understands it."""

    model: Architecture
    card: Accelerator
    numbers: Numbers


def read_rows(file: Path) -> tuple[Row, ...]:
    """The aggregated rows of vLLM that have measured figures."""
    with file.open(newline="") as lines:
        found = [line for line in csv.DictReader(lines) if line["backend"] == "vllm" and line["mode"] == "agg"]
    return tuple(row_of(number, line) for number, line in enumerate(found) if line["silicon_ttft_ms"] and line["silicon_tpot_ms"])


def row_of(number: int, line: Mapping[str, str]) -> Row:
    told = IN_FLIGHT.search(line["silicon_data_source"])
    return Row(
        number=number, id=line["id"], model=line["model_path"], system=line["system"], precision=line["precision"],
        tensor_parallel=int(line["tp_size"]), devices=devices_of(line),
        in_flight=int(told[1]) if told else int(line["batch_size"]) * int(line["attention_dp_size"] or 1),
        prompt=int(line["isl"]), output=int(line["osl"]), engine=line["backend_version"],
        ttft=float(line["silicon_ttft_ms"]) / 1e3, tpot=float(line["silicon_tpot_ms"]) / 1e3,
    )


def devices_of(line: Mapping[str, str]) -> int:
    """GPUs of the replica. Where `attention_dp_size` is empty, those that share the experts.

    Where it is filled in, it counts the same GPUs a second time: the tuning rows with tp 4 and dp 4 are to the last digit those with
    tp 4, dp 1 and as many requests in flight, so they had 4 GPUs and not 16.
    """
    sharing = int(line["moe_tp_size"] or 1) * int(line["moe_ep_size"] or 1)
    return int(line["tp_size"]) if line["attention_dp_size"] else max(int(line["tp_size"]), sharing)


def deployment(row: Row, configurations: Path) -> Deployment:
    """`configurations`: the folder of aiconfigurator-core with those of models that the catalogue does not have."""
    (card,) = kinds_called(row.system.partition("_")[0])
    model = architecture(row.model, configurations)
    return Deployment(model, card, numbers(row, model))


def work(row: Row, one: Deployment) -> Work | None:
    """What the row's replica had to do."""
    return work_of(one.model, one.card, one.numbers, tensor_parallel=row.devices, prompt=row.prompt, output=row.output,
                   batch=row.in_flight, held=held(row, one))  # fmt: skip


def held(row: Row, one: Deployment) -> int:
    """Requests that have their place in memory at once, each in the middle of its output, by the sizing of `steelyard plan`."""
    usable = (one.card.usable_gib[0] if one.card.usable_gib else UNKNOWN_USABLE * one.card.memory_mib / 1024) * GIB
    memory = serving_memory(one.model, row.devices, round(usable), NEAR[one.numbers.experts], kv_bits=8 if one.numbers.kv_bits == 8 else 16)
    return memory.requests(one.model, row.prompt + row.output // 2).likely


@cache
def architecture(name: str, configurations: Path) -> Architecture:
    name = SAME_AS.get(name, name)
    if name in known_models():
        return known_models()[name].architecture()
    return read_architecture(name, json.loads((configurations / f"{name.replace('/', '--')}_config.json").read_text()))


def numbers(row: Row, model: Architecture) -> Numbers:
    """gpt-oss is published in MXFP4. NVFP4 checkpoints keep all but the routed experts in 16 bits, dense ones nothing but the vocabulary.

    The KV cache is in 8 bits where the weights are in FP8 or NVFP4: with 16 bits, the tuning rows of Llama-3.1-70B on one H200 and of
    MiniMax-M2.5 on two B200 would have had more requests at once than memory holds, by their TTFT and TPOT and Little's law.
    """
    if model.family == "gpt_oss":
        return Numbers("bf16", "mxfp4")
    if row.precision == "fp4":
        return Numbers("bf16" if model.experts else "nvfp4", "nvfp4", kv_bits=8)
    return Numbers(*FORMATS[row.precision], kv_bits=8 if row.precision == "fp8" else 16)


def once(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Without those that repeat an earlier measurement to the last digit, under whatever name and layout."""
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        found.setdefault((row.model, row.system, row.precision, row.prompt, row.output, row.in_flight, row.ttft, row.tpot), row)
    return tuple(found.values())


def tuning(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(row for row in rows if not row.judges)


def judging(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.judges)
