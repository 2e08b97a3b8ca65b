"""What each picture says, in a sentence or two. Pure: a story in, text out."""

from __future__ import annotations

import math

from steelyard.telemetry.story import Story
from steelyard.units import format_bytes, format_duration
from steelyard.web import charts
from steelyard.web.memory import by_process, host_samples
from steelyard.web.series import median
from steelyard.web.strips import Share, goodput_shares, start_rows, step_shares
from steelyard.web.words import age, loss_word, number, percent, plural

NO_STEP = "No step yet."


def loss(story: Story) -> str:
    """From where to where, and what the last loss means."""
    losses = [row.loss for row in charts.kept_and_redone(story.steps)[0] if row.loss is not None]
    if not losses:
        return "This run reports no loss." if story.steps else NO_STEP
    if not math.isfinite(losses[-1]):
        return "The loss is not a number any more: the training has diverged and will not come back."
    text = f"{loss_word(losses[0])} → {loss_word(losses[-1])} in {plural(len(losses), 'step')}."
    tokens = math.exp(losses[-1]) if 0 < losses[-1] < 12 else 0
    return f"{text} It hesitates between about {number(round(tokens))} next tokens (e to the loss)." if tokens >= 1.5 else text


def split(story: Story) -> str:
    """The sum over all steps, and what the picture leaves out."""
    shares = step_shares(story)
    if not shares:
        return NO_STEP
    text = f"{plural(len(story.steps), 'step')} together: {in_words(shares)}."
    ceiling = charts.split_ceiling(story.steps)
    if ceiling is None:
        return text
    taller = [row for row in story.steps if row.duration_us > ceiling]
    tallest = max(taller, key=lambda row: row.duration_us)
    took = format_duration(tallest.duration_us / 1e6)
    return f"{text} {plural(len(taller), 'step')} taller than shown; the tallest, step {tallest.step}, took {took}."


def in_words(shares: tuple[Share, ...]) -> str:
    """`compute 78%, communication 15%`."""
    return ", ".join(f"{share.word} {percent(share.share)}" for share in shares if share.share > 0)


def speed(story: Story) -> str:
    """Now, and as a rule."""
    speeds = [speed for row in story.steps if (speed := charts.tokens_per_second(row)) is not None]
    if not speeds:
        return NO_STEP
    recent = min(charts.RECENT, len(story.steps))
    now = f"{number(story.tokens_per_second)} tokens/s over the last {plural(recent, 'step')}"
    return f"{now}; the median step of the run: {number(median(speeds))}."


def memory(story: Story) -> str:
    """Who took most, and how much was left."""
    if not story.samples:
        return "No sample yet."
    peaks = [f"{name} {format_bytes(max(s.rss_bytes for s in samples))}" for name, samples in by_process(story.samples).items()]
    text = f"At most: {', '.join(peaks)}."
    host = host_samples(story.samples)
    if not host:
        return text
    tightest = min(host, key=lambda s: s.host_total_bytes - s.host_used_bytes)
    free = format_bytes(tightest.host_total_bytes - tightest.host_used_bytes)
    return f"{text} Of the machine's {format_bytes(tightest.host_total_bytes)} at least {free} stayed free."


def goodput(story: Story) -> str:
    """The share that moved the model forward, and what the rest went to, the largest first."""
    shares = goodput_shares(story)
    if not shares:
        return "The run has no life yet."
    lost = tuple(sorted((share for share in shares if share.key != "compute"), key=lambda share: -share.share))
    text = f"{percent(story.goodput.ratio)} of {format_duration(story.goodput.life_us / 1e6)} moved the model forward."
    return f"{text} Lost to: {in_words(lost)}." if lost else text


def life(story: Story, now: float) -> str:
    """Restarts and checkpoints; `now` in epoch seconds."""
    lost = [attempt for attempt in story.attempts if attempt.lost is not None]
    told = [plural(len(lost), "restart") if lost else "No restart",
            plural(len(story.checkpoints), "checkpoint") if story.checkpoints else "no checkpoint"]
    if story.checkpoints:
        last = story.checkpoints[-1]
        told.append(f"the last holds step {last['step']}" + (f" and is {age(now - last['t'])} old" if story.ended is None else ""))
    if story.wasted_steps:
        told.append(f"{plural(story.wasted_steps, 'step')} lost")
    return ", ".join(told) + "." + (f" Last restart: {lost[-1].cause}." if lost and lost[-1].cause else "")


def startup(story: Story) -> str:
    """How long the first step took to come, and what took longest."""
    if story.first_step_after is None:
        return "The first step is not there yet." if story.ended is None else "It ended before its first step."
    rows = start_rows(story)
    longest = max(rows, key=lambda row: row.span.width, default=None)
    text = f"First step after {format_duration(story.first_step_after)}."
    return f"{text} The longest part: {longest.word}, {longest.time}." if longest else text
