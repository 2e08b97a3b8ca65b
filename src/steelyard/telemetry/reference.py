"""Writes the reference of metrics: `python -m steelyard.telemetry.reference docs/reference/metrics.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from steelyard.telemetry.catalog import METRICS, STEP_BUCKETS, Metric
from steelyard.telemetry.goodput import LOSSES

HEAD = """# Metrics: reference

Generated from `steelyard/telemetry/catalog.py` by `python -m steelyard.telemetry.reference docs/reference/metrics.md`;
do not edit. What they are for: [metrics.md](../metrics.md).
"""


def reference() -> str:
    """The page, as Markdown."""
    rows = "\n".join(f"- `{kind}`: {text}" for kind, text in LOSSES.items())
    buckets = ", ".join(f"{bound:g}" for bound in STEP_BUCKETS)
    tail = f"## Kinds of lost time\n\n{rows}\n\n## Buckets of step time\n\nUpper bounds in seconds: {buckets}, and infinity.\n"
    return "\n".join([HEAD, *(_section(metric) for metric in METRICS), tail])


def _section(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
    facts = (metric.kind, f"unit: {metric.unit or 'none'}", f"labels: {labels}",
             f"measured by: {metric.emitted_by}", f"from: {metric.source}")
    return f"### `{metric.name}`\n\n{metric.help}\n\n" + "\n".join(f"- {fact}" for fact in facts) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference())
