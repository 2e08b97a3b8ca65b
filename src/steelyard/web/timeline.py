"""A run's life as one strip: what it did when, with its checkpoints and restarts. Pure: a story in, fractions and words out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steelyard.telemetry.events import Event
from steelyard.telemetry.goodput import started_us
from steelyard.telemetry.story import Attempt, StepRow, Story
from steelyard.units import format_bytes, format_duration
from steelyard.web.series import thin, tick_seconds
from steelyard.web.strips import Span

Stretch = tuple[str, float, float, str]
"""Kind, begin and end in epoch seconds, title."""

MARKS = 200
"""Checkpoints that are marked; more would be one grey band."""

NARROWEST = 1e-4
"""A span that would take less of the strip than this cannot be seen."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on a strip."""

    left: float
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run's life: spans of what it did, marks of checkpoints and restarts, ticks of the axis."""

    spans: tuple[Span, ...]
    checkpoints: tuple[Mark, ...]
    restarts: tuple[Mark, ...]
    ticks: tuple[Mark, ...]


def timeline(story: Story, now: float) -> Timeline:
    """The run's life from the command to its end, or to `now` (epoch seconds) while it goes on."""
    end = max(story.ended if story.ended is not None else now, story.started + 1e-3)
    length = end - story.started

    def at(t: float) -> float:
        return min(max((t - story.started) / length, 0.0), 1.0)

    stretches = [(key, at(a), at(b), f"{title}: {format_duration(b - a)}") for key, a, b, title in _stretches(story, end)]
    spans = tuple(Span(key, a, b - a, title) for key, a, b, title in stretches if b - a > NARROWEST)
    checkpoints = tuple(Mark(at(event["t"]), _checkpoint_title(event)) for event in thin(story.checkpoints, lambda event: event["t"], MARKS))
    restarts = tuple(Mark(at(attempt.lost), attempt.cause or "workers were lost") for attempt in story.attempts if attempt.lost is not None)
    return Timeline(spans, checkpoints, restarts, _ticks(length))


def _checkpoint_title(event: Event) -> str:
    size = f", {format_bytes(event['bytes'])}" if event.get("bytes") else ""
    return f"checkpoint of step {event['step']}{size}"


def _stretches(story: Story, end: float) -> list[Stretch]:
    """Kind, begin, end and title of what the run did, attempt by attempt. An attempt's rows are told by time."""
    attempts: Sequence[Attempt] = story.attempts or (Attempt(1, story.started, 0),)
    stretches: list[Stretch] = []
    cursor, after_loss = story.started, False
    for attempt, limit in zip(attempts, [*(later.start for later in attempts[1:]), end], strict=True):
        if cursor > story.started and not after_loss:
            stretches.append(("idle", cursor, attempt.start, "not running"))
            cursor = attempt.start
        rows = [row for row in story.steps if (row.t < limit or limit == end) and (row.t >= attempt.start or attempt is attempts[0])]
        begin = started_us(rows[0]) / 1e6 if rows else attempt.lost or limit
        stretches.append(("recovery", cursor, begin, "recovery") if after_loss else ("start-up", cursor, begin, "start-up"))
        stretches += _training(rows, _redone(story.steps, rows))
        cursor = max(begin, rows[-1].t if rows else begin)
        if attempt.lost is not None:
            stretches.append(("wasted", cursor, attempt.lost, "an unfinished step, lost"))
            cursor = max(cursor, attempt.lost)
        after_loss = attempt.lost is not None
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
    """Round moments, at most nine of them."""
    each = tick_seconds(length, most=8)
    if each is None:
        return (Mark(0.0, _clock(0)), Mark(1.0, format_duration(length)))
    return tuple(Mark(n * each / length, _clock(n * each)) for n in range(int(length // each) + 1))


def _clock(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02} h" if seconds < 172_800 else f"{seconds // 86_400} days"
