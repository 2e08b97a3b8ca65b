"""How fast a served model answers: against rows that were measured, and what must hold of all."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.catalog.accelerators import Accelerator, accelerators
from steelyard.catalog.architecture import Architecture
from steelyard.catalog.known import known_models
from steelyard.sizing.roofline import Numbers, attention_operations, cached_elements, peak, widened, work_of
from steelyard.sizing.serving import impossible
from steelyard.sizing.speed import FORMATS, MARLIN, Speed, constant, doubt, measured, rates_of, serving_speed, speed_of

CARDS = {card.name: card for card in accelerators() if peak(card, "bf16")}
MODELS = {name: model.architecture() for name, model in known_models().items()}
DECODERS = sorted(name for name, model in MODELS.items() if not model.encoder)
LLAMA = MODELS["meta-llama/Llama-3.1-70B"]


def speed(model: Architecture = LLAMA, card: Accelerator = CARDS["H200"], **changed: Any) -> Speed:
    asked: dict[str, Any] = {"tensor_parallel": 2, "quantization": "fp8", "prompt": 1024, "output": 1024, "batch": 8} | changed
    found = serving_speed(model, card, **asked)
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "numbers", "card", "devices", "in_flight", "ttft", "tpot"), [
    ("meta-llama/Llama-3.1-70B", Numbers("fp8", "fp8", 8), "H200", 1, 4, 202.8, 21.47),
    ("meta-llama/Llama-3.1-70B", Numbers("fp8", "fp8", 8), "B200", 4, 64, 233.0, 13.59),
    ("MiniMaxAI/MiniMax-M2.5", Numbers("fp8", "fp8", 8), "B200", 2, 16, 106.6, 13.37),
    ("openai/gpt-oss-120b", Numbers("bf16", "mxfp4"), "H200", 4, 16, 63.6, 5.60),
])  # fmt: skip
def test_it_is_within_its_interval_for_rows_that_were_measured(
    name: str, numbers: Numbers, card: str, devices: int, in_flight: int, ttft: float, tpot: float,
) -> None:
    """Tuning rows of `silicon_sample.csv` in aiconfigurator-core 0.12.0, 1,024 tokens in and out, milliseconds."""
    model = MODELS[name]
    work = work_of(model, CARDS[card], numbers, tensor_parallel=devices, prompt=1024, output=1024, batch=in_flight)
    assert work is not None
    found = speed_of(work, rates_of(CARDS[card], numbers, measured().constants), model.family, validated=True)
    assert found.ttft.low <= ttft * 1e3 <= found.ttft.high
    assert found.tpot.low <= tpot * 1e3 <= found.tpot.high
    assert found.tpot.likely == pytest.approx(tpot * 1e3, rel=0.25)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(DECODERS), card=st.sampled_from(sorted(CARDS)), devices=st.sampled_from([1, 2, 4, 8]),
    quantization=st.sampled_from(sorted(FORMATS)), prompt=st.integers(1, 100_000), output=st.integers(1, 10_000), batch=st.integers(1, 300),
)
def test_nothing_is_below_the_roofline_and_nothing_gets_faster_with_more_to_do(
    name: str, card: str, devices: int, quantization: Any, prompt: int, output: int, batch: int,
) -> None:
    model = MODELS[name]
    if impossible(model, devices):
        return
    asked: dict[str, Any] = {"tensor_parallel": devices, "quantization": quantization, "prompt": prompt, "output": output, "batch": batch}
    one = speed(model, CARDS[card], **asked)
    assert one.fastest_ttft <= one.ttft.low <= one.ttft.likely <= one.ttft.high
    assert one.fastest_tpot <= one.tpot.low <= one.tpot.likely <= one.tpot.high
    more = speed(model, CARDS[card], **asked | {"batch": batch + 1})
    assert more.tpot.likely >= one.tpot.likely
    longer = speed(model, CARDS[card], **asked | {"prompt": prompt + 100})
    assert longer.ttft.likely >= one.ttft.likely
    assert longer.tpot.likely >= one.tpot.likely


def test_narrow_weights_write_faster_and_are_not_multiplied_faster_where_the_card_cannot() -> None:
    plain, narrow = (speed(LLAMA, CARDS["A100-80GB"], quantization=kind, batch=1) for kind in ("none", "awq"))
    assert narrow.tpot.likely < plain.tpot.likely
    assert narrow.fastest_ttft == plain.fastest_ttft


@pytest.mark.parametrize(("card", "at_most"), [("A100-80GB", 1.2), ("A10G", 1.2), ("L4", 1.1), ("H100", 1.7), ("T4", 1.1)])
@pytest.mark.parametrize("quantization", ["awq", "gptq"])
def test_a_prompt_of_narrow_dense_weights_takes_about_as_long_as_the_kernels_were_measured_to(
    card: str, at_most: float, quantization: str,
) -> None:
    model = MODELS["Qwen/Qwen2.5-7B-Instruct"]
    plain, narrow = (speed(model, CARDS[card], tensor_parallel=1, quantization=kind, prompt=4000, batch=1)
                     for kind in ("none", quantization))
    assert 0.8 < narrow.prompt / plain.prompt < at_most
    assert not narrow.validated


def test_experts_of_4_bits_keep_the_constant_that_was_fitted_for_them() -> None:
    constants = measured().constants
    for name in ("A100-80GB", "H200"):
        rates = rates_of(CARDS[name], Numbers("int4", "int4"), constants)
        assert rates.expert_compute == constants["Hopper widened"]
        assert rates.dense_compute == MARLIN[CARDS[name].architecture, 4][1] * constants["Hopper bf16"]


def test_no_measured_kernel_passes_the_peak_of_its_card() -> None:
    for (architecture, _), ratios in MARLIN.items():
        assert list(ratios) == sorted(ratios)
        assert architecture in {card.architecture for card in CARDS.values()}
        assert ratios[-1] * measured().constants["Hopper bf16"] < 1
        low, high = doubt(ratios)
        assert low <= 1 <= high
    assert doubt(None) == (1, 1)


@pytest.mark.parametrize("card", ["A10G", "A100-40GB", "A100-80GB"])
def test_fp8_weights_are_read_in_8_bits_and_multiplied_in_16_where_a_card_has_no_fp8(card: str) -> None:
    plain, narrow = (speed(MODELS["Qwen/Qwen2.5-7B-Instruct"], CARDS[card], tensor_parallel=1, quantization=kind, batch=1)
                     for kind in ("none", "fp8"))
    assert widened(CARDS[card], "fp8")
    assert narrow.tpot.likely < 0.75 * plain.tpot.likely
    assert narrow.fastest_ttft == plain.fastest_ttft
    assert 1 < narrow.prompt / plain.prompt < 1.35
    assert not narrow.validated


@pytest.mark.parametrize("card", ["T4", "V100"])
def test_a_card_without_bf16_multiplies_in_fp16_as_well_as_others_in_bf16(card: str) -> None:
    assert not widened(CARDS[card], "bf16")
    assert peak(CARDS[card], "bf16") == CARDS[card].tflops["fp16"] * 1e12
    assert rates_of(CARDS[card], Numbers("bf16", "bf16"), measured().constants).dense_compute == measured().constants["Hopper bf16"]


def test_more_devices_write_faster() -> None:
    times = [speed(tensor_parallel=count).tpot.likely for count in (1, 2, 4)]
    assert times == sorted(times, reverse=True)


def test_a_second_stage_does_not_make_a_single_request_faster() -> None:
    one, two = speed(batch=1), speed(batch=1, pipeline_parallel=2)
    assert two.tpot.likely == one.tpot.likely
    assert not two.validated


def test_where_memory_holds_half_of_the_requests_the_others_wait_for_as_long_as_those_take() -> None:
    half, all_of_them = speed(batch=16, held=8), speed(batch=8)
    assert half.tpot == all_of_them.tpot
    taken = all_of_them.ttft.likely + 1024 * all_of_them.tpot.likely
    assert half.ttft.likely == pytest.approx(all_of_them.ttft.likely + taken, rel=1e-3)
    assert speed(batch=8, held=100) == all_of_them
    assert half.fastest_ttft == all_of_them.fastest_ttft


def test_what_nobody_measured_has_a_wider_interval_and_says_so() -> None:
    def width(found: Speed) -> float:
        return found.tpot.high / found.tpot.low

    known, other_card, other_model = speed(), speed(card=CARDS["A100-80GB"]), speed(MODELS["google/gemma-2-27b-it"])
    assert known.validated
    assert not other_card.validated
    assert other_model.validated
    assert width(known) < width(other_card)
    assert width(known) < width(other_model)


@pytest.mark.parametrize("changed", [
    {"tensor_parallel": 3}, {"pipeline_parallel": 81}, {"card": replace(CARDS["H200"], tflops={})}, {"model": MODELS["BAAI/bge-m3"]},
])  # fmt: skip
def test_an_impossible_layout_an_unknown_peak_and_an_encoder_have_no_speed(changed: Any) -> None:
    asked = {"model": LLAMA, "card": CARDS["H200"], "tensor_parallel": 2, "quantization": "fp8", "prompt": 1024, "output": 1024, "batch": 8}
    assert serving_speed(**asked | changed) is None


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("tokens", [1, 4096, 100_000])
def test_the_cache_is_counted_as_the_catalogue_counts_it(name: str, tokens: int) -> None:
    assert cached_elements(MODELS[name], tokens) == MODELS[name].kv_elements(tokens)


def test_attention_of_a_prompt_within_the_window_is_that_of_a_model_without_one() -> None:
    gemma = MODELS["google/gemma-2-9b-it"]
    everywhere = replace(gemma, windows=(None,) * gemma.layers)
    assert attention_operations(gemma, 4000) == attention_operations(everywhere, 4000)
    assert attention_operations(gemma, 8000) < attention_operations(everywhere, 8000)


def test_every_efficiency_that_a_deployment_may_need_is_there() -> None:
    for card in CARDS.values():
        for dense, experts in {*FORMATS.values(), ("nvfp4", "nvfp4"), ("mxfp4", "mxfp4")}:
            assert rates_of(card, Numbers(dense, experts), measured().constants)
    assert constant("read int4", measured().constants) == measured().constants["experts int4"]
