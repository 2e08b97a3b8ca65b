"""The step recorder's parts are exact, and it counts what it takes itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.telemetry.events import STEP_PARTS, Event, EventWriter, read_events
from steelyard.telemetry.recorder import StepRecorder


class Clock:
    """Nanoseconds that the test moves."""

    def __init__(self) -> None:
        self.ns = 10**9 + 1

    def __call__(self) -> int:
        return self.ns


class KeptLines(EventWriter):
    """A writer that keeps its lines in memory, one entry for each write to the file."""

    def __init__(self) -> None:
        self._run, self._writer, self._attempt, self._clock = "demo-1", "rank-0.1", 1, lambda: 5.0
        self.blocks: list[bytes] = []

    def append(self, lines: bytes) -> None:
        self.blocks.append(lines)

    @property
    def events(self) -> list[Event]:
        return [json.loads(line) for block in self.blocks for line in block.splitlines()]


def recorder_with(clock: Clock, cpu: Callable[[], int] = lambda: 0,
                  background: Callable[[], int] = lambda: 0) -> tuple[StepRecorder, KeptLines]:
    writer = KeptLines()
    return StepRecorder(writer, clock, lambda: clock.ns / 1e9, cpu=cpu, background=background), writer


@given(st.lists(st.lists(st.tuples(st.sampled_from(STEP_PARTS), st.integers(0, 10**9)), max_size=6), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_parts_sum_to_the_step_and_the_steps_leave_no_gap(steps: list[list[tuple[str, int]]]) -> None:
    clock = Clock()
    recorder, writer = recorder_with(clock)
    start_us = clock.ns // 1000
    for number, marks in enumerate(steps, start=1):
        for part, nanoseconds in marks:
            clock.ns += nanoseconds
            recorder.mark(part)
        clock.ns += 777
        recorder.end_step(number, 1.0, 10)
    recorder.flush()
    events = writer.events
    assert [event["step"] for event in events] == list(range(1, len(steps) + 1))
    assert all(sum(event[f"{part}_us"] for part in STEP_PARTS) == event["duration_us"] for event in events)
    assert sum(event["duration_us"] for event in events) == clock.ns // 1000 - start_us


def test_time_since_the_last_mark_goes_to_the_part_and_the_rest_is_other() -> None:
    clock = Clock()
    recorder, writer = recorder_with(clock)
    for part, milliseconds in (("data", 20), ("compute", 300), ("data", 30), ("optimizer", 50)):
        clock.ns += milliseconds * 10**6
        recorder.mark(part)
    clock.ns += 5 * 10**6
    recorder.end_step(1, 2.5, 4096, 8192)
    event = writer.events[0]
    assert (event["data_us"], event["compute_us"], event["optimizer_us"], event["other_us"]) == (50_000, 300_000, 50_000, 5_000)
    assert (event["loss"], event["tokens"], event["data_bytes"], event["t"]) == (2.5, 4096, 8192, round(clock.ns / 1e9, 6))


def test_short_steps_are_written_together_and_none_is_held_back_for_more_than_a_fifth_of_a_second() -> None:
    clock = Clock()
    recorder, writer = recorder_with(clock)
    for step in range(1, 101):
        clock.ns += 10 * 10**6
        recorder.end_step(step, None, 1)
        assert step - len(writer.events) < 20
    assert len(writer.blocks) == 5


def test_long_steps_are_written_at_once() -> None:
    clock = Clock()
    recorder, writer = recorder_with(clock)
    for step in range(1, 4):
        clock.ns += 300 * 10**6
        recorder.end_step(step, None, 1)
        assert len(writer.events) == step


def test_its_own_cpu_and_that_of_the_sampler_are_counted_into_the_step_that_paid_for_them() -> None:
    clock, used, sampled = Clock(), [0], [10_000_000]

    def cpu() -> int:
        used[0] += 3_000  # each look at the clock costs 3 microseconds
        return used[0]

    recorder, writer = recorder_with(clock, cpu, lambda: sampled[0])
    for step in (1, 2):
        clock.ns += 10**9
        recorder.mark("compute")
        sampled[0] += 40_000
        recorder.end_step(step, 1.0, 1)
    assert [event["recorder_us"] for event in writer.events] == [43, 46]  # the second step also pays for writing the first


def test_a_loss_that_is_no_number_is_told_once_and_never_written_as_one() -> None:
    clock = Clock()
    recorder, writer = recorder_with(clock)
    for step, loss in ((1, 2.0), (2, float("nan")), (3, float("inf"))):
        clock.ns += 10**9
        recorder.end_step(step, loss, 1)
    assert [event["loss"] for event in writer.events if event["kind"] == "step"] == [2.0, None, None]
    findings = [event for event in writer.events if event["kind"] == "finding"]
    assert [(finding["rule"], finding["message"]) for finding in findings] == [("loss-not-finite", "the loss of step 2 is nan")]


def test_begin_leaves_out_what_was_before_the_loop() -> None:
    clock = Clock()
    recorder, writer = recorder_with(clock)
    clock.ns += 60 * 10**9
    recorder.begin()
    clock.ns += 10**9
    recorder.end_step(1, None, 1)
    assert writer.events[0]["duration_us"] == 1_000_000


def test_on_a_real_clock_it_takes_far_less_than_a_hundredth_of_a_step(tmp_path: Path) -> None:
    recorder = StepRecorder(EventWriter(tmp_path / "events", "demo-1", "rank-0.1"))
    for step in range(1, 201):
        for part in ("data", "compute", "communication", "optimizer"):
            recorder.mark(part)
        recorder.end_step(step, 1.0, 1)
    recorder.flush()
    own = [event["recorder_us"] for event in read_events(tmp_path)]
    assert len(own) == 200
    assert 0 < sum(own) / len(own) < 1000  # of the 300,000 that a step of the smallest blueprint takes


def test_before_a_checkpoint_is_kept_everything_is_written_and_the_step_so_far() -> None:
    clock = Clock()
    recorder, writer = recorder_with(clock)
    clock.ns += 1_000_000
    recorder.end_step(1, 3.0, 10)
    assert writer.events == []  # held back, to be written together
    clock.ns += 2_000_000
    recorder.mark("compute")
    clock.ns += 500_000
    recorder.saving(2, 2.5, 10, 40)
    first, saving = writer.events
    assert (first["kind"], first["step"]) == ("step", 1)
    assert (saving["kind"], saving["step"], saving["loss"], saving["tokens"], saving["data_bytes"]) == ("step.saving", 2, 2.5, 10, 40)
    assert (saving["duration_us"], saving["compute_us"], saving["other_us"]) == (2_500, 2_000, 500)
    clock.ns += 3_000_000
    recorder.mark("checkpoint")
    recorder.end_step(2, 2.5, 10, 40)
    recorder.flush()
    whole = writer.events[-1]
    assert (whole["kind"], whole["duration_us"], whole["compute_us"], whole["checkpoint_us"]) == ("step", 5_500, 2_000, 3_500)
