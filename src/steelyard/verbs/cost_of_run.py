"""What one run cost, in full: for `cost RUN`, and for whoever shows a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from steelyard.errors import NotFoundError
from steelyard.ledger.charges import Bill, Charge
from steelyard.ledger.usage import Usage
from steelyard.local.store import RunStore
from steelyard.telemetry.records import Story
from steelyard.verbs.cost_rows import CostRow, row_of


@dataclass(frozen=True, slots=True)
class RunCost:
    """One run. Times are whole microseconds, money whole micro-dollars; None is unknown."""

    run: str
    workload: str
    team: str | None
    blueprint: str
    open: bool
    """Whether it holds something now."""
    reason: str
    """Why its last usage ended; empty while it is open."""
    start_us: int
    end_us: int
    attempts: int
    restarts: int
    """How often lost workers were started again; going on by hand after a stop is none."""
    nodes: tuple[str, ...]
    sums: CostRow
    """What it held and what that cost."""
    devices_us: tuple[tuple[str, int], ...]
    """By kind: devices times microseconds."""
    wasted_us: int
    """Time whose work was lost and done again."""
    prices_micro_hour: tuple[int | None, ...]
    """Of a whole node, in the order in which they were seen."""
    price_sources: tuple[str, ...]
    tokens: int | None
    """Of the steps that counted: a step done again is counted once."""
    micro_per_million_tokens: int | None

    @property
    def without_restarts_micro(self) -> int | None:
        """What it would have cost had nothing been done twice."""
        if self.sums.allocated_micro is None or self.sums.wasted_micro is None or self.sums.unknown_price_us:
            return None
        return self.sums.allocated_micro - self.sums.wasted_micro


def cost_of_run(run: str, made: Bill, store: RunStore, *, whole_life: bool = True) -> RunCost:
    """What `run` cost by that bill. `whole_life`: whether the bill covers all of it, else tokens are not set against it.

    Raises NotFoundError when the bill has nothing of it.
    """
    charges = [charge for charge in made.charges if charge.usage and charge.usage.holding.run == run]
    if not charges:
        raise NotFoundError(f"the ledger has nothing of '{run}'" + ("" if whole_life else " in that time"), next_step="steelyard cost")
    return page_of(run, charges, tokens_of(run, store) if whole_life else None)


def tokens_of(run: str, store: RunStore) -> int | None:
    """Tokens that the run was trained on; None when its events are gone or it made no step."""
    try:
        return kept_tokens(store.find(run).story())
    except NotFoundError:
        return None


def kept_tokens(story: Story) -> int | None:
    """Tokens of all steps, of a step done again only once. Pure."""
    tokens = {step.step: step.tokens for step in story.steps}
    return sum(tokens.values()) or None


def page_of(run: str, charges: Sequence[Charge], tokens: int | None) -> RunCost:
    """The page of one run from its charges, of which there is at least one. Pure."""
    by_id = {charge.usage.id: charge.usage for charge in charges if charge.usage}
    usages = sorted(by_id.values(), key=lambda usage: (usage.start_us, usage.id))
    last = usages[-1]
    is_open = any(usage.open for usage in usages)
    sums = row_of((run,), charges, 0)
    return RunCost(
        run=run, workload=last.holding.workload, team=last.holding.team, blueprint=last.holding.blueprint, open=is_open,
        reason="" if is_open else last.reason, start_us=min(charge.start_us for charge in charges),
        end_us=max(charge.end_us for charge in charges), attempts=len({usage.attempt for usage in usages}),
        restarts=sum(usage.reason.startswith("worker lost") for usage in usages),
        nodes=tuple(sorted({charge.node for charge in charges})), sums=sums, devices_us=_devices_us(charges),
        wasted_us=sum(charge.wasted_us for charge in charges),
        prices_micro_hour=tuple(dict.fromkeys(usage.holding.price_micro_hour for usage in usages)),
        price_sources=_sources(usages), tokens=tokens,
        micro_per_million_tokens=None if sums.unknown_price_us else per_million(sums.allocated_micro, tokens),
    )  # fmt: skip


def per_million(micro: int | None, tokens: int | None) -> int | None:
    """Micro-dollars per million tokens, rounded; None when either is unknown."""
    return None if micro is None or not tokens else (2 * micro * 1_000_000 + tokens) // (2 * tokens)


def _sources(usages: Sequence[Usage]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(usage.holding.price_source for usage in usages if usage.holding.price_source))


def _devices_us(charges: Sequence[Charge]) -> tuple[tuple[str, int], ...]:
    sums: dict[str, Fraction] = {}
    for charge in charges:
        for kind, count in charge.usage.holding.devices if charge.usage else ():
            sums[kind] = sums.get(kind, Fraction(0)) + Fraction(count) * charge.lasts_us
    return tuple((kind, round(amount)) for kind, amount in sorted(sums.items()))
