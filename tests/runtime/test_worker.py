"""What a script sees: its steps, its checkpoints, and how the ranks agree."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from steelyard.runtime import worker as module
from steelyard.runtime.checkpoints import list_checkpoints
from steelyard.runtime.control import request_stop
from steelyard.runtime.worker import Orders, Worker, become, worker
from steelyard.telemetry.events import Event, read_events
from tests.runtime.specs import make_worker


class Clock:
    """Stands for `time.monotonic` in the worker."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr("steelyard.runtime.worker.time.monotonic", one.monotonic)
    return one


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "demo-1"
    for me in made:
        me.close()
    made.clear()


made: list[Worker] = []


def rank(folder: Path, **changes: Any) -> Worker:
    me = make_worker(folder, **changes)
    made.append(me)
    return me


def events(me: Worker, *kinds: str) -> list[Event]:
    me._recorder.flush()
    return [event for event in read_events(me.run_folder) if event["kind"] in kinds]


def saved(folder: Path) -> list[int]:
    return [checkpoint.step for checkpoint in list_checkpoints(folder / "checkpoints")]


def do(me: Worker, clock: Clock, goal: int | None = None, seconds: float = 1.0) -> list[int]:
    """Steps of so many seconds each, saved when it is due."""
    done = []
    for step in me.steps(goal):
        clock.now += seconds
        me.report(loss=1.0 / step, tokens=5)
        me.save_if_due(partial(dict, step=step))
        done.append(step)
    return done


def test_steps_go_from_one_to_the_goal_and_the_last_is_saved(folder: Path, clock: Clock) -> None:
    me = rank(folder)
    assert do(me, clock, goal=4) == [1, 2, 3, 4]
    assert saved(folder) == [4]
    assert [event["step"] for event in events(me, "step")] == [1, 2, 3, 4]


def test_a_step_is_told_before_its_checkpoint_is_kept(folder: Path, clock: Clock) -> None:
    me = rank(folder)
    do(me, clock, goal=2)
    told = [(event["kind"], event["step"]) for event in events(me, "step.saving", "checkpoint")]
    assert told == [("step.saving", 2), ("checkpoint", 2)]
    assert [event["loss"] for event in events(me, "step.saving")] == [0.5]


def test_the_goal_is_the_blueprints_unless_the_script_says_its_own(folder: Path, clock: Clock) -> None:
    assert len(do(rank(folder, steps=3), clock)) == 3
    assert len(do(rank(folder / "other", steps=3), clock, goal=2)) == 2


def test_without_any_goal_the_error_says_how_to_give_one(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"steps\(N\), or `steps:`"):
        next(rank(folder, steps=None).steps())


def test_what_was_restored_is_not_done_again(folder: Path, clock: Clock) -> None:
    do(rank(folder), clock, goal=3)
    me = rank(folder)
    assert me.restore() == {"step": 3}
    assert me.start_step == 3
    assert do(me, clock, goal=5) == [4, 5]
    assert [event["step"] for event in events(me, "restore")] == [3]


def test_a_first_start_restores_nothing(folder: Path) -> None:
    me = rank(folder)
    assert me.restore() is None
    assert events(me, "restore") == []


def test_a_training_that_is_done_already_does_nothing_and_saves_nothing_again(folder: Path, clock: Clock) -> None:
    do(rank(folder), clock, goal=3)
    me = rank(folder)
    me.restore()
    assert do(me, clock, goal=3) == []
    assert me.step == 3
    assert len(events(me, "checkpoint")) == 1


def test_checkpoints_come_at_their_time(folder: Path, clock: Clock) -> None:
    me = rank(folder, checkpoint_every=3.0, checkpoint_keep=100)
    do(me, clock, goal=10)
    assert saved(folder) == [4, 8, 10]


def test_a_state_is_asked_for_only_when_it_is_saved(folder: Path, clock: Clock) -> None:
    me = rank(folder)
    asked = []

    def state() -> dict[str, Any]:
        asked.append(me.step)
        return {}

    for _ in me.steps(3):
        clock.now += 1
        me.save_if_due(state)
    assert asked == [3]


def test_saving_twice_in_a_step_writes_once(folder: Path) -> None:
    me = rank(folder)
    for _ in me.steps(1):
        assert me.save_if_due(dict)
        assert me.save_if_due(dict)
    assert len(events(me, "checkpoint")) == 1


