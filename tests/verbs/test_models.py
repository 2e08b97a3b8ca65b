"""What a model's name means."""

import json
from pathlib import Path
from typing import Any

import pytest

from steelyard.errors import InfeasibleError, NotFoundError
from steelyard.verbs.models import fit, model, models
from steelyard.verbs.plan import architecture
from tests.catalog.test_architecture import LLAMA


def test_all_models_come_by_name() -> None:
    names = [page.architecture.name for page in models()]
    assert names == sorted(names)


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B", "llama-3.1-8b", "META-LLAMA/LLAMA-3.1-8B"])
def test_a_name_is_found_without_its_owner_and_in_any_case(name: str) -> None:
    assert model(name).architecture.name == "meta-llama/Llama-3.1-8B"


def test_a_configuration_is_read_as_a_file_and_as_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA))
    assert model(str(file)) == model(str(tmp_path))
    assert model(str(file)).source == str(file)


@pytest.mark.parametrize(("name", "near"), [("Lama-3.1-8B", "meta-llama/Llama-3.1-8B"), ("llama-2-70b", "meta-llama/Llama-2-70b-hf")])
def test_a_name_that_is_none_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(NotFoundError, match=f"near: .*{near}") as raised:
        model(name)
    assert raised.value.next_step.startswith("steelyard models ")


def test_a_name_that_is_like_none_says_where_all_are() -> None:
    with pytest.raises(NotFoundError) as raised:
        model("zzzzzz")
    assert raised.value.next_step == "steelyard models"


@pytest.mark.parametrize(("text", "told"), [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "holds no object"),
                                            ('{"model_type": "rwkv"}', "is not known")])  # fmt: skip
def test_a_file_that_is_no_configuration_is_said_so(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "config.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(NotFoundError, match=told):
        model(str(file))


def test_the_published_format_is_read_from_a_file_and_planned_with(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA | {"quantization_config": {"quant_method": "awq", "bits": 4}}))
    page = model(str(tmp_path))
    assert (page.native, page.unread) == ("awq", "")
    assert architecture("config.json", tmp_path) == (page.architecture, "awq")
    assert architecture("gpt-oss-20b", tmp_path)[1] == "mxfp4"


def test_a_format_that_is_not_understood_is_kept_as_text(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA | {"quantization_config": {"quant_method": "hqq"}}))
    page = model(str(tmp_path))
    assert (page.native, page.unread, page.published_bytes()) == (None, "quant_method hqq", None)


@pytest.mark.parametrize(("name", "gib"), [("gpt-oss-20b", 12.8), ("gpt-oss-120b", 60.8)])
def test_the_bytes_as_published_are_those_of_the_checkpoint(name: str, gib: float) -> None:
    """GiB of the checkpoints: gpt-oss model card, arXiv 2508.10925, table 1."""
    assert (model(name).published_bytes() or 0) / 1024**3 == pytest.approx(gib, rel=0.005)


# --- on devices ------------------------------------------------------------------------------------------------------


def weighed(name: str, on: str, **how: Any) -> Any:
    return fit(model(name).architecture, on, **how)


def test_a_model_that_fits_says_how_many_requests_and_how_long_a_one() -> None:
    one = weighed("Llama-3.1-8B", "H100", context=8192)
    assert (one.accelerator.name, one.devices, one.context, one.longest) == ("H100", 1, 8192, 131_072)
    assert 0 < one.requests.low <= one.requests.likely <= one.requests.high


def test_a_model_that_is_too_large_holds_nothing() -> None:
    one = weighed("Llama-2-13b-chat-hf", "T4")
    assert (one.longest, one.requests.likely) == (0, 0)
    assert one.memory.pool.likely < 0


def test_fewer_bits_leave_more_room() -> None:
    rooms = [weighed("Llama-3.1-8B", "L4", quantization=how).memory.pool.likely for how in ("none", "fp8", "awq")]
    assert rooms == sorted(rooms)


def test_the_context_is_4096_or_as_long_as_the_model_reads() -> None:
    assert weighed("Llama-3.1-8B", "H100").context == 4096
    assert weighed("phi-2", "H100").context == 2048


@pytest.mark.parametrize(
    ("on", "told"),
    [("A100", "A100-40GB, A100-80GB"), ("2", "not one kind"), ("H100:1/2", "not one kind"), ("H100:1..4", "not one kind"),
     ("H100:lots", "not a number of devices"), ("A30", "not one kind")],
)  # fmt: skip
def test_what_is_not_a_number_of_known_gpus_is_said_so(on: str, told: str) -> None:
    with pytest.raises(NotFoundError, match=told):
        weighed("Llama-3.1-8B", on)


@pytest.mark.parametrize("on", ["A10G:24GB", "L40S:48GB", "T4:16GB", "H200:141GB"])
def test_a_card_is_known_by_the_memory_that_it_is_sold_with(on: str) -> None:
    assert weighed("SmolLM2-135M-Instruct", on).accelerator.name == on.partition(":")[0]


def test_a_size_chooses_between_cards_of_one_name() -> None:
    assert weighed("Llama-3.1-8B", "A100:80GB:2").accelerator.name == "A100-80GB"


@pytest.mark.parametrize(
    ("name", "on", "context", "rule", "step"),
    [("Qwen2.5-7B-Instruct", "L4:8", None, "layout-impossible", "--on L4:4"),
     ("Llama-3.1-8B", "L4:9999", None, "layout-impossible", "--on L4:32"),
     ("phi-2", "H100", 4096, "sequence-too-long", "--context 2048")],
)  # fmt: skip
def test_what_cannot_be_says_what_could(name: str, on: str, context: int | None, rule: str, step: str) -> None:
    with pytest.raises(InfeasibleError) as raised:
        weighed(name, on, context=context)
    (found,) = raised.value.findings
    assert (found.rule, found.next_step) == (rule, step)


def test_an_encoder_is_not_weighed() -> None:
    with pytest.raises(NotFoundError, match="is an encoder"):
        weighed("bge-m3", "L4")
