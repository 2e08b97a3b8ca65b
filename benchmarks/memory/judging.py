"""From predictions to errors, and from errors to cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from types import MappingProxyType
from typing import Any

from benchmarks.bars import Bar, Cell
from benchmarks.memory.peers import Prediction
from benchmarks.memory.points import Point

OURS = "steelyard"
POOL_SINCE = (0, 17)
MEASURES: Mapping[str, tuple[str, str]] = MappingProxyType({
    "weights": ("weights_gib", "weights"), "kv-pool": ("pool_gib", "pool"), "training": ("peak_gib", "total"),
})
"""By what is compared: the column with the measured figure, and the field of a prediction."""
WORST = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One point with what each tool says of it."""

    point: Point
    said: Mapping[str, Prediction]

    def error(self, measure: str, tool: str) -> float | None:
        """Per cent, positive where too much was said; None where there is nothing to compare."""
        column, field = MEASURES[measure]
        measured = self.point.number(column) if column in self.point.fields else None
        predicted = getattr(self.said[tool], field) if tool in self.said else None
        if measured is None or measured <= 0 or predicted is None or not comparable(self.point, measure):
            return None
        return float(100 * (predicted / measured - 1))

    def data(self) -> dict[str, Any]:
        """For the kept result."""
        measured = {column: self.point.number(column) for column, _ in MEASURES.values() if column in self.point.fields}
        said = {tool: {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(one).items()}
                for tool, one in self.said.items()}  # fmt: skip
        return {"point": self.point.name, "outcome": self.point.text("outcome"), "measured": measured, "said": said}


def comparable(point: Point, measure: str) -> bool:
    """A pool is compared from vLLM 0.17 on; earlier ones took other amounts for activations."""
    return measure != "kv-pool" or version(point) >= POOL_SINCE


def version(point: Point) -> tuple[int, ...]:
    """Of the engine, major and minor; nothing where it is not stated."""
    parts = point.text("version").split(".")
    return tuple(int(part) for part in parts[:2]) if parts[0].isdigit() else ()


def errors(rows: Sequence[Row], measure: str, tool: str) -> list[float]:
    found = (row.error(measure, tool) for row in rows)
    return [error for error in found if error is not None]


def false_fits(rows: Sequence[Row], tool: str) -> list[Row]:
    """It was said to fit, and ran out of memory."""
    return [row for row in rows if row.point.text("outcome") == "oom" and tool in row.said and row.said[tool].fits is True]


def false_refusals(rows: Sequence[Row], tool: str) -> list[Row]:
    """It was said not to fit, and ran."""
    return [row for row in rows if row.point.text("outcome") == "fit" and tool in row.said and row.said[tool].fits is False]


def ran(rows: Sequence[Row], tool: str) -> int:
    """How many runs that did fit the tool said anything of."""
    return sum(row.point.text("outcome") == "fit" and tool in row.said and row.said[tool].fits is not None for row in rows)


def percentile_90(values: Sequence[float]) -> float | None:
    """The smallest that nine tenths do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-9 * len(ordered) // 10) - 1)] if ordered else None


def figures(rows: Sequence[Row], tool: str) -> dict[str, float | None]:
    """Each figure that has a bar, by its name."""
    sizes = {measure: [abs(error) for error in errors(rows, measure, tool)] for measure in MEASURES}
    whole = ran(rows, tool)
    return {
        "weights": fmean(sizes["weights"]) if sizes["weights"] else None,
        "kv-pool": fmean(sizes["kv-pool"]) if sizes["kv-pool"] else None,
        "training-median": median(sizes["training"]) if sizes["training"] else None,
        "training-p90": percentile_90(sizes["training"]),
        "false-fits": float(len(false_fits(rows, tool))) if whole else None,
        "false-refusals": 100 * len(false_refusals(rows, tool)) / whole if whole else None,
    }


def by_model(rows: Sequence[Row], measure: str, tool: str) -> float | None:
    """The mean absolute error where each model counts once, however many runs of it were published."""
    models: dict[str, list[float]] = {}
    for row in rows:
        if (error := row.error(measure, tool)) is not None:
            models.setdefault(row.point.text("as"), []).append(abs(error))
    return fmean(fmean(values) for values in models.values()) if models else None


def cells(rows: Sequence[Row], bars: Mapping[str, Bar], tools: Sequence[str]) -> list[Cell]:
    """Steelyard's figures against the bars, with the others' beside them."""
    mine, others = figures(rows, OURS), {tool: figures(rows, tool) for tool in tools if tool != OURS}
    found = []
    for name, bar in bars.items():
        beside = ", ".join(f"{tool} {'-' if said[name] is None else f'{said[name]:.3g}'}" for tool, said in others.items())
        found.append(Cell(bar, mine[name], f"{counted(rows, name)}; {beside}"))
    return found


def counted(rows: Sequence[Row], name: str) -> str:
    """How many points a figure is of."""
    if name == "false-fits":
        failed = [row for row in rows if row.point.text("outcome") == "oom" and row.said.get(OURS, Prediction()).fits is not None]
        return f"{len(failed)} ran out of memory"
    if name == "false-refusals":
        return f"{ran(rows, OURS)} ran"
    return f"{len(errors(rows, name.removesuffix('-median').removesuffix('-p90'), OURS))} points"


def worst(rows: Sequence[Row], tool: str = OURS) -> list[str]:
    """The losing cells: the largest errors of each measure, and every wrong yes and no."""
    lines = []
    for measure in MEASURES:
        found = [(error, row) for row in rows if (error := row.error(measure, tool)) is not None]
        for error, row in sorted(found, key=lambda one: -abs(one[0]))[:WORST]:
            lines.append(f"{measure:<9} {error:+7.1f}%  {row.point.name}  {setting(row.point)}")
    lines += [f"said to fit, ran out of memory: {row.point.name}  {setting(row.point)}" for row in false_fits(rows, tool)]
    lines += [f"said not to fit, ran: {row.point.name}  {setting(row.point)}" for row in false_refusals(rows, tool)]
    return lines


def setting(point: Point) -> str:
    """What distinguishes a run, in short."""
    if point.kind == "serving":
        layout = f"tp{point.count('tensor')} pp{point.count('pipeline')}"
        words = (point.text("quantization"), layout, point.text("card"), f"vLLM {point.text('version') or '?'}")
    else:
        layout = f"{point.count('data')} devices {point.text('sharding')} {point.text('micro_batch')}x{point.text('sequence')}"
        recipe = f"{point.text('recipe')} {point.text('quantization')}".strip()
        words = (recipe, layout, f"checkpointing {point.text('checkpointing')}", point.text("engine"))
    return " ".join(filter(None, words))
