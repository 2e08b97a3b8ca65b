"""How figures read."""

import math

import pytest

from steelyard.web.words import age, loss_word, number, percent, plural


@pytest.mark.parametrize(("value", "text"), [
    (None, "-"), (0, "0"), (7, "7"), (2.34567, "2.35"), (740.4, "740"), (999.4, "999"), (999.9, "1k"), (12_411, "12.4k"),
    (1_853_568, "1.85M"), (7e9, "7G"), (3.2e12, "3.2T"),
])
def test_a_number_has_three_figures(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [
    (None, "-"), (2.3049, "2.30"), (0.01234, "0.0123"), (math.nan, "not a number"), (math.inf, "not a number"),
])
def test_a_loss_that_is_not_a_number_is_said_aloud(value: float | None, text: str) -> None:
    assert loss_word(value) == text


@pytest.mark.parametrize(("ratio", "text"), [(None, "-"), (0.0, "0%"), (0.001, "<1%"), (0.58, "58%"), (1.0, "100%")])
def test_a_little_is_never_nothing(ratio: float | None, text: str) -> None:
    assert percent(ratio) == text


def test_an_age_counts_whole_seconds() -> None:
    assert [age(seconds) for seconds in (-3.0, 0.4, 59.9, 60, 7200)] == ["0 s", "0 s", "59 s", "1m00s", "2h00m"]


def test_one_is_not_many() -> None:
    assert (plural(1, "restart"), plural(2, "restart")) == ("1 restart", "2 restarts")
