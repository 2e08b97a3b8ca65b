"""Writers and compactions that are killed at random moments. `STEELYARD_KILLS` says how many of each (2; `make prove` sets 10)."""

from __future__ import annotations

import contextlib
import glob
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from steelyard.ledger.store import compact, read_ledger
from steelyard.ledger.writer import LedgerWriter
from tests.ledger.examples import holding

KILLS = int(os.environ.get("STEELYARD_KILLS", "2"))

WRITE = """
import sys
from pathlib import Path
from steelyard.ledger.writer import LedgerWriter
from tests.ledger.examples import holding
writer = LedgerWriter(Path(sys.argv[1]))
time_us = 1
while True:
    usage = writer.start(holding(), time_us, attempt=1)
    print("start", usage, flush=True)
    writer.beat(usage, time_us + 1, 0.5)
    writer.end(usage, time_us + 2, "done", 0.5, 0)
    print("end", usage, flush=True)
    time_us += 3
"""

COMPACT = """
import sys
from pathlib import Path
from steelyard.ledger.store import compact
print("ready", flush=True)
sys.stdin.readline()
compact(Path(sys.argv[1]))
"""


class Children:
    """Processes of a test, none of which outlives it."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[str]] = []

    def start(self, program: str, folder: Path) -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.all.append(child)
        return child


@pytest.fixture
def children() -> Iterator[Children]:
    started = Children()
    yield started
    for child in started.all:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]  # both were asked for


@pytest.fixture
def moments() -> random.Random:
    return random.Random(20261124)


def kill(child: subprocess.Popen[str]) -> str:
    """Kill with SIGKILL; returns what it had said by then and was not yet read."""
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.stdout
    return child.stdout.read()


def fill(folder: Path, files: int) -> set[str]:
    """Files of writers that are gone, with three usages each, the last without an end; their ids."""
    ids = set()
    for _ in range(files):
        writer = LedgerWriter(folder)
        for number in range(3):
            usage = writer.start(holding(), number, attempt=1)
            ids.add(usage)
            if number < 2:
                writer.end(usage, number + 1, "done", 0.5, 0)
        writer.close()
    return ids


def doubled(folder: Path) -> list[tuple[str, int]]:
    """Records that are in the Parquet parts more than once."""
    found = [glob.escape(str(path)) for path in folder.glob("*.parquet")]
    return duckdb.execute("select id, count(*) from read_parquet($1) group by id having count(*) > 1", [found]).fetchall() if found else []


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_had_said(tmp_path: Path, children: Children, moments: random.Random) -> None:
    said: set[tuple[str, str]] = set()
    for _ in range(KILLS):
        child = children.start(WRITE, tmp_path)
        assert child.stdout
        lines = [child.stdout.readline()]
        time.sleep(moments.uniform(0, 0.1))
        lines += kill(child).splitlines(keepends=True)
        said |= {(kind, usage) for kind, usage in (line.split() for line in lines if line.endswith("\n"))}
    report = read_ledger(tmp_path)
    started = [usage.id for usage in report.usages]
    ended = {usage.id for usage in report.usages if usage.reason == "done"}
    assert len(started) == len(set(started))
    assert {usage for kind, usage in said if kind == "start"} <= set(started)
    assert {usage for kind, usage in said if kind == "end"} <= ended
    assert {usage.reason for usage in report.usages} <= {"done", "lost"}
    assert len(started) - len(ended) <= KILLS
    assert report.torn_lines <= KILLS
    compact(tmp_path)
    assert read_ledger(tmp_path) == report


def test_a_compaction_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, children: Children, moments: random.Random) -> None:
    ids: set[str] = set()
    for _ in range(KILLS):
        ids |= fill(tmp_path, 40)
        child = children.start(COMPACT, tmp_path)
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        assert child.stdin
        child.stdin.write("\n")
        child.stdin.flush()
        time.sleep(moments.uniform(0, 0.15))
        kill(child)
        assert sorted(usage.id for usage in read_ledger(tmp_path).usages) == sorted(ids)
    compact(tmp_path)
    assert not list(tmp_path.glob("*.jsonl"))
    assert not list(tmp_path.glob("*.tmp"))
    assert doubled(tmp_path) == []
    assert sorted(usage.id for usage in read_ledger(tmp_path).usages) == sorted(ids)


def test_two_compactions_at_once_beside_writers_and_readers_lose_and_double_nothing(tmp_path: Path, children: Children) -> None:
    ids: set[str] = set()
    for _ in range(KILLS // 2):
        ids |= fill(tmp_path, 20)
        alive = LedgerWriter(tmp_path)
        ids.add(alive.start(holding(), 1, attempt=1))
        both = [children.start(COMPACT, tmp_path), children.start(COMPACT, tmp_path)]
        assert [child.stdout.readline() for child in both if child.stdout] == ["ready\n"] * 2
        for child in both:
            assert child.stdin
            child.stdin.write("\n")
            child.stdin.flush()
        while any(child.poll() is None for child in both):
            assert sorted(usage.id for usage in read_ledger(tmp_path).usages) == sorted(ids)
        assert [child.returncode for child in both] == [0, 0]
        assert alive.path.exists()
        alive.close()
    compact(tmp_path)
    assert doubled(tmp_path) == []
    assert sorted(usage.id for usage in read_ledger(tmp_path).usages) == sorted(ids)
