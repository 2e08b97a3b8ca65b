"""Charges in rows: by team, run, node, device or day. Pure; each row says what it leaves out because it is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from steelyard.ledger.charges import Charge
from steelyard.ledger.usage import Usage

DIMENSIONS = ("team", "run", "workload", "node", "blueprint", "device", "day")
LATEST_RUNS = 20
"""Shown one by one when nothing is asked; older ones share a row."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """Charges that share their keys. Times are whole microseconds, money whole micro-dollars; None is unknown.

    Money is the sum of what is known; `unknown_price_us` and `unknown_use` say how much is not.
    """

    keys: tuple[str | None, ...]
    """One for each of the report's `by`; None: the run has none (no team)."""
    idle: bool
    """Held by nobody, on nodes where somebody held another part."""
    runs: int
    held_us: int
    cpu_us: int
    """CPUs held times microseconds."""
    device_us: int
    allocated_micro: int | None
    used_micro: int | None
    idle_micro: int | None
    """Of what is allocated, what was not used; in an idle row, all of it."""
    wasted_micro: int | None
    used_ratio: float | None
    share: float | None
    """Of the report's total."""
    unknown_price_us: int
    unknown_use: tuple[str, ...]
    """Runs whose use is not known."""


def rows_by(charges: Sequence[Charge], by: Sequence[str]) -> tuple[CostRow, ...]:
    """One row for each set of keys: the dearest first, days in their order, idle last. Pure."""
    groups: dict[tuple[bool, tuple[str | None, ...]], list[Charge]] = {}
    for charge in charges:
        groups.setdefault((charge.usage is None, keys_of(charge, by)), []).append(charge)
    total = sum(charge.allocated_micro or 0 for charge in charges)
    rows = [row_of(keys, group, total) for (_, keys), group in groups.items()]
    return tuple(sorted(rows, key=lambda row: _order(row, by)))


def _order(row: CostRow, by: Sequence[str]) -> tuple[Any, ...]:
    days = tuple(key or "" for key, dimension in zip(row.keys, by, strict=True) if dimension == "day")
    money = row.idle_micro if row.idle else row.allocated_micro
    return row.idle, days, -(money or 0), -row.held_us, tuple(key or "" for key in row.keys)


def keys_of(charge: Charge, by: Sequence[str]) -> tuple[str | None, ...]:
    """What a charge is filed under. Idle has a node and a day, and no run."""
    keys = tuple(_key(charge, dimension) for dimension in by)
    if charge.usage is None and "(idle)" not in keys:
        return (f"{keys[0]} (idle)", *keys[1:])
    return keys


def _key(charge: Charge, dimension: str) -> str | None:
    if dimension == "day":
        return datetime.fromtimestamp(charge.start_us / 1e6, UTC).date().isoformat()
    if dimension == "node":
        return charge.node
    if charge.usage is None:
        return "(idle)"
    if dimension == "device":
        return "+".join(sorted({kind for kind, count in charge.usage.holding.devices if count})) or "cpu"
    key: str | None = getattr(charge.usage.holding, dimension)
    return key


def row_of(keys: tuple[str | None, ...], charges: Sequence[Charge], total_micro: int) -> CostRow:
    """The sum of charges that are all idle or all of runs. Pure."""
    idle = charges[0].usage is None
    known = [charge for charge in charges if charge.allocated_micro is not None]
    allocated = sum(charge.allocated_micro or 0 for charge in known) if known else None
    with_use = [charge for charge in known if charge.used_micro is not None]
    used = sum(charge.used_micro or 0 for charge in with_use) if with_use else None
    base = sum(charge.allocated_micro or 0 for charge in with_use)
    return CostRow(
        keys=keys, idle=idle, runs=len({charge.usage.holding.run for charge in charges if charge.usage}),
        held_us=sum(charge.lasts_us for charge in charges if charge.usage),
        cpu_us=_held(charges, lambda usage: Fraction(usage.holding.cpus)),
        device_us=_held(charges, lambda usage: sum((Fraction(count) for _, count in usage.holding.devices), Fraction(0))),
        allocated_micro=None if idle else allocated, used_micro=None if idle else used,
        idle_micro=allocated if idle else None if used is None else base - used,
        wasted_micro=sum(charge.wasted_micro or 0 for charge in known) if known and not idle else None,
        used_ratio=None if idle else used_ratio(charges),
        share=allocated / total_micro if allocated is not None and total_micro else None,
        unknown_price_us=sum(charge.lasts_us for charge in charges if charge.allocated_micro is None), unknown_use=unknown_use(charges),
    )  # fmt: skip


def used_ratio(charges: Iterable[Charge]) -> float | None:
    """Share of what was held that was used: by money where all of it has a price, else by CPU time. Pure."""
    known = [charge for charge in charges if charge.usage and charge.usage.used_ratio is not None]
    by_money = all(charge.allocated_micro for charge in known)
    pairs = [(charge.allocated_micro or 0 if by_money else charge.usage.holding.cpus * charge.lasts_us, charge.usage.used_ratio or 0.0)
             for charge in known if charge.usage]  # fmt: skip
    whole = sum(weight for weight, _ in pairs)
    return sum(weight * min(max(ratio, 0.0), 1.0) for weight, ratio in pairs) / whole if whole else None


def _held(charges: Iterable[Charge], amount: Callable[[Usage], Fraction]) -> int:
    return round(sum((amount(charge.usage) * charge.lasts_us for charge in charges if charge.usage), Fraction(0)))


def unknown_use(charges: Iterable[Charge]) -> tuple[str, ...]:
    """Runs whose use is not known, at least for some time. Pure."""
    return tuple(sorted({charge.usage.holding.run for charge in charges if charge.usage and charge.usage.used_ratio is None}))


def latest(charges: Sequence[Charge]) -> tuple[CostRow, ...]:
    """A row a run, the latest first; those beyond `LATEST_RUNS` in one row, so that the rows still add up. Pure."""
    rows = rows_by(charges, ("run",))
    ends: dict[str | None, int] = {}
    for charge in charges:
        if charge.usage:
            ends[charge.usage.holding.run] = max(ends.get(charge.usage.holding.run, 0), charge.end_us)
    runs = sorted((row for row in rows if not row.idle), key=lambda row: (-ends[row.keys[0]], row.keys[0]))
    older = {row.keys[0] for row in runs[LATEST_RUNS:]}
    of_older = [charge for charge in charges if charge.usage and charge.usage.holding.run in older]
    total = sum(charge.allocated_micro or 0 for charge in charges)
    rest = (row_of((f"({len(older)} older)",), of_older, total),) if older else ()
    return (*runs[:LATEST_RUNS], *rest, *(row for row in rows if row.idle))
