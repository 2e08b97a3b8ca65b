"""Watching a run while it trains: limits, stalls, and the ledger's account of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from steelyard.errors import StateError
from steelyard.ledger.store import LedgerWriter, compact_if_due, read_usages
from steelyard.ledger.usage import Holding, Usage
from steelyard.local.attempts import Ending, next_attempt
from steelyard.runtime.control import request_stop, stop_reason
from steelyard.runtime.spec import TrainSpec
from steelyard.telemetry.events import Event, EventReader, EventWriter
from steelyard.telemetry.gpus import gpu_names
from steelyard.telemetry.stalls import stalls
from steelyard.units import format_duration, format_money

LOOK_EVERY = 2.0
"""Seconds between two looks at the events."""
STALL_WINDOW = 5_000
"""Newest events that are judged for stalls: enough for the last steps of many ranks, and as cheap after a week as after an hour."""
HOUR = 3_600
"""Seconds of the hour that prices are for."""


class Supervisor:
    """Opens a usage in the ledger when it is entered, one for each attempt, and closes the last when it is left."""

    def __init__(self, spec: TrainSpec, run_folder: Path, events: EventWriter, ledger: Path) -> None:
        self._spec, self._run_folder, self._events, self._ledger = spec, run_folder, events, ledger
        self._reader = EventReader(run_folder)
        self._recent: deque[Event] = deque(maxlen=STALL_WINDOW)
        self._told: set[str] = set()
        self._account = Account(LedgerWriter(ledger), holding_of(spec))
        self._spent = Spending(spec)
        self._failed = False

    def __enter__(self) -> Self:
        past = self._reader.new()  # a resumed run's past belongs to earlier usages
        self._recent.extend(past)
        attempt = next_attempt(past)
        if attempt > 1:
            self._account.settle(read_usages(self._ledger), past)
        self._account.open(time.time(), attempt)
        self._spent.begin(past, time.time())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._look()
        self._account.close(time.time(), self._reason(error))
        try:
            compact_if_due(self._ledger)
        except StateError as full:  # the run is over and well; compaction comes again with the next one
            sys.stderr.write(f"the ledger was not compacted: {full}\n")

    def watch(self, work: Callable[[], Ending]) -> Ending:
        """Do `work` in a thread (Ray's `fit` would take the main thread's signal handler) and watch until it ends."""
        endings: list[Ending | BaseException] = []

        def target() -> None:
            try:
                endings.append(work())
            except BaseException as error:  # noqa: BLE001 - the edge of the thread: raised again below, in the main thread
                endings.append(error)

        thread = threading.Thread(target=target, name="steelyard-attempts", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(LOOK_EVERY)
            self._look()
            self._account.beat(time.time())
            self._tell_stalls()
            self._hold_limits()
        ending = endings[0]
        if isinstance(ending, BaseException):
            raise ending
        self._failed = bool(ending.error)
        return ending

    def _look(self) -> None:
        fresh = self._reader.new()
        self._recent.extend(fresh)
        self._account.follow(fresh)

    def _tell_stalls(self) -> None:
        for found in stalls(tuple(self._recent), time.time()):
            if found.rule not in self._told:
                self._told.add(found.rule)
                self._events.write("finding", rule=found.rule, severity=found.severity, object=found.object,
                                   message=found.message, evidence=found.evidence, next_step=found.next_step)

    def _hold_limits(self) -> None:
        if reason := self._spent.limit_reached(time.time()):
            request_stop(self._run_folder, reason)
        reason = stop_reason(self._run_folder)
        if reason and reason not in self._told:
            self._told.add(reason)
            self._events.write("stop.request", reason=reason)

    def _reason(self, error: BaseException | None) -> str:
        if error or self._failed:
            return "failed"
        stop = stop_reason(self._run_folder)
        return f"stopped: {stop}" if stop else "done"


class Spending:
    """How long the run has lived over all its lives, and what that costs, against its limits."""

    def __init__(self, spec: TrainSpec) -> None:
        self._spec = spec
        self._before, self._began = 0.0, 0.0

    def begin(self, past: list[Event], now: float) -> None:
        """`past` holds the events of earlier lives; this one began with the last `run.start`."""
        starts = [event["t"] for event in past if event["kind"] == "run.start"]
        self._began = starts[-1] if starts else now
        for start, following in pairwise(starts):
            self._before += max(event["t"] for event in past if start <= event["t"] < following) - start

    def limit_reached(self, now: float) -> str | None:
        """Which limit was reached, in words, or None."""
        lived = self._before + now - self._began
        spec, price = self._spec, self._spec.price_micro_hour
        if spec.max_duration is not None and lived >= spec.max_duration:
            return f"max_duration of {format_duration(spec.max_duration)} reached"
        if spec.max_price is not None and price is not None and lived * price >= spec.max_price * HOUR:
            return f"max_price of {format_money(spec.max_price)} reached"
        return None


class Account:
    """The run's usages in the ledger: a new one when an attempt was lost, so that wasted time can be told apart.

    Every event is looked at once, as it comes: a look costs the same after a week as after a minute.
    """

    def __init__(self, writer: LedgerWriter, holding: Holding) -> None:
        self._writer, self._holding = writer, holding
        self._usage = ""
        self._start = 0.0
        self._attempt = 1
        self._unkept = Unkept()
        self._cpu_seconds: dict[str, float] = {}
        self._lost: Event | None = None

    def open(self, now: float, attempt: int) -> None:
        self._attempt, self._start = attempt, now
        self._unkept, self._cpu_seconds, self._lost = Unkept(), {}, None
        self._usage = self._writer.start(self._holding, to_us(now), attempt)

    def settle(self, usages: Sequence[Usage], events: Sequence[Event]) -> None:
        """End the usage of a life whose driver was killed: its workers' events tell what came after its last sign of life."""
        told = [event for event in events if event["writer"].startswith("rank-")]
        for usage in usages:
            if usage.holding.run == self._holding.run and usage.reason == "lost":
                mine, unkept = [event for event in told if event["attempt"] == usage.attempt], Unkept()
                for event in mine:
                    unkept.add(event)
                last_us = max((to_us(event["t"]) for event in mine), default=usage.end_us)
                self._writer.end(usage.id, max(usage.end_us, last_us), "lost", usage.used_ratio, unkept.time_us)

    def follow(self, fresh: Sequence[Event]) -> None:
        """Take in new events. The usage of a lost attempt is closed when the next one starts; that of the last by `close`."""
        for event in fresh:
            if event["kind"] == "attempt.start" and event["attempt"] > self._attempt and self._lost:
                lost = self._lost
                reason = f"worker lost: {lost['cause']}"
                self._writer.end(self._usage, to_us(lost["t"]), reason, self._used(lost["t"]), self._unkept.time_us)
                self.open(lost["t"], event["attempt"])
            elif event["attempt"] != self._attempt:
                continue
            elif event["kind"] == "attempt.lost":
                self._lost = event
            elif event["kind"] == "sample" and event["t"] >= self._start:
                self._cpu_seconds[event["writer"]] = event["cpu_seconds"]
            else:
                self._unkept.add(event)

    def beat(self, now: float) -> None:
        """A sign of life, with what would be wasted if it were the last one."""
        self._writer.beat(self._usage, to_us(now), self._used(now), self._unkept.time_us)

    def close(self, now: float, reason: str) -> None:
        wasted = self._unkept.time_us if reason == "failed" else 0
        self._writer.end(self._usage, to_us(now), reason, self._used(now), wasted)
        self._writer.close()

    def _used(self, now: float) -> float | None:
        """CPU seconds of the workers over CPU seconds held; None before anything was sampled, and for GPUs, of which CPUs say nothing."""
        held = (now - self._start) * self._holding.cpus
        if self._holding.devices or not self._cpu_seconds or held <= 0:
            return None
        return min(1.0, sum(self._cpu_seconds.values()) / held)


