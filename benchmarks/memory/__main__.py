"""`python -m benchmarks.memory [--side tuning|judging|held]`: exit status 1 when a bar is missed. Only the judging points are kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.bars import judge, read_recipe
from benchmarks.memory import ours
from benchmarks.memory.judging import MEASURES, OURS, Row, by_model, cells, errors, figures, worst
from benchmarks.memory.peers import Prediction, accelerate_serving, accelerate_training, planner_serving
from benchmarks.memory.points import Point, counts, read_points
from benchmarks.provenance import TRIALS, commit, keep, provenance, shown

HERE = Path(__file__).parent
TOOLS = (OURS, "accelerate", "llm-d-planner")
SIDES = ("tuning", "judging", "held")


def main() -> int:
    recipe, of = read_recipe(HERE / "bars.toml"), commit()
    side = arguments().side
    points = read_points("serving") + read_points("training")
    rows = [row_of(point) for point in points]
    judged = [row for row in rows if row.point.side == side]
    found = cells(judged, recipe.bars, TOOLS)
    counted = {kind: counts(read_points(kind)) for kind in ("serving", "training")}
    enough = len(points) >= recipe.counts["points_at_least"]
    enough &= sum(point.text("outcome") == "oom" for point in points) >= recipe.counts["out_of_memory_at_least"]
    kept = enough and side == "judging"
    file = keep(HERE / "results" if kept else TRIALS / "memory", of, {
        "benchmark": "memory", **provenance(of), "recipe": dict(recipe.counts) | {"side": side}, "points": counted,
        "cells": [cell.data() for cell in found], "losing": worst(judged),
        "tools": {tool: summary(judged, tool) for tool in TOOLS},
        "held": {tool: summary([row for row in rows if row.point.side == "held"], tool) for tool in TOOLS},
        "not_compared": [row.point.name for row in judged if not row.said], "rows": [row.data() for row in judged if row.said],
    })
    for kind, sizes in counted.items():
        print(f"{side}, {kind}: " + ", ".join(f"{count} {what}" for what, count in sizes[side].items()))
    status = judge(found)
    for line in worst(judged):
        print(f"      {line}")
    print(f"{'kept' if kept else 'a trial'}: {shown(file)}")
    return status


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="Measured GPU memory against three estimates.")
    parser.add_argument("--side", choices=SIDES, default="judging", help="the points that judge, that tune, or that were held back")
    return parser.parse_args()


def row_of(point: Point) -> Row:
    """What each tool says of a point; nothing where Steelyard has no such model or setting."""
    model = point.architecture
    if model is None:
        return Row(point, {})
    if point.kind == "serving":
        said = (ours.serving(point, model), accelerate_serving(point, model), planner_serving(point, model))
        return Row(point, dict(zip(TOOLS, said, strict=True)))
    mine = ours.training(point, model)
    return Row(point, {OURS: mine, "accelerate": accelerate_training(point, model)} if isinstance(mine, Prediction) else {})


def summary(rows: Sequence[Row], tool: str) -> dict[str, Any]:
    """A tool's figures, and for each measure how many points, the mean error with its sign, and the mean where each model counts once."""
    measured: dict[str, Any] = {}
    for measure in MEASURES:
        found = errors(rows, measure, tool)
        measured[measure] = {"points": len(found), "mean_error": round(sum(found) / len(found), 2) if found else None,
                             "mean_absolute_by_model": by_model(rows, measure, tool)}  # fmt: skip
    return {"figures": figures(rows, tool), "measures": measured}


if __name__ == "__main__":
    sys.exit(main())
