"""What CUDA offers of a card, where a point does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.memory.points import Point
from steelyard.catalog.accelerators import accelerators

GIB = 1024**3
NAMED: Mapping[str, tuple[str, float]] = MappingProxyType({
    "A10": ("A10G", 24), "L40": ("L40S", 48), "80GB": ("A100-80GB", 80), "H100-80GB": ("H100", 80), "A100": ("A100-80GB", 80),
    "A100-80GB": ("A100-80GB", 80), "A100-40GB": ("A100-40GB", 40), "A10G": ("A10G", 24), "L40S": ("L40S", 48),
})
"""A source's name of a card: the catalogue's name of one with the same memory, and what is printed on it, in GiB."""
OTHERS: Mapping[str, tuple[float, float]] = MappingProxyType({
    "H100-96GB": (95.0, 96), "RTX-3090": (23.58, 24), "RTX-4090": (23.52, 24), "A6000": (47.4, 48), "RTX-A5000": (23.53, 24),
})
"""Cards that the catalogue has not: what CUDA offers, from out-of-memory messages and logs, and what is printed on them, in GiB."""


def usable_gib(point: Point) -> float | None:
    """What CUDA offers of the point's device: as stated, else the least that was seen of such a card. None where it is unknown."""
    stated, card = point.number("device_gib"), point.text("card")
    if stated is not None:
        return stated
    if card in OTHERS:
        return OTHERS[card][0]
    if card not in NAMED:
        return None
    usable = next(one.usable_gib for one in accelerators() if one.name == NAMED[card][0])
    return usable[0] if usable else None


def printed_gib(point: Point) -> float | None:
    """The size in the card's name, as llm-d-planner counts."""
    card = point.text("card")
    return NAMED[card][1] if card in NAMED else OTHERS[card][1] if card in OTHERS else point.number("device_gib")
