"""Dimensions of what the recipes build, apart from the models themselves so that sizing can read them without torch."""

from __future__ import annotations

from dataclasses import dataclass

LORA_RANK = 8
"""Of the adapters that the recipe `lora` trains."""


@dataclass(frozen=True, slots=True)
class NanoGPTConfig:
    """`width` must be a multiple of `heads`; the vocabulary is the 256 bytes."""

    layers: int = 4
    width: int = 128
    heads: int = 4
    context: int = 128
    vocabulary: int = 256

    @property
    def parameters(self) -> int:
        """Embeddings (tied with the output), then for each layer two LayerNorms, attention (4 w^2) and MLP (8 w^2), and a last norm."""
        width = self.width
        return (self.vocabulary + self.context) * width + self.layers * (12 * width**2 + 4 * width) + 2 * width