class Unkept:
    """Time of an attempt's steps that no checkpoint keeps. `add` takes the attempt's events as they come."""

    def __init__(self) -> None:
        self._kept = 0
        self._steps: dict[int, int] = {}

    def add(self, event: Event) -> None:
        if event["kind"] in ("checkpoint", "restore"):
            self._kept = max(self._kept, event["step"])
            self._steps = {step: spent for step, spent in self._steps.items() if step > self._kept}
        elif event["kind"] == "step" and event["writer"].startswith("rank-0.") and event["step"] > self._kept:
            self._steps[event["step"]] = event["duration_us"]

    @property
    def time_us(self) -> int:
        return sum(self._steps.values())


def holding_of(spec: TrainSpec) -> Holding:
    """What the run holds of this machine."""
    cpus, memory = os.cpu_count() or 1, psutil.virtual_memory().total
    gpus, names = float(spec.workers * spec.gpus_per_worker), gpu_names()
    return Holding(
        run=spec.run, workload=spec.workload, team=spec.team, blueprint=spec.blueprint, node=os.uname().nodename,
        cpus=float(min(cpus, spec.workers * spec.cpus_per_worker)), node_cpus=float(cpus),
        memory_bytes=held_memory(spec, memory, cpus), node_memory_bytes=memory,
        devices=((names[0], gpus),) if gpus and names else (),
        node_devices=tuple((name, float(count)) for name, count in Counter(names).items()),
        price_micro_hour=spec.price_micro_hour, price_source=spec.price_source,
        labels=tuple(sorted(spec.labels.items())),
    )


def held_memory(spec: TrainSpec, total: int, cpus: int) -> int:
    """Bytes that the run holds of this machine; where sizing does not know them, the same share as of its CPUs."""
    if spec.memory_bytes is not None:
        return min(total, spec.memory_bytes)
    return total * min(cpus, spec.workers * spec.cpus_per_worker) // cpus


def to_us(seconds: float) -> int:
    return round(seconds * 1_000_000)
