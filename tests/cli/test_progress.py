"""What `run` says while it runs, and its summary."""

from typing import Any

import pytest

from steelyard.cli.progress import (
    STEP_LINE_EVERY,
    Progress,
    evaluation_lines,
    goodput_line,
    happening,
    peak_memory,
    phase_line,
    rate,
    step_line,
    summary_lines,
)
from steelyard.telemetry.events import PHASES, Event
from steelyard.telemetry.records import Attempt, Goodput, Phase, Sample
from tests.verbs.stories import step_row, story


def event(kind: str, writer: str = "driver", attempt: int = 1, t: float = 1_000_003.0, **fields: Any) -> Event:
    return {"kind": kind, "writer": writer, "attempt": attempt, "t": t, "run": "ray-training-1"} | fields


def phase(name: str, start: float, end: float, writer: str = "driver", attempt: int = 1) -> Phase:
    return Phase(name, start, end, writer, attempt)


def said(capsys: pytest.CaptureFixture[str], *events: Event, moving: bool = False, **changes: Any) -> str:
    """What is said of these events when no step is there."""
    Progress(moving=moving).show(story(**({"steps": ()} | changes)), events, now=0.0)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


# --- lines as things happen ------------------------------------------------------------------------------------------


def test_the_checks_are_one_line_when_the_last_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (("memory", "2.1 GiB of 22 GiB", True), ("data", "unreadable", False))
    checks = [event("check", name=name, detail=detail, ok=ok) for name, detail, ok in rows]
    assert said(capsys, *checks) == ""
    text = said(capsys, *checks, event("phase", name="check", start=1_000_000.0))
    assert text == "  check   ok memory 2.1 GiB of 22 GiB   NO data unreadable   3.0 s\n"


@pytest.mark.parametrize("name", [name for name in PHASES if name != "check"])
def test_each_phase_of_the_start_is_a_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, event("phase", name=name, start=1_000_001.0))
    assert text.startswith("  start   ")
    assert text.endswith("   2.0 s\n")


def test_a_phase_is_told_of_the_driver_and_of_rank_0_only(capsys: pytest.CaptureFixture[str]) -> None:
    phases = [event("phase", f"rank-{rank}.2", 2, name="data", start=1_000_001.0) for rank in (0, 1)]
    assert said(capsys, *phases) == "  start   data read   2.0 s\n"


def test_the_first_step_says_when_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    told = story()
    first = event("step", "rank-0.1", t=told.steps[0].t, step=1)
    later = event("step", "rank-0.1", t=told.steps[1].t, step=2)
    Progress(moving=False, next_line=2e12).show(told, [first, later, {**first, "writer": "rank-1.1"}], now=1e12)
    assert capsys.readouterr().err == "  start   first step after 21 s\n"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (event("attempt.lost", cause="rank 1 (process 7) died", step=95), "  lost    rank 1 (process 7) died at step 95"),
        (event("attempt.start", attempt=2, from_step=80), "  restart from the checkpoint of step 80"),
        (event("attempt.start", attempt=1, from_step=0), ""),
        (event("restore", "rank-0.2", step=80, duration_us=500_000), "  resume  after step 80, read in 0.50 s"),
        (event("restore", "rank-1.2", step=80, duration_us=500_000), ""),
        (event("stop.request", reason="Ctrl-C"), "  stop    Ctrl-C: a last checkpoint, then the end"),
        (event("evaluation", name="held-out loss, base", value=5.2249), "  judge   held-out loss, base 5.225"),
        (event("sample"), ""),
        (event("invented.later"), ""),
    ],
)
def test_what_a_person_wants_to_hear_of_at_once_is_a_line_and_the_rest_is_not(told: Event, line: str) -> None:
    assert happening(told) == line


def test_a_finding_is_told_with_its_evidence_and_what_to_do() -> None:
    found = event("finding", severity="warning", message="62% is data wait", evidence="", next_step="a local disk")
    assert happening(found) == "  warning: 62% is data wait\n  a local disk"


def test_a_story_is_told_only_when_a_line_is_due_or_something_happened() -> None:
    progress = Progress(moving=False)
    assert progress.due([], 100.0)
    progress.show(story(), [], 100.0)
    steps = [event("step", "rank-0.1", step=3), event("sample", "rank-0.1")]
    assert not progress.due(steps, 100.1)
    assert progress.due([*steps, event("checkpoint", "rank-0.1", step=3)], 100.1)
    assert progress.due([], 100.0 + STEP_LINE_EVERY)


def test_a_story_that_takes_long_to_tell_is_told_more_rarely() -> None:
    progress = Progress(moving=True)
    progress.show(story(), [], 100.0, took=0.1)
    assert not progress.due([], 119.0)
    assert progress.due([], 120.0)


# --- the line that moves ---------------------------------------------------------------------------------------------


def test_without_a_terminal_a_step_line_comes_every_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(moving=False)
    for now in (100.0, 101.0, 100.0 + STEP_LINE_EVERY):
        progress.show(story(), [], now)
    text = capsys.readouterr().err
    assert text.count("\n") == text.count("  step 2/200") == 2
    assert "\r" not in text


