"""`get`, `describe`, `logs`, `events`, `delete`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from steelyard.cli.describe import describe_text, description_record
from steelyard.cli.figures import loss_text, moment
from steelyard.cli.output import (
    Column,
    Format,
    OutputOption,
    Record,
    has_color,
    next_command,
    percent,
    say,
    show,
    show_data,
    table_lines,
    write,
)
from steelyard.home import home
from steelyard.local.store import RunStore
from steelyard.telemetry.events import Event
from steelyard.units import format_duration
from steelyard.verbs import runs as verbs

RunName = Annotated[str, typer.Argument(metavar="NAME", help="A run, or a workload: its latest run.", show_default=False)]
MaybeRunName = Annotated[str | None, typer.Argument(metavar="NAME", help="A run, or a workload: its latest run.", show_default=False)]

COLUMNS = (
    Column("NAME", "name"), Column("KIND", "kind"), Column("WHERE", "where"), Column("STATUS", "status"), Column("REASON", "reason"),
    Column("STEP", "progress", right=True), Column("LOSS", "loss", loss_text, right=True),
    Column("GOODPUT", "goodput", percent, right=True), Column("TEAM", "team", wide=True),
    Column("WORKERS", "workers", wide=True, right=True),
    Column("TOKENS/S", "tokens_per_second", lambda speed: f"{speed:,.0f}", wide=True, right=True),
    Column("STARTED", "started", wide=True), Column("AGE", "age_s", format_duration, right=True),
)  # fmt: skip


def summary_record(summary: verbs.RunSummary) -> dict[str, Any]:
    """A row of `get` as plain data; moments as ISO 8601 in UTC."""
    record = asdict(summary)
    return record | {"started": moment(summary.started), "ended": moment(summary.ended)}


def _row(record: Record) -> dict[str, Any]:
    """The record with the cell that joins two of its values."""
    step, goal = record["step"], record["goal_steps"]
    return {**record, "progress": None if step is None else f"{step}/{'-' if goal is None else goal}"}


def get(
    name: MaybeRunName = None,
    output: OutputOption = Format.table,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on showing changes; with a name, until that run is over.")] = False,
) -> None:
    """List the runs of this machine, or show one.

    Examples:
      steelyard get
      steelyard get ray-training -w
      steelyard get -o json
    """
    store = RunStore(home())
    if watch:
        _watch(lambda: verbs.get(store, time.time(), name), output, once_over=name is not None)
        return
    found = verbs.get(store, time.time(), name)
    _show(found, output)
    if not found:
        say("no runs here yet")
    next_command(f"steelyard describe {max(found, key=lambda run: run.started).name}" if found else "steelyard run 01-ray-training")


def _show(found: Sequence[verbs.RunSummary], output: Format) -> None:
    records = [summary_record(summary) for summary in found]
    show([_row(record) for record in records] if output in (Format.table, Format.wide) else records, COLUMNS, output)


def _watch(read: Callable[[], Sequence[verbs.RunSummary]], output: Format, *, once_over: bool) -> None:
    if output not in (Format.table, Format.wide):
        raise typer.BadParameter("-w shows a table: leave out -o, or use -o wide")
    for block in watch_blocks(read, output, terminal=sys.stdout.isatty(), once_over=once_over, wait=lambda: time.sleep(1)):
        write(block)


def watch_blocks(
    read: Callable[[], Sequence[verbs.RunSummary]], output: Format, *, terminal: bool, once_over: bool, wait: Callable[[], None]
) -> Iterator[str]:
    """What `get -w` prints, second by second: the whole table anew on a terminal, else a row when it changes."""
    columns = [column for column in COLUMNS if output is Format.wide or not column.wide]
    known: set[str] = set()
    while True:
        found = read()
        lines = table_lines([_row(summary_record(summary)) for summary in found], columns, color=terminal and has_color(sys.stdout))
        if terminal:
            yield "\x1b[H\x1b[J" + "\n".join(lines) + "\n"
        else:
            keys = ["header", *(f"{run.name} {run.status} {run.reason} {run.step}" for run in found)]
            yield "".join(f"{line}\n" for key, line in zip(keys, lines, strict=True) if key not in known)
            known.update(keys)
        if once_over and all(run.is_over for run in found):
            return
        wait()


def describe(name: RunName, output: OutputOption = Format.table) -> None:
    """Show everything that is known of a run: start-up, steps, goodput, attempts, checkpoints, findings, files.

    Example:
      steelyard describe ray-training
    """
    description = verbs.describe(RunStore(home()), name, time.time())
    if output is Format.name:
        write(f"{description.summary.name}\n")
    elif output in (Format.json, Format.yaml):
        show_data(description_record(description), output)
    else:
        write(describe_text(description, color=has_color(sys.stdout)))
    run = description.summary.name
    next_command(f"steelyard cost {run}", f"steelyard logs {run}")


def logs(
    name: RunName,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the run is over.")] = False,
    rank: Annotated[int | None, typer.Option("--rank", min=0, help="Only this rank.", show_default=False)] = None,
) -> None:
    """Print what the run's processes printed, each line with its writer: the driver, or rank and attempt.

    Examples:
      steelyard logs ray-training
      steelyard logs ray-training -f --rank 0
    """
    run = RunStore(home()).find(name)
    reader = verbs.LogReader(run, rank)
    for writer, line in log_lines(reader, is_alive=run.is_alive if follow else lambda: False, wait=lambda: time.sleep(0.5)):
        write(f"{writer:<9} | {line}\n")


def log_lines(reader: verbs.LogReader, *, is_alive: Callable[[], bool], wait: Callable[[], None]) -> Iterator[tuple[str, str]]:
    """Lines as they come, until the run is over and all was read."""
    while True:
        alive = is_alive()  # asked before reading: what is written until the end is read after it
        yield from reader.new()
        if not alive:
            yield from reader.rest()
            return
        wait()


EVENT_COLUMNS = (Column("TIME", "time"), Column("WRITER", "writer"), Column("KIND", "kind"), Column("WHAT", "what"))
EVENT_FRAME = ("t", "kind", "run", "writer", "attempt")


def events(
    name: RunName,
    output: OutputOption = Format.table,
    everything: Annotated[bool, typer.Option("--all", help="Also each step, each sample and each metric.")] = False,
) -> None:
    """Print what happened to a run, in order of time.

    Examples:
      steelyard events ray-training
      steelyard events ray-training --all -o json
    """
    found = verbs.events(RunStore(home()), name, everything=everything)
    if output is Format.name:
        raise typer.BadParameter("events have no names: use -o table, json or yaml")
    if output in (Format.json, Format.yaml):
        show_data(found, output)
    else:
        show([event_record(event) for event in found], EVENT_COLUMNS)


def event_record(event: Event) -> dict[str, str]:
    """An event as a row: when, who, what kind, and the fields of its kind as `name=value`."""
    what = " ".join(f"{key}={'-' if value is None else value}" for key, value in event.items() if key not in EVENT_FRAME)
    return {"time": moment(event["t"]) or "-", "writer": str(event.get("writer")), "kind": event["kind"], "what": what}


def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Runs, or workloads: their latest runs.", show_default=False)],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    with_data: Annotated[bool, typer.Option("--with-data", help="Also their checkpoints and output.")] = False,
) -> None:
    """Delete runs that are over. What they cost stays in the ledger.

    A run that holds checkpoints or output is not deleted without --with-data.

    Examples:
      steelyard delete ray-training-1
      steelyard delete ray-training-1 ray-training-2 --with-data -y
    """
    store = RunStore(home())
    found = list(dict.fromkeys(store.find(name).name for name in names))
    asks = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    if asks and not typer.confirm(f"delete {', '.join(found)}{' with all data' if with_data else ''}?", err=True):
        say("nothing was deleted")
        raise typer.Exit(1)
    for run in verbs.delete(store, found, with_data=with_data):
        say(f"{run} deleted")
    next_command("steelyard get")
