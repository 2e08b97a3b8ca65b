"""What the pages show, as frozen values of words and options: `Story` in, view out. Pure; the pages only place it.

`runs_row` is a line of the Runs page, `run_view` all of the Run page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from steelyard.findings import Finding
from steelyard.telemetry.story import StepRow, Story
from steelyard.units import format_bytes, format_duration, format_money
from steelyard.web import charts
from steelyard.web.series import median
from steelyard.web.strips import Share, StartRow, goodput_shares, start_rows, step_shares
from steelyard.web.teach import PANELS, Panel
from steelyard.web.timeline import Timeline, timeline
from steelyard.web.words import UNKNOWN, age, loss_word, number, percent, plural

RECENT = 20
"""Steps that "now" looks back over."""


@dataclass(frozen=True, slots=True)
class StatusView:
    """A status as a word, a sign that can be told without colour, and a tone (a colour variable)."""

    word: str
    sign: str
    tone: str


STATUSES = {
    "Starting": StatusView("Starting", "◔", "busy"), "Running": StatusView("Running", "▶", "good"),
    "Restarting": StatusView("Restarting", "↻", "care"), "Stopping": StatusView("Stopping", "◼", "care"),
    "Done": StatusView("Done", "✓", "good"), "Stopped": StatusView("Stopped", "■", "care"),
    "Failed": StatusView("Failed", "✕", "bad"), "Lost": StatusView("Lost", "?", "bad"),
}

SIGNS = {"error": ("✕", "bad"), "warning": ("▲", "care"), "note": ("●", "busy")}
"""Sign and tone of a finding, by its severity."""


@dataclass(frozen=True, slots=True)
class RunsRow:
    """One line of the Runs page; each cell as it reads."""

    name: str
    workload: str
    team: str
    status: StatusView
    reason: str
    step: str
    loss: str
    speed: str
    goodput: str
    cost: str
    age: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands by itself. `share` (0-1) is drawn as a bar under it; None draws none."""

    label: str
    value: str
    note: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with its words. `option` is None while there is nothing to draw, and `words` says so."""

    panel: Panel
    words: str
    option: charts.Option | None


@dataclass(frozen=True, slots=True)
class FindingView:
    sign: str
    tone: str
    severity: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class RunView:
    """All of the Run page but its log."""

    name: str
    status: StatusView
    reason: str
    facts: str
    is_over: bool
    figures: tuple[Figure, ...]
    findings: tuple[FindingView, ...]
    loss: Picture
    split: Picture
    speed: Picture
    memory: Picture
    goodput: tuple[Share, ...]
    goodput_words: str
    timeline: Timeline
    startup: tuple[StartRow, ...]
    startup_words: str


def cost_so_far(story: Story) -> int | None:
    """Micro-dollars: the price of the moment it started times the run's life; None without a price."""
    return None if story.price_micro_hour is None else story.price_micro_hour * story.goodput.life_us // 3_600_000_000


def runs_row(story: Story, now: float) -> RunsRow:
    """`story` as a line; `now` in epoch seconds."""
    return RunsRow(
        name=story.run, workload=story.workload, team=story.team or UNKNOWN, status=STATUSES[story.status], reason=story.reason,
        step=_step_word(story), loss=loss_word(_last_loss(story)), speed=number(story.tokens_per_second),
        goodput=percent(story.goodput.ratio), cost=format_money(cost_so_far(story)), age=age(now - story.started),
    )


def run_view(story: Story, now: float) -> RunView:
    """`story` as a page; `now` in epoch seconds."""
    order = {"error": 0, "warning": 1, "note": 2}
    findings = sorted(dict.fromkeys(story.findings), key=lambda finding: order[finding.severity])
    return RunView(
        name=story.run, status=STATUSES[story.status], reason=story.reason, facts=_facts(story), is_over=story.ended is not None,
        figures=_figures(story), findings=tuple(FindingView(*SIGNS[f.severity], f.severity, f) for f in findings),
        loss=_picture("loss", _loss_words(story), charts.loss_chart(story) if story.steps else None),
        split=_picture("split", _split_words(story), charts.split_chart(story) if story.steps else None),
        speed=_picture("speed", _speed_words(story), charts.speed_chart(story) if story.steps else None),
        memory=_picture("memory", _memory_words(story), charts.memory_chart(story) if story.samples else None),
        goodput=goodput_shares(story), goodput_words=_goodput_words(story), timeline=timeline(story, now),
        startup=start_rows(story), startup_words=_startup_words(story),
    )


def _picture(key: str, words: str, option: charts.Option | None) -> Picture:
    return Picture(PANELS[key], words, option)


def _last_loss(story: Story) -> float | None:
    return next((row.loss for row in reversed(story.steps) if row.loss is not None), None)


def _step_word(story: Story) -> str:
    if not story.steps:
        return UNKNOWN
    return f"{story.steps[-1].step}/{story.goal_steps}" if story.goal_steps else f"{story.steps[-1].step}"


def _facts(story: Story) -> str:
    started = datetime.fromtimestamp(story.started).astimezone()
    told = [
        story.workload, f"team {story.team}" if story.team else "", plural(story.workers, "worker") if story.workers else "",
        f"{number(story.parameters)} parameters" if story.parameters else "", f"started {started:%Y-%m-%d %H:%M:%S}",
    ]
    return "  ·  ".join(word for word in told if word)


