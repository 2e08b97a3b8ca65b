"""The metric catalogue: every metric that Steelyard exposes, once. Instruments, documentation and panels come from it.

Names follow Prometheus: base units, `_total` for what only grows, no label whose values are without bound. All carry
`run`. A metric whose value is not known has no sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Unit = Literal["seconds", "bytes", "ratio", "tokens", "steps", "dollars", ""]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `emitted_by`: who measures it; `source`: the fields of events that it is made of."""

    name: str
    unit: Unit
    kind: Kind
    help: str
    labels: tuple[str, ...]
    emitted_by: str
    source: str


STEP_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of `steelyard_train_step_seconds`, in seconds."""

RUN = ("run",)
RANK = ("run", "rank")
GPU = ("run", "rank", "gpu")

METRICS = (
    Metric("steelyard_run_info", "", "gauge", "Always 1; says of what workload and team the run is.",
           ("run", "workload", "team"), "driver", "run.start"),
    Metric("steelyard_run_status", "", "gauge", "1 for the status that the run has, 0 for the others.",
           ("run", "status"), "driver", "run.start, step, attempt.lost, stop.request, run.end"),
    Metric("steelyard_run_life_seconds", "seconds", "gauge", "How long the run's driver has lived, over all its lives.",
           RUN, "driver", "run.start, run.end"),
    Metric("steelyard_run_productive_seconds", "seconds", "gauge",
           "Life that went to computing, communicating and optimizing in steps that count. Falls when such steps are lost.",
           RUN, "rank 0", "step: compute_us, communication_us, optimizer_us"),
    Metric("steelyard_run_lost_seconds", "seconds", "gauge", "Life that went elsewhere, by kind; with the productive time it is the life.",
           ("run", "kind"), "driver, rank 0", "all"),
    Metric("steelyard_run_goodput_ratio", "ratio", "gauge", "Productive share of the life.", RUN, "driver, rank 0", "all"),
    Metric("steelyard_run_restarts_total", "", "counter", "How often workers were started again after some were lost.",
           RUN, "driver", "attempt.lost, attempt.start"),
    Metric("steelyard_run_cost_dollars", "dollars", "gauge",
           "Price of the machine times the life; absent without a price. The ledger holds the exact sum.",
           RUN, "driver", "run.start: price_micro_hour"),
    Metric("steelyard_run_findings", "", "gauge", "Findings so far, by rule.", ("run", "rule", "severity"), "driver, rank", "finding"),
    Metric("steelyard_train_step", "steps", "gauge", "The last optimizer step that ended.", RUN, "rank 0", "step: step"),
    Metric("steelyard_train_goal_steps", "steps", "gauge", "The step at which the training is done.", RUN, "rank 0", "train.start: steps"),
    Metric("steelyard_train_step_seconds", "seconds", "histogram", "Time of an optimizer step, from the end of the one before.",
           RUN, "rank 0", "step: duration_us"),
    Metric("steelyard_train_step_part_seconds_total", "seconds", "counter", "Time of steps by part; the parts sum to the steps.",
           ("run", "part"), "rank 0", "step: data_us, compute_us, communication_us, optimizer_us, checkpoint_us, other_us"),
    Metric("steelyard_train_loss", "", "gauge", "Loss of the last step whose loss was looked at.", RUN, "rank 0", "step: loss"),
    Metric("steelyard_train_tokens_total", "tokens", "counter", "Tokens trained on by all ranks, those of lost steps included.",
           RUN, "rank 0", "step: tokens"),
    Metric("steelyard_train_tokens_per_second", "tokens", "gauge", "Tokens of all ranks a second, over the last 20 steps.",
           RUN, "rank 0", "step: tokens, duration_us"),
    Metric("steelyard_train_mfu_ratio", "ratio", "gauge",
           "Model FLOP/s utilisation over the last 20 steps; absent where the device's peak is not known.",
           RUN, "rank 0", "step: tokens, duration_us; train.start: flops_per_token, peak_flops"),
    Metric("steelyard_train_data_read_bytes_total", "bytes", "counter", "Training data read by all ranks.",
           RUN, "rank 0", "step: data_bytes"),
    Metric("steelyard_train_recorder_seconds_total", "seconds", "counter", "CPU time that telemetry itself took inside steps.",
           RUN, "rank 0", "step: recorder_us"),
    Metric("steelyard_train_wasted_steps", "steps", "gauge", "Steps whose work was lost.", RUN, "rank 0", "step, checkpoint, attempt.lost"),
    Metric("steelyard_train_checkpoints_total", "", "counter", "Checkpoints written.", RUN, "rank 0", "checkpoint"),
    Metric("steelyard_train_checkpoint_seconds_total", "seconds", "counter", "Time of writing checkpoints.",
           RUN, "rank 0", "checkpoint: duration_us"),
    Metric("steelyard_train_checkpoint_bytes", "bytes", "gauge", "Size of the last checkpoint.", RUN, "rank 0", "checkpoint: bytes"),
    Metric("steelyard_train_startup_phase_seconds", "seconds", "gauge",
           "Time of each phase of the last start, of the driver and of rank 0.",
           ("run", "phase"), "driver, rank 0", "phase: start, t"),
    Metric("steelyard_train_first_step_seconds", "seconds", "gauge", "From the command to the end of the first step.",
           RUN, "driver, rank 0", "run.start, step"),
    Metric("steelyard_process_rss_bytes", "bytes", "gauge", "Resident memory of a rank's process.", RANK, "rank", "sample: rss_bytes"),
    Metric("steelyard_process_cpu_seconds_total", "seconds", "counter", "CPU time of a rank's processes, over all attempts.",
           RANK, "rank", "sample: cpu_seconds"),
    Metric("steelyard_host_memory_used_bytes", "bytes", "gauge", "Memory in use on the host of a rank, by whomever.",
           RANK, "rank", "sample: host_used_bytes"),
    Metric("steelyard_host_memory_total_bytes", "bytes", "gauge", "Memory of the host of a rank.",
           RANK, "rank", "sample: host_total_bytes"),
    Metric("steelyard_gpu_memory_used_bytes", "bytes", "gauge", "Memory in use on a GPU of a rank, by whomever.",
           GPU, "rank", "sample: gpus.used_bytes"),
    Metric("steelyard_gpu_memory_total_bytes", "bytes", "gauge", "Memory of a GPU of a rank.", GPU, "rank", "sample: gpus.total_bytes"),
    Metric("steelyard_gpu_utilisation_ratio", "ratio", "gauge",
           "Share of time in which a kernel ran on the GPU, however few of its processors it used. Absent for a MIG device.",
           GPU, "rank", "sample: gpus.utilisation"),
    Metric("steelyard_exporter_success", "", "gauge", "1 if this scrape could read the run, else 0 and nothing else is there.",
           (), "exporter", "-"),
)

BY_NAME = {metric.name: metric for metric in METRICS}
