"""`python -m benchmarks.startup [--runs N] [--starts N]`: exit status 1 when a bar is missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.bars import Recipe, judge, read_recipe
from benchmarks.provenance import TRIALS, commit, keep, load, provenance, shown
from benchmarks.startup.measuring import HELP, VALIDATE, Start, cell, cpu_seconds, start, summary

HERE = Path(__file__).parent


def main() -> int:
    recipe = read_recipe(HERE / "bars.toml")
    options = arguments(recipe)
    of, began = commit(), load()
    short = {name: commands(name, command, options.runs) for name, command in {"help": HELP, "validate": VALIDATE}.items()}
    starts = trainings(options.starts, recipe.counts["pause_seconds"])
    measured = short | {"first-step": [one.first_step for one in starts]}
    found = [cell(recipe.bars[name], values) for name, values in measured.items()]
    trial = options.runs < recipe.counts["runs_at_least"] or options.starts < recipe.counts["starts_at_least"]
    file = keep(TRIALS / "startup" if trial else HERE / "results", of, {
        "benchmark": "startup", **provenance(of), "load_before": began, "recipe": dict(recipe.counts) | vars(options),
        "interval": "order statistics of the median, exact", "cells": [one.data() for one in found],
        "losing": list(losing(recipe, measured)), **{name: summary(values) for name, values in measured.items()},
        "starts": [asdict(one) for one in starts],
    })
    status = judge(found)
    for line in losing(recipe, measured):
        print(f"      beyond a bar by itself: {line}")
    print(f"{'a trial, too few runs to prove anything' if trial else 'kept'}: {shown(file)}")
    return status


def arguments(recipe: Recipe) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description="CPU time of commands, time to the first step.")
    parser.add_argument("--runs", type=int, default=recipe.counts["runs"], help="of each short command, after one that is not counted")
    parser.add_argument("--starts", type=int, default=recipe.counts["starts"], help="of blueprint 01")
    return parser.parse_args()


def commands(name: str, command: tuple[str, ...], runs: int) -> list[float]:
    """CPU seconds of each run; the first, which fills the page cache and writes byte code, is not counted."""
    cpu_seconds(command)
    values = [cpu_seconds(command) for _ in range(runs)]
    print(f"  {name}: {runs} runs, {min(values):.3f} to {max(values):.3f} s of CPU", flush=True)
    return values


def trainings(count: int, pause: float) -> list[Start]:
    found = []
    for number in range(1, count + 1):
        found.append(start(pause))
        parts = " ".join(f"{name} {seconds:.1f}" for name, seconds in found[-1].phases.items())
        print(f"  start {number} of {count}: first step after {found[-1].first_step:.1f} s ({parts})", flush=True)
    return found


def losing(recipe: Recipe, measured: Mapping[str, list[float]]) -> tuple[str, ...]:
    """Each single run beyond its bar, whatever the median says."""
    return tuple(f"{name}, run {number}: {value:.3f} s" for name, values in measured.items()
                 for number, value in enumerate(values, start=1) if not recipe.bars[name].reached(value))


if __name__ == "__main__":
    sys.exit(main())
