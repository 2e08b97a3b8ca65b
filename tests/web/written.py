"""Runs written as the runtime writes them, in virtual time: what the tests of the dashboard read."""

from __future__ import annotations

import itertools
import json
import math
import random
from dataclasses import dataclass, field
from pathlib import Path

from steelyard.local.store import RunFolder
from steelyard.telemetry.events import EventWriter

MIB = 2**20
PHASES = (("check", 0.0, 2.1, "driver"), ("cluster", 2.1, 9.4, "driver"), ("workers", 9.4, 16.0, "driver"),
          ("imports", 16.0, 24.5, "rank-0.1"), ("data", 24.5, 25.4, "rank-0.1"), ("model", 25.4, 26.8, "rank-0.1"))


@dataclass(slots=True)
class Writing:
    """Writes a run's events. `t` is its clock; each method moves it on."""

    run: RunFolder
    t: float
    goal: int = 200
    workers: int = 2
    price: int | None = None
    team: str | None = "research"
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    writers: dict[str, EventWriter] = field(default_factory=dict)
    attempt: int = 1
    step_number: int = 0
    cpu: float = 0.0

    def write(self, writer: str, kind: str, **fields: object) -> None:
        if writer not in self.writers:
            self.writers[writer] = EventWriter(self.run.path / "events", self.run.name, writer, self.attempt, clock=lambda: self.t)
        self.writers[writer].write(kind, **fields)

    def ranks(self) -> list[str]:
        return [f"rank-{rank}.{self.attempt}" for rank in range(self.workers)]

    def start(self, *, phases: bool = True) -> None:
        began = self.t
        (self.run.path / "run.json").write_text(json.dumps({"run": self.run.name}))
        self.write("driver", "run.start", workload=self.run.workload, team=self.team, pid=1, resumed=False, workers=self.workers,
                   price_micro_hour=self.price)
        for name, start, end, writer in PHASES if phases else ():
            self.t = began + end
            self.write(writer, "phase", name=name, start=began + start)
        self.train()

    def train(self) -> None:
        self.write("driver", "attempt.start", from_step=self.step_number)
        for rank, writer in enumerate(self.ranks()):
            self.write(writer, "worker.start", rank=rank, world=self.workers, pid=100 + rank, host="here")
        self.write(self.ranks()[0], "train.start", start_step=self.step_number, steps=self.goal, parameters=1_853_568, tokens_per_step=4096,
                   flops_per_token=None, peak_flops=None)

    def step(self, *, save: bool = False, data_ms: float = 5.0) -> None:
        self.step_number += 1
        noise = self.chance.uniform(0.94, 1.1) * (4.0 if self.step_number == 1 else 1.0)
        parts = {"compute": 255 * noise, "communication": 48 * noise * self.chance.uniform(0.7, 1.5), "optimizer": 14 * noise,
                 "data": data_ms * self.chance.uniform(0.6, 1.6), "checkpoint": 140.0 if save else 0.0, "other": 4.0}
        micros = {f"{name}_us": int(ms * 1000) for name, ms in parts.items()}
        self.t += sum(micros.values()) / 1e6
        loss = 1.6 + 3.95 * math.exp(-self.step_number / 45) + self.chance.uniform(-0.08, 0.08)
        for writer in self.ranks():
            self.write(writer, "step", step=self.step_number, duration_us=sum(micros.values()), loss=round(loss, 4),
                       tokens=4096 // self.workers, data_bytes=4096, recorder_us=40, **micros)
        if save:
            path = f"checkpoints/step-{self.step_number:06}"
            self.write(self.ranks()[0], "checkpoint", step=self.step_number, duration_us=140_000, bytes=22 * MIB, path=path)
        if self.step_number % 4 == 1:
            self.sample()

    def sample(self, gpus: int = 0) -> None:
        self.cpu += 1.3
        held = {index: (30 + 5 * index) * 2**30 for index in range(gpus)}
        for index, writer in enumerate(["driver", *self.ranks()]):
            grown = int(min(self.step_number, 20) * 9 * MIB) if index else 0
            self.write(writer, "sample", rss_bytes=(420 + 640 * bool(index)) * MIB + grown + index * 17 * MIB, cpu_seconds=self.cpu,
                       host_used_bytes=6200 * MIB + 2 * grown, host_total_bytes=24 * 1024 * MIB,
                       gpus=[{"index": i, "used_bytes": used, "total_bytes": 80 * 2**30, "utilisation": 0.9} for i, used in held.items()])

    def steps(self, count: int, *, save_each: int = 40, data_ms: float = 5.0) -> None:
        for _ in range(count):
            self.step(save=(self.step_number + 1) % save_each == 0, data_ms=data_ms)

    def lose(self, saved_step: int, *, after: float = 22.0) -> None:
        """A worker dies now; `after` seconds later the group is there again, at `saved_step`."""
        self.t += 0.2
        self.write("driver", "attempt.lost", cause="worker 1 was killed (signal 9)", step=self.step_number)
        self.t += after
        self.attempt += 1
        for writer in self.writers.values():
            writer.close()
        self.writers.clear()
        self.step_number = saved_step
        self.train()
        self.write(self.ranks()[0], "restore", step=saved_step, duration_us=600_000)

    def find(self) -> None:
        self.write("driver", "finding", rule="data-starved", severity="warning", object=self.run.name,
                   message="62% of the step is data wait: 2 workers read 40 MB/s from one disk",
                   evidence="steps 60-80: data 540 ms of 870 ms, 21 MB a step",
                   next_step="raise the number of loader processes, or convert the data to Parquet")

    def end(self, status: str = "done", reason: str = "") -> None:
        self.t += 3.4
        self.write("driver", "run.end", status=status, reason=reason, step=self.step_number)
        self.close()

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()
        self.writers.clear()

    def log(self, writer: str, *lines: str) -> None:
        path = self.run.path / "logs" / f"{writer}.log"
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)


def folder(root: Path, name: str) -> RunFolder:
    """An empty run folder."""
    path = root / name
    path.mkdir(parents=True)
    return RunFolder(path)


def finished(root: Path, name: str = "ray-training-1", *, t: float = 1_700_000_000.0, price: int | None = None) -> Writing:
    """A run of 200 steps that ended well."""
    writing = Writing(folder(root, name), t, price=price)
    writing.start()
    writing.steps(200)
    writing.end(reason="all 200 steps")
    return writing


def killed(root: Path, name: str = "ray-training-2", *, t: float = 1_700_000_000.0) -> Writing:
    """A run that lost a worker at step 95 and went on from step 80; not ended."""
    writing = Writing(folder(root, name), t, price=480_000)
    writing.start()
    writing.steps(95)
    writing.lose(80)
    return writing


def long(root: Path, name: str = "long-1", *, steps: int = 3000) -> Writing:
    """A run with more steps than a picture has pixels, and one slow step among them."""
    writing = Writing(folder(root, name), 1_700_000_000.0, goal=steps)
    writing.start()
    for number in itertools.count(1):
        writing.step(data_ms=9000.0 if number == steps // 2 else 5.0)
        if number == steps:
            return writing
    return writing
