"""The pictures of a run's steps, as options of a chart: loss, where a step's time goes, speed. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from steelyard.telemetry.goodput import started_us
from steelyard.telemetry.story import StepRow, Story
from steelyard.web.frame import Option, Point, crossing, line, steps_frame, time_frame
from steelyard.web.palette import STEP_KINDS, Kind, decal
from steelyard.web.series import means_around, median, sums_over, thin

RECENT = 20
"""Steps that a smoothed line, and "now", look back over."""

Placed = tuple[float, StepRow | None]
"""Seconds since the command, and a step that ended then; None where nothing ran."""

AROUND = 10
"""Steps before and after each that its smoothed loss is the mean of."""


def kept_and_redone(steps: Sequence[StepRow]) -> tuple[list[StepRow], list[StepRow]]:
    """The rows that count (the last of each step, by step) and those that were done again later (in order of time)."""
    last = {row.step: row for row in steps}
    counted = sorted(last.values(), key=lambda row: row.step)
    return counted, [row for row in steps if last[row.step] is not row]


def loss_chart(story: Story) -> Option:
    """Loss over steps: each step, the mean around it, what was done again, evaluations, restarts."""
    counted, redone = kept_and_redone(story.steps)
    finite = [(row.step, row.loss) for row in counted if row.loss is not None and math.isfinite(row.loss)]
    means = means_around([loss for _, loss in finite], AROUND)
    smooth = thin([(step, round(mean, 4)) for (step, _), mean in zip(finite, means, strict=True)], lambda point: point[1])
    series = [line("each step", _losses(counted), "var(--ink-3)", width=1), line("smoothed", smooth, "var(--ink)", width=2.2)]
    if redone:
        series.append(line("lost and done again", _losses(redone), "var(--wasted)", width=1.8, dash="dotted"))
    series[0]["markLine"] = crossing("xAxis", [(a.from_step, "restart") for a in story.attempts[1:]], "var(--recovery)", "insideEndTop")
    return steps_frame("loss", series + _evaluations(story))


def _losses(rows: Sequence[StepRow]) -> list[Point]:
    return [(row.step, finite_or_none(row.loss)) for row in thin(rows, lambda row: row.loss)]


def _evaluations(story: Story) -> list[Option]:
    names = sorted({str(event["name"]) for event in story.evaluations if "loss" in str(event["name"])})
    points: dict[str, list[Point]] = {name: [] for name in names}
    for event in story.evaluations:
        if event["name"] in points:
            points[event["name"]].append((event["step"], finite_or_none(event["value"])))
    return [line(name.replace("_", " "), points[name], "var(--ink-2)", width=1.2, dash="dashed") | {"symbol": "diamond", "symbolSize": 8}
            for name in names]


def split_chart(story: Story) -> Option:
    """Each step's time by what it was spent on, stacked, over time. The axis is cut where a few steps tower over the rest."""
    factor, unit = split_unit(story.steps)
    placed = _placed(story, numbered(story.steps), lambda row: row.duration_us)
    frame = time_frame(f"{unit} per step", [_band(kind, placed, factor) for kind in STEP_KINDS], unit=unit)
    ceiling = split_ceiling(story.steps)
    frame["yAxis"]["max"] = None if ceiling is None else round(ceiling / factor, 3)
    frame["yAxis"]["axisLabel"]["showMaxLabel"] = ceiling is None
    frame["legend"] |= {"icon": "roundRect", "itemStyle": {"opacity": 1}}
    return frame


def _band(kind: Kind, placed: Sequence[Placed], factor: int) -> Option:
    points = [(t, None if row is None else round(row.parts_us.get(kind.key, 0) / factor, 3)) for t, row in placed]
    filled = {"areaStyle": {"color": kind.color, "opacity": 1}, "itemStyle": {"color": kind.color, "decal": decal(kind)}}
    return line(kind.word, points, kind.color, width=0.6) | {"stack": "step", "symbol": "none"} | filled


def split_unit(steps: Sequence[StepRow]) -> tuple[int, str]:
    """Microseconds in one unit of the axis, and its name: ms where a usual step is under a second."""
    usual = median([row.duration_us for row in steps])
    return (1_000_000, "s") if usual is None or usual >= 1_000_000 else (1000, "ms")


def split_ceiling(steps: Sequence[StepRow]) -> float | None:
    """Where the axis is cut, in microseconds: at two and a half usual steps, when some step is over three; else None."""
    usual = median([row.duration_us for row in steps])
    return 2.5 * usual if usual and max(row.duration_us for row in steps) > 3 * usual else None


def speed_chart(story: Story) -> Option:
    """Tokens a second over time: each step, and over the last 20."""
    tokens = sums_over([row.tokens for row in story.steps], RECENT)
    micros = sums_over([row.duration_us for row in story.steps], RECENT)
    smooth = {id(row): count * 1e6 / us for row, count, us in zip(story.steps, tokens, micros, strict=True) if us > 0}
    rows = numbered(story.steps)
    each = _speeds(_placed(story, rows, tokens_per_second), tokens_per_second)
    over = _speeds(_placed(story, rows, lambda row: smooth.get(id(row))), lambda row: smooth.get(id(row)))
    series = [line("each step", each, "var(--ink-3)", width=1), line(f"over {RECENT} steps", over, "var(--ink)", width=2.2)]
    return time_frame("tokens/s", series, unit="tokens/s")


def _speeds(placed: Sequence[Placed], speed: Callable[[StepRow], float | None]) -> Iterator[Point]:
    for t, row in placed:
        value = None if row is None else speed(row)
        yield (t, None if value is None else round(value, 1))


def tokens_per_second(row: StepRow) -> float | None:
    """Of one step, over all ranks; None when it took no time."""
    return row.tokens * 1e6 / row.duration_us if row.duration_us > 0 else None


def numbered(steps: Sequence[StepRow]) -> list[tuple[int, StepRow]]:
    """Each row with the number of its stretch: a new one begins where training stood still."""
    stretch, rows = 0, []
    for index, row in enumerate(steps):
        stretch += index > 0 and _is_gap(steps[index - 1], row)
        rows.append((stretch, row))
    return rows


def _placed(story: Story, rows: Sequence[tuple[int, StepRow]], value: Callable[[StepRow], float | None]) -> list[Placed]:
    """The rows worth drawing, each with the seconds since the command; a row of nothing between two stretches."""
    placed: list[Placed] = []
    kept = thin(rows, lambda pair: value(pair[1]))
    for index, (stretch, row) in enumerate(kept):
        if index and kept[index - 1][0] != stretch:
            placed.append((round((kept[index - 1][1].t + row.t) / 2 - story.started, 2), None))
        placed.append((round(row.t - story.started, 2), row))
    return placed


def _is_gap(before: StepRow, row: StepRow) -> bool:
    """Whether there is time between two steps that belongs to neither: a restart, or a machine that slept."""
    return before.attempt != row.attempt or started_us(row) / 1e6 - before.t > 1.0


def finite_or_none(value: float | None) -> float | None:
    """JSON has no word for what is not a number."""
    return value if value is not None and math.isfinite(value) else None
