"""`python -m benchmarks.latency [--fit]`: exit status 1 when a bar is missed. With `--fit` the constants that ship are found again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from math import exp
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bars import judge, read_recipe
from benchmarks.latency.environment import REQUIREMENTS, Answers, ask
from benchmarks.latency.fitting import NAMES, ends, fit, fold, table, unseen
from benchmarks.latency.predicting import BEST, PEER, peers, predict
from benchmarks.latency.reporting import NOT_VALIDATED, cells, line, losing, tell
from benchmarks.latency.rows import Deployment, Row, deployment, judging, once, read_rows, tuning
from benchmarks.latency.scoring import FIGURES, by, kind, score
from benchmarks.provenance import TRIALS, Commit, commit, keep, provenance, shown
from steelyard.sizing.speed import DATA, MEASURED_ON

HERE = Path(__file__).parent
LEFT_OUT: Mapping[str, Callable[[Row], str]] = {
    "known": fold, "other model": lambda row: row.model, "other card": lambda row: row.system,
}  # fmt: skip
"""By kind of interval: which rows are predicted from constants that saw none of their group."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description="Predicted latency against measured.")
    parser.add_argument("--fit", action="store_true", help="find the constants from the tuning rows and write sizing/data/speed.json")
    options, of = parser.parse_args(), commit()
    answers = ask()
    rows, understood = read_rows(answers.rows_file), partial(deployment, configurations=answers.configurations)
    return refit(tuning(rows), understood) if options.fit else prove(rows, understood, answers, of)


def refit(rows: Sequence[Row], understood: Callable[[Row], Deployment]) -> int:
    """Write the constants and intervals that the tuning rows give."""
    data = table(rows, understood)
    constants = dict(zip(NAMES, fit(data), strict=True))
    intervals = widest({of: dict(zip(FIGURES, map(ends, unseen(data, group)), strict=True)) for of, group in LEFT_OUT.items()})
    stored = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "families": sorted({understood(row).model.family for row in rows}),
        "source": f"roofline with efficiencies of {len(rows)} measured rows of vLLM on {', '.join(MEASURED_ON)}; docs/speed.md",
        "constants": {name: float(f"{exp(value):.4g}") for name, value in constants.items()},
        "intervals": {of: {name: [round(end, 3) for end in both] for name, both in found.items()} for of, found in intervals.items()},
    }
    DATA.write_text(json.dumps(stored, indent=1) + "\n")
    print(f"wrote {shown(DATA)}: {len(constants)} constants from {len(rows)} rows")
    return 0


def widest(intervals: Mapping[str, Mapping[str, tuple[float, float]]]) -> dict[str, dict[str, tuple[float, float]]]:
    """Each kind at least as wide as the kinds before it: less is known."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    low, high = dict.fromkeys(FIGURES, 1.0), dict.fromkeys(FIGURES, 1.0)
    for of, figures in intervals.items():
        for name, both in figures.items():
            low[name], high[name] = min(low[name], both[0]), max(high[name], both[1])
        found[of] = {name: (low[name], high[name]) for name in FIGURES}
    return found


def prove(rows: Sequence[Row], understood: Callable[[Row], Deployment], answers: Answers, of: Commit) -> int:
    """Judge, print and keep."""
    recipe, judges = read_recipe(HERE / "bars.toml"), judging(rows)
    ours, theirs = predict(rows, understood), peers(rows, answers)
    found = cells(recipe, score(judges, ours), score(judges, theirs[BEST]))
    data = table(tuning(rows), understood)
    left_out = {of_kind: summary(unseen(data, group)) for of_kind, group in LEFT_OUT.items()}
    scores = {"steelyard": ours} | {f"{PEER}: {way}": guesses for way, guesses in theirs.items()}
    trial = len(judges) < recipe.counts["rows_at_least"]
    file = keep(TRIALS / "latency" if trial else HERE / "results", of, {
        "benchmark": "latency", **provenance(of), "rows": counts(rows, judges),
        "peer": requirement("aiconfigurator-core"), "recipe": dict(recipe.counts), "cells": [cell.data() for cell in found],
        "judging": {who: score(judges, guesses).data() for who, guesses in scores.items()},
        "judging_each_measurement_once": {who: score(once(judges), guesses).data() for who, guesses in scores.items()},
        "left_out_of_tuning": left_out, "not_validated": NOT_VALIDATED,
        "groups": {name: {who: score(group, one).data() for who, one in scores.items()} for name, group in by(judges, kind).items()},
        "losing": losing(judges, ours, theirs[BEST]),
        "predictions": [line(row, ours, theirs) for row in judges],
    })
    status = judge(found)
    tell(judges, ours, theirs, left_out)
    print(f"kept: {shown(file)}")
    return status


def counts(rows: Sequence[Row], judges: Sequence[Row]) -> dict[str, int]:
    """Rows of each kind; repeated measurements are among them."""
    return {"all": len(rows), "judging": len(judges), "tuning": len(rows) - len(judges),
            "repeated": len(rows) - len(once(rows)), "judging_repeated": len(judges) - len(once(judges))}  # fmt: skip


def summary(off: Any) -> dict[str, float]:
    """Of logarithms of measured over predicted: the median relative error by figure."""
    return {name: round(float(median(abs(exp(-value) - 1) for value in values)), 4) for name, values in zip(FIGURES, off, strict=True)}


def requirement(name: str) -> str:
    """The pinned version of a package."""
    return next(text.split()[0] for text in REQUIREMENTS.read_text().splitlines() if text.startswith(f"{name}=="))


if __name__ == "__main__":
    sys.exit(main())
