"""`models` on the terminal and as data."""

import json
from pathlib import Path

import pytest
import typer

from steelyard.cli.models import models, short
from steelyard.cli.output import Format
from tests.catalog.test_architecture import LLAMA


def test_the_list_has_a_row_for_each_model_and_an_encoder_no_cache(capsys: pytest.CaptureFixture[str]) -> None:
    models()
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["meta-llama/Llama-3.1-8B"][1:] == ["8.03B", "8.03B", "15.0", "GiB", "GQA", "128", "KiB", "131,072"]
    assert rows["BAAI/bge-m3"][5:7] == ["MHA", "-"]


def test_a_page_shows_parts_that_sum_to_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    models("gpt-oss-20b")
    text = capsys.readouterr().out
    assert "20.9B parameters, 4.19B for each token" in text
    assert "12 of 24 layers see 128 tokens" in text
    models("gpt-oss-20b", output=Format.json)
    data = json.loads(capsys.readouterr().out)
    assert sum(data["parts"].values()) == data["parameters"]
    assert data["weights_bytes"] == 2 * data["parameters"]


def test_where_attention_is_latent_what_is_cached_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    models("DeepSeek-V3")
    assert "128 heads of 192, 576 elements cached a token and layer (MLA)" in capsys.readouterr().out


def test_an_encoders_page_has_no_cache(capsys: pytest.CaptureFixture[str]) -> None:
    models("bge-m3")
    assert "KV cache" not in capsys.readouterr().out


@pytest.mark.parametrize(("count", "told"), [(999, "999"), (134_515_008, "135M"), (8_030_261_248, "8.03B"), (1_026_408_232_448, "1.03T")])
def test_counts_read_as_people_say_them(count: int, told: str) -> None:
    assert short(count) == told


def test_on_devices_the_parts_are_shown_and_what_the_rest_holds(capsys: pytest.CaptureFixture[str]) -> None:
    models("Llama-3.1-8B", on="H100:2", context=8192)
    text = capsys.readouterr().out
    assert text.startswith("meta-llama/Llama-3.1-8B on 2 x H100, shared by 2 devices   weights in 16 bits\n")
    assert "\n  weights        7.5 GiB  █" in text
    assert " at once of 8,192 tokens (" in text
    models("Llama-3.1-8B", on="H100:2", context=8192, output=Format.json)
    data = json.loads(capsys.readouterr().out)
    assert data["fits"]
    assert f"{data['requests']['likely']:,} at once" in text


def test_what_does_not_fit_says_by_how_much_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        models("Llama-2-13b-chat-hf", on="T4")
    assert ended.value.exit_code == 1
    text = capsys.readouterr().out
    assert "does not fit: " in text
    assert "short for one request of 4,096 tokens" in text


def test_a_request_that_is_longer_than_what_fits_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        models("Llama-3.1-8B", on="A10G", context=131_072)
    text = capsys.readouterr().out
    assert "short for one request of 131,072 tokens" in text
    assert " tokens at most in one request" in text
    assert "not validated on A10G" in text


def test_devices_without_a_model_are_refused() -> None:
    with pytest.raises(typer.BadParameter, match="name a model"):
        models(on="H100")


@pytest.mark.parametrize(("name", "on", "told"), [("gpt-oss-120b", "H100:1", "MXFP4"), ("DeepSeek-V3", "H200:8", "FP8")])
def test_a_model_is_weighed_in_its_published_format(name: str, on: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    models(name, on=on)
    assert f"weights published in {told}\n" in capsys.readouterr().out
    with pytest.raises(typer.Exit):
        models(name, on=on, quantization="none")
    assert f"weights in 16 bits, published in {told}\n" in capsys.readouterr().out


def test_a_page_shows_the_published_format_and_its_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    models("gpt-oss-120b")
    assert "\nweights     218 GiB in BF16, 60.7 GiB as published in MXFP4\n" in capsys.readouterr().out
    models("Llama-3.1-8B", output=Format.json)
    data = json.loads(capsys.readouterr().out)
    assert (data["published_format"], data["published_bytes"], data["published_unread"]) == (None, None, None)


def test_a_format_that_is_not_understood_is_said_on_the_page_and_on_devices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA | {"quantization_config": {"quant_method": "h\x1bqq"}}))
    for on in (None, "L4"):
        models(str(tmp_path), on=on)
        text = capsys.readouterr().out
        assert "not read    of the format of its weights: quant_method h" in text
        assert "in 16 bits unless --quantization says otherwise" in text
        assert "\x1b" not in text
