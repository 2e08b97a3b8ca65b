"""The steps of `make prove`, and what their output must show. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

PYTEST = (sys.executable, "-m", "pytest")
PASSED = re.compile(r"^(?:=+ )?(\d+) passed", re.MULTILINE)
FUZZED = re.compile(r"^\s+- (\d+) passing", re.MULTILINE)

FUZZ_INPUTS = 10_000
"""Of each of the two kinds: random bytes and mutated blueprints."""
KILLS = 10
"""Of each of the four kinds: ledger writer, compaction, worker, driver."""


@dataclass(frozen=True, slots=True)
class ProofStep:
    """A command and its environment. `counts`: what it was told to do; `least` of them are counted in its output."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)


def proof_steps(trial: bool) -> tuple[ProofStep, ...]:
    """All steps in order. `trial`: so few of everything that only the recipe itself is tried."""
    inputs, kills = (20, 1) if trial else (FUZZ_INPUTS, KILLS)
    pairs = ("--pairs=1", "--steps=40") if trial else ()
    runs = ("--runs=2", "--starts=1") if trial else ()
    plans = ("--runs=2", "--workloads=10", "--instances=5") if trial else ()
    return (
        ProofStep("fuzz", (*PYTEST, "tests/blueprint/test_fuzz.py", "--hypothesis-show-statistics"), {"STEELYARD_FUZZ": str(inputs)},
                  {"random bytes": inputs, "mutated blueprints": inputs}, {"tests passed": 2, "inputs passed": 2 * inputs}),
        ProofStep("ledger-kills", (*PYTEST, "tests/ledger/test_kills.py"), {"STEELYARD_KILLS": str(kills)},
                  {"ledger writer kills": kills, "compaction kills": kills}, {"tests passed": 2}),
        ProofStep("engine-kills", (*PYTEST, "tests/engine/test_kills.py"), {"STEELYARD_ENGINE_KILLS": str(kills)},
                  {"worker kills": kills, "driver kills": kills}, {"tests passed": 2 * kills}),  # a test for each kill
        ProofStep("throughput", (sys.executable, "-m", "benchmarks.throughput", *pairs)),
        ProofStep("startup", (sys.executable, "-m", "benchmarks.startup", *runs)),
        ProofStep("planning", (sys.executable, "-m", "benchmarks.planning", *plans)),
        ProofStep("memory", (sys.executable, "-m", "benchmarks.memory")),
        ProofStep("latency", (sys.executable, "-m", "benchmarks.latency")),
    )


def seen(output: str) -> dict[str, int]:
    """What the output of a test step says was done."""
    passed, fuzzed = PASSED.findall(output), FUZZED.findall(output)
    found = {"tests passed": int(passed[-1])} if passed else {}
    return found | ({"inputs passed": sum(map(int, fuzzed))} if fuzzed else {})


def shortfalls(step: ProofStep, found: Mapping[str, int]) -> list[str]:
    """What was to be done and was not; a success that did too little proves nothing."""
    return [f"{name}: {found.get(name, 0)} of {least}" for name, least in step.least.items() if found.get(name, 0) < least]
