"""Rows of a story as options of a chart: plain dictionaries, ready for JSON, drawn by ECharts as SVG.

Pure. Colours are the palette's CSS variables. Strings under keys that begin with a colon are JavaScript functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from steelyard.telemetry.story import Sample, StepRow, Story
from steelyard.web.palette import STEP_KINDS, decal
from steelyard.web.series import median, sums_over, thin

Option = dict[str, Any]
Point = list[float | None]

WINDOW = 20
"""Steps that a smoothed line looks back over."""

FONT = "Roboto, system-ui, sans-serif"
COUNT_JS = "v => v >= 1e6 ? +(v / 1e6).toPrecision(3) + 'M' : v >= 1e4 ? +(v / 1e3).toPrecision(3) + 'k' : '' + v"
CLOCK_JS = "v => v < 60 ? Math.round(v) + ' s' : Math.floor(v / 60) + ':' + String(Math.round(v) % 60).padStart(2, '0')"
FIGURE_JS = "v => v == null ? '-' : '' + +(+v).toPrecision(4)"
DASHES: tuple[str | list[int], ...] = ("solid", "dashed", "dotted", [8, 3, 2, 3], [2, 6], [12, 4])


def kept_and_redone(steps: Sequence[StepRow]) -> tuple[list[StepRow], list[StepRow]]:
    """The rows that count (the last of each step, by step) and those that were done again later (in order of time)."""
    last = {row.step: row for row in steps}
    counted = sorted(last.values(), key=lambda row: row.step)
    return counted, [row for row in steps if last[row.step] is not row]


def loss_chart(story: Story) -> Option:
    """Loss over steps: each step, its mean over 20, what was done again, evaluations, restarts."""
    counted, redone = kept_and_redone(story.steps)
    finite = [row for row in counted if row.loss is not None and math.isfinite(row.loss)]
    means = [total / min(index + 1, WINDOW) for index, total in enumerate(sums_over([row.loss or 0.0 for row in finite], WINDOW))]
    smooth = thin(list(zip(finite, means, strict=True)), lambda pair: pair[1])
    series = [
        _line("each step", [[row.step, _finite(row.loss)] for row in thin(counted, lambda row: row.loss)], "var(--ink-3)", width=1),
        _line(f"mean of {WINDOW} steps", [[row.step, round(mean, 4)] for row, mean in smooth], "var(--ink)", width=2.2),
    ]
    if redone:
        points = [[row.step, _finite(row.loss)] for row in thin(redone, lambda row: row.loss)]
        series.append(_line("lost and done again", points, "var(--wasted)", width=1.6, dash="dotted"))
    series += _evaluations(story)
    series[0]["markLine"] = _restart_lines(story)
    return _frame("step", "loss", series, x_js=COUNT_JS, scale=True)


def _evaluations(story: Story) -> list[Option]:
    names = sorted({str(event["name"]) for event in story.evaluations if "loss" in str(event["name"])})
    return [_line(name, [[event["step"], _finite(event["value"])] for event in story.evaluations if event["name"] == name],
                  "var(--ink-2)", width=1.2, dash="dashed") | {"showSymbol": True, "symbol": "diamond", "symbolSize": 8}
            for name in names]


def _restart_lines(story: Story) -> Option:
    return {
        "silent": True, "symbol": "none", "lineStyle": {"color": "var(--recovery)", "type": "dashed", "width": 1.2},
        "label": {"formatter": "restart", "color": "var(--ink-2)", "fontSize": 11, "position": "insideEndTop"},
        "data": [{"xAxis": attempt.from_step} for attempt in story.attempts[1:]],
    }


def split_chart(story: Story) -> Option:
    """Each step's time by what it was spent on, stacked, over time. The axis is cut where a few steps tower over the rest."""
    factor, unit = split_unit(story.steps)
    rows = _with_gaps(thin(story.steps, lambda row: row.duration_us))
    series = []
    for kind in STEP_KINDS:
        points: list[Point] = [[_elapsed(story, t), None if row is None else round(row.parts_us.get(kind.key, 0) / factor, 3)] for t, row in rows]
        line = _line(kind.word, points, kind.color, width=0.6)
        series.append(line | {"stack": "step", "areaStyle": {"color": kind.color, "opacity": 1}, "itemStyle": {"color": kind.color, "decal": decal(kind)}})
    frame = _frame("time since the command", unit, series, x_js=CLOCK_JS)
    ceiling = split_ceiling(story.steps)
    frame["yAxis"]["max"] = None if ceiling is None else round(ceiling / factor, 3)
    return frame


