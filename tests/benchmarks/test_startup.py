"""What a finished run says of its start, and CPU time as the system counts it."""

import sys
from dataclasses import replace
from typing import Any, cast

import pytest

from benchmarks.bars import Bar
from benchmarks.product import ProductRun
from benchmarks.startup.measuring import cell, cpu_seconds, start_of
from steelyard.runtime.spec import TrainSpec


def event(kind: str, t: float, writer: str = "rank-0.1", **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "t": t, "writer": writer, "attempt": 1, "run": "x-1"} | fields


RUN = ProductRun(began=100.0, seconds=60.0, spec=cast("TrainSpec", None), events=(
    event("phase", 104.0, "driver", name="cluster", start=101.0), event("phase", 110.0, name="imports", start=108.5),
    event("phase", 111.0, "rank-1.1", name="imports", start=108.0), event("step", 113.0, "rank-1.1", step=1),
    event("step", 113.25, step=1), event("step", 113.5, step=2),
))


def test_the_start_runs_from_the_command_to_the_end_of_the_first_step_of_rank_0() -> None:
    start = start_of(RUN, (0.5, 0.5, 0.5))
    assert start.first_step == 13.25
    assert start.phases == {"cluster": 3.0, "imports": 1.5}


def test_a_run_without_a_step_has_no_first_step() -> None:
    with pytest.raises(IndexError):
        start_of(replace(RUN, events=()), (0.5, 0.5, 0.5))


def test_cpu_time_is_counted_for_a_command_that_computes_and_hardly_for_one_that_sleeps() -> None:
    code = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    assert cpu_seconds((sys.executable, "-S", "-c", code)) >= 0.3
    assert cpu_seconds(("sleep", "0.3")) < 0.1


def test_the_median_decides_and_the_largest_is_told() -> None:
    found = cell(Bar("help", "", "s", at_most=0.2), [0.1] * 9 + [0.9])
    assert found.passed
    assert found.note.endswith("at most 0.900 of 10 runs")
