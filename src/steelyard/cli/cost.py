"""`cost`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from steelyard.cli.figures import moment
from steelyard.cli.output import Column, Format, OutputOption, next_command, percent, say, show, show_data, text, write
from steelyard.home import home
from steelyard.units import format_duration, format_money
from steelyard.verbs.cost import CostReport
from steelyard.verbs.cost import cost as find_cost
from steelyard.verbs.cost_of_run import RunCost
from steelyard.verbs.cost_rows import DIMENSIONS, CostRow

HOUR_US = 3_600_000_000


RunNames = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Runs, or workloads: their latest runs.", show_default=False)]


def cost(
    names: RunNames = None,
    by: Annotated[list[str] | None, typer.Option("--by", help=f"Sum by any of {','.join(DIMENSIONS)}.", show_default=False)] = None,
    since: Annotated[str | None, typer.Option(help="30d, or a date (UTC).", show_default=False)] = None,
    until: Annotated[str | None, typer.Option(help="1d, or a date, that day included.", show_default=False)] = None,
    weights: Annotated[str, typer.Option(help="How a node's price is laid on it: market, aws or opencost.")] = "market",
    output: OutputOption = Format.table,
) -> None:
    """Say what runs cost: the latest runs, one run in full, or sums by team, run, workload, node, blueprint, device or day.

    Examples:
      steelyard cost
      steelyard cost ray-training
      steelyard cost --by team,run --since 30d
    """
    try:
        report = find_cost(names or [], by or [], home=home(), now=time.time(), since=since, until=until, weights=weights)
    except ValueError as error:  # of the arguments; all else that can go wrong has an error of its own
        raise typer.BadParameter(str(error)) from None
    if output is Format.name:
        write("".join(f"{text(name)}\n" for name in [*(page.run for page in report.pages), *(row.keys[0] for row in report.rows)]))
    elif output in (Format.json, Format.yaml):
        show_data(report_data(report), output)
    else:
        show_report(report, output)
    next_command(*next_steps(report))


def show_report(report: CostReport, output: Format) -> None:
    """The report for people: the answer on stdout, what it leaves out with it."""
    for page in report.pages:
        write("".join(f"{line}\n" for line in page_lines(page)))
    if report.rows:
        has_devices = any(row.device_us for row in report.rows)
        show([row_record(report.by, row) for row in report.rows], columns(report.by, has_devices=has_devices), output)
    if report.rows or report.pages:
        write(f"{sum_line(report)}\n" if report.rows else "")
        write(f"weights {report.weights.name}: {report.weights.explanation}\n")
    else:
        say("the ledger has nothing of that time" if report.since_us or report.until_us else "no run is in the ledger yet")
    for line in damage(report):
        say(line)


def columns(by: Sequence[str], *, has_devices: bool) -> tuple[Column, ...]:
    """The columns of a table by these dimensions."""
    return (
        *(Column(dimension.upper(), dimension) for dimension in by),
        Column("RUNS", "runs", wide=True, right=True), Column("CPU HOURS", "cpu_us", hours, right=True),
        *([Column("GPU HOURS", "device_us", hours, right=True)] if has_devices else []),
        Column("USED", "used_ratio", percent, right=True), Column("ALLOCATED", "allocated_micro", format_money, right=True),
        Column("USED", "used_micro", format_money, right=True), Column("IDLE", "idle_micro", format_money, right=True),
        Column("WASTED", "wasted_micro", format_money, wide=True, right=True), Column("SHARE", "share", percent, right=True),
    )  # fmt: skip


def row_record(by: Sequence[str], row: CostRow) -> dict[str, Any]:
    """A row as plain data, its keys under their dimensions. Idle time is held by nobody: no hours."""
    record = dict(zip(by, row.keys, strict=True)) | {key: value for key, value in asdict(row).items() if key != "keys"}
    return record | ({"runs": None, "held_us": None, "cpu_us": None, "device_us": None} if row.idle else {})


def report_data(report: CostReport) -> dict[str, Any]:
    """The report as plain data: whole micro-dollars and microseconds, null where unknown."""
    data = {key: value for key, value in asdict(report).items() if key not in ("rows", "pages", "weights")}
    lists = {
        "weights": report.weights.name, "rows": [row_record(report.by, row) for row in report.rows],
        "runs": [page_data(page) for page in report.pages],
    }  # fmt: skip
    return {key: plain(value) for key, value in (data | lists).items()}


def page_data(page: RunCost) -> dict[str, Any]:
    """The page of a run as plain data, its sums beside the rest."""
    own = {key: value for key, value in asdict(page).items() if key != "sums"}
    sums = {key: value for key, value in asdict(page.sums).items() if key not in ("keys", "idle", "runs", "share")}
    return own | {"restarts": page.restarts, "without_restarts_micro": page.without_restarts_micro} | sums


def plain(value: Any) -> Any:
    """Tuples as lists, all the way down, so that YAML reads as JSON does."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def hours(microseconds: int) -> str:
    """Three digits that say something: 3,412, 12.5, 0.031."""
    value = microseconds / HOUR_US
    decimals = next((decimals for least, decimals in ((100, 0), (10, 1), (1, 2)) if value >= least), 3 if value else 0)
    return f"{value:,.{decimals}f}"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def sum_line(report: CostReport) -> str:
    """What the rows add up to, and what they leave out."""
    of = f"price of {count(len(report.nodes), 'node')}, to the micro-dollar" if report.whole else "of these runs, to the micro-dollar"
    known = f"sum {format_money(report.total_micro)} = {of}" if report.total_micro is not None else "sum -"
    return f"{known}   unknown: {unknown(report)}"