def _figures(story: Story) -> tuple[Figure, ...]:
    recent = _usual_step(story.steps[-RECENT:])
    first = next((row.loss for row in story.steps if row.loss is not None), None)
    used = None if story.mfu is None else Figure("Device used", percent(story.mfu), "of its peak arithmetic (MFU)", story.mfu)
    figures = (
        Figure("Step", _step_word(story).replace("/", " / "), _left_words(story, recent), _progress(story)),
        Figure("Loss", loss_word(_last_loss(story)), f"from {loss_word(first)} at step {story.steps[0].step}" if first is not None else ""),
        Figure("Tokens per second", number(story.tokens_per_second), f"over the last {RECENT} steps"),
        Figure("Time per step", format_duration(recent), f"usual of the last {RECENT}"),
        used,
        Figure("Goodput", percent(story.goodput.ratio), f"of {format_duration(story.goodput.life_us / 1e6)}", story.goodput.ratio),
        Figure("Cost so far" if story.ended is None else "Cost", format_money(cost_so_far(story)), _price_words(story)),
    )
    return tuple(figure for figure in figures if figure is not None)


def _usual_step(steps: tuple[StepRow, ...]) -> float | None:
    """Seconds."""
    usual = median([row.duration_us for row in steps])
    return None if usual is None else usual / 1e6


def _progress(story: Story) -> float | None:
    return min(story.steps[-1].step / story.goal_steps, 1.0) if story.steps and story.goal_steps else None


def _left_words(story: Story, step_seconds: float | None) -> str:
    if story.ended is not None:
        return "at its end"
    if not story.steps:
        return "before the first step"
    if not story.goal_steps or step_seconds is None:
        return "no end known"
    return f"about {format_duration((story.goal_steps - story.steps[-1].step) * step_seconds)} left"


def _price_words(story: Story) -> str:
    return "no price is known here" if story.price_micro_hour is None else f"at {format_money(story.price_micro_hour)} an hour"


def _loss_words(story: Story) -> str:
    losses = [row.loss for row in charts.kept_and_redone(story.steps)[0] if row.loss is not None]
    if not losses:
        return "No step yet." if not story.steps else "This run reports no loss."
    if not math.isfinite(losses[-1]):
        return "The loss is not a number any more: the training has diverged and will not come back."
    text = f"{loss_word(losses[0])} → {loss_word(losses[-1])} in {plural(len(losses), 'step')}."
    if 0 < losses[-1] < 12:
        text += f" At {loss_word(losses[-1])} nats the model hesitates between about {number(math.exp(losses[-1]))} next tokens (e to the loss)."
    return text


def shares_in_words(shares: tuple[Share, ...]) -> str:
    """`compute 78%, communication 15%`."""
    return ", ".join(f"{share.word} {percent(share.share)}" for share in shares if share.share > 0)


def _split_words(story: Story) -> str:
    shares = step_shares(story)
    if not shares:
        return "No step yet."
    text = f"{plural(len(story.steps), 'step')} together: {shares_in_words(shares)}."
    ceiling = charts.split_ceiling(story.steps)
    if ceiling is not None:
        taller = [row for row in story.steps if row.duration_us > ceiling]
        tallest = max(taller, key=lambda row: row.duration_us)
        text += f" {plural(len(taller), 'step')} taller than shown: step {tallest.step} took {format_duration(tallest.duration_us / 1e6)}."
    return text


def _speed_words(story: Story) -> str:
    if not story.steps:
        return "No step yet."
    speeds = [speed for row in story.steps if (speed := charts.tokens_per_second(row)) is not None]
    return f"{number(story.tokens_per_second)} tokens/s over the last {min(RECENT, len(story.steps))} steps; the usual step of the run: {number(median(speeds))}."


def _memory_words(story: Story) -> str:
    if not story.samples:
        return "No sample yet."
    peaks = [f"{name} {format_bytes(max(s.rss_bytes for s in samples))}" for name, samples in charts.by_process(story.samples).items()]
    text = f"At most: {', '.join(peaks)}."
    host = charts.host_samples(story.samples)
    if host:
        tightest = min(host, key=lambda s: s.host_total_bytes - s.host_used_bytes)
        text += f" The machine had {format_bytes(tightest.host_total_bytes - tightest.host_used_bytes)} of {format_bytes(tightest.host_total_bytes)} free at least."
    return text


def _goodput_words(story: Story) -> str:
    shares = goodput_shares(story)
    if not shares:
        return "The run has no life yet."
    lost = tuple(sorted((share for share in shares if share.word != "productive"), key=lambda share: -share.share))
    text = f"{percent(story.goodput.ratio)} of {format_duration(story.goodput.life_us / 1e6)} moved the model forward."
    return text + (f" Lost to: {shares_in_words(lost)}." if lost else "")


def _startup_words(story: Story) -> str:
    if story.first_step_after is None:
        return "The first step is not there yet." if story.ended is None else "It ended before its first step."
    rows = start_rows(story)
    longest = max(rows, key=lambda row: row.span.width, default=None)
    return f"First step after {format_duration(story.first_step_after)}." + (f" The longest part: {longest.word}, {longest.time}." if longest else "")
