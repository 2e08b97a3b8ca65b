"""Charges: usages that are priced. The parts of a node's price add up to it, to the micro-dollar. Pure.

A node is ours to price while somebody of ours holds a part of it. Time is cut wherever a usage begins or ends; in each
cut, what is held is priced by `weights` and the rest is idle. All arithmetic is on whole numbers: inside a cut in units of
1/3,600,000,000 micro-dollar (micro-dollars an hour times microseconds, which is exact), and once a piece (a node's days,
while its price is known) in whole micro-dollars by the largest remainder. What rounding leaves is carried to the node's next piece.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from steelyard.errors import LedgerError
from steelyard.ledger.usage import Holding, Usage
from steelyard.ledger.weights import MARKET, Weights

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Charge:
    """A part of a node's price, over one piece of time (never across midnight UTC). Money is whole micro-dollars; None is unknown."""

    node: str
    usage: Usage | None
    """Who held the part; None is idle: held by nobody while somebody held another part of the node."""
    start_us: int
    end_us: int
    allocated_micro: int | None
    """The price of what is held, or of what is idle."""
    used_micro: int | None
    """Of that, what was really used; unknown when the usage's ratio is."""
    wasted_micro: int | None
    """Of that, what paid for work that was lost and done again."""

    @property
    def lasts_us(self) -> int:
        return self.end_us - self.start_us

    @property
    def wasted_us(self) -> int:
        """Of this time, that whose work was lost: the last of a usage, since its last checkpoint."""
        return 0 if self.usage is None else _wasted_us(self.usage, self.start_us, self.end_us)

    @property
    def idle_micro(self) -> int | None:
        """Of what is held, what was not used."""
        return None if self.allocated_micro is None or self.used_micro is None else self.allocated_micro - self.used_micro


