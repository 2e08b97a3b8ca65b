from pathlib import Path

import pytest

from steelyard.errors import InfeasibleError, NotFoundError
from steelyard.home import Home
from steelyard.local.store import RunStore, hold
from steelyard.telemetry.events import STEP_PARTS
from steelyard.verbs.runs import LogReader, delete, describe, events, get, phase_times, step_parts, summarise
from tests.verbs.stories import NOW, step_row, story, write_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(Home(tmp_path / "state", tmp_path / "cache"))


def test_a_summary_tells_the_last_step_and_the_goodput() -> None:
    summary = summarise(story(), NOW)
    assert (summary.step, summary.goal_steps, summary.loss, summary.goodput, summary.age_s) == (2, 200, 5.31, 0.58, 100.0)
    assert not summary.is_over


def test_a_run_before_its_first_step_knows_no_step_and_no_loss() -> None:
    summary = summarise(story(steps=(), status="Starting"), NOW)
    assert (summary.step, summary.loss) == (None, None)


def test_a_run_that_starts_in_the_future_has_no_negative_age() -> None:
    assert summarise(story(started=NOW + 5), NOW).age_s == 0


def test_get_lists_all_runs_or_the_latest_of_a_workload(store: RunStore, tmp_path: Path) -> None:
    for name in ("a-1", "a-2", "b-1"):
        write_run(tmp_path, name)
    assert [run.name for run in get(store, NOW)] == ["a-1", "a-2", "b-1"]
    assert [run.name for run in get(store, NOW, "a")] == ["a-2"]
    with pytest.raises(NotFoundError, match="did you mean 'a-1'"):
        get(store, NOW, "a-11")


def test_get_reads_what_the_run_wrote(store: RunStore, tmp_path: Path) -> None:
    write_run(tmp_path, "a-1")
    (run,) = get(store, NOW)
    assert (run.status, run.reason, run.step, run.goal_steps, run.loss, run.team) == ("Done", "5 steps", 5, 5, 1.0, None)


def test_a_phase_lasts_as_long_as_its_slowest_rank() -> None:
    assert {phase.name: phase.seconds for phase in phase_times(story())} == {"cluster": 7.0, "imports": 6.0}


def test_the_parts_of_all_steps_sum_to_their_durations() -> None:
    told = story(steps=(step_row(1, 5.0), step_row(2, 4.0), step_row(2, 4.0, attempt=2)))
    parts = step_parts(told)
    assert tuple(parts) == STEP_PARTS
    assert sum(parts.values()) == sum(row.duration_us for row in told.steps)


def test_describe_names_the_folders_that_hold_something(store: RunStore, tmp_path: Path) -> None:
    run = write_run(tmp_path, "a-1")
    (run.path / "checkpoints").mkdir()
    (run.path / "output").mkdir()
    (run.path / "output" / "model.pt").write_bytes(b"x" * 100)
    description = describe(store, "a", NOW)
    assert [file.name for file in description.files] == ["events", "logs", "output"]
    assert description.files[-1].size == 100


def test_events_leave_out_what_comes_by_the_thousand(store: RunStore, tmp_path: Path) -> None:
    write_run(tmp_path, "a-1")
    assert [event["kind"] for event in events(store, "a-1")] == ["run.start", "attempt.start", "train.start", "checkpoint", "run.end"]
    assert sum(event["kind"] == "step" for event in events(store, "a-1", everything=True)) == 5


def test_logs_of_all_writers_come_with_their_writer_and_a_torn_line_last(tmp_path: Path) -> None:
    reader = LogReader(write_run(tmp_path, "a-1"))
    assert list(reader.new()) == [("driver", "starting"), ("rank-0.1", "hello from 0"), ("rank-1.1", "hello from 1")]
    assert list(reader.rest()) == [("rank-1.1", "no end")]


def test_logs_go_on_where_they_were(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a-1")
    reader = LogReader(run, rank=1)
    assert list(reader.new()) == [("rank-1.1", "hello from 1")]
    with (run.path / "logs" / "rank-1.1.log").open("ab") as file:
        file.write(b" yet\n\xff\n")
    assert list(reader.new()) == [("rank-1.1", "no end yet"), ("rank-1.1", "\N{REPLACEMENT CHARACTER}")]
    assert list(reader.new()) == list(reader.rest()) == []


def test_ranks_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a-1")
    (run.path / "logs" / "rank-10.1.log").write_text("ten\n")
    (run.path / "logs" / "rank-2.1.log").write_text("two\n")
    assert [writer for writer, _ in LogReader(run).new()] == ["driver", "rank-0.1", "rank-1.1", "rank-2.1", "rank-10.1"]


def test_delete_removes_a_run_that_is_over(store: RunStore, tmp_path: Path) -> None:
    run = write_run(tmp_path, "a-1")
    assert delete(store, ["a", "a-1"]) == ("a-1",)
    assert not run.path.exists()


def test_delete_refuses_a_living_run_and_touches_none(store: RunStore, tmp_path: Path) -> None:
    over, living = write_run(tmp_path, "a-1"), write_run(tmp_path, "b-1", done=False)
    with hold(living), pytest.raises(InfeasibleError) as refused:
        delete(store, ["a-1", "b-1"], with_data=True)
    assert [finding.rule for finding in refused.value.findings] == ["run-still-alive"]
    assert over.path.exists()


def test_delete_keeps_stored_data_unless_told(store: RunStore, tmp_path: Path) -> None:
    run = write_run(tmp_path, "a-1")
    (run.path / "checkpoints" / "step-000005").mkdir(parents=True)
    (run.path / "checkpoints" / "step-000005" / "state.pt").write_bytes(b"x" * 2048)
    with pytest.raises(InfeasibleError, match="2,048 bytes") as refused:
        delete(store, ["a-1"])
    assert [finding.rule for finding in refused.value.findings] == ["run-holds-data"]
    assert run.path.exists()
    assert delete(store, ["a-1"], with_data=True) == ("a-1",)
    assert not run.path.exists()
