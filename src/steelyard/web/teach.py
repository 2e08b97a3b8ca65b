"""What stands beside each picture: its title, its unit, and what to look at and why.

Pictures of a metric take their title and their explanation from the catalogue (`telemetry.panels`); those of several, or of none,
have theirs here. docs/dashboard.md says more; a test holds that it explains each panel.
"""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.telemetry import panels

LOOK = {panel.metric: panel.look for panel in panels.panels()}
TITLE = {panel.metric: panel.title for panel in panels.panels()}


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture's words. `unit` is that of the picture, which may be a finer one than the metric's."""

    key: str
    title: str
    unit: str
    teaches: str


def _of_metric(key: str, metric: str, unit: str) -> Panel:
    return Panel(key, TITLE[metric], unit, LOOK[metric])


PANELS = {panel.key: panel for panel in (
    Panel("findings", "Findings", "",
          "Each says what was seen and what to do next. Take them from the top: what stands first costs most."),
    _of_metric("loss", "steelyard_train_loss", "nats per token, for a language model"),
    _of_metric("split", "steelyard_train_step_part_seconds_total", "time per step"),
    _of_metric("goodput", "steelyard_run_goodput_ratio", "share of the run's life"),
    _of_metric("speed", "steelyard_train_tokens_per_second", "tokens per second, all ranks"),
    Panel("memory", "Memory", "GiB",
          "Each process should level off after the first steps: a line that keeps climbing ends in an out-of-memory kill. A dashed line is "
          "the limit; it is drawn once half of it is in use."),
    Panel("timeline", "The run's life", "time since the command",
          "What follows the last checkpoint is what a restart loses: marks far apart mean more to do again, close together more time spent "
          "saving. One restart in a long run is weather; several at the same step are a fault of the data or the script."),
    Panel("startup", "Start-up", "time since the command",
          "Nothing is learnt before the first step, and each restart pays for this again. The longest bar is the one to shorten."),
    Panel("log", "Log", "last lines",
          "When a run stops without a word, the last lines say why. Rank 0 speaks for the training, the driver for starts and restarts."),
)}
"""Every panel of the Run page by its key, in the order of the page."""

ADVICE = {
    "start-up": "a longer run makes its share small",
    "data": "more or faster loading",
    "checkpoint": "save less often",
    "restore": "smaller or nearer checkpoints",
    "wasted": "save more often",
    "recovery": "find out why workers were lost",
}
"""What makes a loss of goodput smaller; its meaning is in `telemetry.goodput.LOSSES`."""
