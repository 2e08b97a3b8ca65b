"""`cost`: what runs cost, by whatever one asks, and one run in full. Reads the ledger; the sums are exact and say what they leave out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from steelyard.errors import NotFoundError
from steelyard.home import Home
from steelyard.ledger.charges import Bill, Charge, bill
from steelyard.ledger.store import read_ledger
from steelyard.ledger.usage import Usage
from steelyard.ledger.weights import MARKET, Weights, weights_named
from steelyard.local.store import RunStore
from steelyard.units import parse_duration
from steelyard.verbs.cost_of_run import RunCost, cost_of_run
from steelyard.verbs.cost_rows import DIMENSIONS, CostRow, latest, rows_by, unknown_use


@dataclass(frozen=True, slots=True)
class CostReport:
    """What was asked: rows, or a page for each run that was named."""

    by: tuple[str, ...]
    since_us: int | None
    until_us: int | None
    weights: Weights
    rows: tuple[CostRow, ...]
    pages: tuple[RunCost, ...]
    total_micro: int | None
    """The sum of all rows; None when no price is known."""
    whole: bool
    """Whether the total is the price of `nodes`; else it is that of the runs that were named."""
    nodes: tuple[str, ...]
    """Nodes whose price is known, at least for some time."""
    unknown_nodes: tuple[str, ...]
    """Nodes whose price is not known, at least for some time: left out of all sums."""
    unknown_use: tuple[str, ...]
    """Runs whose use is not known: left out of USED and IDLE."""
    torn_lines: int
    orphans: int


def cost(
    names: Sequence[str], by: Sequence[str] = (), *, home: Home, now: float, since: str | None = None, until: str | None = None,
    weights: str = MARKET.name,
) -> CostReport:  # fmt: skip
    """What runs cost.

    Without `by`, a page for each of `names` (a run, or a workload: its latest run), or the latest runs when there are none.
    With `by` (of `DIMENSIONS`), rows; `names` then narrow them to those runs. `since` and `until` are dates (UTC, both days
    included), moments, or durations before `now` (epoch seconds).

    Raises NotFoundError for names, ValueError for what cannot be read in the other arguments.
    """
    dimensions = parse_dimensions(by)
    since_us, until_us = parse_moment(since, now, ends=False), parse_moment(until, now, ends=True)
    if since_us is not None and until_us is not None and since_us >= until_us:
        raise ValueError(f"nothing lies between --since {since} and --until {until}")
    ledger = read_ledger(home.ledger)
    store = RunStore(home)
    runs = tuple(dict.fromkeys(find_run(name, ledger.usages, store) for name in names))
    made = bill(ledger.usages, weights_named(weights), since_us, until_us)
    shown = [charge for charge in made.charges if not runs or (charge.usage and charge.usage.holding.run in runs)]
    rows: tuple[CostRow, ...] = ()
    pages: tuple[RunCost, ...] = ()
    if dimensions:
        rows = rows_by(shown, dimensions)
    elif runs:
        pages = tuple(cost_of_run(run, made, store, whole_life=since_us is None and until_us is None) for run in runs)
    else:
        rows = latest(shown)
    return _report(made, shown, by=dimensions or ("run",), since_us=since_us, until_us=until_us, rows=rows, pages=pages, whole=not runs,
                   torn_lines=ledger.torn_lines, orphans=ledger.orphans)  # fmt: skip


def _report(made: Bill, shown: Sequence[Charge], **rest: Any) -> CostReport:
    known = [charge for charge in shown if charge.allocated_micro is not None]
    return CostReport(
        weights=made.weights, total_micro=sum(charge.allocated_micro or 0 for charge in known) if known else None,
        nodes=tuple(sorted({charge.node for charge in known})),
        unknown_nodes=tuple(sorted({charge.node for charge in shown if charge.allocated_micro is None})),
        unknown_use=unknown_use(shown), **rest,
    )  # fmt: skip


# --- what was asked --------------------------------------------------------------------------------------------------


def find_run(name: str, usages: Iterable[Usage], store: RunStore) -> str:
    """The run of that name, in the ledger (which outlives a deleted run) or here; a workload's name means its latest run."""
    workloads = {usage.holding.run: usage.holding.workload for usage in usages} | {run.name: run.workload for run in store.all()}
    if name in workloads:
        return name
    if of_workload := [run for run, workload in workloads.items() if workload == name]:
        return max(of_workload, key=_number)
    nearest = get_close_matches(name, {*workloads, *workloads.values()}, n=1)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    raise NotFoundError(f"no run named '{name}' in the ledger{hint}", next_step="steelyard cost")


def _number(run: str) -> int:
    digits = run.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def parse_dimensions(by: Sequence[str]) -> tuple[str, ...]:
    """`["team,run"]` or `["team", "run"]` as dimensions, each once. Raises ValueError."""
    words = list(dict.fromkeys(word.strip().lower() for text in by for word in text.split(",") if word.strip()))
    for word in words:
        if word not in DIMENSIONS:
            nearest = get_close_matches(word, DIMENSIONS, n=1)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
            raise ValueError(f"'{word}' is nothing to sum by{hint}; any of {','.join(DIMENSIONS)}")
    return tuple(words)


def parse_moment(text: str | None, now: float, *, ends: bool) -> int | None:
    """`30d` (before `now`), `2026-11-01` (UTC) or `2026-11-01T12:00`, as epoch microseconds. A date that `ends` includes its day."""
    if text is None:
        return None
    written = text.strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", written):
            return _epoch_us(datetime.combine(date.fromisoformat(written) + timedelta(days=ends), datetime.min.time(), UTC))
        if re.match(r"\d{4}-\d\d-\d\dT", written):
            moment = datetime.fromisoformat(written)
            return _epoch_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is no date of the calendar; for example 2026-11-01") from None
    try:
        return round(now * 1e6) - parse_duration(written) // timedelta(microseconds=1)
    except ValueError as error:
        raise ValueError(f"{error}, or a date such as 2026-11-01") from None


def _epoch_us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
