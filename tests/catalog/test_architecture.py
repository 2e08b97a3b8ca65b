"""Architectures: against published figures, and against what must hold of all. tests/engine compares with transformers' own modules."""

from typing import Any

import pytest

from steelyard.catalog.architecture import Architecture, read_architecture
from steelyard.catalog.known import known_models, published_format
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


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("num_hidden_layers", 10**9, r"`num_hidden_layers` is 1,000,000,000: more than 1,000"), ("num_hidden_layers", 0, "at least 1"),
        ("hidden_size", 10**7, "more than 131,072"), ("vocab_size", 10**9, "more than 10,000,000"),
        ("num_attention_heads", 0, "at least 1"),
        ("num_attention_heads", 10**6, "more than 4,096"), ("num_local_experts", 10**6, "more than 10,000"),
        ("num_key_value_heads", "two", "has no number `num_key_value_heads`"), ("head_dim", [64], "has no number `head_dim`"),
        ("sliding_window", -1, "has no number `sliding_window`"), ("kv_lora_rank", 10**9, "more than 1,000,000"),
    ],
)  # fmt: skip
def test_a_size_that_no_model_has_is_refused_with_an_example(field: str, value: object, told: str) -> None:
    with pytest.raises(NotFoundError, match=told) as raised:
        read_architecture("mine", LLAMA | {field: value})
    named, _colon, example = raised.value.next_step.partition(": ")
    assert named == f'"{field}"'
    assert int(example) > 0


@pytest.mark.parametrize(("heads", "kv_heads", "nearest"), [(32, 7, 8), (32, 64, 32), (12, 5, 4), (7, 3, 1)])
def test_kv_heads_that_do_not_divide_the_heads_are_refused_with_the_nearest_that_do(heads: int, kv_heads: int, nearest: int) -> None:
    with pytest.raises(NotFoundError, match=f"{heads} attention heads cannot be shared equally by {kv_heads} KV heads") as raised:
        read_architecture("mine", LLAMA | {"num_attention_heads": heads, "num_key_value_heads": kv_heads})
    assert raised.value.next_step == f'"num_key_value_heads": {nearest}'


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"num_attention_heads": 128}, "more than `hidden_size` 64"),
     ({"num_local_experts": 4, "num_experts_per_tok": 8}, "choose 8 of 4 experts"),
     ({"num_local_experts": 4, "first_k_dense_replace": 9}, "more than its 4 layers")],
)  # fmt: skip
def test_numbers_that_contradict_each_other_are_refused(fields: dict[str, int], told: str) -> None:
    with pytest.raises(NotFoundError, match=told):
        read_architecture("mine", LLAMA | {"num_key_value_heads": None} | fields)


def test_a_text_config_that_is_no_object_is_passed_over() -> None:
    assert read_architecture("x", LLAMA | {"text_config": "none"}) == read_architecture("x", LLAMA)


# --- the published format --------------------------------------------------------------------------------------------


def of_groups(*weights: dict[str, Any]) -> dict[str, Any]:
    groups = {f"group_{place}": {"weights": one} for place, one in enumerate(weights)}
    return {"quant_method": "compressed-tensors", "config_groups": groups}


@pytest.mark.parametrize(
    ("stated", "native"),
    [
        (None, None), ({"quant_method": "fp8"}, "fp8"), ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "AWQ", "w_bit": 4}, "awq"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq"), ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"), ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "nvfp4"}, "nvfp4"), (of_groups({"num_bits": 8, "type": "float"}), "fp8"),
        (of_groups({"num_bits": 4, "type": "int", "group_size": 128}), "gptq"),
        (of_groups({"num_bits": 4, "type": "float", "group_size": 16}), "nvfp4"),
    ],
)  # fmt: skip
def test_the_format_of_the_weights_is_read(stated: object, native: str | None) -> None:
    assert published_format({"quantization_config": stated}) == (native, "")
    assert published_format({"text_config": {"quantization_config": stated}}) == (native, "")


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"quant_method": "bitsandbytes"}, "quant_method bitsandbytes"), ({"quant_method": "gptq", "bits": 8}, "gptq with 8 bits"),
        ({"quant_method": "modelopt", "quant_algo": "W4A8"}, "quant_algo W4A8"), ({"quant_method": "modelopt"}, "quant_algo NONE"),
        (of_groups({"num_bits": 8, "type": "int"}), "8 bits, type int"),
        (of_groups({"num_bits": 4, "type": "float", "group_size": 32}), "4 bits"),
        (of_groups({"num_bits": 4, "type": "int"}, {"num_bits": 8, "type": "float"}), "several kinds"), (of_groups(), "no config_groups"),
        ({"quant_method": "compressed-tensors", "config_groups": [1]}, "no config_groups"), ("fp8", "no object"),
        ({"bits": 4}, "quant_method none"),
    ],
)  # fmt: skip
def test_a_format_that_is_not_understood_is_named(stated: object, told: str) -> None:
    native, unread = published_format({"quantization_config": stated})
    assert native is None
    assert told in unread


def test_scales_of_an_unusual_group_are_said() -> None:
    assert published_format({"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 64}}) == (
        "awq", "scales for each 64 weights, counted as for each 128")  # fmt: skip
    assert published_format({"quantization_config": of_groups({"num_bits": 4, "type": "int", "group_size": 32})})[0] == "gptq"


@pytest.mark.parametrize(("name", "native"), [("deepseek-ai/DeepSeek-V3", "fp8"), ("openai/gpt-oss-20b", "mxfp4"), ("Qwen/Qwen3-8B", None)])
def test_a_known_model_says_what_it_is_published_in(name: str, native: str | None) -> None:
    assert known_models()[name].native == native
