from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.errors import LedgerError
from steelyard.ledger.charges import DAY_US, Bill, Charge, bill, largest_remainder, verify
from steelyard.ledger.usage import Usage
from steelyard.ledger.weights import AWS, MARKET, OPENCOST
from tests.ledger.examples import GIB, HOUR, usage

P5: dict[str, Any] = {
    "node": "p5", "node_cpus": 192.0, "node_memory_bytes": 2048 * GIB, "node_devices": (("H100", 8.0),), "price_micro_hour": 55_040_000,
}  # fmt: skip
A = usage("A", cpus=16.0, memory_bytes=128 * GIB, devices=(("H100", 8.0),), **P5)
B = usage("B", cpus=170.0, memory_bytes=1800 * GIB, **P5)


def by_holder(made: Bill) -> dict[str, int | None]:
    """Allocated micro-dollars by usage id; `idle` for what nobody held."""
    sums: dict[str, int | None] = {}
    for charge in made.charges:
        name = charge.usage.id if charge.usage else "idle"
        sums[name] = None if charge.allocated_micro is None else (sums.get(name) or 0) + charge.allocated_micro
    return sums


def test_a_p5_by_market_prices_charges_the_gpus_to_who_holds_them() -> None:
    assert by_holder(bill([A, B])) == {"A": 41_381_600, "B": 12_978_000, "idle": 680_400}


def test_a_p5_by_the_weights_of_aws_charges_its_holder_of_gpus_less_than_its_holder_of_memory() -> None:
    sums = by_holder(bill([A, B], AWS))
    assert sums == {"A": round(55_040_000 * 99.2 / 432.2), "B": round(55_040_000 * 333 / 432.2)}
    assert {name: f"{(micro or 0) / 1e6:.1f}" for name, micro in sums.items()} == {"A": "12.6", "B": "42.4"}


@pytest.mark.parametrize(("price", "cpus", "gib", "gpus", "percents"), [
    (1_010_000, 4, 16, 1, [80, 63, 83]), (30_130_000, 192, 1536, 8, [58, 18, 38]), (21_960_000, 96, 1152, 8, [64, 26, 49]),
    (55_040_000, 192, 2048, 8, [73, 16, 34]),
])  # fmt: skip
def test_the_share_of_a_price_that_lands_on_gpus_is_the_known_one(price: int, cpus: int, gib: int, gpus: int, percents: list[int]) -> None:
    node: dict[str, Any] = {"node_cpus": cpus, "node_memory_bytes": gib * GIB, "node_devices": (("X", gpus),), "price_micro_hour": price}
    on_gpus = usage("gpus", cpus=0, memory_bytes=0, devices=(("X", gpus),), **node)
    on_host = usage("host", cpus=cpus, memory_bytes=gib * GIB, **node)
    parts = [by_holder(bill([on_gpus, on_host], weights))["gpus"] for weights in (MARKET, AWS, OPENCOST)]
    assert [round(100 * (part or 0) / price) for part in parts] == percents


def test_four_runs_at_a_quarter_of_a_gpu_cost_exactly_one_gpu() -> None:
    gpu: dict[str, Any] = {"cpus": 0.0, "memory_bytes": 0, **P5}
    quarters = bill([usage(str(n), devices=(("H100", 0.25),), **gpu) for n in range(4)])
    whole = bill([usage("0", devices=(("H100", 1.0),), **gpu)])
    assert sum(by_holder(quarters)[str(n)] or 0 for n in range(4)) == by_holder(whole)["0"] == 40_323_200 // 8


def test_seven_slices_of_a_gpu_are_one_gpu_and_leave_nothing_idle() -> None:
    node: dict[str, Any] = {"node_cpus": 0.0, "node_memory_bytes": 0, "node_devices": (("H100", 1.0),), "cpus": 0.0, "memory_bytes": 0}
    sums = by_holder(bill([usage(str(n), devices=(("H100", 1 / 7),), price_micro_hour=1_000_000, **node) for n in range(7)]))
    assert "idle" not in sums
    assert sorted(sums.values(), key=str) == [142_857] * 6 + [142_858]


def test_a_node_that_nobody_holds_is_not_priced() -> None:
    made = bill([usage("a", 0, HOUR), usage("b", 3 * HOUR, 4 * HOUR)])
    assert [(price.start_us, price.price_micro) for price in made.prices] == [(0, 360_000), (3 * HOUR, 360_000)]


def test_cpus_promised_twice_are_split_and_nothing_is_below_zero() -> None:
    both: dict[str, Any] = {"cpus": 4.0, "memory_bytes": 16 * GIB}
    assert by_holder(bill([usage("a", **both), usage("b", **both)])) == {"a": 180_000, "b": 180_000}


def test_an_unknown_price_makes_charges_unknown_and_never_zero() -> None:
    made = bill([usage("a", price_micro_hour=None, price_source="unknown"), usage("b", node="other")])
    assert by_holder(made)["a"] is None
    assert {charge.allocated_micro for charge in made.charges if charge.node == "desk"} == {None}
    assert made.price_micro == 360_000


def test_time_of_unknown_price_is_priced_as_soon_as_somebody_knows_it() -> None:
    made = bill([usage("a", 0, 2 * HOUR, price_micro_hour=None), usage("b", HOUR, 2 * HOUR)])
    assert [price.price_micro for price in made.prices] == [None, 360_000]


