"""Memory of a served model under the settings of its engine: stages, KV cache in 8 bits, adapters, sequences at once, CUDA graphs."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.catalog.known import known_models
from steelyard.sizing.serving import (
    GIB,
    activations_of,
    impossible,
    inner_width,
    padded_vocabulary,
    serving_memory,
    stage_layers,
    usual_engine,
    weights_of,
)

H100, L4 = round(79.19 * GIB), round(22 * GIB)
LLAMA = "meta-llama/Llama-3.1-8B"
DECODERS = sorted(name for name, model in known_models().items() if not model.architecture().encoder)


def model(name: str) -> Any:
    return known_models()[name].architecture()


@given(st.integers(1, 200), st.integers(1, 16))
def test_stages_hold_all_layers_and_the_last_never_more_than_another(layers: int, stages: int) -> None:
    shares = stage_layers(layers, stages)
    assert (len(shares), sum(shares)) == (stages, layers)
    assert max(shares) - min(shares) <= 1
    assert shares[-1] == min(shares)


@pytest.mark.parametrize("name", DECODERS)
def test_stages_need_less_each_and_never_less_together(name: str) -> None:
    one = model(name)
    each = {count: weights_of(one, 1, "none", count) for count in (1, 2, 4)}
    assert list(each.values()) == sorted(each.values(), reverse=True)
    assert all(count * size >= each[1] for count, size in each.items())


def test_a_first_stage_has_the_embedding_and_a_last_the_head() -> None:
    one = model(LLAMA)
    layers = (one.parts["attention"] + one.parts["mlp"] + one.parts["norms"]) / 4
    assert weights_of(one, 1, "none", 4) == pytest.approx(2 * (layers + one.parts["head"]), rel=0.01)


def test_stages_share_the_cache_of_a_token() -> None:
    one = model(LLAMA)
    assert serving_memory(one, 1, H100, pipeline_parallel=4).kv_per_token == 131_072 // 4


@pytest.mark.parametrize("name", [LLAMA, "deepseek-ai/DeepSeek-V3", "google/gemma-2-9b-it"])
def test_a_cache_in_eight_bits_holds_twice_the_tokens_in_the_same_pool(name: str) -> None:
    wide, narrow = (serving_memory(model(name), 8, H100, "fp8", kv_bits=bits) for bits in (16, 8))
    assert (wide.kv_per_token, wide.pool) == (2 * narrow.kv_per_token, narrow.pool)


def test_adapters_are_taken_from_the_pool_and_grow_with_their_number() -> None:
    none, one, four = (serving_memory(model(LLAMA), 1, H100, adapters=count) for count in (0, 1, 4))
    assert "adapters" not in none.parts
    assert four.parts["adapters"].likely == 4 * one.parts["adapters"].likely
    assert none.pool.likely - four.pool.likely == four.parts["adapters"].likely
    # rank 16 on all matrices of Llama 3.1 8B: 41,943,040 parameters with k and v as narrow as they are
    assert one.parts["adapters"].likely == 2 * 41_943_040


@pytest.mark.parametrize("name", DECODERS)
def test_fewer_sequences_at_once_need_no_more(name: str) -> None:
    one, engine = model(name), usual_engine(H100)
    few, many = activations_of(one, 1, replace(engine, sequences=64)), activations_of(one, 1, engine)
    assert 0 < few <= many
    assert activations_of(one, 1, replace(engine, tokens=1024)) <= many


def test_graphs_inside_the_share_are_taken_from_the_pool() -> None:
    engine = usual_engine(L4)
    outside, inside = (serving_memory(model(LLAMA), 1, L4, engine=replace(engine, graphs_inside=flag)) for flag in (False, True))
    assert outside.pool.likely - inside.pool.likely == inside.parts["graphs"].likely


@pytest.mark.parametrize("name", DECODERS)
def test_a_larger_device_never_holds_less(name: str) -> None:
    pools = [serving_memory(model(name), 1, size * GIB).pool.likely for size in range(10, 200)]
    assert pools == sorted(pools)


@pytest.mark.parametrize(
    ("name", "devices", "quantization", "why"),
    [("microsoft/phi-4", 5, "none", "a vocabulary of 100352"), ("Qwen/Qwen3-30B-A3B", 4, "gptq", "the inner width of 768 of an expert"),
     ("Qwen/Qwen2.5-72B-Instruct", 2, "awq", "the inner width of 29568"), ("Qwen/Qwen2.5-72B-Instruct", 2, "none", ""),
     (LLAMA, 8, "gptq", "")],
)  # fmt: skip
def test_a_layout_that_does_not_divide_is_said_so(name: str, devices: int, quantization: Any, why: str) -> None:
    assert impossible(model(name), devices, quantization).startswith(why)
    assert bool(impossible(model(name), devices, quantization)) == bool(why)


@pytest.mark.parametrize(
    ("name", "inner"),
    [(LLAMA, 14336), ("mistralai/Mixtral-8x7B-v0.1", 14336), ("deepseek-ai/DeepSeek-V3", 2048), ("deepseek-ai/DeepSeek-V2-Lite-Chat", 1408),
     ("openai/gpt-oss-20b", 2880), ("microsoft/phi-2", 10240), ("tiiuae/falcon-7b", 18176)],
)  # fmt: skip
def test_the_inner_width_is_found_from_the_counts(name: str, inner: int) -> None:
    assert inner_width(model(name)) == inner


def test_a_vocabulary_is_padded_as_vllm_pads_it() -> None:
    assert padded_vocabulary(model("ibm-granite/granite-3.1-8b-instruct")) == 49_216


def test_experts_in_mxfp4_are_a_quarter_of_those_in_16_bits() -> None:
    one = model("openai/gpt-oss-120b")
    whole, small = weights_of(one, 1, "none"), weights_of(one, 1, "mxfp4")
    assert 0.26 < (small - (whole - 2 * one.parts["experts"])) / (2 * one.parts["experts"]) < 0.29


def test_an_encoder_has_no_sampler() -> None:
    one, engine = model("BAAI/bge-m3"), usual_engine(L4)
    assert activations_of(one, 1, engine) == activations_of(one, 1, replace(engine, sequences=1))
