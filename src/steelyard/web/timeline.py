"""A run's life as one strip: what it did when, with its checkpoints and restarts. Pure: a story in, fractions and words out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steelyard.telemetry.goodput import started_us
from steelyard.telemetry.story import Attempt, StepRow, Story
from steelyard.units import format_bytes, format_duration
from steelyard.web.strips import Span
from steelyard.web.words import plural

Stretch = tuple[str, float, float, str]
"""Kind, begin and end in epoch seconds, title."""

TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800)
"""Seconds that an axis may be divided by."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on a strip."""

    left: float
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run's life: spans of what it did, marks of checkpoints and restarts, ticks of the axis, and the story in words."""

    spans: tuple[Span, ...]
    checkpoints: tuple[Mark, ...]
    restarts: tuple[Mark, ...]
    ticks: tuple[Mark, ...]
    words: str


def timeline(story: Story, now: float) -> Timeline:
    """The run's life from the command to its end, or to `now` (epoch seconds) while it goes on."""
    end = max(story.ended if story.ended is not None else now, story.started + 1e-3)
    length = end - story.started

    def at(t: float) -> float:
        return min(max((t - story.started) / length, 0.0), 1.0)

    spans = tuple(Span(key, at(a), at(b) - at(a), f"{title}: {format_duration(b - a)}") for key, a, b, title in _stretches(story, end) if b > a)
    checkpoints = tuple(Mark(at(event["t"]), f"checkpoint of step {event['step']}"
                             + (f", {format_bytes(event['bytes'])}" if event.get("bytes") else "")) for event in story.checkpoints)
    lost = [attempt for attempt in story.attempts if attempt.lost is not None]
    restarts = tuple(Mark(at(attempt.lost or 0), attempt.cause or "workers were lost") for attempt in lost)
    return Timeline(spans, checkpoints, restarts, _ticks(length), _timeline_words(story, now))


def _stretches(story: Story, end: float) -> list[Stretch]:
    """Kind, begin, end and title of what the run did, attempt by attempt. An attempt's rows are told by time."""
    attempts: Sequence[Attempt] = story.attempts or (Attempt(1, story.started, 0),)
    limits = [attempt.start for attempt in attempts[1:]] + [end]
    stretches: list[Stretch] = []
    cursor = story.started
    for index, (attempt, limit) in enumerate(zip(attempts, limits, strict=True)):
        rows = [row for row in story.steps if (index == 0 or row.t >= attempt.start) and (row.t < limit or limit == end)]
        after_loss = index > 0 and attempts[index - 1].lost is not None
        if not after_loss and index > 0:
            stretches.append(("idle", cursor, attempt.start, "not running"))
            cursor = attempt.start
        begin = started_us(rows[0]) / 1e6 if rows else min(attempt.lost or limit, limit)
        stretches.append(("recovery", cursor, begin, "recovery") if after_loss else ("start-up", cursor, begin, "start-up"))
        stretches += _training(rows, _redone(story.steps, rows))
        cursor = max(begin, rows[-1].t if rows else begin, attempt.lost or 0)
        if rows and attempt.lost is not None:
            stretches.append(("wasted", rows[-1].t, attempt.lost, "an unfinished step, lost"))
    stretches.append(("other", cursor, end, "the rest"))
    return stretches


def _redone(steps: Sequence[StepRow], rows: Sequence[StepRow]) -> float | None:
    """From when on the work of `rows` was done again later, or None."""
    later = [row.step for row in steps if rows and row.t > rows[-1].t]
    lost = [row for row in rows if later and row.step >= min(later)]
    return started_us(lost[0]) / 1e6 if lost else None


def _training(rows: Sequence[StepRow], redone: float | None) -> list[Stretch]:
    if not rows:
        return []
    begin, end = started_us(rows[0]) / 1e6, rows[-1].t
    turn = end if redone is None else max(redone, begin)
    return [("compute", begin, turn, f"training, from step {rows[0].step}"), ("wasted", turn, end, "steps that were done again")]


def _ticks(length: float) -> tuple[Mark, ...]:
    """Round moments, four to eight of them."""
    for each in TICKS:
        if length / each <= 8:
            return tuple(Mark(n * each / length, _clock(n * each)) for n in range(int(length // each) + 1))
    return (Mark(0.0, _clock(0)), Mark(1.0, format_duration(length)))


def _clock(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02} h" if seconds < 172_800 else f"{seconds // 86_400} days"


def _timeline_words(story: Story, now: float) -> str:
    lost = [attempt for attempt in story.attempts if attempt.lost is not None]
    told = [plural(len(lost), "restart") if lost else "no restart", plural(len(story.checkpoints), "checkpoint")]
    if story.checkpoints:
        last = story.checkpoints[-1]
        told.append(f"the last holds step {last['step']}" + (f" and is {format_duration(max(now - last['t'], 0))} old" if story.ended is None else ""))
    if story.wasted_steps:
        told.append(f"{plural(story.wasted_steps, 'step')} lost")
    text = ", ".join(told) + "."
    return text[0].upper() + text[1:] + (f" Lost because: {lost[-1].cause}." if lost and lost[-1].cause else "")
