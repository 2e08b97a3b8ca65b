"""The text and the record of `describe`: everything of one run, the answer first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from steelyard.cli.figures import loss_text, moment
from steelyard.cli.output import Column, percent, status_word, table_lines, text
from steelyard.telemetry.records import Story
from steelyard.units import format_bytes, format_duration, format_money
from steelyard.verbs.runs import Description

ATTEMPT_COLUMNS = (
    Column("ATTEMPT", "number"), Column("STARTED", "started"), Column("FROM STEP", "from_step", right=True),
    Column("LOST", "lost"), Column("CAUSE", "cause"),
)  # fmt: skip
CHECKPOINT_COLUMNS = (
    Column("CHECKPOINT", "step"), Column("WRITTEN", "written"), Column("TOOK", "seconds", format_duration, right=True),
    Column("SIZE", "bytes", format_bytes, right=True), Column("PATH", "path"),
)  # fmt: skip
EVALUATION_COLUMNS = (Column("EVALUATION", "name"), Column("STEP", "step", right=True), Column("VALUE", "value", loss_text, right=True))
CHECKPOINTS_SHOWN = 5


def description_record(description: Description) -> dict[str, Any]:
    """Everything as plain data. Single steps and samples are not in it: `steelyard events NAME --all -o json` has them."""
    story = description.story
    return asdict(description.summary) | {
        "started": moment(story.started), "ended": moment(story.ended), "workload": story.workload, "parameters": story.parameters,
        "tokens_per_step": story.tokens_per_step, "mfu": story.mfu, "first_step_after_s": story.first_step_after,
        "cpu_seconds": story.cpu_seconds, "price_micro_hour": story.price_micro_hour, "wasted_steps": story.wasted_steps,
        "phases": [asdict(phase) for phase in description.phases], "step_parts_us": description.step_parts_us,
        "goodput_us": {"life": story.goodput.life_us, "productive": story.goodput.productive_us, **story.goodput.losses_us},
        "attempts": attempt_records(story), "checkpoints": checkpoint_records(story), "evaluations": list(story.evaluations),
        "findings": [asdict(finding) for finding in story.findings], "torn_lines": story.torn_lines, "folder": str(description.folder),
        "files": [{"name": file.name, "path": str(file.path), "bytes": file.size} for file in description.files],
    }  # fmt: skip


def attempt_records(story: Story) -> list[dict[str, Any]]:
    return [asdict(attempt) | {"started": moment(attempt.start), "lost": moment(attempt.lost)} for attempt in story.attempts]


def checkpoint_records(story: Story) -> list[dict[str, Any]]:
    return [
        {"step": event["step"], "written": moment(event["t"]), "seconds": event.get("duration_us", 0) / 1e6,
         "bytes": event.get("bytes"), "path": event.get("path")}
        for event in story.checkpoints
    ]  # fmt: skip


def describe_text(description: Description, *, color: bool) -> str:
    """What `describe` prints, blocks parted by empty lines."""
    story = description.story
    blocks = [
        list(head_lines(description, color=color)),
        list(figure_lines(description)),
        table_lines(attempt_records(story), ATTEMPT_COLUMNS) if story.attempts else [],
        checkpoint_lines(story),
        table_lines(story.evaluations, EVALUATION_COLUMNS) if story.evaluations else [],
        [line for finding in story.findings for line in (f"{finding.severity} {finding.rule}", *_indented(str(finding)))],
        [f"files      {description.folder}", *(f"  {file.name:<11}  {format_bytes(file.size)}" for file in description.files)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def head_lines(description: Description, *, color: bool) -> Iterator[str]:
    """Who it is and how it stands."""
    summary, story = description.summary, description.story
    status = status_word(summary.status, color=color)
    yield _line("name", f"{summary.name}   {summary.kind}   {summary.where}")
    yield _line("status", f"{status}   {text(summary.reason)}" if summary.reason else status)
    yield _line("workload", f"{story.workload}   team {text(story.team)}   {summary.workers} workers")
    ended = f"   ended {moment(story.ended)}" if story.ended is not None else ""
    yield _line("started", f"{moment(story.started)}{ended}   age {format_duration(summary.age_s)}")
    yield _line("model", "-" if story.parameters is None else f"{story.parameters:,} parameters")


def figure_lines(description: Description) -> Iterator[str]:
    """How it went: progress, speed, where the time went, what it cost."""
    summary, story = description.summary, description.story
    losses = [row.loss for row in story.steps if row.loss is not None]
    yield _line("step", f"{text(summary.step)}/{text(summary.goal_steps)}")
    yield _line("loss", f"{loss_text(losses[0])} -> {loss_text(losses[-1])}" if losses else "-")
    speed = "-" if story.tokens_per_second is None else f"{story.tokens_per_second:,.0f} tokens/s"
    yield _line("speed", f"{speed}   MFU {'-' if story.mfu is None else percent(story.mfu)}")
    yield from startup_lines(description)
    yield _line("step time", step_text(description))
    yield _line("goodput", goodput_text(story))
    yield _line("wasted", "1 step" if story.wasted_steps == 1 else f"{story.wasted_steps} steps")
    yield _line("price", f"{format_money(story.price_micro_hour)} per hour" if story.price_micro_hour is not None else "-")


def startup_lines(description: Description) -> Iterator[str]:
    """The phases of each attempt, slowest rank each."""
    first = description.story.first_step_after
    yield _line("start-up", "-" if first is None else f"{format_duration(first)} to the end of the first step")
    for attempt in dict.fromkeys(phase.attempt for phase in description.phases):
        phases = [f"{phase.name} {format_duration(phase.seconds)}" for phase in description.phases if phase.attempt == attempt]
        yield _line("", f"attempt {attempt}: {', '.join(phases)}")


def step_text(description: Description) -> str:
    """`0.33 s = compute 78% communication 15% ...`: the mean step, its parts by size."""
    total, count = sum(description.step_parts_us.values()), len(description.story.steps)
    if not total:
        return "-"
    parts = sorted(description.step_parts_us.items(), key=lambda item: -item[1])
    return f"{format_duration(total / count / 1e6)} = " + " ".join(f"{part} {percent(us / total)}" for part, us in parts)


def goodput_text(story: Story) -> str:
    """`58%   lost to: start-up 31%, checkpoint 4%`, losses by size, none of zero."""
    ratio, life = story.goodput.ratio, story.goodput.life_us
    if ratio is None:
        return "-"
    losses = sorted(((kind, us) for kind, us in story.goodput.losses_us.items() if us), key=lambda item: -item[1])
    return percent(ratio) + ("   lost to: " + ", ".join(f"{kind} {percent(us / life)}" for kind, us in losses) if losses else "")


def checkpoint_lines(story: Story) -> list[str]:
    """The last checkpoints, newest last."""
    records = checkpoint_records(story)
    if not records:
        return []
    lines = table_lines(records[-CHECKPOINTS_SHOWN:], CHECKPOINT_COLUMNS)
    earlier = len(records) - CHECKPOINTS_SHOWN
    return [*lines, f"and {earlier} before"] if earlier > 0 else lines


def _line(label: str, value: str) -> str:
    return f"{label:<10} {value}".rstrip()


def _indented(block: str) -> list[str]:
    return [f"  {line}" for line in block.splitlines()]