def split_unit(steps: Sequence[StepRow]) -> tuple[int, str]:
    """Microseconds in one unit of the axis, and its name: ms where a usual step is under a second."""
    usual = median([row.duration_us for row in steps])
    return (1_000_000, "s per step") if usual is None or usual >= 1_000_000 else (1000, "ms per step")


def split_ceiling(steps: Sequence[StepRow]) -> float | None:
    """Where the axis is cut, in microseconds: at three usual steps, when some step is over five; else None."""
    usual = median([row.duration_us for row in steps])
    return 3 * usual if usual and max(row.duration_us for row in steps) > 5 * usual else None


def _with_gaps(rows: Sequence[StepRow]) -> list[tuple[float, StepRow | None]]:
    """Time and row; a row of nothing where a new attempt begins, so that no line bridges a restart."""
    placed: list[tuple[float, StepRow | None]] = []
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before.attempt != row.attempt:
            placed.append(((before.t + row.t) / 2, None))
        placed.append((row.t, row))
    return placed


def speed_chart(story: Story) -> Option:
    """Tokens a second over time: each step, and over 20 steps."""
    tokens = list(sums_over([row.tokens for row in story.steps], WINDOW))
    micros = list(sums_over([row.duration_us for row in story.steps], WINDOW))
    smooth = {id(row): t * 1e6 / us for row, t, us in zip(story.steps, tokens, micros, strict=True) if us > 0}
    steps = _with_gaps(thin(story.steps, tokens_per_second))
    lines = _with_gaps(thin(story.steps, lambda row: smooth.get(id(row))))
    each: list[Point] = [[_elapsed(story, t), None if row is None else _whole(tokens_per_second(row))] for t, row in steps]
    over: list[Point] = [[_elapsed(story, t), None if row is None else _whole(smooth.get(id(row)))] for t, row in lines]
    series = [_line("each step", each, "var(--ink-3)", width=1), _line(f"over {WINDOW} steps", over, "var(--ink)", width=2.2)]
    return _frame("time since the command", "tokens/s", series, x_js=CLOCK_JS, y_js=COUNT_JS)


def tokens_per_second(row: StepRow) -> float | None:
    """Of one step, over all ranks; None when it took no time."""
    return row.tokens * 1e6 / row.duration_us if row.duration_us > 0 else None


def memory_chart(story: Story) -> Option:
    """Memory of each process, of the machine, and of each GPU, over time, with the limits as dashed lines."""
    processes = by_process(story.samples)
    series = [_line(name, _memory_points(story, [(s, s.rss_bytes) for s in samples]), "var(--ink-2)", width=1.6, dash=DASHES[index % len(DASHES)])
              for index, (name, samples) in enumerate(processes.items())]
    series += _gpu_lines(story)
    host = host_samples(story.samples)
    if host:
        machine = _line("machine, in use", _memory_points(story, [(s, s.host_used_bytes) for s in host]), "var(--ink)", width=2.2)
        machine["markLine"] = _limit(max(s.host_total_bytes for s in host), "machine")
        series.append(machine)
    frame = _frame("time since the command", "GiB", series, x_js=CLOCK_JS)
    limits = [s.host_total_bytes for s in host] + [int(gpu["total_bytes"]) for s in story.samples for gpu in s.gpus if gpu.get("total_bytes")]
    frame["yAxis"]["max"] = math.ceil(max(limits) / 2**30 * 1.04) if limits else None
    return frame