def test_a_later_price_of_the_same_node_holds_from_then_on() -> None:
    made = bill([usage("a", 0, 2 * HOUR), usage("b", HOUR, 2 * HOUR, price_micro_hour=720_000)])
    assert made.price_micro == 360_000 + 720_000


def test_a_measured_ratio_that_is_unknown_leaves_use_unknown_and_one_above_one_is_one() -> None:
    unknown, above = (bill([usage("a", ratio=ratio)]).charges[0] for ratio in (None, 1.02))
    assert (unknown.used_micro, unknown.idle_micro) == (None, None)
    assert (above.used_micro, above.idle_micro) == (above.allocated_micro, 0)


def test_wasted_time_is_the_last_of_a_usage_and_costs_its_share() -> None:
    all_of_it: dict[str, Any] = {"cpus": 4.0, "memory_bytes": 16 * GIB}
    made = bill([usage("a", DAY_US - HOUR, DAY_US + HOUR, wasted_us=HOUR // 2, **all_of_it)])
    assert [charge.wasted_micro for charge in made.charges] == [0, 180_000]


def test_charges_never_cross_midnight() -> None:
    days = {charge.start_us // DAY_US for charge in bill([usage("a", DAY_US - 7, 3 * DAY_US + 5)]).charges}
    assert days == {0, 1, 2, 3}


def test_a_window_cuts_usages_and_its_price() -> None:
    made = bill([usage("a", 0, 4 * HOUR)], since_us=HOUR, until_us=2 * HOUR)
    assert [(price.start_us, price.end_us, price.price_micro) for price in made.prices] == [(HOUR, 2 * HOUR, 360_000)]


def test_a_usage_of_no_length_costs_nothing_and_is_still_there() -> None:
    assert by_holder(bill([usage("a", 5, 5)])) == {"a": 0}
    assert by_holder(bill([usage("a", 5, 5, price_micro_hour=None)])) == {"a": None}


def test_microseconds_too_cheap_for_a_micro_dollar_are_not_lost() -> None:
    steps = [usage(str(n), n * 1000, (n + 1) * 1000, price_micro_hour=360_000) for n in range(3600)]
    assert bill(steps).price_micro == 360


def test_a_breach_is_an_error() -> None:
    good = bill([A, B]).charges
    with pytest.raises(LedgerError, match="add up to 55040000"):
        verify(good, 55_040_001)
    with pytest.raises(LedgerError, match="not possible"):
        verify([Charge("p5", A, 0, 1, -1, None, 0), Charge("p5", B, 0, 1, 2, None, 0)], 1)
    with pytest.raises(LedgerError, match="only one is known"):
        verify(good, None)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_largest_remainder_is_exact_and_within_one_of_the_true_share(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights)
    whole = sum(weights)
    assert sum(parts) == (total if whole else 0)
    assert all(abs(part - Fraction(total * weight, whole or 1)) < 1 for part, weight in zip(parts, weights, strict=True) if whole)


PRICES = st.one_of(st.none(), st.integers(0, 10**9))
AMOUNTS = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1 / 3, 1 / 7, 1.0]), st.floats(0, 64, allow_nan=False))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    start = draw(st.one_of(st.integers(0, 20), st.integers(0, 3 * DAY_US)))
    end = start + draw(st.one_of(st.integers(0, 20), st.integers(0, 2 * DAY_US)))
    return usage(
        draw(st.uuids()).hex, start, end, ratio=draw(st.one_of(st.none(), st.floats(0, 1))), wasted_us=draw(st.integers(0, DAY_US)),
        node=draw(st.sampled_from("xy")), cpus=draw(AMOUNTS), node_cpus=draw(AMOUNTS), memory_bytes=draw(st.integers(0, 64 * GIB)),
        node_memory_bytes=draw(st.integers(0, 64 * GIB)), devices=(("H100", draw(AMOUNTS)),), node_devices=(("H100", draw(AMOUNTS)),),
        price_micro_hour=draw(PRICES),
    )  # fmt: skip


@given(st.lists(usages(), max_size=6), st.sampled_from([MARKET, AWS, OPENCOST]))
def test_parts_always_sum_to_the_price_of_the_node(made_of: list[Usage], weights: Any) -> None:
    made = bill(made_of, weights)
    for price in made.prices:
        parts = [c for c in made.charges if c.node == price.node and price.start_us <= c.start_us < price.end_us and c.start_us < c.end_us]
        verify(parts, price.price_micro)
        assert all(c.used_micro is None or c.used_micro + (c.idle_micro or 0) == c.allocated_micro for c in parts)
    assert sum(c.allocated_micro or 0 for c in made.charges) == (made.price_micro or 0)
    assert {c.usage.id for c in made.charges if c.usage} == {one.id for one in made_of}


@given(st.lists(usages(), min_size=1, max_size=6))
def test_the_order_of_usages_changes_nothing(made_of: list[Usage]) -> None:
    assert bill(made_of) == bill(made_of[::-1])


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=20), st.integers(0, 10**9))
def test_the_price_of_a_node_is_its_hours_times_its_price_however_it_is_cut(lengths: list[int], price: int) -> None:
    times = list(itertools.accumulate(lengths, initial=0))
    made = bill([usage(f"{start}", start, end, price_micro_hour=price) for start, end in itertools.pairwise(times)])
    assert made.price_micro == (2 * price * times[-1] + HOUR) // (2 * HOUR)
