"""The constants of `steelyard.sizing.speed` from the tuning rows, and how far predictions of what was not seen are off.

Levenberg and Marquardt's method on the logarithms of predicted over measured TTFT and TPOT, with a loss that grows linearly beyond
`OUTLIER`, and with each constant drawn to its start as strongly as `Start.hold` says. Needs numpy. Takes nothing from judging rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.latency.rows import Deployment, Row, work
from steelyard.sizing.roofline import Work
from steelyard.sizing.speed import Rates, latency, rates_of

Array = npt.NDArray[np.float64]
FOLDS = 5
OUTLIER = 0.1
ROUNDS = 500
CLOSE = 1e-7
"""Of the loss: a step that gains less is the last."""
NUDGE = 1e-4
EFFICIENCY, OVERHEAD = 20.0, 2.0
"""How strongly a constant is held to its start. Of a dozen settings (5 to 120, 0.5 to 20) the one with the smallest errors for tuning
rows of models that were left out; rows of configurations that were left out hardly depend on it."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the search for a constant begins, and how strongly it is drawn back there."""

    value: float
    hold: float


STARTS: Mapping[str, Start] = {
    **{f"read {kind}": Start(0.8, EFFICIENCY) for kind in ("bf16", "fp8", "nvfp4")},
    **{f"experts {kind}": Start(0.7, EFFICIENCY) for kind in ("fp8", "nvfp4", "mxfp4", "int4")},
    "cache": Start(0.8, EFFICIENCY), "attention": Start(0.4, EFFICIENCY), "exchange": Start(0.5, EFFICIENCY),
    "Hopper bf16": Start(0.5, EFFICIENCY), "Hopper fp8": Start(0.5, EFFICIENCY), "Hopper widened": Start(0.3, EFFICIENCY),
    "Blackwell bf16": Start(0.4, EFFICIENCY), "Blackwell fp8": Start(0.35, EFFICIENCY), "Blackwell mxfp4": Start(0.3, EFFICIENCY),
    "Blackwell nvfp4": Start(0.3, EFFICIENCY), "Blackwell widened": Start(0.3, EFFICIENCY),
    "spread": Start(0.7, EFFICIENCY), "passes": Start(20.0, OVERHEAD), "layer": Start(50e-6, OVERHEAD),
    "expert layer": Start(20e-6, OVERHEAD), "latent layer": Start(20e-6, OVERHEAD), "doubling": Start(5e-6, OVERHEAD),
    "prompt layer": Start(200e-6, OVERHEAD), "sequence": Start(10e-6, OVERHEAD), "request": Start(6e-3, OVERHEAD),
    "waits": Start(2.0, OVERHEAD), "burst": Start(0.055, OVERHEAD), "shared": Start(0.9, OVERHEAD),
}
NAMES = tuple(STARTS)
CEILING = np.array([0.0 if one.hold == EFFICIENCY else np.inf for one in STARTS.values()])
"""Of the logarithms: an efficiency is at most 1."""


@dataclass(frozen=True)
class Table:
    """Rows as columns: their work, which constant each of their rates is, and what was measured."""

    rows: Sequence[Row]
    work: Any
    rates: Mapping[str, npt.NDArray[np.int64]]
    """Of each rate, the index of its constant, row by row."""
    measured: Array
    """Logarithms of seconds: TTFT, then TPOT."""

    def predicted(self, logarithms: Array) -> Array:
        """Logarithms of what `steelyard.sizing.speed` says with these constants, TTFT, then TPOT."""
        values = np.exp(logarithms)
        rates = Rates(**{name: values[index] for name, index in self.rates.items()})
        found: Array = np.log(np.stack(latency(self.work, rates, dict(zip(NAMES, values, strict=True)))))
        return found

    def part(self, chosen: npt.NDArray[np.bool_]) -> Table:
        columns: dict[str, Any] = {field.name: getattr(self.work, field.name)[chosen] for field in fields(Work)}
        rows = [row for row, wanted in zip(self.rows, chosen, strict=True) if wanted]
        return Table(rows, Work(**columns), {name: index[chosen] for name, index in self.rates.items()}, self.measured[:, chosen])


