"""Models by name, with the dimensions that sizing computes from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steelyard.catalog.architecture import Architecture, read_architecture
from steelyard.catalog.known import known_models
from steelyard.errors import NotFoundError
from steelyard.runtime.dimensions import LORA_RANK, NanoGPTConfig


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A causal language model. `parameters` is None when the dimensions do not tell."""

    name: str
    layers: int
    width: int
    vocabulary: int
    context: int
    parameters: int | None
    adapter_parameters: int | None
    """Trainable parameters of a LoRA of rank 8 on the query and value projections."""
    source: str
    config: Mapping[str, Any] | None = None
    """Its own configuration, where it was read from a folder."""

    @property
    def architecture(self) -> Architecture | None:
        """Its dimensions in full, of the catalogue or from its own configuration; None for a family that is not known."""
        if self.name in known_models():
            return known_models()[self.name].architecture()
        with suppress(NotFoundError):
            return read_architecture(self.name, self.config) if self.config else None
        return None


def nano_gpt(sequence: int) -> ModelCard:
    """The byte-level GPT that the recipe `pretrain` builds for sequences of that many bytes."""
    config = NanoGPTConfig(context=sequence)
    return ModelCard("nano-gpt", config.layers, config.width, config.vocabulary, config.context, config.parameters, None,
                     "steelyard.runtime.dimensions")


SMOLLM2_135M = ModelCard(
    name="HuggingFaceTB/SmolLM2-135M-Instruct", layers=30, width=576, vocabulary=49_152, context=8_192,
    parameters=134_515_008, adapter_parameters=460_800, source="config.json of HuggingFaceTB/SmolLM2-135M-Instruct, 2024-10-31",
)

CARDS = {card.name: card for card in (SMOLLM2_135M,)}


def card_of_folder(folder: Path) -> ModelCard | None:
    """The card that a Hugging Face `config.json` and its safetensors give, or None when they cannot be read.

    Parameters are counted from the headers of the safetensors files, which name the shape of each tensor.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
        return ModelCard(
            name=folder.name, layers=int(config["num_hidden_layers"]), width=int(config["hidden_size"]),
            vocabulary=int(config["vocab_size"]), context=int(config["max_position_embeddings"]),
            parameters=count_parameters(folder), adapter_parameters=count_adapters(folder), source=str(folder / "config.json"),
            config=config,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def count_parameters(folder: Path) -> int | None:
    """Elements of all tensors of the folder's safetensors files; None when there is none."""
    shapes = tensor_shapes(folder)
    return sum(math.prod(shape) for shape in shapes.values()) if shapes else None


def count_adapters(folder: Path) -> int | None:
    """Parameters of a LoRA on the query and value projections, a pair of thin matrices for each; None when there are none such."""
    adapted = [shape for name, shape in tensor_shapes(folder).items() if name.endswith(("q_proj.weight", "v_proj.weight"))]
    return LORA_RANK * sum(sum(shape) for shape in adapted) or None


def tensor_shapes(folder: Path) -> dict[str, list[int]]:
    """The shape of each tensor of the folder's safetensors files, by name.

    A file begins with eight bytes, little-endian, that say how long its JSON header is (the safetensors format).
    """
    shapes: dict[str, list[int]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")  # anything, in a file that only stands for another one
            header = json.loads(opened.read(min(length, file.stat().st_size)))
        shapes |= {name: tensor["shape"] for name, tensor in header.items() if name != "__metadata__"}
    return shapes
