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
    marked = thin(story.checkpoints, lambda event: event["t"], MARKS)
    checkpoints = tuple(Mark(at(event["t"]), _checkpoint_title(event)) for event in marked)
    restarts = tuple(Mark(at(attempt.lost), attempt.cause or "workers were lost") for attempt in story.attempts if attempt.lost is not None)
    return Timeline(spans, checkpoints, restarts, _ticks(length))


def _checkpoint_title(event: Event) -> str:
    size = f", {format_bytes(event['bytes'])}" if event.get("bytes") else ""
    return f"checkpoint of step {event['step']}{size}"


def _stretches(story: Story, end: float) -> list[Stretch]:
    """Kind, begin, end and title of what the run did, attempt by attempt. An attempt's rows are told by time."""
    attempts: Sequence[Attempt] = story.attempts or (Attempt(1, story.started, 0),)
    stretches: list[Stretch] = []
    lost_rows = _lost_rows(story)
    cursor, after_loss = story.started, False
    for attempt, limit in zip(attempts, [*(later.start for later in attempts[1:]), end], strict=True):
        if cursor > story.started and not after_loss:
            stretches.append(("idle", cursor, attempt.start, "not running"))
            cursor = attempt.start
        rows = [row for row in story.steps if (row.t < limit or limit == end) and (row.t >= attempt.start or attempt is attempts[0])]
        begin = started_us(rows[0]) / 1e6 if rows else attempt.lost or limit
        stretches.append(("recovery", cursor, begin, "recovery") if after_loss else ("start-up", cursor, begin, "start-up"))
        stretches += _training(rows, lost_rows)
        cursor = max(begin, rows[-1].t if rows else begin)
        if attempt.lost is not None:
            stretches.append(("wasted", cursor, attempt.lost, "an unfinished step, lost"))
            cursor = max(cursor, attempt.lost)
        after_loss = attempt.lost is not None
    stretches.append(("other", cursor, end, "the rest"))
    return stretches


def _lost_rows(story: Story) -> set[int]:
    """The rows (by id) whose work was lost: a later row does their step again, or the run ended or broke off after its last checkpoint."""
    redone: set[int] = set()
    lowest_after: int | None = None
    for row in reversed(story.steps):
        if lowest_after is not None and row.step >= lowest_after:
            redone.add(id(row))
        lowest_after = row.step if lowest_after is None else min(row.step, lowest_after)
    at_the_end = story.wasted_steps - len(redone)
    return redone | {id(row) for row in (story.steps[-at_the_end:] if at_the_end > 0 else ())}


def _training(rows: Sequence[StepRow], lost_rows: set[int]) -> list[Stretch]:
    """What an attempt trained: first what counts, then what was lost."""
    if not rows:
        return []
    begin, end = started_us(rows[0]) / 1e6, rows[-1].t
    turn = next((started_us(row) / 1e6 for row in rows if id(row) in lost_rows), end)
    return [("compute", begin, turn, f"training, from step {rows[0].step}"), ("wasted", turn, end, "steps that were lost")]


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
