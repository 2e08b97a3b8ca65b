"""`python -m benchmarks.planning [--runs N] [--workloads N] [--instances N]`: exit status 1 when a bar is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.bars import Cell, Recipe, judge, read_recipe
from benchmarks.median import median_interval, median_of
from benchmarks.planning.blueprints import ONE, many
from benchmarks.planning.exhaustive import Compared, compared
from benchmarks.product import STEELYARD
from benchmarks.provenance import TRIALS, commit, keep, load, provenance, shown
from benchmarks.startup.measuring import cpu_seconds

HERE = Path(__file__).parent
BOUND_SLACK = 1 + 1e-6
"""HiGHS computes in floating point."""


def main() -> int:
    recipe = read_recipe(HERE / "bars.toml")
    options = arguments(recipe)
    of, began = commit(), load()
    one = planned("one Serve", ONE, options.runs)
    thousand = planned(f"{options.workloads} workloads", many(options.workloads), 1)
    instances = [compared(seed) for seed in range(options.instances)]
    broken = [each for each in instances if each.found < each.exact or each.bound > each.exact * BOUND_SLACK]
    cells = [
        Cell(recipe.bars["serve"], median_of(one), f"{interval(one)}; at most {max(one):.3f}"),
        Cell(recipe.bars["thousand"], thousand[0], f"{options.workloads} workloads, once"),
        Cell(recipe.bars["optimum"], max(each.ratio for each in instances), f"{dearer(instances)} of {options.instances} dearer"),
    ]
    least = {"runs": recipe.counts["runs_at_least"], "workloads": recipe.counts["workloads"], "instances": recipe.counts["instances"]}
    trial = any(getattr(options, name) < count for name, count in least.items())
    file = keep(TRIALS / "planning" if trial else HERE / "results", of, {
        "benchmark": "planning", **provenance(of), "load_before": began, "recipe": dict(recipe.counts) | vars(options),
        "cells": [cell.data() for cell in cells], "serve_seconds": one, "thousand_seconds": thousand,
        "losing": [asdict(each) for each in instances if each.found > each.exact], "instances": [asdict(each) for each in instances],
    })
    status = judge(cells)
    for each in instances:
        if each.found > each.exact:
            print(f"      dearer than the optimum: {each.ratio:.4f} x with {each.items} workloads over {each.offers} offers")
    if broken:
        print(f"      {len(broken)} instances contradict the exhaustive search: a price below the optimum, or a bound above it")
    print(f"{'a trial, too little to prove anything' if trial else 'kept'}: {shown(file)}")
    return 1 if broken else status


def arguments(recipe: Recipe) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description="CPU time of planning, and its prices.")
    parser.add_argument("--runs", type=int, default=recipe.counts["runs"], help="of one Serve, after one that is not counted")
    parser.add_argument("--workloads", type=int, default=recipe.counts["workloads"], help="of the large blueprint")
    parser.add_argument("--instances", type=int, default=recipe.counts["instances"], help="that are searched exhaustively")
    return parser.parse_args()


def planned(name: str, blueprint: str, runs: int) -> list[float]:
    """CPU seconds of `steelyard plan`, each in a process of its own; of several, the first, which writes byte code, is not counted."""
    with tempfile.TemporaryDirectory(prefix="sy-bench-") as folder:
        file = Path(folder) / "blueprint.yaml"
        file.write_text(blueprint)
        command = (STEELYARD, "plan", str(file))
        if runs > 1:
            cpu_seconds(command, allowed=(0, 1))
        values = [cpu_seconds(command, allowed=(0, 1)) for _ in range(runs)]  # 1: some of many workloads cannot be placed
    print(f"  {name}: {min(values):.3f} to {max(values):.3f} s of CPU", flush=True)
    return values


def interval(values: list[float]) -> str:
    found = median_interval(values)
    return f"{found.coverage:.1%} interval {found.low:.3f} to {found.high:.3f}" if found else "too few for a 95% interval"


def dearer(instances: list[Compared]) -> int:
    return sum(each.found > each.exact for each in instances)


if __name__ == "__main__":
    sys.exit(main())
