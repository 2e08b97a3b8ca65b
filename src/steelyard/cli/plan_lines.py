"""A placement of a plan, for people: the answer first, one line a thought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from steelyard.cli.output import text
from steelyard.planning import Choice
from steelyard.planning.batch import BatchOption
from steelyard.planning.cluster import ClusterPlan
from steelyard.planning.option import HOURS_PER_MONTH, UNKNOWN, OfferOptions, Placement, distance, order
from steelyard.planning.placements import AnyOption, AnyPlacement
from steelyard.planning.plain import PlainOption
from steelyard.planning.serving import Replica, ServeOption, in_precision, milliseconds
from steelyard.planning.training import START, TrainOption, words
from steelyard.sizing.distributed import total
from steelyard.sizing.loading import whole
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import GIB
from steelyard.units import format_bytes, format_duration, format_money

BAR = 64
"""Characters of the memory of one device."""
VOWELS = "AHLR"
"""First letters of cards that are spoken with a vowel: an L4, an RTX."""
LONG = 10_000_000
"""Microseconds from which a latency is told in seconds."""
SHOWN, MOST_REFUSED = 3, 2
"""Alternatives without `-o wide`."""
MICRO = 1_000_000


def placement_lines(placement: AnyPlacement, plan: ClusterPlan, *, wide: bool, sources: bool) -> Iterator[str]:
    """One workload that has been placed, with what it shares with others of the plan."""
    chosen, workload = placement.chosen, placement.workload
    assert chosen is not None  # noqa: S101  (what was refused is told as a finding)
    team = f"   team {workload.team}" if workload.team else ""
    model = "" if isinstance(chosen, PlainOption) else f"   {chosen.need.model.name}"
    yield f"{workload.name}   {workload.kind}{model}{team}"
    yield from chosen_lines(chosen)
    if shared := sharing(placement, plan):
        yield labelled("shares", shared)
    yield from others_lines(placement, chosen, wide=wide)
    if isinstance(chosen, ServeOption) and chosen.replica.quantization != "none" and "none" in chosen.need.quantizations:
        yield labelled("instead", in_16_bits(cast("Placement[ServeOption]", placement)))
    for number, assumption in enumerate(placement.assumed):
        yield labelled("assumed" if number == 0 else "", f"{assumption.taken}   ({assumption.otherwise})")
    if sources:
        yield from source_lines(chosen)


def chosen_lines(option: AnyOption) -> Iterator[str]:
    """What was chosen, by kind of workload."""
    if isinstance(option, ServeOption):
        yield from serve_lines(option)
    elif isinstance(option, TrainOption):
        yield from train_lines(option)
    elif isinstance(option, BatchOption):
        yield from batch_lines(option)
    else:
        yield from plain_lines(option)


def choice_lines(choice: Choice) -> Iterator[str]:
    """A training on this machine."""
    layout, offer = choice.layout, choice.offer
    on = f"{layout.workers} x {offer.gpus[0]}" if choice.gpus_per_worker else f"{choice.cpus_per_worker * layout.workers} CPUs"
    yield f"{choice.workload.name}   {choice.workload.kind}   {choice.workload.model or choice.workload.recipe}   on this machine"
    parts = " + ".join(f"{name} {format_bytes(figure.likely)}" for name, figure in layout.memory.items())
    whole = layout.memory_per_worker
    of = offer.gpu_memory if choice.gpus_per_worker else offer.memory
    told = "not known: it is your own script"
    if whole:
        told = f"{parts} = {format_bytes(whole.likely)} ({format_bytes(whole.low)} to {format_bytes(whole.high)})"
    yield labelled("needs", f"each worker: {told}; there are {format_bytes(of)}")
    batch = f"batch {layout.batch} of {layout.sequence:,} tokens"
    yield labelled("as", f"{count(layout.workers, 'worker')} on {on}, {batch}, {layout.precision}")
    yield labelled("costs", f"{format_money(offer.price_micro_hour)}/h   from {offer.price_source}" if offer.price_micro_hour is not None
                   else "-   (no price for this machine)")  # fmt: skip


def sharing(placement: AnyPlacement, plan: ClusterPlan) -> str:
    """With whom the workload is on the same nodes, and what its devices are of their price."""
    chosen, name = placement.chosen, placement.workload.name
    group = next((one for one in plan.nodes if name in one.workloads and len(one.workloads) > 1), None)
    if group is None or chosen is None:
        return ""
    others = ", ".join(one for one in group.workloads if one != name)
    share = chosen.devices / (group.count * group.offer.devices)
    price = format_money(round(share * group.price_micro_hour))
    whole = format_money(group.price_micro_hour)
    return f"{group.count} x {group.offer} with {others}; its {count(chosen.devices, 'device')} are {price}/h of {whole}/h"


def labelled(label: str, line: str) -> str:
    return f"  {label:<10}{line}"


def serve_lines(option: ServeOption) -> Iterator[str]:
    replica, need = option.replica, option.need
    answer = option.answer
    assert answer is not None  # noqa: S101
    yield from replica_lines(replica)
    limits = [f"{name} {milliseconds(limit)}" for name, limit in (("TTFT", need.load.ttft), ("TPOT", need.load.tpot)) if limit is not None]
    kept = f"SLO {', '.join(limits)} for {need.load.percentile}%: {verdict(option)}" if limits else "no SLO"
    validated = "" if replica.validated else f"   (not validated on {replica.card.name})"
    at_once = f"in the busiest hour, up to {count(answer.in_flight, 'request')} at once"
    yield labelled("does", f"TTFT {spread(answer.ttft)}   TPOT {spread(answer.tpot)}   {at_once}   {kept}{validated}")
    carried = replica.capacity
    assert carried is not None  # noqa: S101
    low, likely, high = option.carries
    at_most = f"{carried.most} at once, held by its {carried.limit}"
    held = f"its KV cache holds {replica.held.likely:,} ({replica.held.low:,} to {replica.held.high:,})"
    yield labelled("", f"one replica carries {likely:.3g} ({low:.3g} to {high:.3g}) requests a second, {at_most}; {held}")
    at_peak = f", {option.replicas_at_peak} at the peak" if option.replicas_at_peak > option.replicas else ""
    yield labelled("goes to", f"{where(option)}   {count(option.replicas, 'replica')}{at_peak}")
    million = ""
    if option.price_micro_hour is not None:
        tokens = need.rate * need.load.output * 3600
        million = f"   {format_money(round(option.price_micro_hour / tokens * 1e6))} a million output tokens at {need.rate:g}/s"
    yield labelled("costs", price(option) + million)
    phases = ", ".join(f"{name} {duration(figure.likely) if figure else '-'}" for name, figure in option.loading.items())
    yield labelled("loads", f"{spread_time(whole(option.loading))}: {phases}   from {need.weights_from.title}")


def plain_lines(option: PlainOption) -> Iterator[str]:
    need, device = option.need, option.device
    gpu = f", {device}" if device else ""
    fenced = "" if device is None or device.share is None else "   (a share in time: the memory of the others is not fenced off)"
    yield labelled("needs", f"{count(need.workers, 'worker')} with {need.cpus:g} CPUs, {format_bytes(need.memory)}{gpu}{fenced}")
    yield labelled("goes to", where(option))
    yield labelled("costs", price(option))


def replica_lines(replica: Replica) -> Iterator[str]:
    """The memory of one device of a served model."""
    memory = replica.memory
    assert memory is not None  # noqa: S101  (it fits)
    layout = ", ".join([f"TP {replica.tensor}"] + ([f"PP {replica.pipeline}"] if replica.pipeline > 1 else []))
    weights = "16 bits" if replica.quantization == "none" else replica.quantization.upper()
    parts = {name: figure.likely for name, figure in memory.parts.items()}
    parts = {"weights": parts.pop("weights"), "KV": max(0, memory.pool.likely)} | parts
    fixed = [figure for name, figure in memory.parts.items()]
    between = f"without KV {sum(one.low for one in fixed) / GIB:.1f} to {sum(one.high for one in fixed) / GIB:.1f}"
    yield from memory_lines(f"per device, {layout}, {weights}:", parts, memory.device_memory, replica.card.name, between)


def batch_lines(option: BatchOption) -> Iterator[str]:
    yield from replica_lines(option.replica)
    slow, likely, fast = option.rows_per_second
    yield labelled("does", f"{likely:,.3g} rows a second ({slow:,.3g} to {fast:,.3g}), {option.in_flight:,} at once in each replica")
    yield labelled("goes to", f"{where(option)}   {count(option.replicas, 'replica')}")
    each = option.price_of_thousand
    rows = "" if each is None else f"   {format_money(each.likely)} for 1,000 rows ({format_money(each.low)} to {format_money(each.high)})"
    yield labelled("costs", price(option) + rows)


def kept(option: TrainOption) -> str:
    """Whether the deadline is kept in all of the interval."""
    limits = [limit for limit in (option.need.workload.deadline, option.need.workload.max_duration) if limit is not None]
    if not limits or option.duration is None:
        return ""
    allowed = min(limits)
    sure = option.duration.high <= allowed.total_seconds() * MICRO
    return f"; deadline {format_duration(allowed)}: {'ok' if sure else 'likely'}"


def in_16_bits(placement: Placement[ServeOption]) -> str:
    """What the model costs as it was published, where a smaller copy was chosen."""
    option = in_precision(placement, "none")
    if option is None:
        return "quantization: none is carried by no offer"
    return f"quantization: none   {where(option)}   {format_money(option.price_micro_hour)}/h"


def train_lines(option: TrainOption) -> Iterator[str]:
    fitting, need = option.fitting, option.need
    parts = {name: figure.likely for name, figure in fitting.memory.items()}
    whole = total(fitting.memory)
    between = f"{whole.low / GIB:.1f} to {whole.high / GIB:.1f}"
    yield from memory_lines("per device:", parts, fitting.device_memory or 0, fitting.card.name, between)
    yield labelled("as", f"{need.recipe}, {words(fitting.layout)}, batch {need.batch} of {need.sequence:,} tokens")
    step = fitting.step
    assert step is not None  # noqa: S101
    rate = need.batch * need.sequence / (step.likely / MICRO)
    yield labelled("takes", f"{spread_time(step)} a step, {rate:,.0f} tokens a second")
    if option.duration and need.steps:
        first = f"{duration(START.likely)} of them until the first"
        yield labelled("", f"{need.steps:,} steps in {spread_time(option.duration)}, {first}{kept(option)}")
    if option.expected and (interval := option.expected[1].interval):
        lost = f"about {option.expected[1].interruptions:.1f} interruptions"
        yield labelled("", f"{lost}; a checkpoint every {duration(interval)} loses least (Young 1974)")
    yield labelled("goes to", where(option))
    told = price(option)
    if (total_price := option.total_price) is not None:
        told += f"   {format_money(total_price.likely)} in all ({format_money(total_price.low)} to {format_money(total_price.high)})"
    if (million := option.price_of_million_tokens) is not None:
        told += f"   {format_money(round(million))} a million tokens"
    yield labelled("costs", told)


def memory_lines(head: str, parts: Mapping[str, int], size: int, card: str, between: str) -> Iterator[str]:
    """The parts as a sum with its interval, and as a bar of one device."""
    used = sum(parts.values())
    listed = " + ".join(f"{name} {amount / GIB:.1f}" for name, amount in parts.items() if amount)
    yield labelled("needs", f"{head} {listed} = {used / GIB:.1f} of {size / GIB:.1f} GiB ({between})")
    bar = "|".join(one for one in (cell(name, amount, size) for name, amount in parts.items()) if one)
    free = "." * round(BAR * max(0, size - used) / size)
    yield labelled("", f"[{bar}|{free}]  {used / size:.0%} of {'an' if card[0] in VOWELS else 'a'} {card}")


def cell(name: str, amount: int, size: int) -> str:
    """A part's stretch of the bar, with as much of its name as there is room for."""
    width = round(BAR * amount / size)
    return (f"{name} "[:width]).ljust(width, "#")


