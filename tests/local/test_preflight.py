"""What must be true before workers are started, and what is said when it is not."""

import socket
from pathlib import Path

import pytest

from steelyard.local.preflight import Check, check_data, check_disk, check_loopback, check_memory, check_mounts, preflight
from tests.runtime.specs import make_spec

GIB = 2**30


def rule(check: Check) -> str | None:
    return check.finding.rule if check.finding else None


@pytest.mark.parametrize(("need", "found"), [(GIB, None), (2 * GIB, None), (2 * GIB + 1, "not-enough-memory"), (None, None)])
def test_memory_is_the_estimate_against_what_is_free(need: int | None, found: str | None) -> None:
    assert rule(check_memory(make_spec(memory_bytes=need), 2 * GIB)) == found


def test_too_little_memory_says_how_much_is_missing() -> None:
    finding = check_memory(make_spec(memory_bytes=3 * GIB, workers=2), GIB).finding
    assert finding is not None
    assert "needs about 3.0 GiB of memory, and 1.0 GiB are free" in finding.message
    assert finding.evidence == "short by 2.0 GiB; 2 workers"


def test_an_unknown_need_is_said_to_be_unknown() -> None:
    assert check_memory(make_spec(), GIB).detail == "need unknown, 1.0 GiB free"
    assert check_disk(make_spec(), GIB).detail == "need unknown, 1.0 GiB free"


@pytest.mark.parametrize(("need", "found"), [(GIB, None), (GIB + 1, "not-enough-disk")])
def test_disk_is_what_checkpoints_and_output_need_against_what_is_free(need: int, found: str | None) -> None:
    assert rule(check_disk(make_spec(disk_bytes=need), GIB)) == found


def test_data_that_can_be_read_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 1000)
    (tmp_path / "b.txt").write_bytes(b"x" * 24)
    check = check_data(make_spec(data=("*.txt",), data_folder=str(tmp_path)))
    assert (rule(check), check.detail) == (None, "1.0 KiB in 2 files")


def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    finding = check_data(make_spec(data=("*.txt", "s3://x"), data_folder=str(tmp_path))).finding
    assert finding is not None
    assert finding.rule == "data-unreadable"
    assert "no file matches '*.txt'" in finding.message
    assert finding.evidence == "data: *.txt, s3://x"


def test_a_training_without_data_has_none_to_check() -> None:
    assert check_data(make_spec(data=())) == Check("data", "none")


def test_storage_is_a_folder_that_exists(tmp_path: Path) -> None:
    assert rule(check_mounts(make_spec(mounts={"/data": str(tmp_path)}))) is None
    finding = check_mounts(make_spec(mounts={"/data": str(tmp_path), "/more": str(tmp_path / "gone")})).finding
    assert finding is not None
    assert finding.rule == "storage-missing"
    assert finding.message.endswith(f": /more: {tmp_path}/gone")


def test_a_machine_without_loopback_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(socket, "create_server", refuse)
    finding = check_loopback(make_spec()).finding
    assert finding is not None
    assert finding.rule == "loopback-unreachable"
    assert "ip link set lo up" in finding.next_step


def test_every_check_gives_a_row_in_the_order_in_which_a_person_would_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.local.preflight.check_loopback", lambda _: Check("loopback", "reachable"))
    rows = preflight(make_spec(data=("gone",), data_folder=str(tmp_path)), tmp_path)
    assert [row.name for row in rows] == ["memory", "disk", "data", "storage", "loopback"]
    assert [rule(row) for row in rows] == [None, None, "data-unreadable", None, None]
