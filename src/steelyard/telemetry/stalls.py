"""Stalls: what holds a training back, named in words while it happens. Pure; a healthy run gives nothing.

The driver calls `stalls` every few seconds with the events so far and writes what is new as `finding` events.
Each rule looks at the last steps of all ranks in the present attempt; docs/findings.md explains each to people.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from steelyard.findings import Finding
from steelyard.telemetry.anomalies import FEWEST, anomaly_bar
from steelyard.telemetry.events import STEP_PARTS, Event

WARM_UP = 2
"""First steps of an attempt, which compile and fill caches, are not judged."""
WINDOW = 20
"""How many last steps are judged; none below `FEWEST`."""

DATA_BAR = 0.30
COMMUNICATION_BAR = 0.40
CHECKPOINT_BAR = 0.10
STRAGGLER_BAR = 1.5
"""Times the median compute of the other ranks,"""
STRAGGLER_COST = 0.10
"""when that is also this much of the step."""
SLOW_BAR = 1.5
"""Times the median of the steps before,"""
SLOW_STEPS = 5
"""for so many steps in a row."""
SILENCE_STEPS, SILENCE_SECONDS = 20, 60.0
"""No step for as long as so many steps used to take, and at least for so long."""

NODE_MTBF_SECONDS = 1000 / 3.79 * 86400
"""One node's mean time between unplanned interruptions: 3.79 in 1,000 node-days (the Llama 3 pretraining report)."""


@dataclass(frozen=True, slots=True)
class Recent:
    """The steps of the present attempt after its warm-up: of each rank in order, and the last `WINDOW` of each."""

    run: str
    all: dict[int, tuple[Event, ...]]
    window: dict[int, tuple[Event, ...]]

    def share(self, rank: int, part: str) -> float:
        """Share (0-1) of `rank`'s window that went to `part`."""
        return total(self.window[rank], f"{part}_us") / max(total(self.window[rank], "duration_us"), 1)

    @property
    def span(self) -> str:
        steps = [event["step"] for events in self.window.values() for event in events]
        return f"steps {min(steps)} to {max(steps)}"


def total(events: Iterable[Event], name: str) -> int:
    return sum(int(event[name]) for event in events)


def stalls(events: Sequence[Event], now: float | None = None) -> tuple[Finding, ...]:
    """What holds the run back at the moment. `events` in order of time; with `now` (epoch seconds) silence is noticed too."""
    recent = recent_steps(events)
    if recent is None:
        return ()
    rules: tuple[Callable[[Recent], Finding | None], ...] = (data_wait, straggler, communication, slow_steps)
    found = [rule(recent) for rule in rules] + [checkpoints(recent, events), silence(recent, events, now)]
    findings = [finding for finding in found if finding]
    if any(finding.rule == "straggler-rank" for finding in findings):  # the others wait for it: that is not the network
        findings = [finding for finding in findings if finding.rule != "communication-dominant"]
    return tuple(findings)


def recent_steps(events: Sequence[Event]) -> Recent | None:
    """None until every rank that reports has `FEWEST` steps in the present attempt."""
    steps = [event for event in events if event["kind"] == "step"]
    if not steps:
        return None
    attempt = max(event["attempt"] for event in steps)
    ranks: dict[int, list[Event]] = {}
    for event in steps:
        if event["attempt"] == attempt:
            ranks.setdefault(rank_of(event), []).append(event)
    judged = {rank: tuple(rows[WARM_UP:]) for rank, rows in sorted(ranks.items())}
    if any(len(rows) < FEWEST for rows in judged.values()):
        return None
    return Recent(str(steps[-1]["run"]), judged, {rank: rows[-WINDOW:] for rank, rows in judged.items()})


def rank_of(event: Event) -> int:
    """The rank of a writer called `rank-RANK.ATTEMPT`."""
    return int(event["writer"].removeprefix("rank-").partition(".")[0])


def data_wait(recent: Recent) -> Finding | None:
    """A rank waits for its data: the worst is told, since the others wait for it in communication."""
    worst = max(recent.window, key=lambda rank: recent.share(rank, "data"))
    share = recent.share(worst, "data")
    if share <= DATA_BAR:
        return None
    read, waited_us = total(recent.window[worst], "data_bytes"), total(recent.window[worst], "data_us")
    ranks = len(recent.window)
    all_wait = all(recent.share(rank, "data") > DATA_BAR / 2 for rank in recent.window)
    who = f"{ranks} workers" if all_wait and ranks > 1 else f"rank {worst}"
    rate = read / waited_us * (ranks if all_wait else 1)  # bytes a microsecond are MB/s
    told = f": {who} read {rate:.3g} MB/s" if read else f" of {who}"
    return Finding(
        "data-wait", "warning", recent.run, f"{share:.0%} of the step is data wait{told}",
        f"{recent.span}: rank {worst} waits {waited_us / len(recent.window[worst]) / 1e3:.0f} ms of "
        f"{_mean_ms(recent.window[worst]):.0f} ms a step" + (f" for {read / len(recent.window[worst]) / 1e6:.3g} MB" if read else ""),
        "try a copy of the data on a local disk, data that is tokenised already, or reading ahead in another thread")


def communication(recent: Recent) -> Finding | None:
    """Every rank spends its step in communication: the least share counts, since waiting for a slower rank looks alike."""
    if len(recent.window) < 2:
        return None
    share = min(recent.share(rank, "communication") for rank in recent.window)
    if share <= COMMUNICATION_BAR:
        return None
    return Finding(
        "communication-dominant", "warning", recent.run, f"{share:.0%} of the step is communication that computing does not hide",
        f"{recent.span}: {len(recent.window)} workers exchange gradients for {share * _mean_ms(recent.window[0]):.0f} ms a step",
        "try a larger batch for each worker, fewer workers, or workers on one node")


