"""What stands beside each picture: its title, its unit, and what to look at and why.

docs/dashboard.md says the same at more length; a test holds that it explains each panel.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture's words. `unit` is empty where the picture has several."""

    key: str
    title: str
    unit: str
    teaches: str


PANELS = {panel.key: panel for panel in (
    Panel("loss", "Loss", "nats per token",
          "Look for a steep fall that flattens: that is learning. A jump that stays means the learning rate is too high or a batch is bad; "
          "flat from the first step means nothing is being learnt."),
    Panel("split", "Where a step's time goes", "time per step",
          "Compute should fill most of the height. A thick data band means the loader cannot keep up; a thick communication band means "
          "the workers wait for each other, so make the batch larger or use fewer of them."),
    Panel("speed", "Speed", "tokens per second",
          "It should be level. A slow sink points to memory or heat, regular dips to checkpoints, single dips to the data or to another "
          "program on this machine."),
    Panel("memory", "Memory", "GiB",
          "It should be level after the first steps. A line that keeps rising is a leak; one that nears the dashed limit ends in a kill, "
          "so make the batch or the sequence smaller first."),
    Panel("goodput", "Goodput", "share of the run's life",
          "The share of the paid time that moved the model forward. In a short run start-up dominates; in a long one look at what is lost "
          "to checkpoints and to work done again."),
    Panel("timeline", "The run's life", "time since the command",
          "Work that follows the last checkpoint is what a restart loses: marks far apart mean more to do again, marks close together "
          "mean more time spent saving."),
    Panel("startup", "Start-up", "time since the command",
          "Nothing is learnt before the first step, and each restart pays for this again. The longest bar is the one to shorten."),
    Panel("findings", "Findings", "",
          "Each names what was seen and what to do next. Work on the first one first: it costs the most."),
    Panel("log", "Log", "last lines",
          "When a run stops without a word, the last lines say why. Rank 0 speaks for the training, the driver for its start and restarts."),
)}
"""Every panel of the Run page by its key, in the order of the page's explanation."""

ADVICE = {
    "start-up": "a longer run makes its share small",
    "data": "more or faster loading",
    "checkpoint": "save less often",
    "restore": "smaller or nearer checkpoints",
    "wasted": "save more often",
    "recovery": "find out why workers were lost",
}
"""What makes a loss of goodput smaller; its meaning is in `telemetry.goodput.LOSSES`."""
