"""The verb `models`: what is known of a model, by its name or from its own configuration, and whether GPUs hold it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steelyard.blueprint.devices import parse_device
from steelyard.catalog.accelerators import Accelerator, accelerators
from steelyard.catalog.architecture import Architecture, read_architecture
from steelyard.catalog.known import known_models, published_format
from steelyard.errors import InfeasibleError, NotFoundError
from steelyard.findings import Finding
from steelyard.planning.offers import matches
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import GIB, MATRIX_BITS, Quantization, ServingMemory, impossible, serving_memory

DEFAULT_CONTEXT = 4096
"""Tokens of a request where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A model's architecture, the format of its weights as published, and where both are from."""

    architecture: Architecture
    source: str
    native: Quantization | None = None
    """Of fewer than 16 bits; None for 16 bits, and where the format is not understood."""
    unread: str = ""
    """What of the format is not understood, or not counted as it is; empty where all is."""

    def published_bytes(self) -> int | None:
        """Of all weights in their native format, embeddings, head and norms in 16 bits. None where `native` is None."""
        if self.native is None:
            return None
        compressed = ("experts",) if self.native == "mxfp4" else ("attention", "mlp", "experts")  # the rest of gpt-oss has 16 bits
        bits = {part: MATRIX_BITS[self.native] if part in compressed else 16 for part in self.architecture.parts}
        return round(sum(count * bits[part] for part, count in self.architecture.parts.items()) / 8)


def models() -> tuple[ModelPage, ...]:
    """Every model of the catalogue, by name."""
    return tuple(page_of(model.architecture(), model.config, model.source) for _name, model in sorted(known_models().items()))


def model(name: str) -> ModelPage:
    """A model of the catalogue, by its name or the part after the slash, or a `config.json`, or a folder that has one."""
    path = Path(name)
    if path.is_dir() or path.suffix == ".json":
        return read(path / "config.json" if path.is_dir() else path)
    known = known_models()
    found = [key for key in known if name.lower() in (key.lower(), key.lower().partition("/")[2])]
    if len(found) != 1:
        near = found or nearest(name, tuple(known))
        raise NotFoundError(f"no model {name} in the catalogue" + (f"; near: {', '.join(near)}" if near else ""),
                            next_step=f"steelyard models {near[0]}" if near else "steelyard models")
    one = known[found[0]]
    return page_of(one.architecture(), one.config, one.source)


def page_of(architecture: Architecture, config: Mapping[str, Any], source: str) -> ModelPage:
    native, unread = published_format(config)
    return ModelPage(architecture, source, native, unread)


def nearest(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Up to three names that someone may have meant: they contain it, or are spelled alike."""
    word = name.lower()
    containing = [key for key in known if word in key.lower()]
    by_last_part = {key.lower().partition("/")[2]: key for key in known}
    alike = difflib.get_close_matches(word.rpartition("/")[2], by_last_part, n=3, cutoff=0.5)
    return tuple(dict.fromkeys([*containing, *(by_last_part[part] for part in alike)]))[:3]


def read(file: Path) -> ModelPage:
    """The model that a `config.json` describes."""
    try:
        config = json.loads(file.read_text())
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}", next_step=f"ls -l {file.parent}") from error
    except ValueError as error:
        raise NotFoundError(f"{file} is not JSON: {error}", next_step=f"python -m json.tool {file}") from error
    if not isinstance(config, dict):
        raise NotFoundError(f"{file} is not a configuration: it holds no object", next_step='{"model_type": "llama", ...}')
    return page_of(read_architecture(str(file), config), config, str(file))


@dataclass(frozen=True, slots=True)
class Fit:
    """A model on so many devices, served by vLLM with tensor parallelism over them."""

    accelerator: Accelerator
    devices: int
    quantization: Quantization
    memory: ServingMemory
    context: int
    """Tokens of a request, for `requests`."""
    requests: Figure
    """How many of them at once."""
    longest: int
    """Tokens of the longest request that is likely to fit; 0 where none does."""

    @property
    def fits(self) -> bool:
        """Whether at least one request of `context` tokens is likely to fit."""
        return self.requests.likely > 0


def fit(architecture: Architecture, on: str, context: int | None = None, quantization: Quantization = "none") -> Fit:
    """Weigh a model on devices (`H100`, `A100:80GB:8`). Raises InfeasibleError for a layout that cannot be."""
    card, devices = card_of(on)
    length = context or min(DEFAULT_CONTEXT, architecture.context)
    if architecture.encoder:
        raise NotFoundError(f"{architecture.name} is an encoder: it has no KV cache to weigh", next_step="steelyard models")
    if card.usable_gib is None:
        raise NotFoundError(f"what CUDA offers of a {card.name} is not known", next_step=f"steelyard gpus {card.name}")
    if why := impossible(architecture, devices, quantization):
        fewer = range(1, min(devices, architecture.heads) + 1)
        possible = max(count for count in fewer if not impossible(architecture, count, quantization))
        raise InfeasibleError([Finding(rule="layout-impossible", severity="error", object=architecture.name,
                                       message=f"{architecture.name}: {why}", next_step=f"--on {card.name}:{possible}")])
    if length > architecture.context:
        raise InfeasibleError([Finding(
            rule="sequence-too-long", severity="error", object=architecture.name, next_step=f"--context {architecture.context}",
            message=f"{length:,} tokens are more than the {architecture.context:,} that {architecture.name} can read")])
    memory = serving_memory(architecture, devices, round(card.usable_gib[0] * GIB), quantization)
    return Fit(card, devices, quantization, memory, length, memory.requests(architecture, length), memory.longest_context(architecture))


def card_of(on: str) -> tuple[Accelerator, int]:
    """The one kind of card that was asked for, and how many; a name that means several needs its memory too."""
    try:
        asked = parse_device(on)
    except ValueError as error:
        raise NotFoundError(str(error), next_step="steelyard gpus") from error
    cards = tuple(card for card in accelerators() if matches(asked, card)) if asked.name else ()
    if len(cards) != 1 or asked.share or asked.profile or asked.count.low != asked.count.high:
        near = cards or accelerators()
        raise NotFoundError(f"'{on}' is not one kind and number of whole GPUs; there are {', '.join(one.name for one in near)}",
                            next_step=f"--on {near[0].name}:{asked.count.low}")
    return cards[0], asked.count.low
