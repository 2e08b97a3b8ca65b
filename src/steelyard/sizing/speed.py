"""How fast a served model answers: from the work of `roofline.py` to TTFT and TPOT. Pure.

    step(p, n) = |dense read, dense compute| + |experts read, expert compute| + n cache reads + exchange + traffic + launches
    prompt     = step(a prompt, n - 1) - step(nothing, n - 1)
    TPOT       = step(nothing, n) + shared (n - 1) prompt / output
    TTFT       = request + step(a prompt, n - 1) + waits step(nothing, n) + burst (n - 1) prompt
    TTFT      += queue (TTFT + output TPOT)

with each time of the work divided by the efficiency that was measured for it, and n requests in flight in a closed loop. A step
lasts about as long as the longer of reading weights and multiplying them; prompts of others interrupt a request while it writes,
and it waits for theirs before it begins, most of all when all begin together. Where memory does not hold all requests, `queue` of
them wait for each that runs, by Little's law for as long as so many take. The constants, how they were found and how far they
are off: docs/speed.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from steelyard.catalog.accelerators import Accelerator
from steelyard.catalog.architecture import Architecture
from steelyard.sizing.need import Figure
from steelyard.sizing.roofline import Format, Numbers, Work, in_flight, widened, work_of
from steelyard.sizing.serving import Quantization, impossible

DATA = Path(__file__).parent / "data" / "speed.json"
MEASURED_ON = ("H100", "H200", "B200", "B300")
"""The cards of the rows that the constants and intervals come from."""
OVERLAP = 3
"""Reading and multiplying overlap: together they last the 3-norm of both, at most 26% longer than the longer one."""
FORMATS: Mapping[Quantization, tuple[Format, Format]] = MappingProxyType({
    "none": ("bf16", "bf16"), "fp8": ("fp8", "fp8"), "awq": ("int4", "int4"), "gptq": ("int4", "int4"),
    "mxfp4": ("bf16", "mxfp4"), "nvfp4": ("bf16", "nvfp4"),
})
"""How the dense part and the routed experts of a model are kept; as gpt-oss and NVIDIA's NVFP4 checkpoints of such models are."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one replica is while so many requests are in flight."""

    ttft: Figure
    """Microseconds until a request has its first token, waiting for others included."""
    tpot: Figure
    """Microseconds a token after the first."""
    first: float
    """Of the likely TTFT, what remains where no prompt of others is in the way; microseconds."""
    prompt: float
    """For how long reading one prompt keeps the replica busy, microseconds."""
    fastest_ttft: int
    """The roofline, in microseconds: no prediction is below it."""
    fastest_tpot: int
    validated: bool
    """Whether rows that were measured on the same kind of card, in one stage and such numbers stand behind the intervals."""


NEAREST: Mapping[str, str] = MappingProxyType({"read int4": "experts int4", "read mxfp4": "read nvfp4", "experts bf16": "experts fp8"})
"""What nobody measured, and what is taken for it."""


MARLIN: Mapping[tuple[str, int], tuple[float, float, float]] = MappingProxyType({
    ("Turing", 4): (1.016, 1.128, 1.176), ("Ampere", 4): (0.860, 0.882, 0.939), ("Ampere", 8): (0.778, 0.797, 0.852),
    ("Ada", 4): (1.038, 1.066, 1.103), ("Hopper", 4): (0.591, 0.611, 0.629),
})
"""FLOP/s of dense products whose weights of so many bits vLLM's Marlin kernels widen, over those of products of 16 bits on the same card:
lowest, median and highest at 1,024, 2,048, 4,096 and 8,192 tokens. Published results of Humming's benchmarks of vLLM 0.18 and
PyTorch 2.10 (github.com/mgoin/humming, benchmarks/results, matrices of 8192 x 8192, one scale a channel): A800, RTX 4090, H100 and H200.
Turing: two tables of vLLM's pull request 29901 (1024 x 2048, up to 4,096 tokens)."""
CERTAIN = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Rates:
    """The share of its peak that each kind of work reaches. Floats, or arrays of them while the constants are fitted."""

    dense: Any
    experts: Any
    cache: Any
    dense_compute: Any
    expert_compute: Any
    attention: Any
    exchange: Any


