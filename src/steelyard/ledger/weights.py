"""Weights: how much of a node's price each of its resources carries.

A node has one price, its CPUs, memory and devices have none of their own. What a run owes for a part of the node depends
on how the price is laid on them, so each report names the weights it was made with.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fractions import Fraction

from steelyard.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Rates:
    """What one vCPU, one GiB of memory and one device of a node weigh against each other."""

    cpu: Fraction
    gib: Fraction
    device: Fraction


@dataclass(frozen=True, slots=True)
class Weights:
    """One way to lay a node's price on its resources."""

    name: str
    rates: Rates
    devices_take_the_rest: bool
    """Devices weigh what the node costs beyond its CPUs and memory, whose rates are then micro-dollars an hour."""
    spreads_idle: bool
    """Whether what nobody holds is laid on those who hold something."""
    explanation: str

    def rates_of(self, cpus: Fraction, gib: Fraction, devices: Fraction, price_micro_hour: int | None) -> Rates:
        """The rates for a node of this capacity and price."""
        if not self.devices_take_the_rest or not devices:
            return self.rates
        rest = (price_micro_hour or 0) - cpus * self.rates.cpu - gib * self.rates.gib
        # A node that costs less than its host would on the market has no rest: a desktop with a GPU at the price of its power.
        return Rates(self.rates.cpu, self.rates.gib, rest / devices) if rest > 0 else OPENCOST.rates


OPENCOST = Weights(
    "opencost", Rates(Fraction("0.031611"), Fraction("0.004237"), Fraction("0.95")), devices_take_the_rest=False, spreads_idle=False,
    explanation="device 0.95 : vCPU 0.031611 : GiB 0.004237, OpenCost's defaults",
)  # fmt: skip
AWS = Weights(
    "aws", Rates(Fraction("0.9"), Fraction("0.1"), Fraction(9)), devices_take_the_rest=False, spreads_idle=True,
    explanation="device 9 : vCPU 0.9 : GiB 0.1, idle spread over what is held, as AWS split cost allocation does",
)  # fmt: skip
MARKET = Weights(
    "market", Rates(Fraction(34_650), Fraction("3937.5"), Fraction(0)), devices_take_the_rest=True, spreads_idle=False,
    explanation="vCPU $0.03465/h, GiB $0.0039375/h (m7i, r7i in us-east-1, 2026-07-20), devices the rest; as opencost where none is left",
)  # fmt: skip

WEIGHTS = {weights.name: weights for weights in (MARKET, AWS, OPENCOST)}


def weights_named(name: str) -> Weights:
    """The weights of that name; raises NotFoundError."""
    if name in WEIGHTS:
        return WEIGHTS[name]
    nearest = difflib.get_close_matches(name, WEIGHTS, n=1)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    raise NotFoundError(f"no weights named '{name}'{hint}", next_step=f"steelyard cost --weights {nearest[0] if nearest else MARKET.name}")
