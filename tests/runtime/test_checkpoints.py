"""Checkpoints are there whole or not at all, only so many are kept, and they hold no code."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from steelyard.runtime.checkpoints import forget_old, latest_checkpoint, list_checkpoints, save_checkpoint


def steps(folder: Path) -> list[int]:
    return [checkpoint.step for checkpoint in list_checkpoints(folder)]


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    saved = save_checkpoint(tmp_path / "new", 7, {"model": {"w": torch.arange(3)}, "step": 7, "names": ["a"]}, keep=2)
    assert saved.step == 7
    assert saved.size == (saved.path / "state.pt").stat().st_size > 0
    state = saved.load()
    assert torch.equal(state["model"]["w"], torch.arange(3))
    assert (state["step"], state["names"]) == (7, ["a"])


def test_only_the_newest_are_kept_in_order_of_their_steps(tmp_path: Path) -> None:
    for step in (1, 2, 10, 9_999_999):
        save_checkpoint(tmp_path, step, {}, keep=3)
    assert steps(tmp_path) == [2, 10, 9_999_999]
    latest = latest_checkpoint(tmp_path)
    assert latest is not None
    assert latest.step == 9_999_999


def test_without_a_folder_there_is_none(tmp_path: Path) -> None:
    assert list_checkpoints(tmp_path / "none") == ()
    assert latest_checkpoint(tmp_path / "none") is None


def test_what_a_killed_process_left_half_written_is_no_checkpoint_and_goes_with_the_next_save(tmp_path: Path) -> None:
    draft = tmp_path / ".draft-step-000005-4711"
    draft.mkdir()
    (draft / "state.pt").write_bytes(b"half")
    (tmp_path / "step-notes").mkdir()
    assert steps(tmp_path) == []
    save_checkpoint(tmp_path, 6, {}, keep=1)
    assert steps(tmp_path) == [6]
    assert not draft.exists()
    assert (tmp_path / "step-notes").exists()


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, 1, {"a": 1}, keep=1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path, 2, {"a": 2}, keep=1)
    assert steps(tmp_path) == [1]
    latest = latest_checkpoint(tmp_path)
    assert latest is not None
    assert latest.load() == {"a": 1}


def test_a_step_that_is_done_again_takes_the_place_of_its_first(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 3, {"a": "first"}, keep=2)
    assert save_checkpoint(tmp_path, 3, {"a": "second"}, keep=2).load() == {"a": "second"}
    assert steps(tmp_path) == [3]


class Code:
    """What a foreign checkpoint might hold."""


def test_a_checkpoint_that_holds_code_is_refused(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path, 1, {"a": Code()}, keep=1)
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load()


def test_the_folder_is_private(tmp_path: Path) -> None:
    saved = save_checkpoint(tmp_path / "checkpoints", 1, {}, keep=1)
    assert saved.path.parent.stat().st_mode & 0o077 == 0


def test_forgetting_where_there_is_nothing_does_nothing(tmp_path: Path) -> None:
    forget_old(tmp_path / "none", keep=1)
    assert list(tmp_path.iterdir()) == []
