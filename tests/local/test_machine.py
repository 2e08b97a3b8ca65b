"""This machine's price: the blueprint's, else the environment's, else unknown."""

import pytest

from steelyard.blueprint import Blueprint, read_text
from steelyard.errors import BlueprintError
from steelyard.local.machine import PRICE_VARIABLE, price_of, this_machine

TRAIN = "kind: Train\nname: a\nmodel: nano-gpt\n"
PLATFORM = "kind: Platform\nname: desk\ntarget: here\nprices: {hour: $0.35}\n---\n"


def price(text: str) -> tuple[int | None, str]:
    blueprint: Blueprint = read_text(text)
    return price_of(blueprint)


def test_a_price_nobody_said_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PRICE_VARIABLE, raising=False)
    assert price(TRAIN) == (None, "unknown")
    monkeypatch.setenv(PRICE_VARIABLE, "")
    assert price(TRAIN) == (None, "unknown")


def test_the_platform_has_the_first_word_and_the_environment_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRICE_VARIABLE, "$1/h")
    assert price(TRAIN) == (1_000_000, "$STEELYARD_PRICE")
    assert price(PLATFORM + TRAIN) == (350_000, "prices of Platform desk")


@pytest.mark.parametrize("text", ["0.35", "cheap", "$3/month"])
def test_a_price_that_cannot_be_read_is_an_error_with_an_example(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRICE_VARIABLE, text)
    with pytest.raises(BlueprintError, match=f"STEELYARD_PRICE: '{text.replace('$', '[$]')}' is not") as error:
        price(TRAIN)
    (finding,) = error.value.findings
    assert (finding.rule, finding.next_step) == ("wrong-value", "STEELYARD_PRICE='$0.35'")


def test_this_machine_offers_what_it_has() -> None:
    offer = this_machine((350_000, "here"))
    assert offer.cpus >= 1
    assert offer.memory > 0
    assert (offer.price_micro_hour, offer.price_source) == (350_000, "here")
    assert (offer.gpu_memory is None) == (offer.gpus == ())