def test_a_stop_ends_with_a_checkpoint_of_the_step_it_was_seen_at(folder: Path, clock: Clock) -> None:
    me = rank(folder, checkpoint_keep=100)
    done = []
    for step in me.steps(100):
        clock.now += 1
        if step == 5:
            request_stop(folder, "Ctrl-C")
        me.save_if_due(dict)
        done.append(step)
    assert done == [1, 2, 3, 4, 5, 6]
    assert saved(folder) == [6]
    assert me.stopping()


def test_a_training_that_was_not_stopped_is_not_stopping(folder: Path, clock: Clock) -> None:
    me = rank(folder)
    do(me, clock, goal=2)
    assert not me.stopping()


@pytest.mark.parametrize(("seconds", "agreements"), [(1.0, [1, 2, 3, 4]), (0.1, [1, 2, 7, 12, 17]), (0.01, [1, 2])])
def test_ranks_agree_about_twice_a_second_however_long_a_step_is(seconds: float, agreements: list[int], folder: Path, clock: Clock) -> None:
    me, asked = rank(folder), []
    decide = me._decide

    def counted() -> Orders:
        asked.append(me.step)
        return decide()

    me._decide = counted  # type: ignore[method-assign]
    do(me, clock, goal=agreements[-1] + 1, seconds=seconds)
    assert asked[: len(agreements)] == agreements


def test_other_ranks_than_the_first_save_nothing(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    me = rank(folder, rank=1, world_size=2)
    monkeypatch.setattr(me, "_agree", lambda: Orders(checkpoint=True, next_agreement=me.step + 1))
    assert not me.is_first
    assert do(me, clock, goal=2) == [1, 2]
    assert saved(folder) == []


def test_a_reports_figures_are_the_steps_and_others_are_metrics_of_ones_own(folder: Path) -> None:
    me = rank(folder)
    for step in me.steps(2):
        if step == 1:
            me.report(loss=0.5, tokens=7, data_bytes=9, accuracy=1)
    first, second = events(me, "step")
    assert (first["loss"], first["tokens"], first["data_bytes"]) == (0.5, 7, 9)
    assert (second["loss"], second["tokens"]) == (None, 0)
    assert [(event["step"], event["name"], event["value"]) for event in events(me, "metric")] == [(1, "accuracy", 1.0)]


def test_marks_say_what_the_time_went_to(folder: Path) -> None:
    me = rank(folder)
    for _ in me.steps(1):
        me.mark("data")
        me.mark_backward()
        me.mark("optimizer")
        with pytest.raises(KeyError):
            me.mark("lunch")
    (event,) = events(me, "step")
    assert event["compute_us"] + event["data_us"] + event["optimizer_us"] <= event["duration_us"]
    assert event["communication_us"] == 0


def test_begin_tells_what_the_training_is_once(folder: Path, clock: Clock) -> None:
    me = rank(folder)
    me.begin(2, parameters=10, tokens_per_step=5)
    assert do(me, clock, goal=99) == [1, 2]
    (event,) = events(me, "train.start")
    assert (event["steps"], event["parameters"], event["tokens_per_step"], event["peak_flops"]) == (2, 10, 5, None)


def test_an_evaluation_is_told(folder: Path) -> None:
    me = rank(folder)
    me.evaluation("held-out loss, base", 5.0)
    (event,) = events(me, "evaluation")
    assert (event["name"], event["value"], event["step"]) == ("held-out loss, base", 5.0, 0)


def test_one_worker_needs_no_wrapper_around_its_model(folder: Path) -> None:
    me, model = rank(folder), nn.Linear(1, 1)
    assert me.prepare(model) is model
    assert me.unwrap(model) is model
    wrapped = nn.Module()
    wrapped.module = model
    assert me.unwrap(wrapped) is model


def test_places_are_those_of_the_specification(folder: Path) -> None:
    me = rank(folder, mounts={"/data": "/somewhere"}, output="/results")
    assert me.mount("/data") == Path("/somewhere")
    assert (me.output, me.checkpoints) == (Path("/results"), folder / "checkpoints")
    assert me.device == torch.device("cpu")


def test_a_script_finds_its_worker_and_outside_a_run_an_error_says_how_to_start_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_current", [])
    with pytest.raises(RuntimeError, match="start this script by a blueprint with `script:` and `steelyard run`"):
        worker()
    me = rank(folder)
    become(me)
    assert worker() is me
