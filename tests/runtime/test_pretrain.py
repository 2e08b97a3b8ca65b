"""The recipe `pretrain`: the same step gives the same batch, and the loop learns, saves and goes on."""

from pathlib import Path
from typing import Any

import pytest
import torch

from steelyard.runtime.checkpoints import list_checkpoints
from steelyard.runtime.corpus import DataError
from steelyard.runtime.pretrain import Pretrain
from steelyard.runtime.training import train
from steelyard.telemetry.events import STEP_PARTS, Event, read_events
from tests.runtime.specs import make_worker

TEXT = bytes(range(97, 123)) * 40


def pretrain(folder: Path, rank: int = 0, world_size: int = 1, **changes: Any) -> Pretrain:
    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_bytes(TEXT)
    me = make_worker(folder / "run", rank, world_size, data=("text.txt",), data_folder=str(folder), workers=world_size, **changes)
    task = Pretrain(me)
    me.close()
    return task


def test_a_batch_is_windows_of_the_text_and_the_same_one_byte_later(tmp_path: Path) -> None:
    inputs, targets = pretrain(tmp_path).batch(3)
    assert inputs.shape == targets.shape == (4, 16)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert all(bytes(row.tolist()) in TEXT for row in inputs)


def test_the_same_step_gives_the_same_batch_and_another_step_another(tmp_path: Path) -> None:
    first, again = pretrain(tmp_path), pretrain(tmp_path)
    assert torch.equal(first.batch(5)[0], again.batch(5)[0])
    assert not torch.equal(first.batch(5)[0], first.batch(6)[0])


def test_each_rank_has_its_own_batch_of_its_part_of_the_size(tmp_path: Path) -> None:
    zero, one = (pretrain(tmp_path, rank, world_size=2, batch=8).batch(1)[0] for rank in (0, 1))
    assert zero.shape == one.shape == (4, 16)
    assert not torch.equal(zero, one)


def test_the_seed_decides_the_weights_and_the_data(tmp_path: Path) -> None:
    one, same, other = (pretrain(tmp_path, seed=seed) for seed in (1, 1, 2))
    weights = [task.model.state_dict()["tokens.weight"] for task in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(one.batch(1)[0], other.batch(1)[0])


def test_an_epoch_is_as_many_steps_as_the_bytes_fill(tmp_path: Path) -> None:
    assert pretrain(tmp_path, batch=4, sequence=16).batches_per_epoch == len(TEXT) / 64
    assert pretrain(tmp_path, batch=4, sequence=1000).batches_per_epoch == len(TEXT) / 4000


def test_too_little_text_is_an_error_that_says_how_much_there_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1040 bytes of data are less than one sequence of 2000 bytes"):
        pretrain(tmp_path, sequence=2000)


def run(folder: Path, steps: int) -> list[Event]:
    """Train in `folder` to `steps`, from what is there."""
    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_bytes(TEXT)
    me = make_worker(folder / "run", data=("text.txt",), data_folder=str(folder), steps=steps, learning_rate=1e-2)
    train(me, Pretrain(me))
    me.close()
    return read_events(folder / "run")


def losses(events: list[Event]) -> dict[int, float]:
    return {event["step"]: event["loss"] for event in events if event["kind"] == "step"}


def test_a_training_learns_and_tells_every_step_with_parts_that_sum_to_it(tmp_path: Path) -> None:
    events = run(tmp_path, 12)
    told = losses(events)
    assert list(told) == list(range(1, 13))
    assert told[12] < told[1] - 0.5
    for event in events:
        if event["kind"] == "step":
            assert sum(event[f"{part}_us"] for part in STEP_PARTS) == event["duration_us"]
            assert event["tokens"] == 64
    (start,) = [event for event in events if event["kind"] == "train.start"]
    assert (start["start_step"], start["steps"], start["tokens_per_step"]) == (0, 12, 64)
    assert start["flops_per_token"] == 6 * start["parameters"]
    assert (tmp_path / "run" / "output" / "model.pt").exists()


def test_a_training_that_was_interrupted_goes_on_after_its_last_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, 6)
    assert [checkpoint.step for checkpoint in list_checkpoints(tmp_path / "run" / "checkpoints")] == [6]
    events = run(tmp_path, 10)
    assert list(losses(events)) == list(range(1, 11))
    assert [event["step"] for event in events if event["kind"] == "restore"] == [6]
    assert [event["step"] for event in events if event["kind"] == "checkpoint"] == [6, 10]