def verdict(option: ServeOption) -> str:
    """Whether the SLO is kept: likely always, surely where the high end of the interval keeps it too."""
    load, answer = option.need.load, option.answer
    if answer is None:
        return "-"
    sure = all(limit is None or figure.high <= limit for figure, limit in ((answer.ttft, load.ttft), (answer.tpot, load.tpot)))
    return "ok" if sure else "likely"


def where(option: AnyOption) -> str:
    card = option.offer.card
    instance = option.offer.instance
    there = option.nodes * option.offer.devices
    devices = f"{there} x {card.name}" if card else f"{instance.cpus} CPUs, {format_bytes(instance.memory)}"
    idle = f", {there - option.devices} of them idle" if there > option.devices else ""
    bought = f"{option.offer.purchase}   {option.offer.region}" if instance.region is None else "your own"
    return f"{option.nodes} x {option.offer.name}   {devices}{idle}   {bought}"


def price(option: AnyOption) -> str:
    """An hour and a month of all its nodes, with the date of the price."""
    hour = option.price_micro_hour
    if hour is None:
        return "-"
    dated = f"   prices of {option.offer.price.date}" if option.offer.price and option.offer.price.date else ""
    return f"{format_money(hour)}/h   {format_money(hour * HOURS_PER_MONTH)}/month{dated}"


