"""Observe, decide, carry out: what an engine is asked to do, as frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from steelyard.errors import SteelyardError
from steelyard.planning import Plan


@dataclass(frozen=True, slots=True)
class Observed:
    """One thing that an engine runs or ran. `since` in epoch seconds."""

    name: str
    kind: str
    where: str
    status: str
    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class State:
    """Everything that was observed in one look."""

    observed: tuple[Observed, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing an engine will do. `detail` is what it needs for it."""

    verb: str
    object: str
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step: the name of the run it made, or the error that it ended in."""

    step: Step
    run: str | None = None
    error: SteelyardError | None = None


class Engine(Protocol):
    """`local`, `kubernetes` and `rehearsal` are engines."""

    def observe(self) -> State:
        """The only reading of the world."""

    def steps(self, plan: Plan, state: State) -> tuple[Step, ...]:
        """What leads from `state` to `plan`. Pure."""

    def carry_out(self, steps: Sequence[Step]) -> Iterator[Outcome]:
        """Do them in order; an outcome after each, and none after one that failed."""
