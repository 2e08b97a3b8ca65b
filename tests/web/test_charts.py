"""The pictures as options: what is drawn is what happened."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steelyard.telemetry.story import Story, tell
from steelyard.web.charts import kept_and_redone, loss_chart, speed_chart, split_ceiling, split_chart, split_unit
from steelyard.web.memory import by_process, memory_chart
from steelyard.web.series import LIMIT
from tests.web.written import Writing, finished, folder, killed, long


@pytest.fixture
def story(tmp_path: Path) -> Story:
    finished(tmp_path)
    return tell(tmp_path / "ray-training-1", now=1.7e9, alive=False)


def restarted(tmp_path: Path) -> Story:
    writing = killed(tmp_path)
    writing.steps(30)
    writing.close()
    return tell(writing.run.path, now=writing.t, alive=True)


def line(option: dict[str, Any], name: str) -> dict[str, Any]:
    return next(series for series in option["series"] if series["name"] == name)


def test_the_loss_of_each_step_is_drawn_once(story: Story) -> None:
    points = line(loss_chart(story), "each step")["data"]
    assert [x for x, _ in points] == list(range(1, 201))
    assert points[0][1] == story.steps[0].loss


def test_steps_done_again_are_a_line_of_their_own_and_leave_no_gap(tmp_path: Path) -> None:
    option = loss_chart(restarted(tmp_path))
    assert [x for x, _ in line(option, "each step")["data"]] == list(range(1, 111))
    assert [x for x, _ in line(option, "lost and done again")["data"]] == list(range(81, 96))
    assert [mark["xAxis"] for mark in option["series"][0]["markLine"]["data"]] == [80]


def test_what_counts_is_the_last_of_each_step(tmp_path: Path) -> None:
    counted, redone = kept_and_redone(restarted(tmp_path).steps)
    assert {row.attempt for row in counted if row.step > 80} == {2}
    assert {row.attempt for row in redone} == {1}


def test_a_loss_that_is_not_a_number_breaks_the_line_and_stays_valid_json(story: Story) -> None:
    broken = replace(story, steps=(*story.steps[:-1], replace(story.steps[-1], loss=math.nan)))
    option = loss_chart(broken)
    assert line(option, "each step")["data"][-1] == [200, None]
    json.dumps(option, allow_nan=False)


def test_evaluations_of_a_loss_are_drawn_with_it(story: Story) -> None:
    events = ({"step": 0, "name": "held_out_loss", "value": 5.5}, {"step": 100, "name": "held_out_loss", "value": 2.5},
              {"step": 100, "name": "accuracy", "value": 0.4})
    option = loss_chart(replace(story, evaluations=events))
    assert line(option, "held out loss")["data"] == [[0, 5.5], [100, 2.5]]
    assert "accuracy" not in [series["name"] for series in option["series"]]


def test_the_bands_of_a_step_stack_up_to_its_duration(story: Story) -> None:
    option = split_chart(story)
    drawn = [sum(series["data"][index][1] for series in option["series"]) for index in range(len(story.steps))]
    assert drawn == pytest.approx([row.duration_us / 1000 for row in story.steps], abs=0.01)
    assert {series["stack"] for series in option["series"]} == {"step"}


def test_nothing_is_drawn_over_the_time_in_which_training_stood_still(tmp_path: Path) -> None:
    option = split_chart(restarted(tmp_path))
    gaps = [index for index, (_, y) in enumerate(option["series"][0]["data"]) if y is None]
    assert gaps == [95]


def test_a_long_run_is_drawn_with_few_points_and_its_slowest_step(tmp_path: Path) -> None:
    writing = long(tmp_path)
    writing.close()
    story = tell(writing.run.path, now=writing.t, alive=True)
    slow = next(row for row in story.steps if row.duration_us > 3_000_000)
    option = split_chart(story)
    for chart in (option, loss_chart(story), speed_chart(story)):
        assert all(len(series["data"]) <= LIMIT for series in chart["series"])
    assert round(slow.t - story.started, 2) in [x for x, _ in option["series"][0]["data"]]


def test_the_axis_is_cut_only_where_a_step_towers_over_the_rest(story: Story) -> None:
    usual = [replace(row, duration_us=300_000) for row in story.steps]
    assert split_ceiling(usual) is None
    assert split_ceiling([*usual, replace(usual[0], duration_us=2_000_000)]) == 750_000
    assert split_ceiling([]) is None


def test_slow_steps_are_counted_in_seconds(story: Story) -> None:
    assert split_unit(story.steps) == (1000, "ms")
    assert split_unit([replace(row, duration_us=2_000_000) for row in story.steps]) == (1_000_000, "s")


def test_speed_is_tokens_of_all_ranks(story: Story) -> None:
    points = line(speed_chart(story), "each step")["data"]
    last = story.steps[-1]
    assert points[-1][1] == pytest.approx(4096 * 1e6 / last.duration_us, abs=0.1)


def test_memory_has_a_line_for_each_process_and_the_machine(story: Story) -> None:
    option = memory_chart(story)
    assert [series["name"] for series in option["series"]] == ["driver", "rank-0", "rank-1", "machine, in use"]
    styles = [str(series["lineStyle"]["type"]) for series in option["series"][:3]]
    assert len(set(styles)) == 3


def test_a_limit_is_drawn_once_it_is_near(story: Story) -> None:
    assert memory_chart(story)["series"][0]["markLine"]["data"] == []
    full = tuple(replace(sample, host_used_bytes=20 * 2**30) for sample in story.samples)
    assert [mark["name"] for mark in memory_chart(replace(story, samples=full))["series"][0]["markLine"]["data"]] == ["machine: 24.0 GiB"]


def test_each_gpu_has_a_line_whoever_reports_it(tmp_path: Path) -> None:
    writing = Writing(folder(tmp_path, "gpus-1"), 1.7e9)
    writing.start()
    writing.sample(gpus=2)
    writing.close()
    story = tell(writing.run.path, now=writing.t, alive=True)
    names = [series["name"] for series in memory_chart(story)["series"]]
    assert [name for name in names if name.startswith("GPU")] == ["GPU 0", "GPU 1"]


def test_a_process_keeps_its_line_over_restarts(tmp_path: Path) -> None:
    story = restarted(tmp_path)
    assert list(by_process(story.samples)) == ["driver", "rank-0", "rank-1"]
    assert None in [y for _, y in line(memory_chart(story), "rank-0")["data"]]
    assert None not in [y for _, y in line(memory_chart(story), "machine, in use")["data"]]
