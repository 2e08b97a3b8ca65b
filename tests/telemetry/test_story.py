"""The story says what happened, however the run went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from steelyard.telemetry.chronicle import Chronicle
from steelyard.telemetry.events import EventWriter
from steelyard.telemetry.records import Story
from steelyard.telemetry.story import Teller, story_of, tell
from tests.telemetry.made_up import PARTS, MadeUpRun, step_fields


def test_a_run_goes_from_starting_to_done(run: MadeUpRun) -> None:
    run.start()
    assert run.story().status == "Starting"
    run.attempt_start()
    run.steps(1, 1)
    assert run.story().status == "Running"
    run.driver("stop.request", reason="Ctrl-C")
    assert (run.story().status, run.story().reason) == ("Stopping", "Ctrl-C")
    run.end("stopped", "Ctrl-C")
    assert (run.story().status, run.story().reason) == ("Stopped", "Ctrl-C")


def test_every_end_has_its_word(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start()
    run.steps(1, 3)
    for status, word in (("done", "Done"), ("failed", "Failed"), ("stopped", "Stopped")):
        run.end(status)
        assert run.story(alive=False).status == word
        run.now += 1
        run.start(resumed=True)
        assert run.story().status == "Starting"


def test_lost_workers_are_restarting_until_a_new_step_ends(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start()
    run.steps(1, 3)
    run.now += 0.5
    run.lose_workers(3)
    run.now += 10
    assert (run.story().status, run.story().reason) == ("Restarting", "worker 1 was killed")
    run.attempt_start(from_step=0)
    assert run.story().status == "Restarting"
    run.steps(1, 1)
    story = run.story()
    assert story.status == "Running"
    assert [(attempt.number, attempt.lost) for attempt in story.attempts] == [(1, 1003.5), (2, None)]
    assert [row.step for row in story.steps] == [1, 2, 3, 1]
    assert story.wasted_steps == 3


def test_a_dead_driver_leaves_a_lost_run_whose_life_ended_with_its_last_event(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start()
    run.steps(1, 3)
    run.now += 500
    story = run.story(alive=False)
    assert story.status == "Lost"
    assert story.ended == 1003.0
    assert story.goodput.life_us == 3_000_000


def test_time_between_death_and_resume_is_not_life(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start()
    run.steps(1, 4)
    run.checkpoint(4)
    run.now += 3600
    run.start(resumed=True)
    assert run.story().status == "Starting"
    run.attempt = 2
    run.now += 2
    run.attempt_start(from_step=4)
    run.steps(5, 6)
    run.end()
    story = run.story(alive=False)
    assert story.goodput.life_us == 4_000_000 + 4_000_000
    assert story.goodput.losses_us["start-up"] == 2_000_000
    assert story.wasted_steps == 0
    assert story.started == 1000.0
    assert story.ended == run.now


def test_the_checks_before_run_start_belong_to_the_life(run: MadeUpRun) -> None:
    run.start()
    run.driver("phase", name="check", start=997.5)
    run.attempt_start()
    run.steps(1, 1)
    story = run.story()
    assert story.started == 997.5
    assert story.first_step_after == 3.5
    assert story.goodput.losses_us["start-up"] == 2_500_000


def test_a_folder_without_events_is_told_too(tmp_path: Path) -> None:
    assert tell(tmp_path / "demo-1", now=5.0, alive=True).status == "Starting"
    story = tell(tmp_path / "demo-1", now=5.0, alive=False)
    assert story.status == "Lost"
    assert story.workload == "demo"
    assert story.goodput.ratio is None
    assert (story.tokens_per_second, story.mfu, story.cpu_seconds, story.price_micro_hour, story.ended) == (None, None, None, None, None)


def test_told_again_and_again_it_is_the_same_story(run: MadeUpRun) -> None:
    teller = Teller(run.folder)
    acts: tuple[Callable[[], None], ...] = (
        run.start, run.attempt_start, lambda: run.steps(1, 5), lambda: run.checkpoint(3), lambda: run.lose_workers(5),
        lambda: run.attempt_start(3), lambda: run.steps(4, 9), run.end)
    for act in acts:
        act()
        teller.read()
        assert teller.tell(run.now, alive=True) == run.story()


def test_speed_and_mfu_are_over_the_last_twenty_steps_of_all_ranks(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start(peak=1e6)
    run.steps(1, 5, compute=9_700_000)
    run.steps(6, 25)
    story = run.story()
    assert story.tokens_per_second == 200.0
    assert story.mfu == 200 * 6000 / (1e6 * 2)
    assert story.steps[0].tokens == 200


def test_mfu_is_unknown_where_the_peak_is(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start(peak=None)
    run.steps(1, 3)
    assert run.story().mfu is None


def test_cpu_seconds_count_every_attempt_of_every_rank(run: MadeUpRun) -> None:
    run.start()
    for seconds, rank in ((5.0, 0), (7.0, 1), (9.0, 0)):
        run.rank("sample", rank, rss_bytes=1, cpu_seconds=seconds, host_used_bytes=1, host_total_bytes=2, gpus=[])
    run.rank("sample", 0, rss_bytes=1, cpu_seconds=2.0, host_used_bytes=1, host_total_bytes=2, gpus=[])  # a new process, the same writer
    story = run.story()
    assert story.cpu_seconds_by_rank == {"0": 11.0, "1": 7.0}
    assert story.cpu_seconds == 18.0


def test_an_event_of_a_later_version_is_counted_and_passed_over(run: MadeUpRun) -> None:
    run.start()
    run.rank("step", step=1)
    run.rank("checkpoint")
    run.rank("telepathy", to="all")
    story = run.story()
    assert story.torn_lines == 2
    assert (story.steps, story.checkpoints, story.status) == ((), (), "Starting")


def test_findings_and_metrics_of_the_script_are_in_it(run: MadeUpRun) -> None:
    run.start()
    run.driver("finding", rule="data-wait", severity="warning", object="demo-1", message="slow", evidence="e", next_step="n")
    run.rank("metric", step=3, name="accuracy", value=0.5)
    run.rank("evaluation", step=3, name="held-out loss", value=2.5)
    story = run.story()
    assert [finding.rule for finding in story.findings] == ["data-wait"]
    assert story.metrics[0]["value"] == 0.5
    assert story.evaluations[0]["name"] == "held-out loss"


def test_logs_are_found(run: MadeUpRun) -> None:
    run.start()
    (run.folder / "logs").mkdir()
    (run.folder / "logs" / "driver.log").write_text("hello")
    assert [path.name for path in run.story().logs] == ["driver.log"]


def test_a_run_without_run_start_begins_with_its_first_event(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "demo-1" / "events", "demo-1", "rank-0.1", clock=lambda: 10.0)
    writer.write("worker.start", rank=0, world=1, pid=1, host="a")
    chronicle = Chronicle()
    chronicle.add([{"t": 10.0, "kind": "worker.start", "writer": "rank-0.1", "attempt": 1}])
    assert tell(tmp_path / "demo-1", now=15.0, alive=True).goodput.life_us == 5_000_000
    assert story_of(chronicle, "demo-1", 15.0, alive=True).started == 10.0


def killed_while_saving(run: MadeUpRun, from_step: int) -> Story:
    """Rank 0 is killed after it began to save step 3, and training goes on after `from_step`."""
    run.start()
    run.attempt_start()
    run.steps(1, 2)
    run.now += 1.0
    run.rank("step.saving", **step_fields(3, PARTS))
    run.now += 0.5
    run.lose_workers(2)
    run.attempt_start(from_step)
    run.rank("restore", step=from_step, duration_us=0)
    run.steps(from_step + 1, 5)
    run.end()
    return run.story()


def test_a_step_whose_checkpoint_was_kept_counts_though_its_rank_did_not_live_to_tell_of_it(run: MadeUpRun) -> None:
    story = killed_while_saving(run, from_step=3)
    assert [(row.step, row.attempt) for row in story.steps] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)]
    assert story.wasted_steps == 0
    assert story.goodput.productive_us + sum(story.goodput.losses_us.values()) == story.goodput.life_us


def test_a_step_whose_checkpoint_was_not_kept_is_done_again_and_counts_once(run: MadeUpRun) -> None:
    story = killed_while_saving(run, from_step=2)
    assert [(row.step, row.attempt) for row in story.steps] == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]


def test_a_step_that_was_told_whole_is_not_told_twice(run: MadeUpRun) -> None:
    run.start()
    run.attempt_start()
    run.steps(1, 2)
    run.rank("step.saving", **step_fields(3, PARTS))
    run.steps(3, 3)
    run.checkpoint(3)
    run.lose_workers(3)
    run.attempt_start(3)
    run.rank("restore", step=3, duration_us=0)
    run.steps(4, 4)
    assert [row.step for row in run.story().steps] == [1, 2, 3, 4]