def others_lines(placement: AnyPlacement, chosen: AnyOption, *, wide: bool) -> Iterator[str]:
    """The offers that lost, each with its reason."""
    groups: list[OfferOptions[AnyOption]] = [*placement.others]
    shown = sorted(groups, key=by_price) if wide else telling(groups, chosen)
    names = [f"{group.best.nodes} x {group.offer}" for group in shown]
    width = max(map(len, names), default=0)
    for number, (group, name) in enumerate(zip(shown, names, strict=True)):
        option = group.best
        card = f"{option.nodes * group.offer.devices} x {group.offer.card.name}" if group.offer.card else "-"
        misses = option.refusal is not None and option.refusal.rule == "slo-missed"  # so many replicas would not help
        hour = "-" if option.price_micro_hour is None or misses else format_money(option.price_micro_hour) + "/h"
        more = f"   {len(groups) - len(shown)} more: -o wide" if number == len(shown) - 1 and len(groups) > len(shown) else ""
        yield labelled("why not" if number == 0 else "", f"{name:<{width}}   {card:<19}{hour:>11}   {text(reason(option))}{more}")


def by_price(group: OfferOptions[AnyOption]) -> tuple[float, str]:
    """Of all nodes of the best option; what has no price last."""
    price = group.best.price_micro_hour
    return UNKNOWN if price is None else price, str(group.offer)


