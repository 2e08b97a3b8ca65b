"""`python -m benchmarks.throughput [--pairs N] [--steps N]`: exit status 1 when a bar is missed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bars import Recipe, judge, read_recipe
from benchmarks.provenance import TRIALS, commit, keep, load, provenance, shown
from benchmarks.throughput.measured import SAME_LOSS, Measured, Pair, cells, losing
from benchmarks.throughput.running import run_plain, run_steelyard
from steelyard.runtime.spec import TrainSpec

HERE = Path(__file__).parent


def main() -> int:
    recipe = read_recipe(HERE / "bars.toml")
    options = arguments(recipe)
    steady_from = recipe.counts["steady_from"]
    if options.steps < steady_from:
        raise SystemExit(f"--steps must be at least {steady_from}, where the steady steps begin")
    of, began = commit(), load()
    pairs = measure(options.pairs, options.steps, recipe)
    bars = recipe.bars["throughput"], recipe.bars["telemetry"]
    found, single = cells(pairs, steady_from, *bars), losing(pairs, steady_from, *bars)
    trial = options.pairs < recipe.counts["pairs_at_least"]
    file = keep(TRIALS / "throughput" if trial else HERE / "results", of, {
        "benchmark": "throughput", **provenance(of), "load_before": began, "recipe": dict(recipe.counts) | vars(options),
        "interval": "order statistics of the median, exact",
        "cells": [cell.data() for cell in found], "losing": single, "ratios": [pair.ratio(steady_from) for pair in pairs],
        "largest_loss_difference": max(pair.loss_difference() for pair in pairs),
        "pairs": [{"steelyard": pair.ours.data(steady_from), "plain": pair.plain.data(steady_from)} for pair in pairs],
    })
    status = judge(found)
    for line in single:
        print(f"      beyond a bar by itself: {line}")
    print(f"{'a trial, too few pairs to prove anything' if trial else 'kept'}: {shown(file)}")
    return status


def arguments(recipe: Recipe) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description="Steelyard against plain torchrun, in pairs.")
    parser.add_argument("--pairs", type=int, default=recipe.counts["pairs"])
    parser.add_argument("--steps", type=int, default=recipe.counts["steps"], help="of each run")
    return parser.parse_args()


def measure(count: int, steps: int, recipe: Recipe) -> Sequence[Pair]:
    """All pairs, in turns: the one that went first in a pair goes second in the next."""
    pairs: list[Pair] = []
    steady_from, pause, spec = recipe.counts["steady_from"], recipe.counts["pause_seconds"], None
    for number in range(1, count + 1):
        plain = None
        if number % 2 == 0 and spec is not None:
            plain = plainly(number, steps, spec, steady_from)
            time.sleep(pause)
        ours, spec = run_steelyard(steps, steady_from)
        tell(number, ours, steady_from)
        time.sleep(pause)
        if plain is None:
            plain = plainly(number, steps, spec, steady_from)
            time.sleep(pause)
        pairs.append(checked(Pair(ours, plain)))
        print(f"pair {number} of {count}: {pairs[-1].ratio(steady_from):.3f} x", flush=True)
    return pairs


def plainly(number: int, steps: int, spec: TrainSpec, steady_from: int) -> Measured:
    plain = run_plain(steps, spec)
    tell(number, plain, steady_from)
    return plain


def checked(pair: Pair) -> Pair:
    """A pair is comparable only when both did the same work."""
    difference = pair.loss_difference()
    if pair.ours.tokens_per_step != pair.plain.tokens_per_step or difference > SAME_LOSS:
        raise RuntimeError(f"not the same work: the losses differ by {difference:.4f}, tokens per step "
                           f"{pair.ours.tokens_per_step} and {pair.plain.tokens_per_step}")
    return pair


def tell(number: int, run: Measured, steady_from: int) -> None:
    print(f"  pair {number} {run.who:<10} {run.tokens_per_second(steady_from):>8.0f} tokens/s   last loss {run.losses[-1]:.4f}   "
          f"{run.seconds:.0f} s in all   load before {run.load_before[0]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
