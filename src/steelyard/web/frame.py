"""What all charts have in common: axes, legend, tooltip, lines and limits, as ECharts options. Pure.

Colours are the palette's CSS variables. Strings under keys that begin with a colon are JavaScript functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from steelyard.web.series import tick_seconds

Option = dict[str, Any]
Point = Sequence[float | None]

FONT = "Roboto, system-ui, sans-serif"
TEXT = {"color": "var(--ink-2)", "fontFamily": FONT, "fontSize": 12}
NAME = {"color": "var(--ink-3)", "fontFamily": FONT, "fontSize": 11.5}

COUNT_JS = "v => v >= 1e6 ? +(v / 1e6).toPrecision(3) + 'M' : v >= 1e4 ? +(v / 1e3).toPrecision(3) + 'k' : '' + v"
CLOCK_JS = ("v => { const s = Math.round(v), two = n => String(n).padStart(2, '0'); return s < 60 ? s + ' s' : s < 3600 ? "
            "Math.floor(s / 60) + ':' + two(s % 60) : Math.floor(s / 3600) + ':' + two(Math.floor(s % 3600 / 60)) + ' h'; }")
STEP_JS = "v => 'step ' + v"

DASHES: tuple[str | list[int], ...] = ("solid", "dashed", "dotted", [8, 3, 2, 3], [2, 6], [12, 4])
"""Line styles, so that lines of one colour can be told apart."""


def steps_frame(y: str, series: list[Option], *, unit: str = "") -> Option:
    """A chart over steps; its vertical axis need not begin at 0. `unit` follows each value that is pointed at."""
    frame = _frame("step", y, series, COUNT_JS, _tooltip(STEP_JS, unit))
    frame["yAxis"]["scale"] = True
    frame["xAxis"]["minInterval"] = 1
    return frame


def time_frame(y: str, series: list[Option], *, unit: str = "") -> Option:
    """A chart over the seconds since the command, divided as clocks are. `unit` follows each value that is pointed at."""
    frame = _frame("time since the command", y, series, CLOCK_JS, _tooltip(CLOCK_JS, unit))
    times = [point[0] for line in series for point in line["data"]]
    first, last = min(times, default=0.0), max(times, default=1.0)
    each = tick_seconds(last - first, most=6)
    if each is not None:
        frame["xAxis"] |= {"interval": each, "min": first // each * each}
    return frame


def _frame(x: str, y: str, series: list[Option], axis_js: str, tooltip: Option) -> Option:
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT},
        "grid": {"left": 8, "right": 16, "top": 48, "bottom": 26, "containLabel": True},
        "legend": {"top": 2, "left": 0, "padding": 0, "textStyle": TEXT, "itemWidth": 22, "itemHeight": 10, "itemGap": 14,
                   "inactiveColor": "var(--idle)", "itemStyle": {"opacity": 0}, "data": [line["name"] for line in series]},
        "tooltip": tooltip,
        "xAxis": {"type": "value", "min": "dataMin", "max": "dataMax",
                  "name": x, "nameLocation": "middle", "nameGap": 28, "nameTextStyle": NAME,
                  "axisLabel": {**TEXT, ":formatter": axis_js, "hideOverlap": True, "showMaxLabel": False}, "splitLine": {"show": False},
                  "axisLine": {"lineStyle": {"color": "var(--line)"}}, "axisTick": {"show": False}},
        "yAxis": {"type": "value", "name": y, "nameLocation": "end", "nameGap": 10, "nameTextStyle": {**NAME, "align": "left"},
                  "axisLabel": {**TEXT, ":formatter": COUNT_JS}, "splitLine": {"lineStyle": {"color": "var(--grid)"}},
                  "axisLine": {"show": False}, "axisTick": {"show": False}, "splitNumber": 4},
        "series": series,
    }


def _tooltip(pointer_js: str, unit: str) -> Option:
    value_js = f"v => v == null ? '-' : +(+v).toPrecision(4) + ' {unit}'"
    return {
        "trigger": "axis", "confine": True, "transitionDuration": 0, "padding": [8, 12], "backgroundColor": "var(--panel)",
        "borderColor": "var(--line)", "textStyle": {**TEXT, "color": "var(--ink)"}, ":valueFormatter": value_js,
        "axisPointer": {"type": "line", "lineStyle": {"color": "var(--ink-3)", "type": "solid"},
                        "label": {":formatter": f"p => ({pointer_js})(p.value)"}},
    }


def line(name: str, points: Iterable[Point], color: str, *, width: float, dash: str | list[int] = "solid") -> Option:
    """A line through `points` (x, y); None breaks it. Two points or fewer are shown as dots."""
    data = [list(point) for point in points]
    return {
        "name": name, "type": "line", "data": data, "symbol": "circle" if len(data) < 3 else "none", "symbolSize": 5, "connectNulls": False,
        "lineStyle": {"color": color, "width": width, "type": dash}, "itemStyle": {"color": color}, "emphasis": {"disabled": True},
    }


def crossing(axis: str, places: Sequence[tuple[float, str]], color: str, position: str) -> Option:
    """Dashed lines across the chart at `places` (value on `axis`, label)."""
    return {
        "silent": True, "symbol": "none", "lineStyle": {"color": color, "type": "dashed", "width": 1.2},
        "label": {"color": "var(--ink-2)", "fontFamily": FONT, "fontSize": 11, "position": position, "formatter": "{b}"},
        "data": [{axis: value, "name": label} for value, label in places],
    }