def telling(groups: list[OfferOptions[AnyOption]], chosen: AnyOption) -> list[OfferOptions[AnyOption]]:
    """The few that say most: of those that looked cheaper and cannot be the nearest, and of those that can be the cheapest."""
    weighed = [group for group in groups if group.bound <= chosen.preference[0] and group.offer.price]
    refused = sorted((group for group in weighed if group.best.refusal), key=lambda group: distance(group.best))
    possible = sorted((group for group in weighed if group.best.refusal is None), key=lambda group: order(group.best))
    dearer = [group for group in groups if group.bound > chosen.preference[0] and group.offer.price]
    few = one_a_card(refused)[:MOST_REFUSED]
    return [*few, *one_a_card([*possible, *dearer])[: SHOWN - len(few)]]


def one_a_card(groups: list[OfferOptions[AnyOption]]) -> list[OfferOptions[AnyOption]]:
    """The first of each kind of card: the sizes of a family say the same."""
    kinds: dict[tuple[str, int], OfferOptions[AnyOption]] = {}
    for group in groups:
        kinds.setdefault((group.offer.card.name if group.offer.card else "", group.offer.devices), group)
    return list(kinds.values())


def reason(option: AnyOption) -> str:
    """Why it lost."""
    if option.refusal:
        return option.refusal.message
    if isinstance(option, ServeOption) and option.answer:
        return f"dearer; TTFT {milliseconds(option.answer.ttft.likely)}, TPOT {milliseconds(option.answer.tpot.likely)}"
    if isinstance(option, BatchOption) and option.price_of_thousand:
        return f"dearer: {format_money(option.price_of_thousand.likely)} for 1,000 rows"
    if isinstance(option, TrainOption) and option.total_price:
        return f"dearer: {format_money(option.total_price.likely)} in all, {duration(option.duration.likely if option.duration else 0)}"
    if isinstance(option, TrainOption) and option.price_of_million_tokens is not None:
        return f"dearer: {format_money(round(option.price_of_million_tokens))} a million tokens"
    return "dearer"