@dataclass(frozen=True, slots=True)
class Measured:
    """What `data/speed.json` holds."""

    constants: Mapping[str, float]
    families: tuple[str, ...]
    """Of the models that the constants come from."""
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    """Measured over predicted, at the 5th and 95th percentile, by kind (`known`, `other model`, `other card`) and figure."""
    source: str


@cache
def measured() -> Measured:
    """The constants and intervals that ship."""
    stored = json.loads(DATA.read_text())
    intervals = {kind: {name: tuple(ends) for name, ends in figures.items()} for kind, figures in stored["intervals"].items()}
    return Measured(stored["constants"], tuple(stored["families"]), intervals, stored["source"])


def serving_speed(
    model: Architecture, card: Accelerator, *, tensor_parallel: int, quantization: Quantization, prompt: int, output: int, batch: int,
    pipeline_parallel: int = 1, held: int | None = None,
) -> Speed | None:
    """The speed of one replica with `batch` requests in flight, each of `prompt` tokens in and `output` out.

    Of them, `held` have their place in the KV cache at once, and the others wait for it; None where memory is enough for all. None
    when the card's peak is not known, or the layout is impossible.
    """
    speeds = serving_speeds(model, card, tensor_parallel=tensor_parallel, quantization=quantization, prompt=prompt, output=output,
                            pipeline_parallel=pipeline_parallel)  # fmt: skip
    return speeds(batch, held) if speeds else None


def serving_speeds(
    model: Architecture, card: Accelerator, *, tensor_parallel: int, quantization: Quantization, prompt: int, output: int,
    pipeline_parallel: int = 1,
) -> ReplicaSpeed | None:
    """`serving_speed` as a function of the requests in flight alone, for whoever asks for many."""
    if model.encoder or pipeline_parallel > model.layers or impossible(model, tensor_parallel):
        return None
    dense, experts = FORMATS[quantization]
    if not model.experts:
        dense = experts
    alone = work_of(model, card, Numbers(dense, experts), tensor_parallel=tensor_parallel, pipeline_parallel=pipeline_parallel,
                    prompt=prompt, output=output, batch=1)  # fmt: skip
    if alone is None:
        return None
    validated = card.name in MEASURED_ON and pipeline_parallel == 1 and not widened(card, dense)
    rates = rates_of(card, Numbers(dense, experts), measured().constants)
    return ReplicaSpeed(alone, rates, model.family, validated, pipeline_parallel, doubt(marlin(card, dense)))


@dataclass(frozen=True, slots=True)
class ReplicaSpeed:
    """The speed of one replica, for any number of requests in flight."""

    work: Work
    """Of one request alone."""
    rates: Rates
    family: str
    validated: bool
    pipeline_parallel: int
    doubt: tuple[float, float] = CERTAIN
    """By which the ends of intervals are moved further."""

    def __call__(self, batch: int, held: int | None = None) -> Speed:
        """With all its intervals."""
        running, queue = in_flight(batch, held, self.pipeline_parallel)
        return speed_of(replace(self.work, batch=running, queue=queue), self.rates, self.family, self.validated, self.doubt)

    def micro(self, batch: float) -> tuple[float, float, float]:
        """Microseconds, likely, while memory is enough, with `batch` requests on average: the first token without the prompts of
        others, reading one prompt, TPOT."""
        running, _queue = in_flight(batch, None, self.pipeline_parallel)
        _ttft, tpot, first, prompt = answer(self.work, self.rates, measured().constants, running)
        return first * 1e6, prompt * 1e6, max(tpot * 1e6, self.work.fastest_tpot_with(running) * 1e6)


def speed_of(work: Work, rates: Rates, family: str, validated: bool, doubt: tuple[float, float] = CERTAIN) -> Speed:
    """The figures with their intervals, none of them below the roofline."""
    known = measured()
    ttft, tpot, first, prompt = answer(work, rates, known.constants, work.batch)
    kind = "other card" if not validated else "known" if family in known.families else "other model"
    ends = {name: (low * doubt[0], high * doubt[1]) for name, (low, high) in known.intervals[kind].items()}
    fastest_ttft, fastest_tpot = round(work.fastest_ttft * 1e6), round(work.fastest_tpot * 1e6)
    return Speed(figure(ttft, ends["ttft"], fastest_ttft, known.source), figure(tpot, ends["tpot"], fastest_tpot, known.source),
                 first * 1e6, prompt * 1e6, fastest_ttft, fastest_tpot, validated)  # fmt: skip


