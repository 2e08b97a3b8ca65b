"""Memory of a served model: against figures that were measured, and what must hold of all."""

from typing import Any

import pytest

from steelyard.catalog.known import known_models
from steelyard.sizing.serving import GIB, MATRIX_BITS, impossible, serving_memory, weights_of

H100 = round(79.19 * GIB)
DECODERS = sorted(name for name, model in known_models().items() if not model.architecture().encoder)


def model(name: str) -> Any:
    return known_models()[name].architecture()


@pytest.mark.parametrize(("quantization", "gib"), [("none", 14.99), ("fp8", 8.49)])
def test_the_weights_of_llama_8b_are_those_that_vllm_reports(quantization: Any, gib: float) -> None:
    """By vLLM 0.19 on H100; the wanted accuracy is 1%."""
    assert weights_of(model("meta-llama/Llama-3.1-8B"), 1, quantization) / GIB == pytest.approx(gib, rel=0.01)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("quantization", MATRIX_BITS)
def test_more_devices_need_less_each_and_never_less_together(name: str, quantization: Any) -> None:
    one = model(name)
    each = {count: weights_of(one, count, quantization) for count in (1, 2, 4, 8) if not impossible(one, count)}
    assert list(each.values()) == sorted(each.values(), reverse=True)
    assert all(count * size >= each[1] - count for count, size in each.items())


@pytest.mark.parametrize("name", DECODERS)
def test_what_the_parts_and_the_pool_take_is_the_share_of_the_device_that_vllm_takes(name: str) -> None:
    memory = serving_memory(model(name), 1, H100)
    inside = sum(part.likely for key, part in memory.parts.items() if key != "graphs")
    assert inside + memory.pool.likely == int(0.9 * H100)
    assert memory.pool.low <= memory.pool.likely <= memory.pool.high


@pytest.mark.parametrize("name", DECODERS)
def test_a_longer_context_leaves_room_for_fewer_and_a_larger_device_for_more(name: str) -> None:
    one = model(name)
    small, large = serving_memory(one, 1, 20 * GIB), serving_memory(one, 1, H100)
    for tokens in (128, 1024, 4096):
        assert small.requests(one, tokens).likely <= large.requests(one, tokens).likely
        assert large.requests(one, tokens).likely <= large.requests(one, tokens // 2).likely
    assert small.longest_context(one) <= large.longest_context(one) <= one.context


def test_the_longest_context_is_the_last_that_the_pool_holds() -> None:
    one = model("Qwen/Qwen2.5-14B-Instruct")
    memory = serving_memory(one, 1, round(34 * GIB))
    longest = memory.longest_context(one)
    assert 0 < longest < one.context
    assert memory.kv_of(one, longest) <= memory.pool.likely < memory.kv_of(one, longest + 1)


def test_keys_are_repeated_where_there_are_fewer_of_them_than_devices() -> None:
    one = model("Qwen/Qwen3-30B-A3B")  # four KV heads
    assert serving_memory(one, 8, H100).kv_per_token == serving_memory(one, 4, H100).kv_per_token
    assert 8 * weights_of(one, 8, "none") > 4 * weights_of(one, 4, "none")


def test_a_latent_is_whole_on_each_device() -> None:
    one = model("deepseek-ai/DeepSeek-V3")
    assert serving_memory(one, 8, H100).kv_per_token == 70_272


@pytest.mark.parametrize(
    ("name", "devices", "why"),
    [("Qwen/Qwen2.5-7B-Instruct", 8, "28 attention heads"), ("microsoft/phi-4", 4, "10 KV heads"), ("meta-llama/Llama-3.1-8B", 8, "")],
)
def test_a_layout_that_does_not_divide_is_said_so(name: str, devices: int, why: str) -> None:
    assert impossible(model(name), devices).startswith(why)
    assert bool(impossible(model(name), devices)) == bool(why)
