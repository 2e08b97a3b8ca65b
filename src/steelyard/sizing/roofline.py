"""The work of serving a model in bytes and operations, and the least time that a card needs for it. Pure.

A step that writes one token for each of `batch` requests reads every weight that it uses once and the KV cache of all requests;
a prompt costs two operations for each weight and token, and its attention (Pope et al., "Efficiently Scaling Transformer
Inference", arXiv 2211.05102, section 3.1). What is counted here is a lower bound: nothing is read twice, nothing waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from types import MappingProxyType
from typing import Literal

from steelyard.catalog.accelerators import Accelerator
from steelyard.catalog.architecture import Architecture

Format = Literal["bf16", "fp8", "nvfp4", "mxfp4", "int4"]
"""How weights are kept."""
BITS: Mapping[Format, float] = MappingProxyType({"bf16": 16, "fp8": 8, "nvfp4": 4 + 8 / 16, "mxfp4": 4 + 8 / 32, "int4": 4 + 20 / 128})
"""Of one weight with its share of the scales: NVFP4 and MXFP4 (OCP Microscaling Formats 1.0) have 8 bits for each 16 and 32 weights,
AWQ and GPTQ as usually published 20 bits for each 128."""
MULTIPLIED_IN: Mapping[Format, str] = MappingProxyType({"bf16": "bf16", "fp8": "fp8", "nvfp4": "fp4", "mxfp4": "fp8", "int4": "bf16"})
"""The type that matrices of a format are multiplied in, where a card has it: MXFP4 weights meet activations of 8 bits."""
HALF_PRECISION = ("bf16", "fp16")
NARROWER = {"Blackwell Ultra": {"fp4": 14e15}}
"""FLOP/s that the catalogue does not have. Blackwell Ultra: `systems/b300_sxm.yaml` of aiconfigurator-core 0.12.0."""
PCIE_GB_S = {"PCIe 3": 16.0, "PCIe 4": 32.0, "PCIe 5": 64.0}
"""One direction of 16 lanes (PCI-SIG, base specifications 3.0, 4.0 and 5.0)."""
LATENT_ATTENTION = 5 / 6
"""Of the operations that heads of equal width would need: values of 128 elements beside keys of 192 (arXiv 2412.19437, section 4.2)."""
REDUCTIONS = 2
"""Times that a layer sums over the devices of `tensor_parallel`: after attention and after the feed-forward block (Shoeybi et al.,
arXiv 1909.08053, section 3)."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """In which numbers a checkpoint is kept. Vocabulary and norms stay in 16 bits."""

    dense: Format
    """Of what every token passes through."""
    experts: Format
    """Of routed experts."""
    kv_bits: int = 16


@dataclass(frozen=True, slots=True)
class Work:
    """What serving costs one device, in seconds at the card's peaks."""

    layers: int
    expert_layers: int
    latent_layers: int
    """Those whose attention is latent."""
    doublings: float
    """Base-2 logarithm of the devices that share tensors."""
    dense: float
    """Reading what every token passes through, once."""
    experts: float
    """Reading all routed experts, once."""
    missed: float
    """The share of a layer's experts that one token does not choose; 1 where there are none."""
    cache: float
    """Reading the KV cache of one request, in the middle of its output."""
    dense_compute: float
    """Multiplying what every token passes through, a token."""
    expert_compute: float
    """Multiplying the experts that it chose, a token."""
    attention: float
    """Queries, keys and values of a whole prompt."""
    exchange: float
    """Sending partial sums to the other devices, a token."""
    traffic: float
    """Reading the activations of each layer once, for itself and for each expert that is chosen, a token."""
    prompt_compute: float
    """All operations of a whole prompt."""
    prompt: float
    """Tokens."""
    output: float
    batch: float
    """Requests that one stage works on at once."""
    queue: float
    """Requests that wait for memory, for each that does not."""

    @property
    def fastest_ttft(self) -> float:
        """Seconds: nobody else is there, and either the prompt's operations or the weights that a token needs are the limit."""
        return max(self.dense + self.experts * (1 - self.missed), self.prompt_compute)

    @property
    def fastest_tpot(self) -> float:
        """Seconds: all requests choose the same experts, and either memory or the operations are the limit."""
        return self.fastest_tpot_with(self.batch)

    def fastest_tpot_with(self, batch: float) -> float:
        """The same with another number of requests."""
        memory = self.dense + self.experts * (1 - self.missed) + batch * self.cache
        return max(memory, batch * (self.dense_compute + self.expert_compute))


