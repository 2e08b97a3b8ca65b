"""How figures read on a page, beside `units`. What is not known is None and reads `-`."""

from __future__ import annotations

import math

from steelyard.units import format_duration

UNKNOWN = "-"


def age(seconds: float) -> str:
    """A duration in whole seconds: what changes each second needs no more."""
    whole = max(math.floor(seconds), 0)
    return f"{whole} s" if whole < 60 else format_duration(whole)


def number(value: float | None) -> str:
    """Three figures, with k, M or G: `740`, `12.4k`, `1.85M`."""
    if value is None:
        return UNKNOWN
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 999.5 or unit == "T":
            break
        value /= 1000
    if not unit:
        return f"{value:.0f}" if value >= 100 or float(value).is_integer() else f"{value:.3g}"
    return f"{value:.3g}{unit}"


def loss_word(value: float | None) -> str:
    """Two decimals, more where it is small; `not a number` is said aloud, since it ends a training."""
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return "not a number"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def percent(ratio: float | None) -> str:
    """`58%`; a little is `<1%`, never a bare 0%."""
    if ratio is None:
        return UNKNOWN
    if 0 < ratio < 0.005:
        return "<1%"
    return f"{ratio * 100:.0f}%"


def plural(count: int, word: str) -> str:
    """`1 restart`, `2 restarts`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
