"""How long a training goes on, and how fast it learns at each step."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.runtime.training import Schedule, Task, goal_steps, timed
from steelyard.runtime.worker import Worker
from steelyard.telemetry.events import read_events
from tests.runtime.specs import make_worker


@pytest.fixture
def me(tmp_path: Path) -> Iterator[Worker]:
    one = make_worker(tmp_path)
    yield one
    one.close()


def task(batches_per_epoch: int | None) -> Task:
    return cast("Task", SimpleNamespace(batches_per_epoch=batches_per_epoch))


def goal(folder: Path, batches_per_epoch: int | None = 40, **length: Any) -> int:
    one = make_worker(folder, **({"steps": None} | length))
    one.close()
    return goal_steps(one, task(batches_per_epoch), tokens_per_step=100)


@pytest.mark.parametrize(
    ("length", "steps"),
    [({"steps": 7}, 7), ({"tokens": 1000}, 10), ({"tokens": 1001}, 11), ({"tokens": 1}, 1), ({"epochs": 2.0}, 80), ({"epochs": 0.01}, 1),
     ({"epochs": 0.5}, 20), ({}, 40)],
)  # fmt: skip
def test_each_way_to_say_how_long_gives_whole_steps_and_without_any_it_is_one_epoch(
    length: dict[str, Any], steps: int, tmp_path: Path
) -> None:
    assert goal(tmp_path, **length) == steps


def test_data_without_an_end_need_a_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"say `steps:` or `tokens:`"):
        goal(tmp_path, batches_per_epoch=None)
    assert goal(tmp_path, batches_per_epoch=None, steps=3) == 3


@given(peak=st.floats(1e-6, 1.0), steps=st.integers(1, 3000))
def test_the_learning_rate_rises_to_its_peak_and_falls_to_a_tenth(peak: float, steps: int) -> None:
    schedule = Schedule(peak, steps)
    rates = [schedule.at(step) for step in range(1, steps + 1)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(peak)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in zip(rates[top:], rates[top + 1 :], strict=False))
    assert top + 1 <= max(1, min(50, steps // 10))
    if steps > 1:
        assert rates[-1] == pytest.approx(peak / 10)


def test_the_first_step_of_a_long_training_is_a_small_one() -> None:
    assert Schedule(1.0, 1000).at(1) == pytest.approx(1 / 50)


def test_timed_work_is_told_as_a_phase_and_gives_its_result(me: Worker) -> None:
    assert timed(me, "data", lambda: "result") == "result"
    (event,) = read_events(me.run_folder)
    assert (event["kind"], event["name"]) == ("phase", "data")
    assert event["start"] <= event["t"]
