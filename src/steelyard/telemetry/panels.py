"""The panels of a run's page: which metric, under what title, and what to look at. The dashboard draws them."""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.telemetry.catalog import BY_NAME, Unit


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of the dashboard. `metric` is a name of the catalogue; `look` says what to look at and why, in a sentence or two."""

    title: str
    unit: Unit
    metric: str
    look: str


def panels() -> tuple[Panel, ...]:
    """Every panel, in the order of the page."""
    return _PANELS


def _panel(title: str, metric: str, look: str) -> Panel:
    return Panel(title, BY_NAME[metric].unit, metric, look)


_PANELS = (
    _panel("Loss", "steelyard_train_loss",
           "It should fall quickly, then ever more slowly. A flat line from the start means that the learning rate is too low or the data"
           " does not fit; a jump upwards, that it is too high. After a restart it goes on where the checkpoint was."),
    _panel("Step time by part", "steelyard_train_step_part_seconds_total",
           "Compute should be the largest part by far. Data means that the processors wait for input; communication, that they wait for"
           " each other; checkpoint, that training stands still to be saved."),
    _panel("Tokens per second", "steelyard_train_tokens_per_second",
           "The speed of the whole run. It should be level after the first steps; if it sinks, the step's parts say where the time went."),
    _panel("Model FLOP/s utilisation", "steelyard_train_mfu_ratio",
           "How much of the devices' peak the model's own arithmetic takes. 40% to 60% is good for large models on recent GPUs; "
           "a small model on a large device stays far below."),
    _panel("Goodput", "steelyard_run_goodput_ratio",
           "The share of the run's life that moved the training forward. The rest is listed by kind: in a short run mostly start-up, "
           "in a long one mostly failures and checkpoints."),
    _panel("Time lost", "steelyard_run_lost_seconds",
           "The largest kind is the one to work on. Wasted time shrinks with more frequent checkpoints, checkpoint time with rarer ones."),
    _panel("Restarts", "steelyard_run_restarts_total",
           "Each is a loss of workers. One in a long run is weather; several at the same step are a fault of the data or the script."),
    _panel("Memory of the workers", "steelyard_process_rss_bytes",
           "It should level off after the first steps. A line that keeps climbing ends in an out-of-memory kill."),
    _panel("Memory of the host", "steelyard_host_memory_used_bytes",
           "What all processes of the machine use together. Near its total the machine swaps or kills."),
    _panel("GPU memory", "steelyard_gpu_memory_used_bytes",
           "Room below the total can become a larger batch. Level is healthy; climbing means that something is kept from step to step."),
    _panel("GPU utilisation", "steelyard_gpu_utilisation_ratio",
           "Low means that the GPU waits for data or for the others. High only says that some kernel ran, not that it ran"
           " well: see the FLOP/s utilisation."),
    _panel("Cost so far", "steelyard_run_cost_dollars", "Price of the machine times the run's life; a dash where no price is known."),
)
