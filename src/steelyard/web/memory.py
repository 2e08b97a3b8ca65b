"""The picture of memory: each process, the machine, each GPU, with the limits where they are near. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from steelyard.telemetry.story import Sample, Story
from steelyard.units import format_bytes
from steelyard.web.frame import DASHES, Option, Point, crossing, line, time_frame
from steelyard.web.series import thin

GIB = 2**30


def memory_chart(story: Story) -> Option:
    """GiB over time. A limit is drawn once half of it is in use; until then the picture shows what is used, at full height."""
    host = host_samples(story.samples)
    series = [line(name, _points(story, [(s, s.rss_bytes) for s in samples]), "var(--ink-2)", width=1.6, dash=DASHES[index % len(DASHES)])
              for index, (name, samples) in enumerate(by_process(story.samples).items())]
    series += [line(f"GPU {index}", _points(story, used), "var(--ink)", width=2.2, dash=DASHES[1 + position % (len(DASHES) - 1)])
               for position, (index, used) in enumerate(gpu_use(story.samples).items())]
    if host:
        series.append(line("machine, in use", _points(story, [(s, s.host_used_bytes) for s in host]), "var(--ink)", width=2.2))
    frame = time_frame("GiB", series, unit="GiB")
    top = max((y for points in series for _, y in points["data"] if y is not None), default=1.0)
    limits = [(round(size / GIB, 3), f"{name}: {format_bytes(size)}") for name, size in limits_of(story.samples) if size / GIB <= 2 * top]
    series[0]["markLine"] = crossing("yAxis", limits, "var(--bad)", "insideStartBottom")
    frame["yAxis"]["max"] = math.ceil(1.05 * max(size for size, _ in limits)) if limits else None
    return frame


def by_process(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Samples by process (`rank-0` over all its attempts), driver first, then ranks by number."""
    names = sorted({process_name(sample.writer) for sample in samples}, key=lambda name: (name != "driver", len(name), name))
    groups: dict[str, list[Sample]] = {name: [] for name in names}
    for sample in samples:
        groups[process_name(sample.writer)].append(sample)
    return groups


def process_name(writer: str) -> str:
    """`rank-0.2` (rank and attempt) is the process `rank-0`."""
    return writer.rpartition(".")[0] or writer


def host_samples(samples: Sequence[Sample]) -> list[Sample]:
    """How the machine is, as one process sees it: the driver, else the first rank that says so."""
    known = [[sample for sample in group if sample.host_total_bytes > 0] for group in by_process(samples).values()]
    return next((group for group in known if group), [])


def gpu_use(samples: Sequence[Sample]) -> dict[int, list[tuple[Sample, int]]]:
    """Bytes in use of each GPU, by index; a GPU that several processes report is taken from the first of them."""
    use: dict[int, list[tuple[Sample, int]]] = {}
    for group in by_process(samples).values():
        mine: dict[int, list[tuple[Sample, int]]] = {}
        for sample in group:
            for gpu in sample.gpus:
                if gpu.get("used_bytes") is not None:
                    mine.setdefault(int(gpu["index"]), []).append((sample, int(gpu["used_bytes"])))
        use = mine | use
    return dict(sorted(use.items()))


def limits_of(samples: Sequence[Sample]) -> list[tuple[str, int]]:
    """What there is: name and bytes of the machine's memory and of each GPU's."""
    gpus = {int(gpu["index"]): int(gpu["total_bytes"]) for sample in samples for gpu in sample.gpus if gpu.get("total_bytes")}
    host = max((sample.host_total_bytes for sample in samples), default=0)
    return [("machine", host)] * bool(host) + [(f"GPU {index}", size) for index, size in sorted(gpus.items())]


def _points(story: Story, values: Sequence[tuple[Sample, int]]) -> list[Point]:
    """Seconds since the command and GiB; a break where another process took over the name."""
    kept = thin(values, lambda pair: pair[1])
    points: list[Point] = []
    for previous, (sample, size) in zip([None, *kept], kept, strict=False):
        if previous is not None and previous[0].writer != sample.writer:
            points.append((round((previous[0].t + sample.t) / 2 - story.started, 2), None))
        points.append((round(sample.t - story.started, 2), round(size / GIB, 3)))
    return points
