"""Where a model goes that works through a data set once: the offer on which a row costs least. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steelyard.blueprint import Batch, Serve
from steelyard.catalog.architecture import Architecture
from steelyard.planning.offers import NodeOffer, asked
from steelyard.planning.once import once
from steelyard.planning.option import UNKNOWN, Assumption, OfferOptions, Placement, Refusal, not_enough_nodes, place, unavailable
from steelyard.planning.serving import ASSUMED_OUTPUT, ASSUMED_PROMPT, Replica, ServeNeed, layouts, possible, serve_need
from steelyard.sizing.need import Figure
from steelyard.sizing.serving import Quantization, usual_engine
from steelyard.units import write_duration

MICRO = 1_000_000
THOUSAND = 1000
"""Rows that are priced: how many there are is not known before they are read."""


@dataclass(frozen=True)
class BatchNeed:
    """What a Batch asks for. A row is a request; none of them is in a hurry."""

    workload: Batch
    serve: ServeNeed
    """The model as a server without SLO, whose layouts are the same."""
    assumed: tuple[Assumption, ...]

    @property
    def model(self) -> Architecture:
        return self.serve.model


@dataclass(frozen=True)
class BatchOption:
    """As many replicas as one node holds, all of them full."""

    need: BatchNeed
    replica: Replica
    offer: NodeOffer

    @once
    def refusal(self) -> Refusal | None:
        if self.replica.unfit:
            return self.replica.unfit
        if reason := unavailable(self.offer):
            return reason
        if self.replica.speeds is None:
            return Refusal("speed-unknown", f"the speed of a {self.replica.card.name} is not known")
        return not_enough_nodes(self.offer, self.nodes)

    @property
    def nodes(self) -> int:
        return self.replica.pipeline

    @property
    def replicas(self) -> int:
        return 1 if self.replica.pipeline > 1 else self.offer.devices // self.replica.tensor

    @property
    def devices(self) -> int:
        return self.replicas * self.replica.devices

    @property
    def price_micro_hour(self) -> int | None:
        return self.offer.price_of(self.nodes)

    @once
    def in_flight(self) -> int:
        """Rows at once in each replica: all that its KV cache holds and its engine takes."""
        assert self.replica.memory is not None  # noqa: S101  (only asked of what fits)
        return max(1, min(self.replica.held.likely, usual_engine(self.replica.memory.device_memory).sequences))

    @once
    def rows_per_second(self) -> tuple[float, float, float]:
        """Of all replicas: low, likely, high. A row takes the time to its first token among the others, and that of its answer."""
        assert self.replica.speeds is not None  # noqa: S101  (only asked of what is not refused)
        speed = self.replica.speeds(self.in_flight)
        answer = max(0, self.need.serve.load.output - 1)
        slow, likely, fast = (first + answer * each for first, each in (
            (speed.ttft.high, speed.tpot.high), (speed.ttft.likely, speed.tpot.likely), (speed.ttft.low, speed.tpot.low)))  # fmt: skip
        at_once = self.replicas * self.in_flight * MICRO
        return at_once / slow, at_once / likely, at_once / fast

    @once
    def price_of_thousand(self) -> Figure | None:
        """Micro-dollars of 1,000 rows, without the start."""
        if self.price_micro_hour is None or self.replica.speeds is None:
            return None
        low, likely, high = (round(THOUSAND / rate / 3600 * self.price_micro_hour) for rate in reversed(self.rows_per_second))
        return Figure(low, likely, high, self.replica.speeds(self.in_flight).tpot.source)

    @property
    def bound(self) -> float:
        return 0.0 if self.offer.price else UNKNOWN

    @property
    def best_case(self) -> tuple[tuple[float, ...], int]:
        return (self.bound, 0.0), 0

    @property
    def preference(self) -> tuple[float, ...]:
        price = self.price_of_thousand
        hour = self.price_micro_hour
        return (UNKNOWN if price is None else price.likely, UNKNOWN if hour is None else hour)


def batch_need(workload: Batch, model: Architecture, native: Quantization | None = None) -> BatchNeed:
    """What `workload` asks for, with what is taken where it says nothing."""
    traffic = {"rate": "1/s", "prompt": ASSUMED_PROMPT, "output": ASSUMED_OUTPUT}
    server = Serve(name=workload.name, model=workload.model, gpu=workload.gpu, traffic=traffic)
    assumed = [Assumption(f"rows of {ASSUMED_PROMPT:,} tokens, answers of {ASSUMED_OUTPUT}", "a Serve with traffic: says other lengths"),
               Assumption("how many rows is not known", "the price is that of 1,000")]  # fmt: skip
    if workload.deadline is not None:
        taken = f"deadline {write_duration(workload.deadline)} cannot be checked without the number of rows"
        assumed.append(Assumption(taken, "the rows a second are told"))
    return BatchNeed(workload, serve_need(server, model, native), tuple(assumed))


def place_batch(need: BatchNeed, offers: Sequence[NodeOffer]) -> Placement[BatchOption]:
    """The offer on which a row costs least, and the others."""
    known: dict[tuple[str, int, int, Quantization], Replica] = {}
    groups = []
    for offer in offers:
        wanted = asked(need.workload.gpu, offer.card) if offer.card else None
        if offer.card is None or wanted is None or not possible(wanted, offer.devices):
            continue
        replicas = layouts(need.serve, offer, offer.card, wanted, known)
        options = [BatchOption(need, replica, offer) for replica in replicas]
        groups.append(OfferOptions(offer, options[0].bound, options.copy))
    return place(need.workload, groups, need.assumed)
