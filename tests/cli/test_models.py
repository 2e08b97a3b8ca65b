"""`models` on the terminal and as data."""

import json

import pytest
import typer

from steelyard.cli.models import models, short
from steelyard.cli.output import Format


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
