"""What the benchmark says: bars, tables, and the kinds of deployment where it loses. Pure, but for the table that it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.bars import Cell, Recipe
from benchmarks.latency.predicting import BEST, PEER
from benchmarks.latency.rows import Row, once
from benchmarks.latency.scoring import FIGURES, Guess, Score, by, kind, score

NOT_VALIDATED = ("T4, V100, A10G, L4, L40S, A100, RTX PRO 6000, several stages, AWQ and GPTQ: "
                 "no row here has them, their intervals are not validated")  # fmt: skip


def cells(recipe: Recipe, ours: Score, theirs: Score) -> list[Cell]:
    """Every bar with what was measured."""
    ratio = {name: quotient(ours.median_error[name], theirs.median_error[name]) for name in FIGURES}
    values: dict[str, tuple[float | None, str]] = {
        name: (ratio[name], f"{percent(ours.median_error[name])} against {percent(theirs.median_error[name])}") for name in FIGURES}
    values["coverage"] = 100 * ours.coverage, f"{ours.answered} of {ours.rows}"
    values["coverage-beside"] = 100 * (ours.coverage - theirs.coverage), f"{theirs.answered} of {theirs.rows} by {PEER}"
    for name in FIGURES:
        share = ours.inside[name]
        held = None if share is None else 100 * share
        values |= {f"interval-{name}-low": (held, ""), f"interval-{name}-high": (held, "")}
    values["roofline"] = ours.below_roofline, ""
    return [Cell(bar, *values[name]) for name, bar in recipe.bars.items()]


def quotient(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


def losing(rows: Sequence[Row], ours: Mapping[int, Guess], theirs: Mapping[int, Guess]) -> list[str]:
    """Kinds of deployment whose median error is larger than that of aiconfigurator."""
    lines = []
    for name, group in by(rows, kind).items():
        mine, other = score(group, ours), score(group, theirs)
        for figure in FIGURES:
            a, b = mine.median_error[figure], other.median_error[figure]
            if a is not None and b is not None and a > b:
                lines.append(f"{name}: {figure.upper()} off by {percent(a)}, {PEER} by {percent(b)} ({len(group)} rows)")
    return lines


def line(row: Row, ours: Mapping[int, Guess], theirs: Mapping[str, Mapping[int, Guess]]) -> dict[str, Any]:
    """A row with what everybody said, in milliseconds: TTFT, TPOT."""
    own = ours.get(row.number)
    said = {"steelyard": own} | {way: guesses.get(row.number) for way, guesses in theirs.items() if way != BEST}
    return {
        "id": row.id, "in_flight": row.in_flight, "measured": milliseconds({"ttft": row.ttft, "tpot": row.tpot}),
        **{who: None if one is None else milliseconds(one.likely) for who, one in said.items()},
        "low": milliseconds(own.low) if own and own.low else None, "high": milliseconds(own.high) if own and own.high else None,
    }


def milliseconds(figures: Mapping[str, float]) -> list[float]:
    return [round(1e3 * figures[name], 2) for name in FIGURES]


def tell(rows: Sequence[Row], ours: Mapping[int, Guess], theirs: Mapping[str, Mapping[int, Guess]], left_out: Mapping[str, Any]) -> None:
    """What stands behind the bars."""
    for name, group in by(rows, kind).items():
        mine, other = (score(group, guesses).median_error for guesses in (ours, theirs[BEST]))
        parts = (f"{figure.upper()} {percent(mine[figure]):>6} against {percent(other[figure]):>6}" for figure in FIGURES)
        print(f"  {name:<52} {len(group):>3} rows   {'   '.join(parts)}")
    for way, guesses in theirs.items():
        one = score(rows, guesses)
        errors = " ".join(f"{figure.upper()} {percent(value)}," for figure, value in one.median_error.items())
        print(f"  {PEER}, {way}: {errors} {percent(one.coverage)} answered")
    single = score(once(rows), ours).median_error
    print(f"  Steelyard, each of {len(once(rows))} measurements once: TTFT {percent(single['ttft'])}, TPOT {percent(single['tpot'])}")
    for of_kind, medians in left_out.items():
        print(f"  left out of tuning, {of_kind}: TTFT {percent(medians['ttft'])}, TPOT {percent(medians['tpot'])}")
    for text in losing(rows, ours, theirs[BEST]):
        print(f"      loses: {text}")
    print(f"      {NOT_VALIDATED}")
