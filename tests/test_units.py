"""Human units are exact, and what is written reads back."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard import units
from steelyard.units import Money

WHOLE = st.integers(0, 10**18)


@pytest.mark.parametrize(
    ("text", "size"),
    [("80GB", 80 * 10**9), ("4GiB", 4 * 2**30), ("4.8TB", 4_800_000_000_000), ("17", 17), ("1kB", 1000), ("1KB", 1000), ("0.5 MiB", 2**19)],
)
def test_bytes_are_exact(text: str, size: int) -> None:
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("15m", timedelta(minutes=15)),
        ("2 days", timedelta(days=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1 day 3 hours", timedelta(hours=27)),
        ("90s", timedelta(seconds=90)),
        ("500ms", timedelta(milliseconds=500)),
        ("0.1s", timedelta(microseconds=100_000)),
        ("1w", timedelta(days=7)),
    ],
)
def test_durations_are_exact(text: str, duration: timedelta) -> None:
    assert units.parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("$500", Money(500_000_000)),
        ("$20k/month", Money(20_000_000_000, "month")),
        ("$400/h", Money(400_000_000, "hour")),
        ("$0.000412", Money(412)),
        ("$1.5M / month", Money(1_500_000_000_000, "month")),
    ],
)
def test_money_is_whole_micro_dollars(text: str, money: Money) -> None:
    assert units.parse_money(text) == money


def test_rates_are_fractions_of_a_second() -> None:
    assert units.parse_rate("4/s") == 4
    assert units.parse_rate("10/m") == Fraction(1, 6)
    assert units.parse_rate("2k/h") == Fraction(5, 9)


def test_factors_percentages_and_counts_are_exact() -> None:
    assert units.parse_factor("3x") == Decimal(3)
    assert units.parse_percent("80%") == Decimal("0.8")
    assert units.parse_count("2.5M") == 2_500_000
    assert units.parse_count("1B") == 10**9


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (units.parse_bytes, "80 gigs", "is not a size; for example 80GB or 4GiB"),
        (units.parse_bytes, "0.5B", "is finer than one byte"),
        (units.parse_bytes, "-1GB", "is not a size"),
        (units.parse_duration, "15", "is not a duration; for example 15m"),
        (units.parse_duration, "3 fortnights", "'fortnights' in '3 fortnights' is not a unit of time"),
        (units.parse_duration, "0.1us", "is finer than one microsecond"),
        (units.parse_duration, "999999999999999w", "anyone lives to see"),
        (units.parse_money, "500", "is not an amount of money; for example $500"),
        (units.parse_money, "$5/fortnight", "'fortnight' in '$5/fortnight' is not a period"),
        (units.parse_money, "$0.0000001", "is finer than one micro-dollar"),
        (units.parse_rate, "4", "is not a rate; for example 4/s"),
        (units.parse_factor, "thrice", "is not a factor; for example 3x"),
        (units.parse_percent, "0.8", "is not a percentage; for example 80%"),
        (units.parse_count, "1.5", "is not a whole number; for example 2000 or 1B"),
        (units.parse_count, "1_000", "is not a whole number"),
        (units.parse_count, "٣", "is not a whole number"),
    ],
)
def test_what_is_wrong_is_said_with_an_example(parse: object, text: str, words: str) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=r".") as caught:
        parse(text)
    assert words in str(caught.value)


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match="not a size") as caught:
        units.parse_bytes("9" * 10_000)
    assert len(str(caught.value)) < 120


@given(WHOLE)
def test_written_sizes_counts_and_money_read_back(value: int) -> None:
    assert units.parse_bytes(units.write_bytes(value)) == value
    assert units.parse_count(units.write_count(value)) == value
    assert units.parse_money(units.write_money(Money(value, "month"))) == Money(value, "month")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=100_000)))
def test_written_durations_read_back(duration: timedelta) -> None:
    assert units.parse_duration(units.write_duration(duration)) == duration


@given(st.integers(1, 10**9), st.sampled_from(["s", "m", "h", "d"]))
def test_written_rates_read_back(count: int, unit: str) -> None:
    rate = units.parse_rate(f"{count}/{unit}")
    assert units.parse_rate(units.write_rate(rate)) == rate


@given(st.text())
def test_any_text_parses_or_says_why_not(text: str) -> None:
    said = []
    for parse in (units.parse_bytes, units.parse_duration, units.parse_money, units.parse_rate, units.parse_count, units.parse_percent):
        try:
            parse(text)
        except ValueError as error:
            said.append(str(error))
    assert [message for message in said if "for example" not in message and "finer" not in message] == []


def test_unknown_is_a_dash_and_never_zero() -> None:
    assert units.format_bytes(None) == units.format_duration(None) == units.format_money(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 ms"), (0.012, "12 ms"), (0.33, "0.33 s"), (3.0, "3.0 s"), (16, "16 s"), (59.6, "1m00s"), (112, "1m52s"), (5400, "1h30m"),
     (183_600, "2 days 3h"), (86_400, "1 day"), (-90, "-1m30s")],
)  # fmt: skip
def test_durations_for_people(seconds: float, shown: str) -> None:
    assert units.format_duration(seconds) == shown
    assert units.format_duration(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("micro", "shown"),
    [(10_490_000, "$10.49"), (412, "$0.000412"), (0, "$0.00"), (7_660_000_000, "$7,660.00"), (-2_500_000, "-$2.50"), (1, "$0.000001")],
)
def test_money_for_people_has_enough_digits(micro: int, shown: str) -> None:
    assert units.format_money(micro) == shown


@pytest.mark.parametrize(("size", "shown"), [(512, "512 B"), (48_000_000_000, "44.7 GiB"), (2_200_000_000, "2.0 GiB"), (0, "0 B")])
def test_bytes_for_people_are_binary(size: int, shown: str) -> None:
    assert units.format_bytes(size) == shown
