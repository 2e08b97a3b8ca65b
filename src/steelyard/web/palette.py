"""The one place that says what a colour and a pattern mean, on every page, in light, dark and print.

Colours are CSS variables (`--compute`), so that a theme or a printer changes them without drawing anything again. Each kind
has a pattern too: a page printed in grey can still be read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

Pattern = Literal["solid", "slash", "backslash", "dots", "bars", "rows", "grid"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What time was spent on: its name in code, its word on the page, its colours and its pattern."""

    key: str
    word: str
    light: str
    dark: str
    pattern: Pattern

    @property
    def color(self) -> str:
        return f"var(--{self.key})"


KINDS = (
    Kind("compute", "compute", "#2f6fd0", "#5b9bf5", "solid"),
    Kind("communication", "communication", "#e0662f", "#f08a58", "slash"),
    Kind("optimizer", "optimizer", "#6a4fb5", "#a08cf0", "rows"),
    Kind("data", "data wait", "#e5a50a", "#f3c14b", "dots"),
    Kind("checkpoint", "checkpoint", "#12967a", "#3cc7a6", "backslash"),
    Kind("other", "other", "#8b929c", "#8e97a3", "grid"),
    Kind("start-up", "start-up", "#5d7290", "#7f97b8", "bars"),
    Kind("restore", "restore", "#0f7f9c", "#45b5d3", "rows"),
    Kind("recovery", "recovery", "#a8557e", "#d286ad", "slash"),
    Kind("wasted", "lost work", "#c93a3a", "#ee6f6c", "grid"),
    Kind("idle", "idle", "#c8ced6", "#4b535e", "bars"),
)
"""In the order in which they are stacked; `other` stands for whatever has no kind of its own."""

BY_KEY = {kind.key: kind for kind in KINDS}

STEP_KINDS = tuple(BY_KEY[key] for key in ("compute", "communication", "optimizer", "data", "checkpoint", "other"))
"""The parts of a training step, from the bottom of the stack."""

SURFACES = {
    "page": ("#f6f7f9", "#12151a"), "panel": ("#ffffff", "#1a1e25"), "raised": ("#f0f2f5", "#222831"),
    "line": ("#dde1e7", "#2e3641"), "grid": ("#e9ecf0", "#272e38"),
    "ink": ("#14181f", "#eef1f5"), "ink-2": ("#505a68", "#aab3bf"), "ink-3": ("#667080", "#8b95a3"),
    "good": ("#1a7f45", "#4fc97f"), "busy": ("#2f6fd0", "#5b9bf5"), "care": ("#9a6200", "#f0b849"), "bad": ("#c22f2f", "#f47c78"),
    "hatch": ("rgba(255,255,255,.42)", "rgba(12,15,20,.38)"),
}
"""Everything that is not a kind: surfaces, ink, the tones of a status, and the strokes of a pattern."""

_STRIPES: dict[Pattern, str] = {
    "solid": "none",
    "slash": "repeating-linear-gradient(135deg, transparent 0 4px, var(--hatch) 4px 6.5px)",
    "backslash": "repeating-linear-gradient(45deg, transparent 0 4px, var(--hatch) 4px 6.5px)",
    "bars": "repeating-linear-gradient(90deg, transparent 0 4px, var(--hatch) 4px 6px)",
    "rows": "repeating-linear-gradient(0deg, transparent 0 3px, var(--hatch) 3px 5px)",
    "dots": "radial-gradient(circle, var(--hatch) 1.4px, transparent 1.7px) 0 0 / 6px 6px",
    "grid": "repeating-linear-gradient(0deg, transparent 0 4px, var(--hatch) 4px 5.5px), "
            "repeating-linear-gradient(90deg, transparent 0 4px, var(--hatch) 4px 5.5px)",
}

_DECALS: dict[Pattern, dict[str, Any]] = {
    "solid": {"symbol": "none"},
    "slash": {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 4], "rotation": -math.pi / 4},
    "backslash": {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 4], "rotation": math.pi / 4},
    "bars": {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 4], "rotation": math.pi / 2},
    "rows": {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 3]},
    "dots": {"symbol": "circle", "symbolSize": 0.8, "dashArrayX": [[4, 4], [0, 4, 4, 0]], "dashArrayY": [4, 0]},
    "grid": {"symbol": "rect", "dashArrayX": [4, 2], "dashArrayY": [4, 2]},
}


def kind(key: str) -> Kind:
    """The kind of that key; `other` when it has none of its own."""
    return BY_KEY.get(key, BY_KEY["other"])


def decal(of: Kind) -> dict[str, Any]:
    """The kind's pattern as a chart wants it."""
    return _DECALS[of.pattern] | {"color": "var(--hatch)"}


def stylesheet() -> str:
    """The CSS variables of both themes and of print, and a class `kind-KEY` that fills an element as its kind."""
    light, dark = _variables(0), _variables(1)
    fills = "\n".join(f".kind-{k.key} {{ background: {_fill(k)}; }}" for k in KINDS)
    return (f":root {{ {light} }}\n"
            f"@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {dark} }} }}\n"
            f"@media screen {{ :root[data-theme=dark] {{ {dark} }} }}\n{fills}\n")


def _variables(theme: int) -> str:
    colors = {k.key: (k.light, k.dark)[theme] for k in KINDS} | {name: pair[theme] for name, pair in SURFACES.items()}
    return f"color-scheme: {('light', 'dark')[theme]}; " + " ".join(f"--{name}: {value};" for name, value in colors.items())


def _fill(of: Kind) -> str:
    stripes = _STRIPES[of.pattern]
    return of.color if stripes == "none" else f"{stripes}, {of.color}"
