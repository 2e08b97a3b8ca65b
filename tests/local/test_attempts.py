"""Whose fault a loss was, and whether another attempt is worth it. `fit` is played by the test; Ray is not started."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steelyard.local import attempts
from steelyard.local.attempts import MAX_LOSSES, Ending, judge, last_step, next_attempt, run_attempts
from steelyard.runtime.checkpoints import save_checkpoint
from steelyard.runtime.spec import TrainSpec
from steelyard.telemetry.events import Event, EventWriter, read_events
from tests.runtime.specs import make_spec


def started(rank: int) -> Event:
    return {"kind": "worker.start", "rank": rank, "pid": 100 + rank}


def failed(rank: int, error: str, peer_lost: bool = False) -> Event:
    return {"kind": "worker.end", "rank": rank, "status": "failed", "error": error, "peer_lost": peer_lost}


def test_an_error_of_a_rank_is_its_own_and_names_it() -> None:
    loss = judge([started(0), started(1), failed(1, "ValueError: x"), failed(0, "RuntimeError: gloo", peer_lost=True)], "Ray's words")
    assert (loss.cause, loss.own) == ("rank 1: ValueError: x", True)


def test_a_rank_that_vanished_is_named_with_its_process() -> None:
    loss = judge([started(0), started(1), failed(0, "RuntimeError: gloo", peer_lost=True)], "Ray's words")
    assert (loss.cause, loss.own) == ("rank 1 (process 101) died", False)


def test_ranks_that_vanished_together_are_named_in_order() -> None:
    assert judge([started(1), started(0)], "").cause == "rank 0 (process 100) and rank 1 (process 101) died"


def test_an_own_error_weighs_more_than_a_rank_that_was_killed_after_it() -> None:
    assert judge([started(0), started(1), failed(1, "ValueError: x")], "").own


def test_what_no_event_explains_is_told_in_the_engines_first_words() -> None:
    assert judge([], "\n  placement group timed out\nmore\n").cause == "placement group timed out"
    assert judge([failed(0, "RuntimeError: gloo", peer_lost=True)], "worker group is gone").cause == "worker group is gone"
    assert judge([], "").cause == "unknown"


def test_attempts_are_numbered_over_all_lives_of_a_run() -> None:
    assert next_attempt([]) == 1
    starts: list[Event] = [{"kind": "attempt.start", "attempt": number} for number in (1, 4)]
    assert next_attempt([*starts, {"kind": "step", "attempt": 9}]) == 5


def test_the_last_step_is_the_furthest() -> None:
    assert last_step([]) == 0
    assert last_step([{"kind": "step", "step": 7}, {"kind": "step", "step": 3}, {"kind": "checkpoint", "step": 9}]) == 7


class Play:
    """Plays `fit`: each attempt reaches the next of `steps`, and ends in the next of `ends` (or well, when there is none left)."""

    def __init__(self, folder: Path, steps: list[int], ends: list[str], error: Event | None = None) -> None:
        self.folder, self.steps, self.ends, self.error = folder, steps, ends, error
        self.seen: list[int] = []

    def fit(self, spec: TrainSpec, run_folder: Path, attempt: int, _storage: Path) -> str:
        self.seen.append(attempt)
        writer = EventWriter(run_folder / "events", spec.run, f"rank-0.{attempt}", attempt)
        writer.write("worker.start", rank=0, pid=100)
        if step := self.steps.pop(0):
            writer.write("step", step=step)
        ending = self.ends.pop(0) if self.ends else ""
        if self.error:
            writer.write("worker.end", **{name: value for name, value in self.error.items() if name != "kind"})
        writer.close()
        return ending


Training = Callable[..., tuple[Ending, Play, list[Event]]]


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Training]:
    events = EventWriter(tmp_path / "events", "demo-1", "driver")

    def go(steps: list[int], ends: list[str], **more: Any) -> tuple[Ending, Play, list[Event]]:
        play = Play(tmp_path, steps, ends, **more)
        monkeypatch.setattr(attempts, "fit", play.fit)
        ending = run_attempts(make_spec(), tmp_path, events, tmp_path)
        return ending, play, read_events(tmp_path)

    yield go
    events.close()


def of_kind(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event["kind"] == kind]


def test_a_training_that_ends_well_takes_one_attempt(training: Training) -> None:
    ending, play, events = training([10], [])
    assert (ending, play.seen) == (Ending(10), [1])
    assert of_kind(events, "attempt.lost") == []


def test_a_lost_worker_is_followed_by_another_attempt(training: Training) -> None:
    ending, play, events = training([5, 10], ["lost"])
    assert (ending, play.seen) == (Ending(10), [1, 2])
    (lost,) = of_kind(events, "attempt.lost")
    assert (lost["attempt"], lost["step"], lost["cause"]) == (1, 5, "rank 0 (process 100) died")


def test_an_own_error_ends_the_run_at_once(training: Training) -> None:
    ending, play, _ = training([5], ["lost"], error=failed(0, "ValueError: x"))
    assert (ending, play.seen) == (Ending(5, "rank 0: ValueError: x"), [1])


def test_losses_that_get_no_further_end_the_run(training: Training) -> None:
    ending, play, _ = training([5, 5, 4, 0], ["lost"] * 4)
    assert play.seen == list(range(1, MAX_LOSSES + 2))
    assert ending.error


def test_losses_that_each_get_further_do_not(training: Training) -> None:
    ending, play, _ = training([1, 2, 3, 4, 5, 6], ["lost"] * 5)
    assert (ending, len(play.seen)) == (Ending(6), 6)


def test_an_attempt_starts_from_the_last_checkpoint_and_is_there_even_without_a_step(training: Training, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoints", 8, {}, keep=1)
    ending, _, events = training([0], [])
    assert ending == Ending(8)
    assert [event["from_step"] for event in of_kind(events, "attempt.start")] == [8]


def test_a_resumed_run_goes_on_counting_its_attempts(training: Training) -> None:
    training([3], [])
    _, play, _ = training([5], [])
    assert play.seen == [2]