def source_lines(option: AnyOption) -> Iterator[str]:
    """Where the figures are from."""
    if isinstance(option, ServeOption):
        figures: dict[str, Figure] = dict(option.replica.memory.parts) if option.replica.memory else {}
        figures |= {"TTFT": option.answer.ttft, "TPOT": option.answer.tpot} if option.answer else {}
    elif isinstance(option, BatchOption):
        figures = dict(option.replica.memory.parts) if option.replica.memory else {}
        figures |= {"price of rows": option.price_of_thousand} if option.price_of_thousand else {}
    elif isinstance(option, PlainOption):
        figures = {}
    else:
        figures = dict(option.fitting.memory) | ({"step": option.fitting.step} if option.fitting.step else {})
    for number, (name, figure) in enumerate(figures.items()):
        yield labelled("sources" if number == 0 else "", f"{name}: {figure.source}")
    if isinstance(option, ServeOption):
        figures = {name: figure for name, figure in option.loading.items() if figure}
    else:
        figures = {"start": START} if isinstance(option, TrainOption) else {}
    for name, figure in figures.items():
        yield labelled("", f"{name}: {figure.source}")
    if option.offer.price:
        yield labelled("", f"price: {option.offer.price.source}")
    yield labelled("", "formulas: docs/memory.md, docs/speed.md, docs/training-memory.md, docs/plan.md")


def summary(plan: ClusterPlan) -> str:
    """The last line: what all of it costs."""
    if not plan.nodes:
        return "Plan: nothing to rent.\n"
    nodes = ", ".join(f"{group.count} x {group.offer}" for group in plan.nodes)
    peak = sum(group.count_at_peak * (group.offer.price_micro_hour or 0) for group in plan.nodes)
    at_peak = f", {format_money(peak)} at the peak" if peak > plan.price_micro_hour else ""
    return f"Plan: {nodes}.   {format_money(plan.price_micro_hour)} per hour{at_peak}.\n"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def duration(micro: int) -> str:
    return format_duration(micro / MICRO)


def spread(figure: Figure) -> str:
    """`412 ms (310 to 560)`; long ones as durations."""
    if figure.likely >= LONG:
        return spread_time(figure)
    return f"{figure.likely / 1000:,.0f} ms ({figure.low / 1000:,.0f} to {figure.high / 1000:,.0f})"


def spread_time(figure: Figure | None) -> str:
    return "-" if figure is None else f"{duration(figure.likely)} ({duration(figure.low)} to {duration(figure.high)})"
