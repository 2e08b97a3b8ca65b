"""A run's life is cut exactly: by a golden example worked out by hand, and against an independent count of each microsecond."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.telemetry.anomalies import anomalous
from steelyard.telemetry.chronicle import Chronicle
from steelyard.telemetry.events import STEP_PARTS
from steelyard.telemetry.goodput import LOSSES, Interval, Life, goodput, wasted_steps
from steelyard.telemetry.records import Goodput, StepRow
from steelyard.telemetry.story import lives_of, story_of
from tests.telemetry.made_up import MadeUpRun, step_fields


def row(start: int, end: int, step: int, parts: dict[str, int] | None = None) -> StepRow:
    """A step from `start` to `end` in microseconds; all of it compute unless `parts` say otherwise."""
    return StepRow(end / 1e6, 1, step, end - start, parts or {"compute": end - start}, None, 1)


def test_the_golden_example_that_was_worked_out_by_hand(run: MadeUpRun) -> None:
    run.start()                                     # 1000: the command
    run.now = 1010.0
    run.attempt_start()                             # 10 s of start-up
    run.steps(1, 4)                                 # 1014: 4 x (0.9 productive, 0.05 data, 0.05 other)
    run.steps(5, 5, checkpoint=300_000)             # 1015.3: 0.9, 0.05, 0.05, 0.3 checkpoint
    run.checkpoint(5, duration_us=300_000)          # inside the step, not counted again
    run.steps(6, 7)                                 # 1017.3: lost, 2 s wasted
    run.now = 1017.8
    run.rank("worker.end", status="failed")         # 0.5 s into step 8: wasted as well
    run.now = 1019.0
    run.lose_workers(7)                             # the driver notices, which is part of recovery
    run.now = 1030.0
    run.rank("restore", step=5, duration_us=1_500_000)
    run.now = 1031.0
    run.attempt_start(from_step=5)                  # 13.2 s since the death: 1.5 restore, 11.7 recovery
    run.steps(6, 10)                                # 1036: 5 x (0.9, 0.05, 0.05)
    run.now = 1036.75
    run.checkpoint(10, duration_us=500_000)         # 0.5 s checkpoint after the last step, 0.25 other before it
    run.now = 1037.0
    run.end()                                       # 0.25 other
    told = run.story(alive=False)
    assert told.wasted_steps == 2
    assert told.goodput == Goodput(
        life_us=37_000_000, productive_us=9_000_000,
        losses_us={"start-up": 10_000_000, "data": 500_000, "checkpoint": 800_000, "restore": 1_500_000, "wasted": 2_500_000,
                   "recovery": 11_700_000, "other": 1_000_000})


# An independent count: each microsecond of small lives is judged by itself, straight from the definitions.

def judge(u: int, life: Life, steps: list[StepRow], losses: list[int], known: list[Interval]) -> str:
    """To what the microsecond `u`, which lies in no step, went."""
    for interval in sorted(known, key=lambda interval: interval.start_us):
        if interval.start_us <= u < interval.end_us:
            return interval.kind
    before = [step for step in steps if round(step.t * 1e6) <= u]
    after = [step for step in steps if round(step.t * 1e6) > u]
    last_start = round(before[-1].t * 1e6) - before[-1].duration_us if before else -1
    if any(last_start < loss <= u for loss in losses):
        return "recovery"
    if not before:
        return "start-up"
    gap_end = round(after[0].t * 1e6) - after[0].duration_us if after else life.end_us
    return "wasted" if any(u < loss <= gap_end for loss in losses) else "other"


def count_each(lives: list[Life], steps: list[StepRow], wasted: list[bool], lost: list[int], known: list[Interval]) -> Counter[str]:
    spent: Counter[str] = Counter()
    for life in lives:
        own = [step for step in steps if life.start_us <= round(step.t * 1e6) - step.duration_us and round(step.t * 1e6) <= life.end_us]
        losses = [t for t in lost if life.start_us <= t <= life.end_us] + ([life.end_us] if life.ending == "died" else [])
        covered = {u for step in own for u in range(round(step.t * 1e6) - step.duration_us, round(step.t * 1e6))}
        spent.update(judge(u, life, own, losses, known) for u in range(life.start_us, life.end_us) if u not in covered)
    kinds = {"compute": "productive", "communication": "productive", "optimizer": "productive"}
    for step, is_wasted in zip(steps, wasted, strict=True):
        for part, us in step.parts_us.items():
            spent["wasted" if is_wasted else kinds.get(part, part)] += us
    return spent


@st.composite
def small_lives(draw: st.DrawFn) -> tuple[list[Life], list[StepRow], list[bool], list[int], list[Interval]]:
    cursor, lives, steps, marks = draw(st.integers(0, 5)), [], [], []
    for _ in range(draw(st.integers(1, 3))):
        start = cursor
        for _ in range(draw(st.integers(0, 4))):
            cursor += draw(st.integers(0, 6))
            parts = {part: draw(st.integers(0, 3)) for part in STEP_PARTS}
            width = sum(parts.values())
            if width:
                steps.append(row(cursor, cursor + width, draw(st.integers(1, 5)), parts))
            cursor += width
        cursor += draw(st.integers(0, 6))
        lives.append(Life(start, cursor, draw(st.sampled_from(["done", "died", "failed"]))))
        cursor += draw(st.integers(1, 5))
    marks = draw(st.lists(st.integers(0, cursor), max_size=3, unique=True))
    known = [Interval(draw(st.sampled_from(["checkpoint", "restore"])), a, a + draw(st.integers(1, 6)))
             for a in draw(st.lists(st.integers(0, cursor), max_size=2, unique=True))]
    return lives, steps, [draw(st.booleans()) for _ in steps], marks, known


@given(small_lives())
@settings(max_examples=150, deadline=None)
def test_each_microsecond_is_where_an_independent_count_puts_it(
        case: tuple[list[Life], list[StepRow], list[bool], list[int], list[Interval]]) -> None:
    lives, steps, wasted, lost, known = case
    cut, counted = goodput(lives, steps, wasted, lost, known), count_each(lives, steps, wasted, lost, known)
    assert cut.life_us == sum(life.end_us - life.start_us for life in lives)
    assert (cut.productive_us, cut.losses_us) == (counted["productive"], {kind: counted[kind] for kind in LOSSES})


# Whatever the events say, even nonsense, the sum is the life.

KINDS: dict[str, Any] = {
    "run.start": st.just({"workload": "demo", "workers": 2}),
    "run.end": st.sampled_from([{"status": "done"}, {"status": "failed"}, {"status": "stopped"}]),
    "phase": st.floats(0, 100).map(lambda start: {"name": "check", "start": start}),
    "attempt.start": st.just({"from_step": 0}),
    "attempt.lost": st.just({"cause": "killed", "step": 1}),
    "step": st.tuples(st.integers(1, 20), st.integers(0, 7_000_000)).map(lambda x: step_fields(x[0], dict.fromkeys(STEP_PARTS, x[1]))),
    "checkpoint": st.tuples(st.integers(1, 20), st.integers(0, 9_000_000)).map(lambda x: {"step": x[0], "duration_us": x[1]}),
    "restore": st.integers(0, 9_000_000).map(lambda us: {"step": 1, "duration_us": us}),
}
EVENTS = st.lists(
    st.tuples(st.floats(0, 100), st.sampled_from(sorted(KINDS))).flatmap(
        lambda head: KINDS[head[1]].map(lambda fields: {
            "t": round(head[0], 6), "kind": head[1], "run": "demo-1", "writer": "driver" if head[1].startswith(("run", "attempt", "phase"))
            else "rank-0.1", "attempt": 1, **fields})),
    max_size=25)


@given(EVENTS, st.floats(0, 120), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_kinds_sum_to_the_life_whatever_the_events_say(events: list[dict[str, Any]], now: float, alive: bool) -> None:
    chronicle = Chronicle()
    chronicle.add(sorted(events, key=lambda event: float(event["t"])))
    told = story_of(chronicle, "demo-1", now, alive)
    cut = told.goodput
    assert chronicle.unreadable == 0
    assert cut.productive_us + sum(cut.losses_us.values()) == cut.life_us
    assert cut.life_us == sum(life.end_us - life.start_us for life in lives_of(chronicle, now, alive))
    assert min(cut.productive_us, *cut.losses_us.values()) >= 0
    lives = lives_of(chronicle, now, alive)
    assert all(a.end_us <= b.start_us for a, b in pairwise(lives))


def test_a_step_done_again_counts_for_its_last_execution_only() -> None:
    steps = [row(0, 10, 1), row(10, 20, 2), row(20, 30, 3), row(40, 50, 2), row(60, 70, 2), row(70, 80, 3)]
    assert wasted_steps(steps, 0, []) == (False, True, True, True, False, False)


def test_steps_after_the_last_checkpoint_are_wasted_as_soon_as_the_workers_are_lost() -> None:
    steps = [row(0, 10, 1), row(10, 20, 2), row(20, 30, 3)]
    assert wasted_steps(steps, 2, []) == (False, False, False)
    assert wasted_steps(steps, 2, [35]) == (False, False, True)
    assert wasted_steps(steps, 0, [35]) == (True, True, True)


def test_once_training_went_on_what_it_did_says_what_was_wasted() -> None:
    steps = [row(0, 10, 1), row(10, 20, 2), row(20, 30, 3), row(50, 60, 3)]
    assert wasted_steps(steps, 1, [35]) == (False, False, True, False)


def test_a_run_that_failed_lost_what_no_checkpoint_holds(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start()
    run.steps(1, 5)
    run.checkpoint(3)
    run.end("failed", "out of memory")
    assert run.story(alive=False).wasted_steps == 2
    run.start(resumed=True)
    run.end("done")
    assert run.story(alive=False).wasted_steps == 2


def test_a_step_that_is_longer_than_what_is_left_of_the_life_is_clipped() -> None:
    cut = goodput([Life(0, 10, "done")], [row(-50, 8, 1)], [False], [])
    assert (cut.productive_us, cut.losses_us["other"], cut.life_us) == (8, 2, 10)


def test_anomalous_steps_are_over_the_median_and_three_deviations() -> None:
    usual = [row(0, 100 + wobble, step) for step, wobble in enumerate([0, 1, 2, 3, 4, 5, 6, 7])]
    assert anomalous([*usual, row(0, 200, 9)]) == (row(0, 200, 9),)
    assert anomalous(usual) == ()
    assert anomalous([row(0, 1, 1), row(0, 500, 2)]) == ()