def by_process(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Samples by process (`rank-0` over all its attempts), driver first, then ranks by number."""
    names = sorted({process_name(sample.writer) for sample in samples}, key=lambda name: (len(name), name))
    ordered = sorted(names, key=lambda name: name != "driver")
    return {name: [sample for sample in samples if process_name(sample.writer) == name] for name in ordered}


def process_name(writer: str) -> str:
    """`rank-0.2` (rank and attempt) is the process `rank-0`."""
    return writer.rpartition(".")[0] or writer


def host_samples(samples: Sequence[Sample]) -> list[Sample]:
    """The samples of one writer after the other that say how the machine is: the driver's, else the first rank's."""
    processes = by_process(samples)
    return next((kept for kept in ([s for s in group if s.host_total_bytes > 0] for group in processes.values()) if kept), [])


def _gpu_lines(story: Story) -> list[Option]:
    indexes = sorted({int(gpu["index"]) for sample in story.samples for gpu in sample.gpus})
    lines = []
    for position, index in enumerate(indexes):
        used = [(s, int(gpu["used_bytes"])) for s in story.samples for gpu in s.gpus if int(gpu["index"]) == index and gpu.get("used_bytes") is not None]
        total = max((int(gpu["total_bytes"]) for s in story.samples for gpu in s.gpus if int(gpu["index"]) == index and gpu.get("total_bytes")), default=0)
        line = _line(f"GPU {index}", _memory_points(story, used), "var(--ink)", width=2.2, dash=DASHES[(position + 1) % len(DASHES)])
        lines.append(line | ({"markLine": _limit(total, f"GPU {index}")} if total else {}))
    return lines


def _memory_points(story: Story, values: Sequence[tuple[Sample, int]]) -> list[Point]:
    kept = thin(values, lambda pair: pair[1])
    points: list[Point] = []
    for (before, _), (sample, size) in pairwise([(None, 0), *kept]):
        if sample is None:
            continue
        if before is not None and before.writer != sample.writer:
            points.append([_elapsed(story, (before.t + sample.t) / 2), None])
        points.append([_elapsed(story, sample.t), round(size / 2**30, 3)])
    return points


def _limit(size: int, name: str) -> Option:
    return {
        "silent": True, "symbol": "none", "lineStyle": {"color": "var(--bad)", "type": "dashed", "width": 1.2},
        "label": {"formatter": f"{name}: {size / 2**30:.1f} GiB", "color": "var(--ink-2)", "fontSize": 11, "position": "insideStartBottom"},
        "data": [{"yAxis": round(size / 2**30, 3)}],
    }


def _line(name: str, points: Iterable[Sequence[float | None]], color: str, *, width: float, dash: str | list[int] = "solid") -> Option:
    data = [list(point) for point in points]
    return {
        "name": name, "type": "line", "data": data, "showSymbol": len(data) < 3, "symbolSize": 5, "connectNulls": False,
        "lineStyle": {"color": color, "width": width, "type": dash}, "itemStyle": {"color": color}, "emphasis": {"disabled": True},
    }


def _frame(x: str, y: str, series: list[Option], *, x_js: str, y_js: str | None = None, scale: bool = False) -> Option:
    text = {"color": "var(--ink-2)", "fontFamily": FONT, "fontSize": 12}
    name = {"color": "var(--ink-3)", "fontFamily": FONT, "fontSize": 11.5}
    y_label = {**text, ":formatter": y_js} if y_js else text
    return {
        "animation": False, "textStyle": {"fontFamily": FONT},
        "grid": {"left": 8, "right": 16, "top": 46, "bottom": 26, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": text, "itemWidth": 22, "itemHeight": 10, "itemGap": 14, "icon": None,
                   "inactiveColor": "var(--idle)", "data": [line["name"] for line in series]},
        "tooltip": {"trigger": "axis", "confine": True, "backgroundColor": "var(--panel)", "borderColor": "var(--line)", "padding": [8, 12],
                    "textStyle": {**text, "color": "var(--ink)"}, "transitionDuration": 0, ":valueFormatter": FIGURE_JS,
                    "axisPointer": {"type": "line", "lineStyle": {"color": "var(--ink-3)", "type": "solid"}, "label": {":formatter": f"p => ({x_js})(p.value)"}}},
        "xAxis": {"type": "value", "min": "dataMin", "max": "dataMax", "name": x, "nameLocation": "middle", "nameGap": 28, "nameTextStyle": name,
                  "axisLabel": {**text, ":formatter": x_js, "hideOverlap": True, "showMaxLabel": False}, "splitLine": {"show": False},
                  "axisLine": {"lineStyle": {"color": "var(--line)"}}, "axisTick": {"show": False}},
        "yAxis": {"type": "value", "name": y, "nameLocation": "end", "nameGap": 10, "nameTextStyle": {**name, "align": "left"}, "scale": scale,
                  "axisLabel": y_label, "splitLine": {"lineStyle": {"color": "var(--grid)"}}, "axisLine": {"show": False}, "splitNumber": 4},
        "series": series,
    }


def _elapsed(story: Story, t: float) -> float:
    return round(t - story.started, 2)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _whole(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
