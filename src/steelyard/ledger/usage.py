"""Usage: an interval in the ledger, as observed, with the price of that moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holding:
    """What a run holds of one node, known when it starts."""

    run: str
    workload: str
    team: str | None
    blueprint: str
    node: str
    cpus: float
    node_cpus: float
    memory_bytes: int
    node_memory_bytes: int
    devices: tuple[tuple[str, float], ...]
    """Kind and how many (1.0 is a whole device): (("H100", 0.25),)."""
    node_devices: tuple[tuple[str, float], ...]
    price_micro_hour: int | None
    """Of the whole node, in micro-dollars an hour; None is unknown, never free."""
    price_source: str
    """Where the price comes from, with its date: `Platform prices in platform.yaml`, `unknown`."""
    labels: tuple[tuple[str, str], ...] = ()
    """The blueprint's own, by name and value."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A holding with its interval. `end` of an open usage is the last sign of life. Times in epoch microseconds."""

    id: str
    holding: Holding
    start_us: int
    end_us: int
    open: bool
    reason: str
    """Why it ended (`done`, `stopped: ...`, `worker lost`, ...); empty while open, `lost` if no end was written."""
    used_ratio: float | None
    """Share of the held CPU (or device) time that was really used, 0-1; None is unknown."""
    attempt: int
    wasted_us: int
    """Of this interval, time whose work was lost and done again."""
