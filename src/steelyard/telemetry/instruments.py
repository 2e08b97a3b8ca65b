"""From a story to metric families of prometheus-client, by the catalogue. What is not known has no sample."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from steelyard.telemetry.catalog import METRICS, STEP_BUCKETS, Metric
from steelyard.telemetry.records import Sample, Status, Story

Reading = tuple[tuple[str, ...], float]
"""Values of the labels after `run`, and the value."""


def families(stories: Iterable[Story]) -> Iterator[Family]:
    """Every metric of the catalogue that has at least one known value among `stories`."""
    told = tuple(stories)
    for metric in METRICS:
        if metric.name == "steelyard_train_step_seconds":
            family: Family = step_histogram(metric, told)
        elif metric.name in READINGS:
            family = _family(metric, told)
        else:
            continue
        if family.samples:
            yield family


def _family(metric: Metric, stories: Iterable[Story]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for story in stories:
        for labels, value in READINGS[metric.name](story):
            family.add_metric((story.run, *labels), value)
    return family


def step_histogram(metric: Metric, stories: Iterable[Story]) -> Family:
    """The steps' durations in buckets, those of lost steps included."""
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for story in stories:
        counts = Counter(bisect_left(STEP_BUCKETS, row.duration_us / 1e6) for row in story.steps)
        buckets, so_far = [], 0
        for index, bound in enumerate((*map(str, STEP_BUCKETS), "+Inf")):
            so_far += counts[index]
            buckets.append((bound, float(so_far)))
        if story.steps:
            family.add_metric((story.run,), buckets, sum_value=sum(row.duration_us for row in story.steps) / 1e6)
    return family


def one(value: float | None) -> Iterator[Reading]:
    """A metric without labels of its own."""
    if value is not None:
        yield (), value


def _status(story: Story) -> Iterator[Reading]:
    return (((status,), float(status == story.status)) for status in get_args(Status))


def _parts(story: Story) -> Iterator[Reading]:
    spent: Counter[str] = Counter()
    for row in story.steps:
        spent.update(row.parts_us)
    return (((part,), value / 1e6) for part, value in spent.items())


def _losses(story: Story) -> Iterator[Reading]:
    return (((kind,), value / 1e6) for kind, value in story.goodput.losses_us.items())


def _findings(story: Story) -> Iterator[Reading]:
    counts = Counter((finding.rule, finding.severity) for finding in story.findings)
    return ((labels, float(count)) for labels, count in sorted(counts.items()))


def _phases(story: Story) -> Iterator[Reading]:
    last = {phase.name: phase for phase in story.phases if phase.writer == "driver" or phase.writer.startswith("rank-0.")}
    return (((name,), phase.end - phase.start) for name, phase in last.items())


def _cost(story: Story) -> Iterator[Reading]:
    price = story.price_micro_hour
    return one(None if price is None else price * story.goodput.life_us / 3_600_000_000 / 1_000_000)


def _last_loss(story: Story) -> Iterator[Reading]:
    return one(next((row.loss for row in reversed(story.steps) if row.loss is not None), None))


def _tokens(story: Story) -> Iterator[Reading]:
    return one(sum(row.tokens for row in story.steps) if story.steps else None)


def _data(story: Story) -> Iterator[Reading]:
    return one(sum(row.data_bytes for row in story.steps) if story.steps else None)


def _recorder(story: Story) -> Iterator[Reading]:
    return one(sum(row.recorder_us for row in story.steps) / 1e6 if story.steps else None)


def _checkpoint_seconds(story: Story) -> Iterator[Reading]:
    return one(sum(event["duration_us"] for event in story.checkpoints) / 1e6)


def _checkpoint_bytes(story: Story) -> Iterator[Reading]:
    return one(story.checkpoints[-1].get("bytes") if story.checkpoints else None)


def last_samples(story: Story) -> dict[str, Sample]:
    """Of each rank its last sample; of a run that is over none, since nothing is used any more."""
    if story.ended is not None:
        return {}
    return {rank_name(sample.writer): sample for sample in story.samples}


def rank_name(writer: str) -> str:
    """`0` of `rank-0.2`."""
    return writer.removeprefix("rank-").partition(".")[0]


def of_sample(read: Callable[[Sample], float]) -> Callable[[Story], Iterator[Reading]]:
    """A metric of the last sample of each rank."""
    return lambda story: (((rank,), read(sample)) for rank, sample in last_samples(story).items())


def of_gpu(field: str) -> Callable[[Story], Iterator[Reading]]:
    """A metric of each GPU in the last sample of each rank, where the GPU told it."""
    return lambda story: (((rank, f"{gpu['index']:.0f}"), gpu[field])
                          for rank, sample in last_samples(story).items() for gpu in sample.gpus if field in gpu)


def _cpu(story: Story) -> Iterator[Reading]:
    return (((rank,), seconds) for rank, seconds in story.cpu_seconds_by_rank.items())


READINGS: dict[str, Callable[[Story], Iterator[Reading]]] = {
    "steelyard_run_info": lambda story: iter([((story.workload, story.team or ""), 1.0)]),
    "steelyard_run_status": _status,
    "steelyard_run_life_seconds": lambda story: one(story.goodput.life_us / 1e6),
    "steelyard_run_productive_seconds": lambda story: one(story.goodput.productive_us / 1e6),
    "steelyard_run_lost_seconds": _losses,
    "steelyard_run_goodput_ratio": lambda story: one(story.goodput.ratio),
    "steelyard_run_restarts_total": lambda story: one(sum(attempt.lost is not None for attempt in story.attempts[:-1])),
    "steelyard_run_cost_dollars": _cost,
    "steelyard_run_findings": _findings,
    "steelyard_train_step": lambda story: one(story.steps[-1].step if story.steps else None),
    "steelyard_train_goal_steps": lambda story: one(story.goal_steps),
    "steelyard_train_step_part_seconds_total": _parts,
    "steelyard_train_loss": _last_loss,
    "steelyard_train_tokens_total": _tokens,
    "steelyard_train_tokens_per_second": lambda story: one(story.tokens_per_second),
    "steelyard_train_mfu_ratio": lambda story: one(story.mfu),
    "steelyard_train_data_read_bytes_total": _data,
    "steelyard_train_recorder_seconds_total": _recorder,
    "steelyard_train_wasted_steps": lambda story: one(story.wasted_steps),
    "steelyard_train_checkpoints_total": lambda story: one(len(story.checkpoints)),
    "steelyard_train_checkpoint_seconds_total": _checkpoint_seconds,
    "steelyard_train_checkpoint_bytes": _checkpoint_bytes,
    "steelyard_train_startup_phase_seconds": _phases,
    "steelyard_train_first_step_seconds": lambda story: one(story.first_step_after),
    "steelyard_process_rss_bytes": of_sample(lambda sample: sample.rss_bytes),
    "steelyard_process_cpu_seconds_total": _cpu,
    "steelyard_host_memory_used_bytes": of_sample(lambda sample: sample.host_used_bytes),
    "steelyard_host_memory_total_bytes": of_sample(lambda sample: sample.host_total_bytes),
    "steelyard_gpu_memory_used_bytes": of_gpu("used_bytes"),
    "steelyard_gpu_memory_total_bytes": of_gpu("total_bytes"),
    "steelyard_gpu_utilisation_ratio": of_gpu("utilisation"),
}
