"""What the pages show, as frozen values of words and options: `Story` in, view out. Pure; the pages only place it.

`runs_row` is a line of the Runs page, `run_view` all of the Run page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from steelyard.findings import Finding
from steelyard.telemetry.story import Story
from steelyard.units import format_duration, format_money
from steelyard.web import charts, sentences
from steelyard.web.charts import RECENT
from steelyard.web.frame import Option
from steelyard.web.memory import memory_chart
from steelyard.web.series import median
from steelyard.web.strips import Share, StartRow, goodput_shares, start_rows
from steelyard.web.teach import LOOK, PANELS, Panel
from steelyard.web.timeline import Timeline, timeline
from steelyard.web.words import UNKNOWN, age, loss_word, number, percent, plural


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
    """A number that stands by itself. `share` (0-1) is drawn as a bar under it, None draws none; `look` is told when one points at it."""

    label: str
    value: str
    note: str
    look: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with its words. `option` is None while there is nothing to draw, and `words` says so."""

    panel: Panel
    words: str
    option: Option | None


@dataclass(frozen=True, slots=True)
class FindingView:
    sign: str
    tone: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class RunView:
    """All of the Run page but its log."""

    name: str
    status: StatusView
    reason: str
    facts: str
    figures: tuple[Figure, ...]
    findings: tuple[FindingView, ...]
    findings_words: str
    loss: Picture
    split: Picture
    speed: Picture
    memory: Picture
    goodput: tuple[Share, ...]
    goodput_words: str
    timeline: Timeline
    timeline_words: str
    startup: tuple[StartRow, ...]
    startup_words: str


def runs_row(story: Story, now: float, cost_micro: int | None) -> RunsRow:
    """`story` as a line; `now` in epoch seconds, what it cost so far in micro-dollars (None: unknown)."""
    return RunsRow(
        name=story.run, workload=story.workload, team=story.team or UNKNOWN, status=STATUSES[story.status], reason=story.reason,
        step=_step_word(story), loss=loss_word(_last_loss(story)), speed=number(story.tokens_per_second),
        goodput=percent(story.goodput.ratio), cost=format_money(cost_micro), age=age(now - story.started),
    )


def run_view(story: Story, now: float, cost_micro: int | None) -> RunView:
    """`story` as a page; `now` in epoch seconds, what it cost so far in micro-dollars (None: unknown)."""
    order = {"error": 0, "warning": 1, "note": 2}
    findings = sorted(dict.fromkeys(story.findings), key=lambda finding: order[finding.severity])
    return RunView(
        name=story.run, status=STATUSES[story.status], reason=story.reason, facts=_facts(story), figures=_figures(story, cost_micro),
        findings=tuple(FindingView(*SIGNS[finding.severity], finding) for finding in findings),
        findings_words=f"{len(findings)} to look at." if findings else "Nothing wrong was found.",
        loss=_picture("loss", story, sentences.loss, charts.loss_chart),
        split=_picture("split", story, sentences.split, charts.split_chart),
        speed=_picture("speed", story, sentences.speed, charts.speed_chart),
        memory=Picture(PANELS["memory"], sentences.memory(story), memory_chart(story) if story.samples else None),
        goodput=goodput_shares(story), goodput_words=sentences.goodput(story),
        timeline=timeline(story, now), timeline_words=sentences.life(story, now),
        startup=start_rows(story), startup_words=sentences.startup(story),
    )


def _picture(key: str, story: Story, words: Callable[[Story], str], chart: Callable[[Story], Option]) -> Picture:
    return Picture(PANELS[key], words(story), chart(story) if story.steps else None)


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


def _figures(story: Story, cost_micro: int | None) -> tuple[Figure, ...]:
    usual_us = median([row.duration_us for row in story.steps[-RECENT:]])
    usual = None if usual_us is None else usual_us / 1e6
    life = format_duration(story.goodput.life_us / 1e6)
    figures = [
        Figure("Step", _step_word(story).replace("/", " / "), _left_words(story, usual), share=_progress(story)),
        Figure("Loss", loss_word(_last_loss(story)), _first_loss_words(story), LOOK["steelyard_train_loss"]),
        Figure("Tokens per second", number(story.tokens_per_second), f"over the last {RECENT} steps",
               LOOK["steelyard_train_tokens_per_second"]),
        Figure("Time per step", format_duration(usual), f"median of the last {RECENT}"),
        Figure("Goodput", percent(story.goodput.ratio), f"of {life}", LOOK["steelyard_run_goodput_ratio"], story.goodput.ratio),
        Figure("Cost so far" if story.ended is None else "Cost", format_money(cost_micro), _price_words(story),
               LOOK["steelyard_run_cost_dollars"]),
    ]
    if story.mfu is not None:
        figures.insert(4, Figure("Device used", percent(story.mfu), "of its peak (MFU)", LOOK["steelyard_train_mfu_ratio"], story.mfu))
    return tuple(figures)


def _first_loss_words(story: Story) -> str:
    first = next((row for row in story.steps if row.loss is not None), None)
    return f"from {loss_word(first.loss)} at step {first.step}" if first else ""


def _progress(story: Story) -> float | None:
    return min(story.steps[-1].step / story.goal_steps, 1.0) if story.steps and story.goal_steps else None


def _left_words(story: Story, step_seconds: float | None) -> str:
    if story.ended is not None:
        return "at its end"
    if not story.steps or step_seconds is None:
        return "before the first step"
    if not story.goal_steps:
        return "no end known"
    left = story.goal_steps - story.steps[-1].step
    return f"about {format_duration(max(left * step_seconds, 1))} left" if left > 0 else "the last one is done"


def _price_words(story: Story) -> str:
    price = story.price_micro_hour
    return "no price of this machine is known" if price is None else f"machine: {format_money(price)} an hour"
