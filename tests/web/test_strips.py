"""Time as strips: parts add up to the whole, and a run's life is told without holes."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from steelyard.telemetry.story import Story, tell
from steelyard.web.strips import goodput_shares, start_rows, step_shares
from steelyard.web.timeline import MARKS, Timeline, timeline
from tests.web.written import PHASES, Writing, finished, folder, killed


def told(writing: Writing, *, alive: bool = True) -> Story:
    writing.close()
    return tell(writing.run.path, now=writing.t, alive=alive)


def of_life(writing: Writing) -> Timeline:
    return timeline(told(writing), writing.t)


def assert_without_holes(line: Timeline) -> None:
    assert line.spans[0].left == 0
    assert all(a.left + a.width == pytest.approx(b.left, abs=2e-3) for a, b in pairwise(line.spans))
    assert line.spans[-1].left + line.spans[-1].width == pytest.approx(1.0)


def test_shares_of_goodput_add_up_to_the_whole_life(tmp_path: Path) -> None:
    shares = goodput_shares(told(finished(tmp_path), alive=False))
    assert sum(share.share for share in shares) == pytest.approx(1.0)
    assert [shares[0].word, shares[1].word] == ["productive", "start-up"]
    assert all(share.share > 0 and share.meaning for share in shares)


def test_shares_of_steps_add_up_to_all_steps_the_largest_first(tmp_path: Path) -> None:
    shares = step_shares(told(finished(tmp_path), alive=False))
    assert sum(share.share for share in shares) == pytest.approx(1.0)
    assert shares[0].key == "compute"
    assert [share.share for share in shares] == sorted((share.share for share in shares), reverse=True)


def test_a_good_run_starts_trains_and_ends(tmp_path: Path) -> None:
    writing = finished(tmp_path)
    line = of_life(writing)
    assert [span.key for span in line.spans] == ["start-up", "compute", "other"]
    assert_without_holes(line)
    assert len(line.checkpoints) == 5
    assert line.restarts == ()


def test_a_restart_is_recovery_after_work_that_is_done_again(tmp_path: Path) -> None:
    writing = killed(tmp_path)
    writing.steps(30)
    line = of_life(writing)
    keys = [span.key for span in line.spans]
    assert keys == ["start-up", "compute", "wasted", "wasted", "recovery", "compute"]
    assert_without_holes(line)
    assert [mark.title for mark in line.restarts] == ["worker 1 was killed (signal 9)"]
    assert line.restarts[0].left == pytest.approx(line.spans[4].left, abs=2e-3)


def test_a_run_that_is_restarting_recovers_until_now(tmp_path: Path) -> None:
    line = of_life(killed(tmp_path))
    assert line.spans[-1].key == "recovery"
    assert_without_holes(line)


def test_between_two_lives_of_a_driver_nothing_runs(tmp_path: Path) -> None:
    writing = Writing(folder(tmp_path, "ray-training-3"), 1.7e9)
    writing.start()
    writing.steps(50)
    writing.close()
    writing.t += 600
    writing.attempt, writing.step_number = 2, 40
    writing.start(phases=False)
    writing.steps(10)
    keys = [span.key for span in of_life(writing).spans]
    assert keys[:4] == ["start-up", "compute", "wasted", "idle"]
    assert keys[-1] == "compute"


def test_a_run_that_has_not_begun_to_train_is_starting_up(tmp_path: Path) -> None:
    writing = Writing(folder(tmp_path, "ray-training-4"), 1.7e9)
    writing.write("driver", "run.start", workload="ray-training", team=None, pid=1, resumed=False, workers=1, price_micro_hour=None)
    writing.t += 12
    writing.write("driver", "phase", name="cluster", start=writing.t - 10)
    line = of_life(writing)
    assert [(span.key, span.width) for span in line.spans] == [("start-up", 1.0)]
    assert [tick.title for tick in line.ticks][:3] == ["0 s", "2 s", "4 s"]


def test_the_start_up_is_told_by_phase_and_ends_with_the_first_step(tmp_path: Path) -> None:
    rows = start_rows(told(finished(tmp_path), alive=False))
    assert len(rows) == len(PHASES) + 1
    assert [rows[0].word, rows[-1].word] == ["checks", "first step"]
    assert all(0 <= row.span.left <= 1 and row.span.left + row.span.width <= 1 + 1e-9 for row in rows)
    assert rows[-1].span.left + rows[-1].span.width == pytest.approx(1.0)


def test_without_phases_there_is_no_start_up_to_draw(tmp_path: Path) -> None:
    writing = Writing(folder(tmp_path, "ray-training-5"), 1.7e9)
    writing.start(phases=False)
    assert start_rows(told(writing)) == ()


def test_a_run_with_thousands_of_checkpoints_marks_a_few_and_the_last(tmp_path: Path) -> None:
    writing = finished(tmp_path)
    story = told(writing, alive=False)
    many = tuple({"t": story.started + number / 50, "step": number} for number in range(3000))
    marks = timeline(replace(story, checkpoints=many), writing.t).checkpoints
    assert len(marks) == MARKS
    assert marks[-1].title == "checkpoint of step 2999"


def test_what_no_checkpoint_held_when_the_run_failed_is_lost_work(tmp_path: Path) -> None:
    writing = Writing(folder(tmp_path, "ray-training-6"), 1.7e9)
    writing.start()
    writing.steps(52)
    writing.end("failed", "out of memory")
    line = timeline(told(writing, alive=False), writing.t)
    assert [span.key for span in line.spans] == ["start-up", "compute", "wasted", "other"]
    assert line.spans[2].left == pytest.approx(line.checkpoints[-1].left, abs=2e-3)
    assert_without_holes(line)
