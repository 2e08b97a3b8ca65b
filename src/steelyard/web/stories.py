"""The runs as the pages read them: told once for all pages, and at most once a second.

Thin: reads the state folder. A run that is over is told again only when something was written to it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from steelyard.errors import NotFoundError
from steelyard.home import Home
from steelyard.local.store import RunFolder, RunStore
from steelyard.telemetry.story import Story, Teller
from steelyard.web.costs import Costs
from steelyard.web.views import RunsRow, RunView, run_view, runs_row

SHORTEST = 0.8
"""Seconds for which a told story is good."""

SLOWNESS = 10
"""A story is good for so many times as long as it took to tell: telling a long run takes a tenth of a core at most."""

TAIL_BYTES = 48 * 1024
TAIL_LINES = 200
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")

Trace = tuple[bool, tuple[tuple[str, int, int], ...]]
"""Whether the run is alive, and name, inode and size of each file of events: the same trace, the same story."""


@dataclass(slots=True)
class Told:
    """A run's last telling. `view` is made when a page first asks for it."""

    teller: Teller
    trace: Trace
    story: Story
    now: float
    due: float
    view: RunView | None = None
    cost: int | None = None


class Stories:
    """All runs under one home; safe to use from several threads."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.time) -> None:
        self._store = RunStore(home)
        self._costs = Costs(home, clock)
        self._clock = clock
        self._told: dict[Path, Told] = {}
        self._lock = threading.Lock()

    def rows(self) -> tuple[RunsRow, ...]:
        """Every run as a line, the newest first."""
        with self._lock:
            runs = self._store.all()
            self._told = {run.path: told for run in runs if (told := self._told.get(run.path))}
            stories = [told.story for run in runs if (told := self._tell_if_there(run))]
        now = self._clock()
        newest_first = sorted(stories, key=lambda story: -story.started)
        return tuple(runs_row(story, now, self._costs.of(story.run)) for story in newest_first)

    def stories(self) -> tuple[Story, ...]:
        """Every run's story, for `/metrics`."""
        with self._lock:
            return tuple(told.story for run in self._store.all() if (told := self._tell_if_there(run)))

    def view(self, name: str) -> RunView:
        """The run of that name. Raises NotFoundError."""
        with self._lock:
            told = self._tell(self._store.find(name))
            cost = self._costs.of(told.story.run)
            if told.view is None or told.cost != cost:
                began = time.perf_counter()
                told.view, told.cost = run_view(told.story, told.now, cost), cost
                told.due = max(told.due, told.now + SLOWNESS * (time.perf_counter() - began))
            return told.view

    def logs(self, name: str) -> tuple[str, ...]:
        """The names of a run's logs, the one to read first first: the last attempt's rank 0, then the driver."""
        with self._lock:
            names = [path.stem for path in self._tell(self._store.find(name)).story.logs]
        ranks = sorted((name for name in names if name.startswith("rank-0")), reverse=True)
        return tuple(dict.fromkeys([*ranks[:1], *(name for name in names if name == "driver"), *names]))

    def tail(self, name: str, log: str) -> str:
        """The last lines of one of the run's logs."""
        with self._lock:
            paths = {path.stem: path for path in self._tell(self._store.find(name)).story.logs}
        return tail(paths[log]) if log in paths else ""

    def _tell_if_there(self, run: RunFolder) -> Told | None:
        try:
            return self._tell(run)
        except NotFoundError:
            return None

    def _tell(self, run: RunFolder) -> Told:
        told, now = self._told.get(run.path), self._clock()
        if told and now < told.due:
            return told
        trace = trace_of(run)
        if told and told.trace == trace and not trace[0]:
            return told
        teller = told.teller if told and goes_on(told.trace, trace) else Teller(run.path)
        began = time.perf_counter()
        try:
            teller.read()
            story = teller.tell(now, trace[0])
        except FileNotFoundError as error:
            raise NotFoundError(f"{run.name} was deleted just now", next_step="steelyard get") from error
        due = now + max(SHORTEST, SLOWNESS * (time.perf_counter() - began))
        self._told[run.path] = Told(teller, trace, story, now, due)
        return self._told[run.path]


def goes_on(before: Trace, after: Trace) -> bool:
    """Whether all files of `before` are still there and none became shorter; else the folder was made anew."""
    sizes = {(name, inode): size for name, inode, size in after[1]}
    return all(sizes.get((name, inode), -1) >= size for name, inode, size in before[1])


def trace_of(run: RunFolder) -> Trace:
    """What tells whether a run has changed."""
    files = [(path, path.stat()) for path in sorted((run.path / "events").glob("*.jsonl"))]
    return run.is_alive(), tuple((path.name, stat.st_ino, stat.st_size) for path, stat in files)


def tail(path: Path) -> str:
    """The last lines of a file as plain text; a first line that is cut is left out, a rewritten line shows its last form."""
    with path.open("rb") as file:
        start = max(file.seek(0, 2) - TAIL_BYTES, 0)
        file.seek(start)
        block = file.read().decode(errors="replace")
    lines = block.split("\n")[bool(start):]
    plain = [_CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in lines]
    return "\n".join(plain[-TAIL_LINES:]).rstrip("\n")