def unknown(report: CostReport) -> str:
    """What is left out of the sums because nobody knows it."""
    parts = []
    if report.unknown_nodes:
        names = ", ".join(report.unknown_nodes[:3])
        parts.append(f"{count(len(report.unknown_nodes), 'node')} ({names}: no price for some or all of the time)")
    if report.unknown_use:
        parts.append(f"use of {count(len(report.unknown_use), 'run')} ({', '.join(report.unknown_use[:3])})")
    return ", ".join(parts) or "nothing"


def damage(report: CostReport) -> Iterator[str]:
    """What of the ledger could not be read."""
    if report.torn_lines:
        yield f"{count(report.torn_lines, 'line')} of the ledger cannot be read: a process was killed while it wrote"
    if report.orphans:
        yield f"{count(report.orphans, 'usage')} left out: when they began cannot be read"


def page_lines(page: RunCost) -> Iterator[str]:
    """One run for people."""
    sums = page.sums
    yield f"{page.run}   {page.workload}   team {text(page.team)}   {text(page.blueprint)}"
    yield f"  held        {held(page)}"
    yield f"  from        {moment(page.start_us / 1e6)} to {moment(page.end_us / 1e6)}   {'still open' if page.open else text(page.reason)}"
    yield f"  allocated   {format_money(sums.allocated_micro)}" + (
        f"   and {format_duration(sums.unknown_price_us / 1e6)} of unknown price" if sums.unknown_price_us and sums.allocated_micro else ""
    )
    used = "not known how much" if sums.used_ratio is None else percent(sums.used_ratio)
    yield f"  used        {format_money(sums.used_micro)}   {used} of what it held"
    yield f"  idle        {format_money(sums.idle_micro)}"
    if page.restarts or page.wasted_us:
        after = f" after {count(page.restarts, 'restart')}" if page.restarts else ""
        lost = f"{format_duration(page.wasted_us / 1e6)} done twice{after}"
        yield f"  wasted      {format_money(sums.wasted_micro)}   {lost}; without it {format_money(page.without_restarts_micro)}"
    tokens = "tokens unknown" if page.tokens is None else f"{page.tokens:,} tokens"
    yield f"  per million {format_money(page.micro_per_million_tokens)}   {tokens}"
    yield f"  price       {price(page)}"


def held(page: RunCost) -> str:
    """Time and what was held in it."""
    devices = [f"{hours(amount)} {kind} hours" for kind, amount in page.devices_us if amount]
    parts = [format_duration(page.sums.held_us / 1e6), f"{hours(page.sums.cpu_us)} CPU hours", *devices]
    return f"{'   '.join(parts)}   on {', '.join(page.nodes)}"


def price(page: RunCost) -> str:
    """A node's price and where it comes from."""
    prices = " then ".join("-" if micro is None else f"{format_money(micro)}/h" for micro in page.prices_micro_hour)
    return f"{prices}   {'; '.join(page.price_sources) or 'unknown'}" + ("   see docs/cost.md" if None in page.prices_micro_hour else "")


def next_steps(report: CostReport) -> tuple[str, ...]:
    """What a person would ask next."""
    if report.pages:
        return (f"steelyard describe {report.pages[0].run}", "steelyard cost --by team,run")
    if not report.rows:
        return ("steelyard run 01-ray-training",) if report.since_us is None and report.until_us is None else ("steelyard cost",)
    if "run" in report.by:
        run = next((row.keys[report.by.index("run")] for row in report.rows if not row.idle), None)
        return (f"steelyard cost {run}" if run else "", "" if "day" in report.by else "steelyard cost --by day")
    return (f"steelyard cost --by {','.join([*report.by, 'run'])}",)
