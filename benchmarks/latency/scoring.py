"""Errors of predictions against measured rows. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.latency.rows import Row

FIGURES = ("ttft", "tpot")


@dataclass(frozen=True, slots=True)
class Guess:
    """A prediction, in seconds by figure. `low` and `high` bound the stated interval; None where none is stated."""

    likely: Mapping[str, float]
    low: Mapping[str, float] | None = None
    high: Mapping[str, float] | None = None
    fastest: Mapping[str, float] | None = None
    """The roofline."""


@dataclass(frozen=True, slots=True)
class Score:
    """Of one predictor over some rows. Errors are |predicted / measured - 1|."""

    rows: int
    answered: int
    median_error: Mapping[str, float | None]
    p90_error: Mapping[str, float | None]
    inside: Mapping[str, float | None]
    """The share of answered rows that lie in the stated interval; None where none is stated."""
    below_roofline: int

    @property
    def coverage(self) -> float:
        return self.answered / self.rows if self.rows else 0.0

    def data(self) -> dict[str, Any]:
        return {
            "rows": self.rows, "answered": self.answered, "coverage": round(self.coverage, 4),
            **{name: {figure: None if value is None else round(value, 4) for figure, value in getattr(self, name).items()}
               for name in ("median_error", "p90_error", "inside")},
            "below_roofline": self.below_roofline,
        }  # fmt: skip


def measured(row: Row, figure: str) -> float:
    return row.ttft if figure == "ttft" else row.tpot


def error(row: Row, guess: Guess, figure: str) -> float:
    return abs(guess.likely[figure] / measured(row, figure) - 1)


def score(rows: Sequence[Row], guesses: Mapping[int, Guess]) -> Score:
    """`guesses` by the number of a row; a row without one has no answer."""
    answered = [(row, guesses[row.number]) for row in rows if row.number in guesses]
    errors = {figure: sorted(error(row, guess, figure) for row, guess in answered) for figure in FIGURES}
    return Score(
        rows=len(rows), answered=len(answered),
        median_error={figure: median(values) if values else None for figure, values in errors.items()},
        p90_error={figure: values[int(0.9 * (len(values) - 1))] if values else None for figure, values in errors.items()},
        inside={figure: inside(answered, figure) for figure in FIGURES},
        below_roofline=sum(guess.likely[figure] < guess.fastest[figure] for _, guess in answered if guess.fastest for figure in FIGURES),
    )


def inside(answered: Sequence[tuple[Row, Guess]], figure: str) -> float | None:
    held = [guess.low[figure] <= measured(row, figure) <= guess.high[figure] for row, guess in answered if guess.low and guess.high]
    return sum(held) / len(held) if held else None


def by(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, list[Row]]:
    """The rows of each value of `key`, in order."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(sorted(groups.items()))


def kind(row: Row) -> str:
    """What a checkpoint on a kind of card is called in the tables."""
    return f"{row.model} {row.precision or 'bf16'} on {row.system}"


def best_way(rows: Sequence[Row], ways: Mapping[str, Mapping[int, Guess]]) -> dict[int, Guess]:
    """For each model and precision the answers of the way that has the smaller median error of TPOT on the tuning rows (of those
    that it answers), and where that way has none the other's: the most that can be made of a predictor that can be asked in ways."""
    chosen: dict[int, Guess] = {}
    for group in by(rows, lambda row: f"{row.model} {row.precision}").values():
        tuning = [row for row in group if not row.judges]
        errors = {way: score(tuning, guesses).median_error["tpot"] for way, guesses in ways.items()}
        order = sorted(ways, key=lambda way: float("inf") if errors[way] is None else float(errors[way] or 0))
        for way in reversed(order):
            chosen |= {row.number: ways[way][row.number] for row in group if row.number in ways[way]}
    return chosen