def figure(seconds: float, ends: tuple[float, float], fastest: int, source: str) -> Figure:
    """In microseconds, from `fastest` on."""
    low, likely, high = (max(fastest, round(seconds * 1e6 * factor)) for factor in (ends[0], 1.0, ends[1]))
    return Figure(low, likely, high, source)


def latency(work: Work, rates: Rates, constants: Mapping[str, Any]) -> tuple[Any, Any]:
    """TTFT and TPOT in seconds. Arithmetic only: also of arrays, as fields of `work` and `rates`."""
    return answer(work, rates, constants, work.batch)[:2]


def answer(work: Work, rates: Rates, constants: Mapping[str, Any], batch: Any) -> tuple[Any, Any, Any, Any]:
    """Seconds with `batch` requests: TTFT, TPOT, the first without the prompts of others, and reading one prompt."""
    others = batch - 1
    alone = step(work, rates, constants, batch)
    before = step(work, rates, constants, others)
    joined = step(work, rates, constants, others, prompts=1)
    prompt = joined - before
    tpot = alone + constants["shared"] * others * prompt / work.output
    first = constants["request"] + joined + constants["waits"] * alone
    ttft = first + constants["burst"] * others * prompt
    return ttft + work.queue * (ttft + work.output * tpot), tpot, first, prompt


def step(work: Work, rates: Rates, constants: Mapping[str, Any], requests: Any, prompts: int = 0) -> Any:
    """Seconds of one step that writes a token for each of `requests` and reads `prompts` prompts."""
    tokens = requests + prompts * work.prompt
    chosen = 1 - work.missed ** (constants["spread"] * tokens)
    seconds = both(work.dense / rates.dense, tokens * work.dense_compute / rates.dense_compute)
    seconds += both(work.experts * chosen / rates.experts, tokens * work.expert_compute / rates.expert_compute)
    seconds += requests * (work.cache / rates.cache + constants["sequence"]) + prompts * work.attention / rates.attention
    seconds += tokens * (work.exchange / rates.exchange + work.traffic * constants["passes"])
    launches = work.layers * (constants["layer"] + constants["doubling"] * work.doublings + prompts * constants["prompt layer"])
    return seconds + launches + work.expert_layers * constants["expert layer"] + work.latent_layers * constants["latent layer"]


def both(reading: Any, multiplying: Any) -> Any:
    """Seconds of two things that overlap."""
    return (reading**OVERLAP + multiplying**OVERLAP) ** (1 / OVERLAP)


def rates_of(card: Accelerator, numbers: Numbers, constants: Mapping[str, Any]) -> Rates:
    """The efficiencies for a card and the numbers of a checkpoint. Cards before Hopper are taken to be as efficient as it is."""
    generation = "Blackwell" if card.architecture.startswith("Blackwell") else "Hopper"
    dense, experts = (f"{generation} {'widened' if widened(card, kind) else kind}" for kind in (numbers.dense, numbers.experts))
    ratio = marlin(card, numbers.dense)
    return Rates(
        dense=constant(f"read {numbers.dense}", constants), experts=constant(f"experts {numbers.experts}", constants),
        cache=constants["cache"], dense_compute=ratio[1] * constants[f"{generation} bf16"] if ratio else constants[dense],
        expert_compute=constants[experts],
        attention=constants["attention"], exchange=constants["exchange"],
    )


def marlin(card: Accelerator, kind: Format) -> tuple[float, float, float] | None:
    """Dense products of widened weights over those of 16 bits: low, likely, high. None where nothing is widened or nobody measured it;
    then the constant of experts that are widened stands for it."""
    return MARLIN.get((card.architecture, 8 if kind == "fp8" else 4)) if widened(card, kind) else None


def doubt(ratio: tuple[float, float, float] | None) -> tuple[float, float]:
    """How much shorter and longer a time may be that is divided by `ratio`."""
    return (ratio[1] / ratio[2], ratio[1] / ratio[0]) if ratio else CERTAIN


def constant(name: str, constants: Mapping[str, Any]) -> Any:
    """A constant by its name, or that of its nearest relative."""
    return constants[NEAREST.get(name, name)]
