"""`python -m benchmarks.prove [--trial]`: each step with its elapsed time; exit status 1 when one failed."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.prove.record import Done, Record
from benchmarks.prove.steps import ProofStep, proof_steps, seen, shortfalls
from benchmarks.provenance import ROOT, TRIALS, Commit, commit, keep, load, provenance, shown

RESULTS = Path(__file__).parent / "results"
TAIL = 8
"""Lines of a step's output that its result keeps."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/prove", description="The full counts: fuzzing, kills, benchmarks.")
    parser.add_argument("--trial", action="store_true", help="so few of everything that it only shows that the recipe works; not kept")
    trial = parser.parse_args().trial
    of = commit()
    record = Record(of, trial)
    if of.dirty:
        print("prove: files differ from the commit: every step runs, and the result says so")
    began = time.monotonic()
    done = [prove(step, record, began) for step in proof_steps(trial)]
    return finish(done, of, trial, began)


def prove(step: ProofStep, record: Record, began: float) -> Done:
    """Do one step, or pass over it when it passed before."""
    if before := record.passed(step.name):
        say(began, f"{step.name}: passed already for this commit, on {before.date}, in {before.seconds:.0f} s")
        return before
    told = "   ".join(f"{count} {what}" for what, count in step.counts.items())
    say(began, f"{step.name}: begins   {told}")
    clock = time.monotonic()
    status, output = run(step, record.log(step.name))
    found = seen(output)
    wrong = ([f"exit status {status}"] if status else []) + shortfalls(step, found)
    done = Done(step.name, not wrong, round(time.monotonic() - clock, 1), datetime.now(UTC).isoformat(timespec="seconds"),
                dict(step.counts), found, wrong, output.splitlines()[-TAIL:])
    record.keep(done)
    say(began, f"{step.name}: {'passed' if done.passed else 'FAILED: ' + ', '.join(wrong)} in {done.seconds:.0f} s")
    return done


def run(step: ProofStep, log: Path) -> tuple[int, str]:
    """The command's exit status and output, which is shown as it comes and kept in `log`."""
    environment = os.environ | step.environment | {"PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with log.open("w") as file, subprocess.Popen(step.command, cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL,
                                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            file.write(line)
            lines.append(line)
    return process.returncode, "".join(lines)


def finish(done: Sequence[Done], of: Commit, trial: bool, began: float) -> int:
    """Write the result, whatever it is."""
    passed = all(one.passed for one in done)
    file = keep(TRIALS / "prove" if trial else RESULTS, of, {
        "proof": "passed" if passed else "failed", **provenance(of), "load_after": load(), "steps": [asdict(one) for one in done],
    })
    failed = [one.name for one in done if not one.passed]
    say(began, f"{len(done) - len(failed)} of {len(done)} steps passed{'; failed: ' + ', '.join(failed) if failed else ''}")
    say(began, f"{'a trial: ' if trial else ''}{shown(file)}; whole output in {shown(Record(of, trial).folder)}")
    return 0 if passed else 1


def say(began: float, text: str) -> None:
    print(f"[{time.monotonic() - began:6.0f} s] {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted; `make prove` goes on with the steps that have not passed")
        sys.exit(130)
