"""Time drawn as strips: what a run's life and its steps went to, and its start-up. Pure: a story in, fractions and words out."""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.telemetry.events import STEP_PARTS
from steelyard.telemetry.goodput import LOSSES, started_us
from steelyard.telemetry.story import Phase, Story
from steelyard.units import format_duration
from steelyard.web.palette import kind
from steelyard.web.teach import ADVICE


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a whole: `key` is its kind (colour and pattern), `share` is 0-1."""

    key: str
    word: str
    share: float
    time: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a strip: where it starts and how wide it is, as fractions (0-1) of the strip."""

    key: str
    left: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class StartRow:
    """One phase of the start-up: its span, and how long it took."""

    word: str
    span: Span
    time: str


PHASE_WORDS = {
    "command": "the plan is made",
    "check": "checks", "cluster": "cluster starts", "workers": "workers start", "imports": "imports", "data": "data is read",
    "model": "model is built", "compile": "model is compiled",
}


def goodput_shares(story: Story) -> tuple[Share, ...]:
    """The run's life in parts that add up to all of it; what took no time at all is left out."""
    parts = {"productive": story.goodput.productive_us} | story.goodput.losses_us
    life = story.goodput.life_us
    return tuple(_share(key, spent, spent / life) for key, spent in parts.items() if spent > 0) if life > 0 else ()


def _share(key: str, spent_us: int, share: float) -> Share:
    if key == "productive":
        return Share("compute", "productive", share, format_duration(spent_us / 1e6), "steps that count: compute, communication, optimizer")
    meaning = "; ".join(part for part in (LOSSES.get(key, ""), ADVICE.get(key, "")) if part)
    return Share(kind(key).key, kind(key).word, share, format_duration(spent_us / 1e6), meaning)


def step_shares(story: Story) -> tuple[Share, ...]:
    """All steps' time together, by part of a step, the largest first."""
    total = sum(row.duration_us for row in story.steps)
    sums = {key: sum(row.parts_us.get(key, 0) for row in story.steps) for key in STEP_PARTS}
    shares = ((kind(key), spent) for key, spent in sorted(sums.items(), key=lambda item: -item[1]) if total)
    return tuple(Share(part.key, part.word, spent / total, format_duration(spent / 1e6), "") for part, spent in shares)


def start_rows(story: Story) -> tuple[StartRow, ...]:
    """The first start-up by phase, as the driver and rank 0 saw it, and the first step."""
    first = min((phase.attempt for phase in story.phases), default=1)
    seen = [phase for phase in story.phases if phase.attempt == first and (phase.writer == "driver" or phase.writer.startswith("rank-0"))]
    if story.first_step_after is not None and story.steps:
        row = story.steps[0]
        seen.append(Phase("first step", started_us(row) / 1e6, row.t, "rank-0", first))
    if not seen:
        return ()
    end = max(phase.end for phase in seen)
    length = max(end - story.started, 1e-3)
    return tuple(_start_row(story, phase, length) for phase in sorted(seen, key=lambda phase: (phase.start, phase.end)))


def _start_row(story: Story, phase: Phase, length: float) -> StartRow:
    word = PHASE_WORDS.get(phase.name, phase.name)
    took = format_duration(max(phase.end - phase.start, 0))
    left = min(max((phase.start - story.started) / length, 0.0), 1.0)
    key = "compute" if phase.name == "first step" else "start-up"
    return StartRow(word, Span(key, left, max(min((phase.end - phase.start) / length, 1 - left), 0.0), f"{word}: {took}"), took)
