"""Samples say what is used; what could not be read is left out."""

# ruff: noqa: N802 - the names of NVML

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from steelyard.telemetry.events import EventWriter, read_events
from steelyard.telemetry.gpus import _handles, no_gpus, open_gpus, read_gpu
from steelyard.telemetry.sampler import Sampler, read_sample


class FakeNvml:
    """NVML with two GPUs; the second has no utilisation, as a MIG device has none."""

    class NVMLError(Exception):
        pass

    def __init__(self, used: int = 2 * 2**30, total: int = 80 * 2**30, percent: int = 55) -> None:
        self.used, self.total, self.percent = used, total, percent

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        if index > 1:
            raise self.NVMLError
        return f"gpu{index}"

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes) -> str:
        if uuid != b"MIG-1":
            raise self.NVMLError
        return "mig"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        return SimpleNamespace(used=self.used, total=self.total)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:
        if handle == "gpu1":
            raise self.NVMLError
        return SimpleNamespace(gpu=self.percent)


def test_a_gpu_is_read_and_what_it_does_not_tell_is_absent() -> None:
    nvml = FakeNvml()
    assert read_gpu(nvml, 0, "gpu0") == {"index": 0, "used_bytes": 2 * 2**30, "total_bytes": 80 * 2**30, "utilisation": 0.55}
    assert read_gpu(nvml, 1, "gpu1") == {"index": 1, "used_bytes": 2 * 2**30, "total_bytes": 80 * 2**30}


@pytest.mark.parametrize("blank", [-1, 2**64 - 1, 9223372036854775794])
def test_a_blank_reading_is_absent_and_never_zero(blank: int) -> None:
    assert read_gpu(FakeNvml(used=blank), 0, "gpu0").keys() == {"index", "total_bytes", "utilisation"}
    assert read_gpu(FakeNvml(total=blank), 0, "gpu0").keys() == {"index", "utilisation"}
    assert read_gpu(FakeNvml(percent=blank), 0, "gpu0").keys() == {"index", "used_bytes", "total_bytes"}


@pytest.mark.parametrize(("visible", "seen"), [
    (None, [(0, "gpu0"), (1, "gpu1")]), ("", []), ("1", [(1, "gpu1")]), ("1,0", [(1, "gpu1"), (0, "gpu0")]), ("MIG-1", [(0, "mig")]),
    ("0,7,1", [(0, "gpu0")]), ("-1", []), ("NoDevFiles", []),
])
def test_only_the_gpus_that_this_process_may_use_are_read(visible: str | None, seen: list[tuple[int, str]]) -> None:
    assert list(_handles(FakeNvml(), visible)) == seen


def test_without_nvml_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    assert open_gpus({}) is no_gpus


def test_a_sample_has_the_memory_of_process_and_host() -> None:
    sample = read_sample(psutil.Process())
    assert 1e6 < sample["rss_bytes"] < sample["host_total_bytes"]
    assert 0 < sample["host_used_bytes"] <= sample["host_total_bytes"]
    assert sample["cpu_seconds"] > 0
    assert sample["gpus"] == []


def test_the_sampler_writes_one_sample_at_once_and_counts_its_cpu(tmp_path: Path) -> None:
    with Sampler(EventWriter(tmp_path / "events", "demo-1", "rank-0.1"), every=60, read=lambda: {"rss_bytes": 1}) as sampler:
        pass
    assert [event["rss_bytes"] for event in read_events(tmp_path)] == [1]
    assert sampler.cpu_ns() > 0


def test_the_sampler_goes_on_until_it_is_closed(tmp_path: Path) -> None:
    left = iter(range(3))
    sampler: Sampler

    def read() -> dict[str, Any]:
        count = next(left)
        if count == 2:
            sampler._closing.set()
        return {"count": count}

    sampler = Sampler(EventWriter(tmp_path / "events", "demo-1", "rank-0.1"), every=0.001, read=read)
    with sampler:
        sampler._thread.join(5)
    assert [event["count"] for event in read_events(tmp_path)] == [0, 1, 2]
