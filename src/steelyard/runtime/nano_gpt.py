"""A small GPT over bytes, trained from nothing: big enough to learn the shape of text in a minute on two cores.

The architecture is GPT-2's with pre-normalisation, tied embeddings and no biases in the linear layers
(Radford et al., "Language Models are Unsupervised Multitask Learners", 2019). The vocabulary is the 256 bytes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from steelyard.runtime.dimensions import NanoGPTConfig


class Block(nn.Module):
    """One transformer layer: causal self-attention and an MLP of four times the width, each behind a LayerNorm."""

    def __init__(self, config: NanoGPTConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.projection = nn.Linear(config.width, config.width, bias=False)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, 4 * config.width, bias=False)
        self.down = nn.Linear(4 * config.width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`x`: (batch, sequence, width), and so is what is returned."""
        batch, sequence, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, sequence, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.projection(attended.transpose(1, 2).reshape(batch, sequence, width))
        hidden: Tensor = x + self.down(functional.gelu(self.up(self.mlp_norm(x))))
        return hidden


class NanoGPT(nn.Module):
    """Bytes in, the loss of predicting each next byte out."""

    def __init__(self, config: NanoGPTConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats. `inputs`, `targets`: (batch, sequence) of int64; targets are the inputs one byte later."""
        positions = torch.arange(inputs.shape[1], device=inputs.device)
        x = self.tokens(inputs) + self.positions(positions)
        for block in self.blocks:
            x = block(x)
        logits = functional.linear(self.norm(x), self.tokens.weight)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
