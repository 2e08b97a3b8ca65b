import dataclasses
from pathlib import Path

import pytest

from steelyard.home import Home
from steelyard.local.cgroups import Limits, cgroup_limits, own_cgroups
from steelyard.verbs import machine as machine_module
from steelyard.verbs.check import Check, judge
from steelyard.verbs.machine import Machine, installed_extras, loopback_error, nearest_existing, observe

GIB = 2**30
GOOD = Machine(
    system="Linux", architecture="x86_64", python=(3, 11, 7), executable="/usr/bin/python3", cpus=8, limits=Limits(None, None),
    memory_total=32 * GIB, memory_available=24 * GIB, state_folder=Path("/home/me/state"), state_writable=True, state_shared=False,
    disk_free=100 * GIB, shared_memory=16 * GIB, gpus=None, extras={"train": {"torch": "2.9"}, "web": {"nicegui": "3.4"}},
    hostname_resolves=True, loopback="", price=(None, "unknown"),
)  # fmt: skip


def row(name: str, **changes: object) -> Check:
    (found,) = [check for check in judge(dataclasses.replace(GOOD, **changes)) if check.name == name]  # type: ignore[arg-type]
    return found


def test_a_price_from_the_environment_is_told_with_its_source() -> None:
    assert row("price", price=(350_000, "$STEELYARD_PRICE")).found == "$0.35 an hour, from $STEELYARD_PRICE"


def test_a_good_machine_lacks_only_a_price() -> None:
    assert [check.name for check in judge(GOOD) if check.status != "ok"] == ["price"]


@pytest.mark.parametrize(("name", "changes", "status"), [
    ("system", {"system": "Darwin"}, "warn"),
    ("system", {"system": "Windows"}, "missing"),
    ("system", {"architecture": "aarch64"}, "warn"),
    ("python", {"python": (3, 10, 12)}, "missing"),
    ("cpus", {"cpus": 1}, "warn"),
    ("cpus", {"limits": Limits(1.5, None)}, "warn"),
    ("memory", {"memory_available": 2 * GIB}, "warn"),
    ("memory", {"limits": Limits(None, 2 * GIB)}, "warn"),
    ("state folder", {"state_writable": False}, "missing"),
    ("state folder", {"state_shared": True}, "warn"),
    ("disk", {"disk_free": GIB}, "warn"),
    ("shared memory", {"shared_memory": 64 * 2**20}, "warn"),
    ("shared memory", {"shared_memory": None}, "warn"),
    ("loopback", {"loopback": "[Errno 99] Cannot assign requested address"}, "missing"),
    ("loopback", {"hostname_resolves": False}, "warn"),
    ("extra train", {"extras": {"train": {"torch": None}}}, "missing"),
    ("extra web", {"extras": {"web": {"nicegui": None}}}, "warn"),
    ("extra aws", {"extras": {"aws": {"boto3": None}}}, "warn"),
    ("extra gpu", {"extras": {"gpu": {"nvidia-ml-py": None}}}, "ok"),
    ("extra gpu", {"extras": {"gpu": {"nvidia-ml-py": None}}, "gpus": ("L4, 22 GiB",)}, "warn"),
])  # fmt: skip
def test_what_is_not_as_it_should_be_is_said_with_what_to_do(name: str, changes: dict[str, object], status: str) -> None:
    check = row(name, **changes)
    assert check.status == status
    assert bool(check.advice) is (status != "ok")


def test_a_limit_of_the_control_group_is_named() -> None:
    assert row("cpus", limits=Limits(2.5, None)).found == "8, limited to 2.5 by its control group"
    assert row("memory", limits=Limits(None, 8 * GIB)).found == "24.0 GiB free of 32.0 GiB, limited to 8.0 GiB by its control group"


def test_gpus_are_listed() -> None:
    assert row("gpu", gpus=("L4, 22 GiB", "L4, 22 GiB")).found == "L4, 22 GiB; L4, 22 GiB"


def test_the_tightest_limit_of_version_2_counts(tmp_path: Path) -> None:
    inner = tmp_path / "pod" / "container"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("200000 100000\n")
    (inner / "memory.max").write_text("max\n")
    (tmp_path / "pod" / "cpu.max").write_text("max 100000\n")
    (tmp_path / "pod" / "memory.max").write_text(f"{2 * GIB}\n")
    table = tmp_path / "cgroup"
    table.write_text("0::/pod/container\n")
    assert cgroup_limits(own_cgroups(table, tmp_path)) == Limits(2.0, 2 * GIB)


def test_limits_of_version_1_are_read_by_controller(tmp_path: Path) -> None:
    (tmp_path / "cpu,cpuacct").mkdir()
    (tmp_path / "memory").mkdir()
    (tmp_path / "cpu,cpuacct" / "cpu.cfs_quota_us").write_text("150000")
    (tmp_path / "cpu,cpuacct" / "cpu.cfs_period_us").write_text("100000")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712")
    table = tmp_path / "cgroup"
    table.write_text("4:memory:/gone\n1:cpu,cpuacct:/gone\n")
    assert cgroup_limits(own_cgroups(table, tmp_path)) == Limits(1.5, None)


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_limits(own_cgroups(tmp_path / "none", tmp_path)) == Limits(None, None)


def test_looking_at_this_machine_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "find_gpus", lambda: None)
    monkeypatch.setattr(machine_module, "loopback_error", lambda: "")
    monkeypatch.setattr(machine_module, "resolves", lambda hostname: True)
    machine = observe(Home(tmp_path / "a" / "state", tmp_path / "a" / "cache"))
    assert machine.state_writable
    assert machine.memory_total >= machine.memory_available > 0
    assert machine.cpus >= 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_state_folder_should_be_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert nearest_existing(tmp_path / "state" / "runs") == tmp_path / "state"


def test_the_extras_are_those_of_the_metadata() -> None:
    extras = installed_extras()
    assert {"train", "web", "gpu", "aws"} <= set(extras)
    assert "all" not in extras
    assert set(extras["train"]) >= {"torch", "ray"}


def test_a_loopback_that_cannot_be_opened_gives_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: tuple[str, int]) -> None:
        raise OSError("no loopback")

    monkeypatch.setattr("socket.create_server", refuse)
    assert loopback_error() == "no loopback"
