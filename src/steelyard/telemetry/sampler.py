"""The sampler: a thread that writes what the process, the host and its GPUs use, every two seconds.

A reading that failed is left out of the event; it never becomes 0.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import psutil

from steelyard.telemetry.events import EventWriter
from steelyard.telemetry.gpus import GpuReader, no_gpus, open_gpus


def read_sample(process: psutil.Process, gpus: GpuReader = no_gpus) -> dict[str, Any]:
    """The fields of one `sample` event: bytes, CPU seconds of the process so far."""
    memory, cpu = psutil.virtual_memory(), process.cpu_times()
    return {
        "rss_bytes": process.memory_info().rss, "cpu_seconds": round(cpu.user + cpu.system, 3),
        "host_used_bytes": memory.total - memory.available, "host_total_bytes": memory.total, "gpus": gpus(),
    }


class Sampler:
    """Writes a `sample` at once and then every `every` seconds, until closed. Use it as a context manager."""

    def __init__(self, writer: EventWriter, every: float = 2.0, read: Callable[[], dict[str, Any]] | None = None) -> None:
        self._writer, self._every, self._read = writer, every, read
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="steelyard-sampler", daemon=True)
        self._cpu_ns = 0

    def cpu_ns(self) -> int:
        """CPU nanoseconds that sampling has taken so far; `StepRecorder` counts them as telemetry's own."""
        return self._cpu_ns

    def _work(self) -> None:
        read = self._read or _reader()
        while True:
            self._writer.write("sample", **read())
            self._cpu_ns = time.thread_time_ns()
            if self._closing.wait(self._every):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and wait until the last sample is written."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()


def _reader() -> Callable[[], dict[str, Any]]:
    process, gpus = psutil.Process(), open_gpus()
    return lambda: read_sample(process, gpus)
