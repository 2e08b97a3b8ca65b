"""Offers and needs for tests: the catalogue's own, and ones with a card, a size and a price as a test wants them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from steelyard.blueprint import Serve, Train
from steelyard.catalog.accelerators import accelerators
from steelyard.catalog.architecture import Architecture
from steelyard.catalog.instances import instance_types
from steelyard.catalog.known import known_models
from steelyard.catalog.prices import Price, Purchase, shipped_prices
from steelyard.planning.offers import NodeOffer, node_offers
from steelyard.planning.serving import ServeNeed, serve_need

LLAMA_8B, LLAMA_70B, LLAMA_405B = "meta-llama/Llama-3.1-8B", "meta-llama/Llama-2-70b-chat-hf", "meta-llama/Llama-3.1-405B"
GIB = 1024**3


def architecture(name: str = LLAMA_8B) -> Architecture:
    return known_models()[name].architecture()


def all_offers() -> tuple[NodeOffer, ...]:
    """Everything that is sold in us-east-1 on demand."""
    return node_offers(instance_types(), shipped_prices(), "us-east-1")


def made_offer(card: str = "H100", devices: int = 8, price: int | None = 10_000_000, purchase: Purchase = "on-demand", *,
               interruption: float | None = None, name: str = "", usable_gib: float | None = None) -> NodeOffer:
    """A node with so many cards at that price; `usable_gib` makes a card of another size."""
    accelerator = next(one for one in accelerators() if one.name == card)
    if usable_gib is not None:
        accelerator = replace(accelerator, name=f"{card}-{usable_gib:g}", usable_gib=(usable_gib, usable_gib))
    instance = next(one for one in instance_types() if one.name == "p5.48xlarge")
    instance = replace(instance, name=name or f"{card.lower()}-{devices}", accelerator=accelerator, accelerator_count=float(devices))
    priced = None if price is None else Price(price, "a test", "2026-01-01", interruption)
    return NodeOffer(instance, "us-east-1", purchase, priced)


def serve(model: str = LLAMA_8B, **fields: Any) -> ServeNeed:
    return serve_need(Serve(**({"name": "chat", "model": model} | fields)), architecture(model))


def train(model: str = LLAMA_8B, **fields: Any) -> Train:
    return Train(**({"name": "tune", "model": model, "data": "s3://corpus/*.jsonl"} | fields))
