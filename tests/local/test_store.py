"""Runs as folders: found by name, numbered once and for all, alive while their lock is held."""

from pathlib import Path

import pytest

from steelyard.errors import NotFoundError, StateError
from steelyard.home import Home
from steelyard.local.store import RunFolder, RunStore, hold
from tests.runtime.specs import make_spec


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(Home(tmp_path / "state", tmp_path / "cache"))


def start(store: RunStore, workload: str) -> RunFolder:
    run = store.create(workload)
    make_spec(run=run.name, workload=workload).write(run.path)
    return run


def names(store: RunStore) -> list[str]:
    return [run.name for run in store.all()]


def test_before_the_first_run_there_is_none_and_the_error_says_how_to_start(store: RunStore) -> None:
    assert store.all() == ()
    with pytest.raises(NotFoundError, match="no run named 'a' here") as error:
        store.find("a")
    assert error.value.next_step == "steelyard run 01-ray-training"


def test_runs_of_a_workload_are_numbered_and_told_in_the_order_of_their_numbers(store: RunStore) -> None:
    for _ in range(11):
        start(store, "a")
    start(store, "a-b")
    assert names(store) == [*(f"a-{number}" for number in range(1, 12)), "a-b-1"]


def test_a_workloads_name_means_its_latest_run_and_a_runs_name_itself(store: RunStore) -> None:
    for workload in ("a", "a", "a-2"):
        start(store, workload)
    assert store.find("a").name == "a-2"
    assert store.find("a-1").name == "a-1"
    assert store.find("a-2").path.name == "a-2"
    assert store.find("a-2-1").workload == "a-2"


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(store: RunStore) -> None:
    start(store, "ray-training")
    with pytest.raises(NotFoundError, match="did you mean 'ray-training'"):
        store.find("ray-trainin")


def test_a_folder_without_a_specification_is_no_run_but_its_number_is_taken(store: RunStore) -> None:
    store.create("a")
    assert store.all() == ()
    assert start(store, "a").name == "a-2"


def test_a_run_is_private(store: RunStore) -> None:
    run = start(store, "a")
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert store.root.stat().st_mode & 0o777 == 0o700


def test_a_deleted_run_is_gone_and_its_number_is_not_used_again(store: RunStore) -> None:
    run = start(store, "a")
    store.delete(run)
    assert store.all() == ()
    assert not run.path.exists()
    assert start(store, "a").name == "a-2"
    assert names(store) == ["a-2"]


def test_a_deletion_that_was_killed_half_way_shows_nothing_half(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(store, "a")

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("steelyard.local.store.shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        store.delete(run)
    assert store.all() == ()


def test_a_run_is_alive_for_as_long_as_its_lock_is_held(store: RunStore) -> None:
    run = start(store, "a")
    assert not run.is_alive()
    with hold(run):
        assert run.is_alive()
        assert run.is_alive()
    assert not run.is_alive()


def test_a_run_that_is_alive_is_neither_held_twice_nor_deleted(store: RunStore) -> None:
    run = start(store, "a")
    with hold(run):
        with pytest.raises(StateError, match="a-1 is already running"), hold(run):
            raise AssertionError
        with pytest.raises(StateError, match="a-1 is still running"):
            store.delete(run)
    assert names(store) == ["a-1"]


def test_a_run_without_events_tells_a_story_of_nothing(store: RunStore) -> None:
    story = start(store, "a").story()
    assert (story.run, story.workload, story.status, story.steps) == ("a-1", "a", "Lost", ())
