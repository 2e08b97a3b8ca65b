"""The step recorder: what a training loop uses to say where the time of each step went. Runs inside every worker.

    recorder = StepRecorder(writer)
    for step, batch in enumerate(batches, start=1):
        recorder.mark("data")
        loss = forward_and_backward(batch)
        recorder.mark("compute")
        optimizer.step()
        recorder.mark("optimizer")
        recorder.end_step(step, loss, tokens, data_bytes)

`mark` says what the time since the last mark was spent on; what nobody marked is `other`. Marks are cheaper than nested
blocks, and leave no time between them: the parts are whole microseconds and sum to the step exactly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from steelyard.telemetry.events import STEP_PARTS, EventWriter

FLUSH_EVERY_US = 200_000
"""Shorter steps are written together, so that a kill loses no more than this much of them."""


def no_background() -> int:
    """No other thread measures anything."""
    return 0


class StepRecorder:
    """Measures the steps of one rank and writes a `step` event for each.

    The first step begins when the recorder is made; call `begin` when the loop starts later. `background` gives the CPU
    nanoseconds that other telemetry threads of this process have used so far, which count as the recorder's own.
    """

    def __init__(self, writer: EventWriter, clock: Callable[[], int] = time.perf_counter_ns, wall: Callable[[], float] = time.time,
                 *, cpu: Callable[[], int] = time.thread_time_ns, background: Callable[[], int] = no_background) -> None:
        self._writer, self._clock, self._wall, self._cpu, self._background = writer, clock, wall, cpu, background
        self._lines: list[bytes] = []
        self._told_bad_loss = False
        self._flushed_us = clock() // 1000
        self.begin()

    def begin(self) -> None:
        """The next step starts now."""
        self._end_us = self._at_us = self._clock() // 1000
        self._parts = dict.fromkeys(STEP_PARTS, 0)
        self._own_ns = -self._background()

    def mark(self, part: str) -> None:
        """The time since the last mark went to `part`, one of `STEP_PARTS`."""
        cpu = self._cpu()
        now = self._clock() // 1000
        self._parts[part] += now - self._at_us
        self._at_us = now
        self._own_ns += self._cpu() - cpu

    def move(self, source: str, target: str, spent_us: int) -> None:
        """Up to `spent_us` of this step's `source` were `target`: for a part that is known only afterwards."""
        moved = max(0, min(spent_us, self._parts[source]))
        self._parts[source] -= moved
        self._parts[target] += moved

    def saving(self, step: int, loss: float | None, tokens: int, data_bytes: int = 0) -> None:
        """A checkpoint of this step is about to be kept. Tell of the step now: nobody may live to tell of it when it is over."""
        self._keep("step.saving", self._clock() // 1000, step, loss, tokens, data_bytes)
        self.flush()

    def end_step(self, step: int, loss: float | None, tokens: int, data_bytes: int = 0) -> None:
        """The step is over. `tokens` and `data_bytes` are this rank's; a loss of None was not looked at."""
        cpu = self._cpu()
        now = self._clock() // 1000
        self._tell_bad(step, loss)
        self._keep("step", now, step, loss, tokens, data_bytes)
        self._end_us = self._at_us = now
        self._parts = dict.fromkeys(STEP_PARTS, 0)
        self._own_ns = -self._background()
        if now - self._flushed_us >= FLUSH_EVERY_US:
            self.flush()
            self._flushed_us = now
        self._own_ns += self._cpu() - cpu

    def _keep(self, kind: str, now: int, step: int, loss: float | None, tokens: int, data_bytes: int) -> None:
        """Hold a line with the step's parts until `now`; what nobody marked since the last mark is `other`."""
        parts = self._parts | {"other": self._parts["other"] + now - self._at_us}
        self._lines.append(self._writer.line(kind, self._wall(), {
            "step": step, "duration_us": now - self._end_us, **{f"{part}_us": spent for part, spent in parts.items()},
            "loss": loss if loss is not None and math.isfinite(loss) else None, "tokens": tokens, "data_bytes": data_bytes,
            "recorder_us": (self._own_ns + self._background()) // 1000,
        }))

    def flush(self) -> None:
        """Write what is held back. Call it when the loop ends, and before anything that may take long."""
        if self._lines:
            self._writer.append(b"".join(self._lines))
            self._lines.clear()

    def _tell_bad(self, step: int, loss: float | None) -> None:
        """NaN and infinity, which JSON cannot hold, are told once as a finding."""
        if self._told_bad_loss or loss is None or math.isfinite(loss):
            return
        self._told_bad_loss = True
        self._writer.write(
            "finding", rule="loss-not-finite", severity="error", object="loss", message=f"the loss of step {step} is {loss}",
            evidence="from here on the weights hold no number", next_step="lower the learning rate, or clip gradients")
