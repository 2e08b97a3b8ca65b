"""`gpus` on the terminal and as data."""

import json
from dataclasses import replace

import pytest

from steelyard.cli.gpus import gpus, page_lines
from steelyard.cli.output import Format
from steelyard.errors import NotFoundError
from steelyard.verbs.gpus import GpuPage, gpu


def test_the_list_goes_by_price_and_ends_with_what_no_plan_takes(capsys: pytest.CaptureFixture[str]) -> None:
    gpus(output=Format.json)
    rows = json.loads(capsys.readouterr().out)
    taken = [row for row in rows if row["never_chosen"] is None]
    assert rows[: len(taken)] == taken
    prices = [row["price_micro_per_accelerator"] for row in taken]
    assert prices == sorted(prices)
    assert rows[-1]["price_micro_hour"] is None


def test_a_page_shows_memory_peaks_places_and_where_it_is_to_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    gpus("h100")
    text = capsys.readouterr().out
    assert "79.1 to 79.33 GiB" in text
    assert "bf16 989" in text
    assert "  3g.40gb   ▏···▏···   takes 4, at most 2 at once" in text
    assert "p5.48xlarge" in text


def test_what_is_not_known_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    gpus("RTX-PRO-6000")
    assert "\nMIG         -\n" in capsys.readouterr().out
    unknown = replace(gpu("B300").accelerator, usable_gib=None, usable_source=None, tflops={})
    lines = list(page_lines(GpuPage(unknown, ())))
    assert "usable      -" in lines
    assert "peak        -" in lines


def test_a_card_that_cannot_be_sliced_has_no_word_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    gpus("L4")
    assert "MIG" not in capsys.readouterr().out


@pytest.mark.parametrize(("name", "near"), [("A100", "A100-40GB, A100-80GB"), ("h10", "H100"), ("L40", "L40S")])
def test_a_name_that_is_none_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(NotFoundError, match=f"near: {near}"):
        gpu(name)


def test_a_name_that_is_like_none_says_where_all_are() -> None:
    with pytest.raises(NotFoundError) as raised:
        gpu("zzz")
    assert raised.value.next_step == "steelyard gpus"
