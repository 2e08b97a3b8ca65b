"""One measured run and what is computed from pairs of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from benchmarks.bars import Bar, Cell
from benchmarks.median import median_interval, median_of

SAME_LOSS = 0.02
"""Nats by which the losses of a pair may differ at any step: both sum the same numbers, in an order that threads may change."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. Lists start with step 1; times are whole microseconds."""

    who: Literal["steelyard", "plain"]
    load_before: tuple[float, ...]
    seconds: float
    """Of the whole command, start-up included."""
    tokens_per_step: int
    """Of all ranks."""
    durations_us: tuple[int, ...]
    """Of rank 0, each from the end of the step before; the ranks go in step."""
    losses: tuple[float, ...]
    """Of rank 0."""
    recorder_us: tuple[int, ...] = ()
    """CPU time of the telemetry, all ranks together; empty where there is none."""
    all_ranks_us: tuple[int, ...] = ()
    """Durations, all ranks together."""
    checkpoint_us: int = 0
    """Time that the steady steps of rank 0 stood still for checkpoints; it counts as part of them."""

    def tokens_per_second(self, steady_from: int) -> float:
        steady = self.durations_us[steady_from - 1 :]
        return len(steady) * self.tokens_per_step / (sum(steady) / 1e6)

    def recorder_percent(self, steady_from: int) -> float | None:
        """Telemetry's CPU time over the time of the steps, or None when nothing was recorded."""
        spent, of = self.recorder_us[steady_from - 1 :], self.all_ranks_us[steady_from - 1 :]
        return 100 * sum(spent) / sum(of) if of else None

    def data(self, steady_from: int) -> dict[str, Any]:
        """For the result file: what was measured, with the losses left out but for the last."""
        kept = {name: value for name, value in asdict(self).items() if name not in ("losses", "all_ranks_us")}
        return kept | {
            "tokens_per_second": round(self.tokens_per_second(steady_from), 1), "recorder_percent": self.recorder_percent(steady_from),
            "last_loss": self.losses[-1],
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs right after each other."""

    ours: Measured
    plain: Measured

    def ratio(self, steady_from: int) -> float:
        return self.ours.tokens_per_second(steady_from) / self.plain.tokens_per_second(steady_from)

    def loss_difference(self) -> float:
        """The largest difference of the losses at a step: how the pair shows that both did the same work."""
        return max(abs(one - other) for one, other in zip(self.ours.losses, self.plain.losses, strict=True))


def cells(pairs: Sequence[Pair], steady_from: int, throughput: Bar, telemetry: Bar) -> tuple[Cell, ...]:
    """The two figures that have bars."""
    ratios = [pair.ratio(steady_from) for pair in pairs]
    interval = median_interval(ratios)
    sure = f"{interval.coverage:.1%} interval {interval.low:.3f} to {interval.high:.3f}" if interval else "too few pairs for a 95% interval"
    shares = [share for pair in pairs if (share := pair.ours.recorder_percent(steady_from)) is not None]
    largest = f"at most {max(shares):.3f} % in a run" if shares else ""
    return Cell(throughput, median_of(ratios), sure), Cell(telemetry, median_of(shares), largest)


def losing(pairs: Sequence[Pair], steady_from: int, throughput: Bar, telemetry: Bar) -> tuple[str, ...]:
    """Each single pair and run beyond a bar, whatever the medians say."""
    found = []
    for number, pair in enumerate(pairs, start=1):
        ratio, share = pair.ratio(steady_from), pair.ours.recorder_percent(steady_from)
        if not throughput.reached(ratio):
            found.append(f"pair {number}: {ratio:.3f} x, load before {pair.ours.load_before[0]} and {pair.plain.load_before[0]}")
        if not telemetry.reached(share):
            found.append(f"pair {number}: telemetry {'-' if share is None else f'{share:.3f} %'}")
    return tuple(found)
