"""Where a server goes, and that no more is ever promised for less."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.catalog.known import known_models
from steelyard.planning.option import TENSOR, order
from steelyard.planning.serving import ServeOption, place_serve
from steelyard.sizing.serving import impossible
from tests.planning.made import LLAMA_8B, LLAMA_70B, LLAMA_405B, all_offers, made_offer, serve

DECODERS = [name for name, model in sorted(known_models().items()) if not model.architecture().encoder]
LOADS = st.fixed_dictionaries({"rate": st.sampled_from(["0.1/s", "1/s", "7/s", "30/s"]), "prompt": st.integers(100, 3000),
                               "output": st.integers(20, 800)})  # fmt: skip


def chosen(model: str = LLAMA_8B, offers: Any = None, **fields: Any) -> ServeOption:
    option = place_serve(serve(model, **fields), all_offers() if offers is None else offers).chosen
    assert option is not None
    return option


def test_seventy_billion_parameters_in_sixteen_bits_do_not_go_to_one_card() -> None:
    option = chosen(LLAMA_70B, quantization="none")
    assert option.replica.devices >= 2
    assert option.replica.memory is not None
    weights = option.replica.memory.parts["weights"].likely * option.replica.devices
    assert weights == pytest.approx(2 * 68.98e9, rel=0.01)


def test_what_one_node_cannot_hold_goes_over_several_with_pipeline_stages() -> None:
    option = chosen(LLAMA_405B, [made_offer("H100", 8)], gpu="H100", quantization="none")
    assert (option.replica.tensor, option.replica.pipeline, option.nodes) == (8, 2, 2)
    assert chosen(LLAMA_405B, [made_offer("H100", 8)], gpu="H100").replica.quantization == "fp8"


def test_a_pinned_device_is_the_only_one_that_is_weighed() -> None:
    placement = place_serve(serve(LLAMA_8B, gpu="L4"), all_offers())
    assert placement.chosen is not None
    cards = {group.offer.card.name for group in placement.others if group.offer.card} | {"L4"}
    assert cards == {"L4"}


def test_a_written_count_is_kept() -> None:
    assert chosen(LLAMA_8B, gpu="L40S:4").replica.devices == 4


def test_unknown_prices_never_win() -> None:
    offers = [made_offer("H100", 8, None, name="free"), made_offer("H100", 8, 90_000_000, name="dear")]
    assert chosen(LLAMA_8B, offers).offer.name == "dear"
    placement = place_serve(serve(LLAMA_8B), offers[:1])
    assert placement.chosen is None
    assert [group.best.refusal.rule for group in placement.others if group.best.refusal] == ["price-unknown"]


def test_equal_prices_are_told_apart_the_same_way_each_time() -> None:
    offers = [made_offer("H100", 8, name=name) for name in ("b", "a", "c")]
    assert chosen(LLAMA_8B, offers).offer.name == chosen(LLAMA_8B, offers[::-1]).offer.name == "a"


def test_replicas_that_may_scale_are_priced_for_a_usual_hour() -> None:
    traffic = {"rate": "20/s", "prompt": 1000, "output": 300, "peak": "4x"}
    scaling, fixed = chosen(traffic=traffic, replicas="1..200"), chosen(traffic=traffic)
    assert scaling.replicas < scaling.replicas_at_peak
    assert fixed.replicas == fixed.replicas_at_peak
    assert scaling.price_micro_hour is not None
    assert fixed.price_micro_hour is not None
    assert scaling.price_micro_hour < fixed.price_micro_hour


def test_more_replicas_than_are_allowed_are_refused() -> None:
    need = serve(traffic={"rate": "500/s", "prompt": 1000, "output": 300}, replicas="1..2")
    placement = place_serve(need, [made_offer("L4", 1, name="l4")])
    assert placement.chosen is None
    assert [group.best.refusal.rule for group in placement.others if group.best.refusal] == ["too-many-replicas"]


def test_an_slo_that_nothing_reaches_is_refused_with_the_figure_that_misses() -> None:
    placement = place_serve(serve(LLAMA_70B, slo={"tpot": "1ms"}), all_offers())
    assert placement.chosen is None
    refusals = {group.best.refusal.rule for group in placement.others if group.best.refusal}
    assert "slo-missed" in refusals


def test_the_weighing_stops_at_what_is_dearer_whatever_its_layout() -> None:
    placement = place_serve(serve(), all_offers())
    assert placement.chosen is not None
    for group in placement.others:
        if group.best.refusal is None:
            assert order(group.best) > order(placement.chosen)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([LLAMA_8B, LLAMA_70B, "Qwen/Qwen2.5-7B-Instruct"]), LOADS)
def test_doubling_the_traffic_never_lowers_the_price(model: str, load: dict[str, Any]) -> None:
    twice = load | {"rate": f"{2 * float(load['rate'].removesuffix('/s')):g}/s"}
    one, two = (place_serve(serve(model, traffic=traffic), all_offers()).chosen for traffic in (load, twice))
    if one is None:
        assert two is None
    elif two is not None:
        assert two.preference >= one.preference


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(DECODERS), st.floats(8, 140), st.floats(0, 100), st.sampled_from(TENSOR), st.integers(256, 100_000))
def test_a_larger_card_never_turns_fits_into_does_not(model: str, size: float, more: float, devices: int, context: int) -> None:
    need = serve(model, context=min(context, serve(model).model.context))
    small, large = (place_serve(need, [made_offer("H100", devices, usable_gib=gib)]) for gib in (size, size + more))
    if small.chosen is not None:
        assert large.chosen is not None


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(DECODERS))
def test_every_layout_that_is_chosen_is_divisible(model: str) -> None:
    option = place_serve(serve(model), all_offers()).chosen
    if option is not None:
        assert impossible(option.need.model, option.replica.tensor) == ""
        assert option.offer.devices % option.replica.tensor == 0