def work_of(
    model: Architecture, card: Accelerator, numbers: Numbers, *, tensor_parallel: int, pipeline_parallel: int = 1, prompt: int, output: int,
    batch: int, held: int | None = None,
) -> Work | None:
    """The work of one device; None when the card's peak is not known. With stages, of all stages one after the other.

    Of `batch` requests in flight, `held` have their place in the KV cache at once (None: all of them).

    A token passes through all stages in turn, so their times add up, while the requests are spread over the stages: `batch` is what
    one stage works on at once.
    """
    dense_peak, expert_peak, half_peak = peak(card, numbers.dense), peak(card, numbers.experts), peak(card, "bf16")
    if dense_peak is None or expert_peak is None or half_peak is None:
        return None
    reading, parts, tokens = card.bandwidth_gb_s * 1e9 * tensor_parallel, model.parts, prompt + output / 2
    matrices, head = parts["attention"] + parts["mlp"], parts["head"] or model.vocabulary * model.width
    chosen = model.experts_per_token / model.experts if model.experts else 0.0
    running, queue = in_flight(batch, held, pipeline_parallel)
    shards = 1 if model.latent is not None else min(tensor_parallel, model.kv_heads)  # a latent is whole on each device
    dense_compute = 2 * matrices / dense_peak / tensor_parallel
    expert_compute = 2 * parts["experts"] * chosen / expert_peak / tensor_parallel
    attention = attention_operations(model, prompt) / half_peak / tensor_parallel
    return Work(
        layers=model.layers, expert_layers=model.layers if model.experts else 0, latent_layers=model.layers if model.latent else 0,
        doublings=log2(tensor_parallel), dense=(matrices * BITS[numbers.dense] + head * 16) / 8 / reading,
        experts=parts["experts"] * BITS[numbers.experts] / 8 / reading, missed=1 - chosen,
        cache=cached_elements(model, tokens) * numbers.kv_bits / 8 / shards / card.bandwidth_gb_s / 1e9,
        dense_compute=dense_compute, expert_compute=expert_compute, attention=attention, exchange=exchange(model, card, tensor_parallel),
        traffic=model.layers * model.width * 2 * (1 + model.experts_per_token) / card.bandwidth_gb_s / 1e9,
        prompt_compute=prompt * (dense_compute + expert_compute) + attention, prompt=prompt, output=output,
        batch=running, queue=queue,
    )


def in_flight(batch: float, held: int | None, pipeline_parallel: int) -> tuple[float, float]:
    """Of `batch` requests, how many one stage works on at once, and how many wait for memory for each that does not."""
    running = batch if held is None else max(1, min(batch, held))
    return max(1.0, running / pipeline_parallel), batch / running - 1


def peak(card: Accelerator, kind: Format) -> float | None:
    """FLOP/s of matrices that are kept as `kind`; where a card cannot multiply those, they are widened to 16 bits first. Cards before
    Ampere have FP16 for BF16."""
    wanted = MULTIPLIED_IN[kind]
    if (narrower := NARROWER.get(card.architecture, {}).get(wanted)) is not None:
        return narrower
    if wanted not in HALF_PRECISION and not widened(card, kind):
        return card.tflops[wanted] * 1e12
    return next((card.tflops[name] * 1e12 for name in HALF_PRECISION if name in card.tflops), None)


def widened(card: Accelerator, kind: Format) -> bool:
    """Whether weights kept as `kind` become 16 bits wide before they are multiplied, as those of 4 bits do where a card has no FP4."""
    wanted = MULTIPLIED_IN[kind]
    if kind == "bf16":
        return False
    if kind == "int4" or (kind in ("nvfp4", "mxfp4") and not card.architecture.startswith("Blackwell")):
        return True
    return wanted not in card.tflops and wanted not in NARROWER.get(card.architecture, {})


def exchange(model: Architecture, card: Accelerator, devices: int) -> float:
    """Seconds a token to sum activations of 16 bits over all devices: each sends 2 (n-1)/n of them (Patarasuk and Yuan, "Bandwidth
    optimal all-reduce algorithms", 2009)."""
    if devices == 1:
        return 0.0
    link = card.link_gb_s / 2 if card.link_gb_s else PCIE_GB_S[card.link]
    return REDUCTIONS * model.layers * model.width * 2 * 2 * (devices - 1) / devices / link / 1e9


def cached_elements(model: Architecture, tokens: float) -> float:
    """Elements that a sequence of so many tokens holds in the KV cache: `Architecture.kv_elements` without a loop over the layers."""
    each = model.latent if model.latent is not None else 2 * model.kv_heads * model.head_dim
    full = model.windows.count(None)
    return each * (full * tokens + (model.layers - full) * min(tokens, window_of(model) or tokens))


def attention_operations(model: Architecture, prompt: int) -> float:
    """Of a whole prompt: each token with itself and all before it, or with those of its window."""
    full, window = model.windows.count(None), min(prompt, window_of(model) or prompt)
    pairs = full * prompt * prompt / 2 + (model.layers - full) * (prompt * window - window * window / 2)
    return 4 * model.heads * model.head_dim * pairs * (LATENT_ATTENTION if model.latent is not None else 1)


def window_of(model: Architecture) -> int | None:
    """The window of the layers that have one."""
    return next((size for size in model.windows if size is not None), None)
