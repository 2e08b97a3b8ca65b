"""What `run` says while it runs: one line per thing that happened, and one line that moves with the steps."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from steelyard.cli.figures import loss_text
from steelyard.cli.output import percent, say
from steelyard.telemetry.events import STEP_PARTS, Event
from steelyard.telemetry.records import Story
from steelyard.units import format_bytes, format_duration

STEP_LINE_EVERY, MOVE_EVERY = 10.0, 1.0
"""Seconds between two step lines: where there is no terminal, and where one line moves on it."""
SILENT = ("step", "step.saving", "sample", "metric")
"""Kinds of events that are not worth a line."""
SLOWNESS = 200
"""A story of many steps takes long to tell: for so many times as long it is not told again, so that the training has the cores."""


def terminal_width() -> int:
    """Columns of the terminal that stderr is; plenty where it is none."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 1000
    except OSError:
        return 1000


@dataclass
class Progress:
    """Prints to stderr: ask `due` every now and then with the events since the last time, and if so, call `show` with the story."""

    next_line: float = 0.0
    """When the next step line is due, in epoch seconds."""
    moving: bool = field(default_factory=sys.stderr.isatty)
    _open_line: bool = False
    _checks: list[str] = field(default_factory=list)

    def due(self, events: Sequence[Event], now: float) -> bool:
        """Whether a step line is due, or one of `events` is worth a line of its own."""
        return now >= self.next_line or any(event["kind"] not in SILENT for event in events)

    def show(self, story: Story, events: Sequence[Event], now: float, took: float = 0.0) -> None:
        """`took`: seconds that telling the story took; the more, the later the next step line."""
        for event in events:
            self._tell(event, story)
        if story.steps and (now >= self.next_line or (self.moving and not self._open_line)):
            self.next_line = now + max(MOVE_EVERY if self.moving else STEP_LINE_EVERY, SLOWNESS * took)
            self._step(step_line(story))

    def line(self, text: str) -> None:
        """A line that stays."""
        self.end_moving()
        say(text)

    def end_moving(self) -> None:
        """Leave the moving line as it is and go on below."""
        if self._open_line:
            say("")
            self._open_line = False

    def _step(self, text: str) -> None:
        if not self.moving:
            say(text)
            return
        sys.stderr.write(f"\r\x1b[K{text[: terminal_width() - 1]}")  # a line that wraps could not be drawn over
        sys.stderr.flush()
        self._open_line = True

    def _tell(self, event: Event, story: Story) -> None:
        kind = event["kind"]
        if kind == "check":
            self._checks.append(f"{'ok' if event['ok'] else 'NO'} {event['name']} {event['detail']}")
        elif kind == "phase" and event["name"] == "check":
            self.line(f"  check   {'   '.join(self._checks)}   {format_duration(event['t'] - event['start'])}")
        elif kind == "phase" and event["writer"] in ("driver", f"rank-0.{event['attempt']}"):
            self.line(f"  start   {PHASE_WORDS[event['name']]}   {format_duration(event['t'] - event['start'])}")
        elif kind == "step" and event["writer"].startswith("rank-0.") and story.steps and event["t"] == story.steps[0].t:
            self.line(f"  start   first step after {format_duration(story.first_step_after)}")
        elif text := happening(event):
            self.line(text)


PHASE_WORDS = {
    "command": "planned, driver started",
    "cluster": "Ray is up", "workers": "workers are up and see each other", "imports": "recipe imported", "data": "data read",
    "model": "model built", "compile": "model compiled",
}


def happening(event: Event) -> str:
    """One line for what a person wants to hear of at once; nothing for the rest."""
    text = ""
    match event["kind"]:
        case "attempt.lost":
            text = f"  lost    {event['cause']} at step {event['step']}"
        case "attempt.start" if event["attempt"] > 1:
            text = f"  restart from the checkpoint of step {event['from_step']}"
        case "restore" if event["writer"].startswith("rank-0."):
            text = f"  resume  after step {event['step']}, read in {format_duration(event['duration_us'] / 1e6)}"
        case "stop.request":
            text = f"  stop    {event['reason']}: a last checkpoint, then the end"
        case "evaluation":
            text = f"  judge   {event['name']} {event['value']:.3f}"
        case "finding":
            parts = (f"{event['severity']}: {event['message']}", event["evidence"], event["next_step"])
            text = "\n".join(f"  {part}" for part in parts if part)
    return text


