"""Architectures: against published figures, and against what must hold of all. tests/engine compares with transformers' own modules."""

from typing import Any

import pytest

from steelyard.catalog.architecture import Architecture, read_architecture
from steelyard.catalog.known import known_models
from steelyard.errors import NotFoundError

LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2,
    "intermediate_size": 128, "vocab_size": 1000, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip
ALL = sorted(known_models())


def known(name: str) -> Architecture:
    return known_models()[name].architecture()


def test_the_catalogue_has_at_least_sixty_models() -> None:
    assert len(ALL) >= 60


@pytest.mark.parametrize("name", ALL)
def test_a_models_parameters_are_within_half_a_percent_of_the_published_count(name: str) -> None:
    assert known(name).parameters == pytest.approx(known_models()[name].published, rel=0.005)


@pytest.mark.parametrize("name", ALL)
def test_a_models_parts_and_layers_add_up(name: str) -> None:
    one = known(name)
    assert min(one.parts.values()) >= 0
    assert len(one.windows) == one.layers
    assert one.heads % one.kv_heads == 0
    assert (one.active < one.parameters) == (one.experts > 0)
    assert known_models()[name].source


@pytest.mark.parametrize("name", ALL)
def test_more_context_never_needs_less(name: str) -> None:
    held = [known(name).kv_elements(tokens) for tokens in (0, 1, 127, 128, 129, 4096, 4097, 100_000)]
    assert held == sorted(held)


@pytest.mark.parametrize(
    ("name", "attention", "kv_bytes"),
    [
        ("meta-llama/Llama-3.1-8B", "GQA", 131_072), ("Qwen/Qwen2.5-7B-Instruct", "GQA", 57_344),
        ("deepseek-ai/DeepSeek-V3", "MLA", 70_272),
        ("meta-llama/Llama-2-7b-hf", "MHA", 524_288), ("tiiuae/falcon-7b", "MQA", 8_192),
    ],
)  # fmt: skip
def test_keys_and_values_of_a_token_take_what_is_known_of_them(name: str, attention: str, kv_bytes: int) -> None:
    assert known(name).attention == attention
    assert 2 * known(name).kv_elements(1) == kv_bytes


@pytest.mark.parametrize(("name", "active"), [("mistralai/Mixtral-8x7B-v0.1", 12.9e9), ("Qwen/Qwen3-30B-A3B", 3.35e9)])
def test_a_token_passes_through_the_experts_that_it_chooses(name: str, active: float) -> None:
    assert known(name).active == pytest.approx(active, rel=0.01)


@pytest.mark.parametrize(
    ("name", "window", "layers"),
    [("google/gemma-2-9b-it", 4096, 21), ("google/gemma-3-27b-it", 1024, 52), ("openai/gpt-oss-20b", 128, 12),
     ("mistralai/Mistral-7B-v0.1", 4096, 32), ("Qwen/Qwen3-8B", None, 0)],
)  # fmt: skip
def test_layers_with_a_window_stop_growing(name: str, window: int | None, layers: int) -> None:
    one = known(name)
    assert {size for size in one.windows if size} == ({window} if window else set())
    assert sum(size is not None for size in one.windows) == layers
    grown = one.kv_elements(20_001) - one.kv_elements(20_000)
    assert grown == (one.layers - layers) * 2 * one.kv_heads * one.head_dim


def test_a_configuration_is_read_also_where_it_is_one_part_of_a_larger_one() -> None:
    assert read_architecture("x", {"model_type": "seeing", "text_config": LLAMA}) == read_architecture("x", LLAMA)


def test_a_tied_head_counts_once() -> None:
    untied = read_architecture("x", LLAMA | {"tie_word_embeddings": False})
    assert untied.parameters - read_architecture("x", LLAMA).parameters == 64 * 1000


def test_an_unknown_architecture_says_what_of_it_is_not_understood() -> None:
    with pytest.raises(NotFoundError, match=r"model_type lama is not known; fields that are not understood: index_topk") as raised:
        read_architecture("mine", LLAMA | {"model_type": "lama", "index_topk": 2048, "bos_token_id": 1, "use_cache": True})
    assert raised.value.next_step == "known are llama"


@pytest.mark.parametrize("value", [None, "64", -1, True])
def test_a_field_that_is_missing_or_no_number_is_named(value: object) -> None:
    with pytest.raises(NotFoundError, match="has no number `hidden_size`"):
        read_architecture("mine", LLAMA | {"hidden_size": value})