@dataclass(frozen=True, slots=True)
class NodePrice:
    """What a node costs over one piece of time; the charges of that node and time add up to it."""

    node: str
    start_us: int
    end_us: int
    price_micro: int | None
    """None: no price is known for this time."""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bill:
    """All charges, by node and time, and the prices that they add up to."""

    charges: tuple[Charge, ...]
    prices: tuple[NodePrice, ...]
    weights: Weights

    @property
    def price_micro(self) -> int | None:
        """The sum of all prices that are known; None when none is."""
        known = [price.price_micro for price in self.prices if price.price_micro is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class _Held:
    """A usage, clipped to the time of the bill, and what it holds, exactly."""

    usage: Usage
    start_us: int
    end_us: int
    cpus: Fraction
    gib: Fraction
    devices: Fraction

    @property
    def order(self) -> tuple[int, str]:
        return self.usage.start_us, self.usage.id


@dataclass(frozen=True, slots=True)
class _Cut:
    """Time in which nothing changes on a node: who holds something, in order of start, and the price of the whole node."""

    start_us: int
    end_us: int
    active: tuple[_Held, ...]
    price_micro_hour: int | None
    source: str


@dataclass(slots=True)
class _Piece:
    """Cuts of one node that are priced together, and what each part is entitled to. The key None is idle."""

    start_us: int
    end_us: int
    known: bool
    parts: dict[str | None, int] = field(default_factory=dict)
    held: dict[str, _Held] = field(default_factory=dict)
    sources: dict[str, None] = field(default_factory=dict)

    def continues_with(self, cut: _Cut) -> bool:
        return self.end_us == cut.start_us and self.known == (cut.price_micro_hour is not None) and self.end_us % DAY_US != 0


def bill(usages: Iterable[Usage], weights: Weights = MARKET, since_us: int | None = None, until_us: int | None = None) -> Bill:
    """Price `usages` within `since_us` and `until_us`. Raises LedgerError when parts do not add up."""
    held = sorted(_clipped(usages, since_us, until_us), key=lambda one: (one.usage.holding.node, one.order))
    charges: list[Charge] = []
    prices: list[NodePrice] = []
    for node, on_node in itertools.groupby(held, key=lambda one: one.usage.holding.node):
        all_held = list(on_node)
        for price, parts in _priced(node, _pieces(all_held, weights)):
            verify(parts, price.price_micro)
            prices.append(price)
            charges += parts
        charges += [_charge(one, one.start_us, one.end_us, 0 if _price([one])[0] is not None else None)
                    for one in all_held if one.start_us == one.end_us]  # fmt: skip
    return Bill(tuple(charges), tuple(prices), weights)


def verify(charges: Iterable[Charge], price_micro: int | None) -> None:
    """Raise LedgerError unless `charges` add up to `price_micro` and none is negative or used beyond what it is. None: all are unknown."""
    total = 0
    for charge in charges:
        if (charge.allocated_micro is None) != (price_micro is None):
            raise LedgerError(f"of a charge of {charge.node} ({charge.allocated_micro}) and its price ({price_micro}) only one is known")
        allocated = charge.allocated_micro or 0
        if allocated < 0 or not 0 <= (charge.used_micro or 0) <= allocated or not 0 <= (charge.wasted_micro or 0) <= allocated:
            raise LedgerError(f"a charge of {charge.node} is not possible: {charge}")
        total += allocated
    if total != (price_micro or 0):
        raise LedgerError(f"charges add up to {total} micro-dollars, the price is {price_micro}")


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole parts in proportion to `weights`, exactly; the first of equals gets the rest. Weights of 0 in all give 0."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(total * weights[index] % whole))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


# --- time ------------------------------------------------------------------------------------------------------------


def _clipped(usages: Iterable[Usage], since_us: int | None, until_us: int | None) -> Iterator[_Held]:
    for usage in usages:
        start = usage.start_us if since_us is None else max(usage.start_us, since_us)
        end = usage.end_us if until_us is None else min(usage.end_us, until_us)
        if start < end or start == end == usage.start_us == usage.end_us:
            held = usage.holding
            devices = sum((_exact(count) for _, count in held.devices), Fraction(0))
            yield _Held(usage, start, end, _exact(held.cpus), Fraction(held.memory_bytes, 2**30), devices)


def _cuts(held: Sequence[_Held]) -> Iterator[_Cut]:
    """Cut the time of one node wherever something changes, and at midnight. `held` is in order of start."""
    times = sorted({time for one in held for time in (one.start_us, one.end_us)})
    midnights = range(-(-times[0] // DAY_US) * DAY_US, times[-1], DAY_US)
    waiting = sorted(held, key=lambda one: one.start_us, reverse=True)
    active: list[_Held] = []
    for start, end in itertools.pairwise(sorted({*times, *midnights})):
        active = [one for one in active if one.end_us > start]
        while waiting and waiting[-1].start_us <= start:
            one = waiting.pop()
            active += [one] if one.end_us > start else []
        if active:
            ordered = tuple(sorted(active, key=lambda one: one.order))
            yield _Cut(start, end, ordered, *_price(ordered))


def _price(active: Sequence[_Held]) -> tuple[int | None, str]:
    """A node's price as the latest holder that knows one saw it, and where it comes from."""
    for one in reversed(active):
        if one.usage.holding.price_micro_hour is not None:
            return one.usage.holding.price_micro_hour, one.usage.holding.price_source
    return None, active[-1].usage.holding.price_source


# --- money -----------------------------------------------------------------------------------------------------------


def _pieces(held: Sequence[_Held], weights: Weights) -> Iterator[_Piece]:
    piece: _Piece | None = None
    for cut in _cuts(held):
        if piece is None or not piece.continues_with(cut):
            if piece:
                yield piece
            piece = _Piece(cut.start_us, cut.start_us, cut.price_micro_hour is not None)
        _add(piece, cut, weights)
    if piece:
        yield piece


def _add(piece: _Piece, cut: _Cut, weights: Weights) -> None:
    """Entitle everybody in `cut` to a part of it."""
    lasts = cut.end_us - cut.start_us
    shares = _shares(cut.active, weights, cut.price_micro_hour)
    parts = largest_remainder(lasts if cut.price_micro_hour is None else cut.price_micro_hour * lasts, shares)
    for one, part in zip(cut.active, parts[:-1], strict=True):
        piece.parts[one.usage.id] = piece.parts.get(one.usage.id, 0) + part
        piece.held[one.usage.id] = one
    if shares[-1]:
        piece.parts[None] = piece.parts.get(None, 0) + parts[-1]
    piece.sources[cut.source] = None
    piece.end_us = cut.end_us


def _shares(active: Sequence[_Held], weights: Weights, price_micro_hour: int | None) -> list[int]:
    """What each holding weighs, and last what is idle, as whole numbers of one unit.

    A resource that is promised more than once (two runs on all CPUs of a laptop) is as large as the promises: it is split in
    proportion, and nothing of it is idle.
    """
    node = active[-1].usage.holding
    all_cpus = max(_exact(node.node_cpus), sum((one.cpus for one in active), Fraction(0)))
    all_gib = max(Fraction(node.node_memory_bytes, 2**30), sum((one.gib for one in active), Fraction(0)))
    all_devices = _all_devices([one.usage.holding for one in active])
    rates = weights.rates_of(all_cpus, all_gib, all_devices, price_micro_hour)
    values = [rates.cpu * one.cpus + rates.gib * one.gib + rates.device * one.devices for one in active]
    idle = rates.cpu * all_cpus + rates.gib * all_gib + rates.device * all_devices - sum(values)
    if not any(values) and not idle:
        return [1] * len(active) + [0]  # nothing is known of the node but who was there
    if weights.spreads_idle and any(values):
        idle = Fraction(0)
    return _whole([*values, idle])


def _all_devices(active: Sequence[Holding]) -> Fraction:
    """Devices of the node, those of each kind at least as many as are held."""
    there = {kind: _exact(count) for kind, count in active[-1].node_devices}
    held: dict[str, Fraction] = {}
    for kind, count in itertools.chain.from_iterable(one.devices for one in active):
        held[kind] = held.get(kind, Fraction(0)) + _exact(count)
    return sum((max(there.get(kind, Fraction(0)), held.get(kind, Fraction(0))) for kind in there | held), Fraction(0))


@functools.lru_cache(maxsize=4096)
def _exact(amount: float) -> Fraction:
    """What was meant by a float: 1/7 is a seventh, so that seven of them are one."""
    return Fraction(amount).limit_denominator(1_000_000)


def _whole(values: Sequence[Fraction]) -> list[int]:
    unit = math.lcm(*(value.denominator for value in values))
    return [int(value * unit) for value in values]


def _priced(node: str, pieces: Iterable[_Piece]) -> Iterator[tuple[NodePrice, list[Charge]]]:
    """Each piece in whole micro-dollars; what rounding leaves is carried to the next."""
    entitled = given = 0
    for piece in pieces:
        amount = None
        if piece.known:
            entitled += sum(piece.parts.values())
            amount = (2 * entitled + HOUR_US) // (2 * HOUR_US) - given
            given += amount
        yield NodePrice(node, piece.start_us, piece.end_us, amount, tuple(piece.sources)), _split(node, piece, amount)


def _split(node: str, piece: _Piece, amount: int | None) -> list[Charge]:
    parts: Sequence[int | None] = [None] * len(piece.parts)
    if amount is not None:
        parts = largest_remainder(amount, list(piece.parts.values()))
    charges = []
    for holder, part in zip(piece.parts, parts, strict=True):
        if holder is None:
            charges.append(Charge(node, None, piece.start_us, piece.end_us, part, None if part is None else 0, None if part is None else 0))
        else:
            one = piece.held[holder]
            charges.append(_charge(one, max(one.start_us, piece.start_us), min(one.end_us, piece.end_us), part))
    return charges


def _charge(one: _Held, start_us: int, end_us: int, allocated: int | None) -> Charge:
    used = wasted = None
    if allocated is not None:
        wasted = _rounded(allocated, Fraction(_wasted_us(one.usage, start_us, end_us), max(end_us - start_us, 1)))
        if one.usage.used_ratio is not None:
            # A measured ratio may pass 1 by the coarseness of the kernel's clock; nobody uses more than is held.
            used = _rounded(allocated, min(max(Fraction(one.usage.used_ratio), Fraction(0)), Fraction(1)))
    return Charge(one.usage.holding.node, one.usage, start_us, end_us, allocated, used, wasted)


def _wasted_us(usage: Usage, start_us: int, end_us: int) -> int:
    lost_from = max(usage.end_us - usage.wasted_us, start_us)
    return max(min(end_us, usage.end_us) - lost_from, 0)


def _rounded(amount: int, share: Fraction) -> int:
    return (2 * amount * share.numerator + share.denominator) // (2 * share.denominator)