def step_line(story: Story) -> str:
    """`step 140/200   loss 2.31   12.4k tokens/s   0.33 s = compute 78% communication 15% ...`, over the last 20 steps."""
    recent = story.steps[-20:]
    total = sum(row.duration_us for row in recent)
    shares = {part: sum(row.parts_us[part] for row in recent) / total for part in STEP_PARTS} if total else {}
    split = " ".join(f"{part} {percent(share)}" for part, share in sorted(shares.items(), key=lambda item: -item[1]) if share >= 0.005)
    last = story.steps[-1]
    goal = f"/{story.goal_steps}" if story.goal_steps else ""
    loss = f"   loss {loss_text(last.loss)}" if last.loss is not None else ""
    speed = f"   {rate(story.tokens_per_second)} tokens/s" if story.tokens_per_second else ""
    return f"  step {last.step}{goal}{loss}{speed}   {total / len(recent) / 1e6:.2f} s = {split}"


def rate(value: float) -> str:
    return f"{value / 1000:.1f}k" if value >= 1000 else f"{value:.0f}"


def summary_lines(story: Story, cost: str) -> list[str]:
    """The end in a few lines: what was done, how well the time was used, what it cost."""
    done = story.steps[-1].step if story.steps else 0
    first = next((row.loss for row in story.steps if row.loss is not None), None)
    last = next((row.loss for row in reversed(story.steps) if row.loss is not None), None)
    loss = f"   loss {loss_text(first)} -> {loss_text(last)}" if first is not None and last is not None else ""
    restarts = story.restarts
    life = format_duration(story.goodput.life_us / 1e6)
    lines = [f"{story.status.lower():<9} {done} steps in {life}{loss}   restarts {restarts}"]
    if story.reason:
        lines.append(f"why       {story.reason}")
    lines.extend(evaluation_lines(story))
    lines.append(f"time      {phase_line(story)}")
    lines.append(f"goodput   {goodput_line(story)}")
    if peak := peak_memory(story):
        lines.append(f"memory    {format_bytes(peak)} at most in all workers together")
    lines.append(f"cost      {cost}")
    return lines


def evaluation_lines(story: Story) -> list[str]:
    """Before and after of each measure that was taken twice (`NAME, base` and `NAME, tuned`)."""
    values = {event["name"]: float(event["value"]) for event in story.evaluations}
    pairs = [(name.removesuffix(", base"), value, values.get(f"{name.removesuffix(', base')}, tuned"))
             for name, value in values.items() if name.endswith(", base")]
    return [f"judged    {name}: base {base:.3f} -> tuned {'-' if tuned is None else f'{tuned:.3f}'}" for name, base, tuned in pairs]


def phase_line(story: Story) -> str:
    """Where the time before the first step went, and how long the steps took."""
    until = story.steps[0].t if story.steps else math.inf  # what comes after belongs to a restart or to a later life of the run
    first = [phase for phase in story.phases if phase.writer in ("driver", f"rank-0.{phase.attempt}") and phase.end <= until]
    start = " ".join(f"{phase.name} {format_duration(phase.end - phase.start)}" for phase in first)
    steps = sum(row.duration_us for row in story.steps) / 1e6
    return f"{start}; first step after {format_duration(story.first_step_after)}; steps {format_duration(steps)}"


def goodput_line(story: Story) -> str:
    """`58%   lost to: start-up 31%, checkpoint save 4%`."""
    goodput = story.goodput
    if goodput.ratio is None:
        return "-"
    losses = [(kind, lost / goodput.life_us) for kind, lost in goodput.losses_us.items() if lost > 0]
    told = ", ".join(f"{kind} {percent(share)}" for kind, share in sorted(losses, key=lambda item: -item[1]))
    return f"{percent(goodput.ratio)}   lost to: {told or 'nothing'}"


def peak_memory(story: Story) -> int | None:
    """The most that the workers held at a time, by their own samples; None without any."""
    held: dict[str, int] = {}
    most = 0
    for sample in story.samples:
        held[sample.writer.partition(".")[0]] = sample.rss_bytes
        most = max(most, sum(held.values()))
    return most or None

