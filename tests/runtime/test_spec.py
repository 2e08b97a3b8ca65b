"""The specification of a run: what was written is read, by its user only."""

import json
from pathlib import Path

import pytest

from steelyard.runtime.spec import SPEC_FILE, read_spec
from tests.runtime.specs import make_spec


def test_what_was_written_is_read(tmp_path: Path) -> None:
    spec = make_spec(arguments=("--width", "64"), mounts={"/data": "/somewhere"}, env={"A": "b"}, labels={"x": "y"}, peak_flops=1e12,
                     memory_bytes=10, disk_bytes=20, max_price=5_000_000, team="nlp")
    spec.write(tmp_path)
    assert read_spec(tmp_path) == spec


def test_only_the_user_can_read_it_and_no_draft_is_left(tmp_path: Path) -> None:
    make_spec(env={"TOKEN": "private"}).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [SPEC_FILE]
    assert (tmp_path / SPEC_FILE).stat().st_mode & 0o777 == 0o600


def test_fields_of_a_newer_version_are_passed_over(tmp_path: Path) -> None:
    make_spec().write(tmp_path)
    stored = json.loads((tmp_path / SPEC_FILE).read_text())
    (tmp_path / SPEC_FILE).write_text(json.dumps(stored | {"invented_later": [1]}))
    assert read_spec(tmp_path) == make_spec()


@pytest.mark.parametrize(("batch", "workers", "each"), [(32, 2, 16), (4, 1, 4), (8, 4, 2)])
def test_each_worker_has_an_equal_part_of_the_batch(batch: int, workers: int, each: int) -> None:
    assert make_spec(batch=batch, workers=workers).batch_per_worker == each
