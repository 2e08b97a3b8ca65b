"""What each predictor says for a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.latency.environment import Answers
from benchmarks.latency.rows import Deployment, Row, work
from benchmarks.latency.scoring import Guess, best_way
from steelyard.sizing.speed import MEASURED_ON, Speed, measured, rates_of, speed_of

PEER = "aiconfigurator"
WAYS = ("columns", "checkpoint")
BEST = "best way of each model and precision"
"""What Steelyard is compared with: none of the ways alone does as well."""


def predict(rows: Sequence[Row], understood: Callable[[Row], Deployment]) -> dict[int, Guess]:
    """Steelyard's, with the constants that ship."""
    found = {}
    for row in rows:
        one = understood(row)
        todo = work(row, one)
        if todo is not None:
            rates = rates_of(one.card, one.numbers, measured().constants)
            found[row.number] = guess(speed_of(todo, rates, one.model.family, one.card.name in MEASURED_ON))
    return found


def guess(speed: Speed) -> Guess:
    figures = {"ttft": speed.ttft, "tpot": speed.tpot}
    low, likely, high = ({name: getattr(figure, end) / 1e6 for name, figure in figures.items()} for end in ("low", "likely", "high"))
    return Guess(likely, low, high, {"ttft": speed.fastest_ttft / 1e6, "tpot": speed.fastest_tpot / 1e6})


def peers(rows: Sequence[Row], answers: Answers) -> dict[str, dict[int, Guess]]:
    """aiconfigurator's by the way it was asked, and the best of them."""
    ways = {way: {row.number: Guess({"ttft": told[0] / 1e3, "tpot": told[1] / 1e3}) for row in rows
                  if isinstance(told := answers.rows[row.number][way], list)} for way in WAYS}  # fmt: skip
    return ways | {BEST: best_way(rows, ways)}