def table(rows: Sequence[Row], understood: Callable[[Row], Deployment]) -> Table:
    works, rates = [], []
    for row in rows:
        one = understood(row)
        todo = work(row, one)
        if todo is None:
            raise ValueError(f"{row.id}: the peak of {one.card.name} is not known")
        works.append(todo)
        rates.append(rates_of(one.card, one.numbers, NEAREST_NAMES))
    columns: dict[str, Any] = {field.name: np.array([getattr(one, field.name) for one in works], float) for field in fields(Work)}
    indices = {field.name: np.array([NAMES.index(getattr(rate, field.name)) for rate in rates]) for field in fields(Rates)}
    return Table(rows, Work(**columns), indices, np.log(np.array([[row.ttft for row in rows], [row.tpot for row in rows]])))


NEAREST_NAMES: Mapping[str, Any] = {name: name for name in NAMES}
"""Each constant's own name in its place, to see which ones a row takes."""


def fit(data: Table) -> Array:
    """The logarithms of the constants."""
    first = np.log([one.value for one in STARTS.values()])
    hold = np.array([one.hold for one in STARTS.values()])

    def residuals(at: Array) -> Array:
        return np.concatenate([(data.predicted(at) - data.measured).ravel(), OUTLIER * hold * (at - first)])

    at, damping = first, 1e-2
    left = residuals(at)
    for _ in range(ROUNDS):
        slopes = np.stack([(left - residuals(at - nudge)) / NUDGE for nudge in NUDGE * np.eye(len(at))], axis=1)
        weights = 1 / np.sqrt(1 + (left / OUTLIER) ** 2)
        square, down = slopes.T @ (slopes * weights[:, None]), slopes.T @ (weights * left)
        while damping < 1e6:
            there = np.minimum(at - np.linalg.solve(square + damping * np.diag(np.diag(square)), down), CEILING)
            new = residuals(there)
            if loss(new) < loss(left):
                break
            damping *= 5
        else:
            break
        gained, at, left, damping = loss(left) - loss(new), there, new, damping / 5
        if gained < CLOSE * loss(left):
            break
    return at


def loss(residuals: Array) -> float:
    """Squares near zero, straight beyond `OUTLIER`."""
    return float(np.sum(np.sqrt(1 + (residuals / OUTLIER) ** 2) - 1))


def unseen(data: Table, group_of: Callable[[Row], str]) -> Array:
    """Logarithms of measured over predicted for each row, by constants from all groups but its own: TTFT, then TPOT."""
    groups = np.array([group_of(row) for row in data.rows])
    off = np.empty_like(data.measured)
    for group in sorted(set(groups)):
        left_out = groups == group
        tested = data.part(left_out)
        off[:, left_out] = tested.measured - tested.predicted(fit(data.part(~left_out)))
    return off


def fold(row: Row) -> str:
    """Rows of a configuration stay together, so that none is predicted from its own repetition."""
    return str(int(hashlib.sha256(f"fold|{row.configuration}".encode()).hexdigest(), 16) % FOLDS)


def ends(off: Array, coverage: float = 0.9) -> tuple[float, float]:
    """The factors between which so many of the rows lie: conformal, with the ranks that also hold for one more row (Vovk et al.,
    "Algorithmic Learning in a Random World", 2005, section 4.2)."""
    ordered, n = np.sort(off), len(off)
    reach = (1 - coverage) / 2
    low, high = int(np.floor(reach * (n + 1))), int(np.ceil((1 - reach) * (n + 1)))
    return float(np.exp(ordered[max(0, low - 1)])), float(np.exp(ordered[min(n, high) - 1]))