def test_on_a_terminal_one_line_moves_and_what_happens_goes_on_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(moving=True)
    progress.show(story(), [], 100.0)
    progress.show(story(), [event("stop.request", reason="Ctrl-C")], 100.1)
    progress.end_moving()
    progress.end_moving()
    text = capsys.readouterr().err
    assert text.count("\r\x1b[K  step 2/200") == 2
    assert text.count("\n") == 3
    assert "\n  stop    Ctrl-C" in text


def test_a_line_that_moves_is_never_wider_than_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.cli.progress.terminal_width", lambda: 30)
    Progress(moving=True).show(story(), [], 100.0)
    line = capsys.readouterr().err.removeprefix("\r\x1b[K")
    assert line == step_line(story())[:29]


def test_a_step_line_says_where_how_well_how_fast_and_what_the_time_went_to() -> None:
    line = step_line(story())
    assert line == "  step 2/200   loss 5.31   12.4k tokens/s   0.34 s = compute 73% communication 15% optimizer 9% data 3% other 1%"


def test_what_is_not_known_is_left_out_of_a_step_line() -> None:
    line = step_line(story(goal_steps=None, tokens_per_second=None, steps=(step_row(7, None),)))
    assert line.startswith("  step 7   0.34 s = ")


def test_a_step_line_speaks_of_the_last_twenty_steps() -> None:
    slow = step_row(1, 1.0)
    slow.parts_us["data"] += 100_000_000
    recent = [step_row(number, 1.0) for number in range(2, 22)]
    assert "data 3%" in step_line(story(steps=(slow, *recent)))


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (999.4, "999"), (1000.0, "1.0k"), (12_440.0, "12.4k")])
def test_a_rate_is_short(value: float, text: str) -> None:
    assert rate(value) == text


# --- the summary -----------------------------------------------------------------------------------------------------


def test_the_summary_says_what_was_done_how_well_the_time_was_used_and_what_it_cost() -> None:
    lines = summary_lines(story(status="Done"), "$0.02")
    assert lines[0] == "done      2 steps in 1m40s   loss 5.55 -> 5.31   restarts 0"
    assert lines[-1] == "cost      $0.02"
    assert "goodput   58%   lost to: start-up 40%, data 2%" in lines
    assert [line for line in lines if line.startswith(("why", "judged", "memory"))] == []


def test_the_summary_says_why_and_how_often_it_started_again() -> None:
    attempts = (Attempt(1, 0.0, 0, 1.0, "x"), Attempt(2, 2.0, 0))
    lines = summary_lines(story(status="Failed", reason="rank 0: ValueError: x", attempts=attempts), "-")
    assert lines[0].startswith("failed    2 steps")
    assert lines[0].endswith("restarts 1")
    assert lines[1] == "why       rank 0: ValueError: x"


def test_a_run_that_did_no_step_has_no_loss_and_no_first_step() -> None:
    lines = summary_lines(story(status="Failed", steps=(), first_step_after=None, attempts=(), phases=()), "-")
    assert lines[0] == "failed    0 steps in 1m40s   restarts 0"
    assert "first step after -" in "\n".join(lines)


def test_a_loss_that_was_not_always_looked_at_goes_from_the_first_to_the_last_that_was() -> None:
    rows = (step_row(1, None), step_row(2, 5.0), step_row(3, 4.0), step_row(4, None))
    assert "loss 5.00 -> 4.00" in summary_lines(story(steps=rows), "-")[0]


def evaluation(name: str, value: float) -> Event:
    return event("evaluation", name=name, value=value, step=0)


def test_a_measure_taken_twice_is_told_before_and_after() -> None:
    told = story(evaluations=(evaluation("held-out loss, base", 5.0), evaluation("accuracy", 0.5), evaluation("held-out loss, tuned", 3.9)))
    assert evaluation_lines(told) == ["judged    held-out loss: base 5.000 -> tuned 3.900"]
    assert evaluation_lines(story(evaluations=(evaluation("x, base", 1.0),))) == ["judged    x: base 1.000 -> tuned -"]


def test_the_start_is_that_of_the_driver_and_rank_0_before_the_first_step() -> None:
    phases = (
        phase("cluster", 1_000_001.0, 1_000_008.0), phase("imports", 1_000_008.0, 1_000_012.0, "rank-0.1"),
        phase("imports", 1_000_008.0, 1_000_014.0, "rank-1.1"), phase("imports", 1_000_060.0, 1_000_062.0, "rank-0.2", 2),
        phase("cluster", 1_000_070.0, 1_000_075.0),
    )  # fmt: skip
    assert phase_line(story(phases=phases)) == "cluster 7.0 s imports 4.0 s; first step after 21 s; steps 0.69 s"


def test_a_life_that_is_not_there_yet_has_no_goodput() -> None:
    assert goodput_line(story(goodput=Goodput(0, 0, {"start-up": 0}))) == "-"
    assert goodput_line(story(goodput=Goodput(10, 10, {"start-up": 0}))) == "100%   lost to: nothing"


def sample(t: float, writer: str, rss: int) -> Sample:
    return Sample(t, writer, rss, 0.0, 0, 0)


def test_the_most_memory_is_that_of_all_workers_at_a_time_each_in_its_last_attempt() -> None:
    held = (("rank-0.1", 10), ("rank-1.1", 20), ("rank-0.1", 15), ("rank-0.2", 5), ("rank-1.2", 5))
    samples = tuple(sample(t, writer, size) for t, (writer, size) in enumerate(held))
    assert peak_memory(story(samples=samples)) == 35
    assert peak_memory(story()) is None