def straggler(recent: Recent) -> Finding | None:
    """One rank computes for much longer than the others, which wait for it."""
    if len(recent.window) < 2:
        return None
    mean = {rank: total(rows, "compute_us") / len(rows) for rank, rows in recent.window.items()}
    slowest = max(mean, key=lambda rank: mean[rank])
    others = statistics.median(value for rank, value in mean.items() if rank != slowest)
    excess = (mean[slowest] - others) / 1e3
    if mean[slowest] <= STRAGGLER_BAR * others or excess <= STRAGGLER_COST * _mean_ms(recent.window[slowest]):
        return None
    return Finding(
        "straggler-rank", "warning", f"{recent.run} rank {slowest}",
        f"rank {slowest} computes {mean[slowest] / max(others, 1):.1f} times as long as the others, which wait for it",
        f"{recent.span}: {mean[slowest] / 1e3:.0f} ms a step, the others {others / 1e3:.0f} ms",
        f"look for what else runs where rank {slowest} is (memory, temperature, other processes), or give it another node")


def slow_steps(recent: Recent) -> Finding | None:
    """Steps became slower than they were, by far more than they used to differ. Checkpoints do not count."""
    rows = next(iter(recent.all.values()))
    before, last = rows[:-SLOW_STEPS], rows[-SLOW_STEPS:]
    if len(before) < FEWEST:
        return None
    usual = [event["duration_us"] - event["checkpoint_us"] for event in before[-5 * WINDOW:]]
    median = statistics.median(usual)
    bar = max(anomaly_bar(usual), SLOW_BAR * median)
    if any(event["duration_us"] - event["checkpoint_us"] <= bar for event in last):
        return None
    grown = {part: total(last, f"{part}_us") / len(last) - total(before, f"{part}_us") / len(before) for part in STEP_PARTS}
    part = max(grown, key=lambda part: grown[part])
    took = _mean_ms(last)
    return Finding(
        "slow-steps", "warning", recent.run, f"steps take {took * 1e3 / median:.1f} times as long as before, mostly in {part}",
        f"steps {last[0]['step']} to {last[-1]['step']}: {took:.0f} ms; before: median {median / 1e3:.0f} ms; "
        f"{part} grew by {grown[part] / 1e3:.0f} ms",
        "look for other work on this machine, a hot device, or longer input")


def checkpoints(recent: Recent, events: Sequence[Event]) -> Finding | None:
    """Checkpoints take more of the time than they can save."""
    rows = next(iter(recent.all.values()))
    saves = [event["checkpoint_us"] for event in rows if event["checkpoint_us"] > 0]
    share = sum(saves) / max(total(rows, "duration_us"), 1)
    if len(saves) < 3 or share <= CHECKPOINT_BAR:
        return None
    cost = statistics.median(saves) / 1e6
    mtbf, source = mean_time_between_failures(events)
    return Finding(
        "checkpoint-too-frequent", "warning", recent.run, f"{share:.0%} of the time goes to checkpoints",
        f"{len(saves)} checkpoints in {len(rows)} steps, {cost:.2g} s each; {source}",
        f"try checkpoint: {{every: {in_words(best_interval(cost, mtbf))}}}, the square root of 2 x cost x time between failures")


def mean_time_between_failures(events: Sequence[Event]) -> tuple[float, str]:
    """Seconds, and where the figure is from: this run's own losses of workers, or else what is usual for so many nodes."""
    lost = sum(event["kind"] == "attempt.lost" for event in events)
    if lost:
        mtbf = (events[-1]["t"] - events[0]["t"]) / lost
        return mtbf, f"workers were lost every {in_words(mtbf)}"
    nodes = len({event["host"] for event in events if event["kind"] == "worker.start"}) or 1
    mtbf = NODE_MTBF_SECONDS / nodes
    return mtbf, f"{nodes} node{'s' if nodes > 1 else ''} fail every {mtbf / 86400:.0f} days (3.79 in 1,000 node-days)"


def best_interval(cost_seconds: float, mtbf_seconds: float) -> float:
    """Young and Daly's interval between checkpoints, in seconds: least time lost to writing them and to work done twice."""
    return math.sqrt(2 * cost_seconds * mtbf_seconds)


def silence(recent: Recent, events: Sequence[Event], now: float | None) -> Finding | None:
    """No step came for long, and nobody said that the workers are gone or the run is over."""
    last = max((rows[-1] for rows in recent.all.values()), key=lambda event: float(event["t"]))
    over = any(event["kind"] in ("attempt.lost", "run.end", "run.start") and event["t"] >= last["t"] for event in events)
    usual = statistics.median(event["duration_us"] for event in recent.window[rank_of(last)]) / 1e6
    if now is None or over or now - last["t"] <= max(SILENCE_STEPS * usual, SILENCE_SECONDS):
        return None
    behind = min(recent.all, key=lambda rank: (recent.all[rank][-1]["step"], rank))
    return Finding(
        "no-progress", "warning", recent.run, f"no step has ended for {now - last['t']:.0f} s; a step used to take {usual:.2g} s",
        f"the last was step {last['step']}; rank {behind} ended step {recent.all[behind][-1]['step']} last",
        f"steelyard logs {recent.run} shows what the workers print; Ctrl-C where it runs stops it with a checkpoint")


def in_words(seconds: float) -> str:
    """A duration as a blueprint writes it: `45s`, `12m`, `3h`."""
    if seconds < 90:
        return f"{max(round(seconds), 1)}s"
    return f"{round(seconds / 60)}m" if seconds < 5400 else f"{round(seconds / 3600)}h"


def _mean_ms(rows: Sequence[Event]) -> float:
    return total(rows, "duration_us") / len(rows) / 1e3
