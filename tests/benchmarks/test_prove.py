"""The proof's steps, what they must show, and going on where it was interrupted."""

from pathlib import Path

import pytest

from benchmarks.prove.record import Done, Record
from benchmarks.prove.steps import ProofStep, proof_steps, seen, shortfalls
from benchmarks.provenance import ROOT, Commit

CLEAN = Commit("0123456789abcdef", dirty=False)
FUZZ_OUTPUT = """\
..                                                                       [100%]
============================ Hypothesis Statistics =============================
tests/blueprint/test_fuzz.py::test_random_bytes_never_give_a_traceback:

  - during reuse phase (0.01 seconds):
    - 3 passing, 0 failing, and 0 invalid test cases
  - during generate phase (0.13 seconds):
    - Typical runtimes: ~ 0-9 ms, of which < 1ms in data generation
    - 9997 passing, 0 failing, and 12 invalid test cases

2 passed in 301.73s (0:05:01)
"""


def done(name: str, passed: bool) -> Done:
    return Done(name, passed, 1.5, "2026-11-24T00:00:00+00:00", {"kills": 10}, {"tests passed": 2})


def test_the_full_counts_are_those_that_were_promised() -> None:
    counts: dict[str, int] = {}
    for step in proof_steps(trial=False):
        counts |= step.counts
    assert counts["random bytes"] == counts["mutated blueprints"] == 10_000
    assert sum(count for name, count in counts.items() if name.endswith("kills")) == 40


def test_what_a_step_is_told_is_what_it_counts() -> None:
    for step in proof_steps(trial=False):
        assert set(step.environment.values()) == {str(count) for count in step.counts.values()}


@pytest.mark.parametrize("trial", [False, True])
def test_every_step_runs_something_that_is_there(trial: bool) -> None:
    for step in proof_steps(trial):
        _, _, module, *arguments = step.command
        assert (ROOT / (arguments[0] if module == "pytest" else module.replace(".", "/"))).exists()


def test_inputs_are_counted_from_the_output() -> None:
    assert seen(FUZZ_OUTPUT) == {"tests passed": 2, "inputs passed": 10_000}
    assert seen("no tests ran in 0.01s") == {}


def test_a_success_that_did_too_little_is_a_failure() -> None:
    step = ProofStep("fuzz", ("true",), least={"tests passed": 2, "inputs passed": 20_000})
    assert shortfalls(step, seen(FUZZ_OUTPUT)) == ["inputs passed: 10000 of 20000"]
    assert shortfalls(step, {}) == ["tests passed: 0 of 2", "inputs passed: 0 of 20000"]
    assert shortfalls(step, {"tests passed": 2, "inputs passed": 20_001}) == []


def test_a_step_that_passed_is_not_run_again_for_the_same_commit(tmp_path: Path) -> None:
    Record(CLEAN, trial=False, folder=tmp_path).keep(done("fuzz", passed=True))
    assert Record(CLEAN, trial=False, folder=tmp_path).passed("fuzz") == done("fuzz", passed=True)
    assert Record(CLEAN, trial=False, folder=tmp_path).passed("startup") is None
    assert Record(Commit("fedcba9876543210", dirty=False), trial=False, folder=tmp_path).passed("fuzz") is None


def test_a_step_that_failed_is_run_again(tmp_path: Path) -> None:
    record = Record(CLEAN, trial=False, folder=tmp_path)
    record.keep(done("fuzz", passed=False))
    assert record.passed("fuzz") is None


@pytest.mark.parametrize(("commit", "trial"), [(Commit(CLEAN.id, dirty=True), False), (CLEAN, True)])
def test_nothing_is_taken_over_from_changed_files_or_from_a_trial(tmp_path: Path, commit: Commit, trial: bool) -> None:
    record = Record(commit, trial, folder=tmp_path)
    record.keep(done("fuzz", passed=True))
    assert record.passed("fuzz") is None
