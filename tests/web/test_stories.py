"""Runs as the pages read them: live, once for all pages, over when they are over."""

from pathlib import Path

import pytest

from steelyard.errors import NotFoundError
from steelyard.home import Home
from steelyard.local.store import RunStore, hold
from steelyard.web.stories import TAIL_LINES, Stories, tail
from tests.web.written import Writing, finished, folder, killed


class Clock:
    """Virtual time."""

    def __init__(self, t: float) -> None:
        self.t = t

    def __call__(self) -> float:
        return self.t


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state", tmp_path / "cache")


def test_a_live_run_is_told_again_each_second_and_not_more_often(home: Home) -> None:
    writing = killed(home.runs)
    clock = Clock(writing.t)
    stories = Stories(home, clock)
    with hold(writing.run):
        first = stories.view("ray-training-2")
        assert stories.view("ray-training-2") is first
        writing.steps(3)
        clock.t = writing.t + 1
        assert stories.view("ray-training-2").figures[0].value == "83 / 200"
    writing.close()


def test_a_run_that_is_over_is_told_once(home: Home) -> None:
    writing = finished(home.runs)
    clock = Clock(writing.t)
    stories = Stories(home, clock)
    first = stories.view("ray-training-1")
    clock.t += 3600
    assert stories.view("ray-training-1") is first


def test_lines_come_the_newest_first_and_age(home: Home) -> None:
    finished(home.runs, t=1.7e9)
    finished(home.runs, "lora-finetune-1", t=1.7e9 + 50)
    clock = Clock(1.7e9 + 100)
    stories = Stories(home, clock)
    assert [(row.name, row.age) for row in stories.rows()] == [("lora-finetune-1", "50 s"), ("ray-training-1", "1m40s")]
    clock.t += 60
    assert [row.age for row in stories.rows()] == ["1m50s", "2m40s"]


def test_a_run_that_was_deleted_disappears(home: Home) -> None:
    writing = finished(home.runs)
    stories = Stories(home, Clock(writing.t))
    assert len(stories.rows()) == 1
    RunStore(home).delete(writing.run)
    assert stories.rows() == ()
    with pytest.raises(NotFoundError, match="no run named"):
        stories.view("ray-training-1")


def test_a_folder_made_again_under_the_same_name_is_another_run(home: Home) -> None:
    writing = finished(home.runs)
    clock = Clock(writing.t)
    stories = Stories(home, clock)
    stories.rows()
    RunStore(home).delete(writing.run)
    again = Writing(folder(home.runs, "ray-training-1"), writing.t)
    again.start()
    again.steps(3)
    again.close()
    clock.t += 60
    assert [row.step for row in stories.rows()] == ["3/200"]


def test_without_a_state_folder_there_is_no_run(home: Home) -> None:
    assert Stories(home).rows() == ()


def test_a_workload_is_its_latest_run(home: Home) -> None:
    finished(home.runs)
    killed(home.runs).close()
    assert Stories(home, Clock(1.7e9 + 900)).view("ray-training").name == "ray-training-2"


def test_the_log_to_read_first_is_rank_0_of_the_last_attempt(home: Home) -> None:
    writing = finished(home.runs)
    for writer in ("driver", "rank-0.1", "rank-0.2", "rank-1.1"):
        writing.log(writer, f"of {writer}")
    stories = Stories(home, Clock(writing.t))
    assert stories.logs("ray-training-1") == ("rank-0.2", "driver", "rank-0.1", "rank-1.1")
    assert stories.tail("ray-training-1", "rank-0.2") == "of rank-0.2"
    assert stories.tail("ray-training-1", "../../secret") == ""


def test_a_tail_is_plain_text_of_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * 60_000 + b"\n" + b"".join(b"line %d\n" % number for number in range(1000))
                    + b"\x1b[31mred\x1b[0m\n10%\r20%\r\n\xff<b>\n")
    lines = tail(log).split("\n")
    assert len(lines) == TAIL_LINES - 1  # the file's last line end makes no line
    assert lines[-3:] == ["red", "20%", "\ufffd<b>"]
    assert lines[0].startswith("line ")
