"""What the pages say, for each way in which a run can be."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from steelyard.findings import Finding
from steelyard.telemetry.story import Story, tell
from steelyard.web import sentences
from steelyard.web.teach import PANELS
from steelyard.web.views import STATUSES, Figure, RunView, run_view, runs_row
from tests.web.written import Writing, finished, folder, killed

NOW = 1_700_000_500.0


@pytest.fixture
def done(tmp_path: Path) -> Story:
    finished(tmp_path, price=480_000)
    return tell(tmp_path / "ray-training-1", now=NOW, alive=False)


@pytest.fixture
def starting(tmp_path: Path) -> Story:
    writing = Writing(folder(tmp_path, "ray-training-9"), NOW - 8, team=None)
    writing.write("driver", "run.start", workload="ray-training", team=None, pid=1, resumed=False, workers=2, price_micro_hour=None)
    writing.close()
    return tell(writing.run.path, now=NOW, alive=True)


def figure(view: RunView, label: str) -> Figure:
    return next(figure for figure in view.figures if figure.label == label)


def test_a_line_of_the_runs_page_holds_every_column(done: Story) -> None:
    row = runs_row(done, NOW, 12_345)
    assert (row.name, row.workload, row.team) == ("ray-training-1", "ray-training", "research")
    assert (row.status.word, row.reason) == ("Done", "all 200 steps")
    assert (row.step, row.cost, row.age) == ("200/200", "$0.01", "8m20s")
    assert float(row.loss) == pytest.approx(done.steps[-1].loss or 0, abs=0.005)
    assert row.speed.endswith("k")
    assert row.goodput.endswith("%")


def test_what_is_not_known_is_a_dash_and_never_a_zero(starting: Story) -> None:
    row = runs_row(starting, NOW, None)
    assert (row.team, row.step, row.loss, row.speed, row.cost) == ("-", "-", "-", "-", "-")
    view = run_view(starting, NOW, None)
    assert [figure(view, label).value for label in ("Step", "Loss", "Tokens per second", "Time per step", "Cost so far")] == ["-"] * 5
    assert figure(view, "Cost so far").note == "no price of this machine is known"
    assert figure(view, "Step").share is None


def test_a_run_without_a_step_has_words_instead_of_pictures(starting: Story) -> None:
    view = run_view(starting, NOW, None)
    assert [picture.option for picture in (view.loss, view.split, view.speed, view.memory)] == [None] * 4
    assert (view.loss.words, view.memory.words) == ("No step yet.", "No sample yet.")
    assert view.startup_words == "The first step is not there yet."


def test_each_status_has_a_sign_of_its_own() -> None:
    assert len({status.sign for status in STATUSES.values()}) == len(STATUSES) == 8


@pytest.mark.parametrize(("status", "word", "reason"), [("failed", "Failed", "out of memory"), ("stopped", "Stopped", "Ctrl-C")])
def test_a_run_that_ended_badly_says_why(tmp_path: Path, status: str, word: str, reason: str) -> None:
    writing = Writing(folder(tmp_path, "ray-training-7"), NOW - 100)
    writing.start()
    writing.steps(5)
    writing.end(status, reason)
    view = run_view(tell(writing.run.path, now=NOW, alive=False), NOW, None)
    assert (view.status.word, view.reason) == (word, reason)
    assert figure(view, "Step").note == "at its end"


def test_a_run_whose_driver_is_gone_is_lost(tmp_path: Path) -> None:
    writing = killed(tmp_path)
    writing.close()
    view = run_view(tell(writing.run.path, now=NOW, alive=False), NOW, None)
    assert (view.status.word, view.status.tone) == ("Lost", "bad")


def test_a_live_run_says_what_is_left(tmp_path: Path) -> None:
    writing = killed(tmp_path)
    writing.steps(30)
    writing.close()
    view = run_view(tell(writing.run.path, now=writing.t, alive=True), writing.t, 5_000)
    assert figure(view, "Step").value == "110 / 200"
    assert figure(view, "Step").share == 0.55
    assert figure(view, "Step").note.endswith("s left")
    assert "1 restart" in view.timeline_words
    assert "15 steps lost" in view.timeline_words


def test_the_split_is_told_in_words_with_what_the_picture_leaves_out(done: Story) -> None:
    words = sentences.split(done)
    assert words.startswith("200 steps together: compute 7")
    assert f"1 step taller than shown; the tallest, step 1, took {done.steps[0].duration_us / 1e6:.1f} s" in words


def test_a_diverged_training_is_said_aloud(done: Story) -> None:
    broken = replace(done, steps=(*done.steps[:-1], replace(done.steps[-1], loss=math.nan)))
    assert "diverged" in sentences.loss(broken)
    assert runs_row(broken, NOW, None).loss == "not a number"


def test_the_loss_is_explained_by_what_it_means(done: Story) -> None:
    words = sentences.loss(done)
    assert f"about {round(math.exp(done.steps[-1].loss or 0))} next tokens" in words


def test_a_script_that_reports_no_loss_is_shown_without_one(done: Story) -> None:
    quiet = replace(done, steps=tuple(replace(row, loss=None) for row in done.steps))
    assert sentences.loss(quiet) == "This run reports no loss."
    assert figure(run_view(quiet, NOW, None), "Loss").note == ""


def test_the_use_of_the_device_is_shown_when_it_is_known(done: Story) -> None:
    assert "Device used" not in [figure.label for figure in run_view(done, NOW, None).figures]
    assert figure(run_view(replace(done, mfu=0.42), NOW, None), "Device used").value == "42%"


def test_findings_come_worst_first_and_each_once(done: Story) -> None:
    note, warning, error = (Finding(f"rule-{word}", word, "x", word) for word in ("note", "warning", "error"))
    view = run_view(replace(done, findings=(note, warning, error, warning)), NOW, None)
    assert [found.finding.severity for found in view.findings] == ["error", "warning", "note"]
    assert view.findings_words == "3 to look at."
    assert run_view(done, NOW, None).findings_words == "Nothing wrong was found."


def test_every_panel_teaches_what_to_look_at() -> None:
    assert list(PANELS) == ["findings", "loss", "split", "goodput", "speed", "memory", "timeline", "startup", "log"]
    assert all(len(panel.teaches) > 60 and panel.teaches.endswith(".") for panel in PANELS.values())


def test_all_pictures_are_plain_json(done: Story) -> None:
    view = run_view(done, NOW, None)
    for picture in (view.loss, view.split, view.speed, view.memory):
        assert json.loads(json.dumps(picture.option, allow_nan=False)) == picture.option
