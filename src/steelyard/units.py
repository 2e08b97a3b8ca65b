"""Human units, exactly: bytes, durations, money, rates, factors, percentages and counts.

What a person writes becomes a whole number, a `timedelta`, a `Decimal` or a `Fraction`; no float is in between. Each
`parse_*` raises `ValueError` with what is wrong and an example. Each `write_*` gives text that parses to the same value;
each `format_*` gives text for people, rounded, with `-` for what is not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Period = Literal["hour", "day", "month"]

NUMBER = r"[0-9]{1,24}(?:\.[0-9]{1,12})?"
_BYTES = re.compile(rf"({NUMBER}) ?([kKMGTPE]i?B|B)?")
_DURATION_PART = re.compile(rf"({NUMBER}) ?([a-z]+)")
_DURATION = re.compile(rf"{NUMBER} ?[a-z]+(?:[ ,]{{0,2}}{NUMBER} ?[a-z]+){{0,7}}")
_MONEY = re.compile(rf"\$ ?({NUMBER}) ?([kKM]?)(?: ?/ ?([a-z]+))?")
_RATE = re.compile(rf"({NUMBER}) ?([kKM]?) ?/ ?([a-z]+)")
_COUNT = re.compile(rf"({NUMBER}) ?([kKMBT]?)")
_FACTOR = re.compile(rf"({NUMBER}) ?x?")
_PERCENT = re.compile(rf"({NUMBER}) ?%")

_BYTE_UNITS = (
    {"B": 1}
    | {f"{letter}{i}B": base**power for power, letter in enumerate("KMGTPE", start=1) for i, base in (("", 1000), ("i", 1024))}
    | {"kB": 1000}
)
_MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
_DURATION_WORDS = {
    word: unit
    for unit, words in {
        "us": ("us",),
        "ms": ("ms", "millisecond", "milliseconds"),
        "s": ("s", "sec", "secs", "second", "seconds"),
        "m": ("m", "min", "mins", "minute", "minutes"),
        "h": ("h", "hr", "hrs", "hour", "hours"),
        "d": ("d", "day", "days"),
        "w": ("w", "week", "weeks"),
    }.items()
    for word in words
}
_SCALES = {"": 1, "k": 1000, "K": 1000, "M": 10**6, "B": 10**9, "T": 10**12}
_PERIODS: dict[str, Period] = {"h": "hour", "hour": "hour", "d": "day", "day": "day", "month": "month"}
_PERIOD_WORDS: dict[Period, str] = {"hour": "h", "day": "day", "month": "month"}
_RATE_SECONDS = {"s": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}


@dataclass(frozen=True, slots=True)
class Money:
    """Whole micro-dollars, and the period they are for (None: once)."""

    micro: int
    period: Period | None = None


def wrong(text: object, expected: str, example: str) -> ValueError:
    """The error of every parser: what was written, what it should be, an example."""
    shown = str(text)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return ValueError(f"'{shown}' is not {expected}; for example {example}")


def _whole(value: Fraction, text: object, unit: str) -> int:
    if value.denominator != 1:
        raise ValueError(f"'{text}' is finer than one {unit}")
    return int(value)


# --- reading ---------------------------------------------------------------------------------------------------------


def parse_bytes(text: str | int) -> int:
    """`80GB` (10^9), `4GiB` (2^30), `4.8TB`, or plain bytes, as bytes."""
    match = _BYTES.fullmatch(str(text).strip())
    if not match:
        raise wrong(text, "a size", "80GB or 4GiB")
    return _whole(Fraction(match[1]) * _BYTE_UNITS[match[2] or "B"], text, "byte")


def parse_duration(text: str | timedelta) -> timedelta:
    """`15m`, `2 days`, `1h30m`, `500ms`, to the microsecond. A number without a unit is refused: nobody knows which was meant."""
    if isinstance(text, timedelta):
        return text
    written = str(text).strip().lower()
    if not _DURATION.fullmatch(written):
        raise wrong(text, "a duration", "15m, 2 days or 1h30m")
    total = Fraction(0)
    for number, word in _DURATION_PART.findall(written):
        if word not in _DURATION_WORDS:
            raise ValueError(f"'{word}' in '{text}' is not a unit of time; use ms, s, m, h, d or w, for example 15m")
        total += Fraction(number) * _MICROSECONDS[_DURATION_WORDS[word]]
    try:
        return timedelta(microseconds=_whole(total, text, "microsecond"))
    except OverflowError:
        raise wrong(text, "a duration that anyone lives to see", "30 days") from None


def parse_money(text: str) -> Money:
    """`$500`, `$20k/month`, `$400/h`, `$0.35`, as whole micro-dollars and their period."""
    match = _MONEY.fullmatch(str(text).strip())
    if not match:
        raise wrong(text, "an amount of money", "$500 or $20k/month")
    if match[3] and match[3] not in _PERIODS:
        raise ValueError(f"'{match[3]}' in '{text}' is not a period of a price; use h, day or month, for example $20k/month")
    micro = _whole(Fraction(match[1]) * _SCALES[match[2]] * 10**6, text, "micro-dollar")
    return Money(micro, _PERIODS[match[3]] if match[3] else None)


def parse_rate(text: str) -> Fraction:
    """`4/s`, `100/m`, `2k/h`, as events per second."""
    match = _RATE.fullmatch(str(text).strip())
    if not match or match[3] not in _RATE_SECONDS:
        raise wrong(text, "a rate", "4/s or 100/m")
    return Fraction(match[1]) * _SCALES[match[2]] / _RATE_SECONDS[match[3]]


def parse_factor(text: str | int | Decimal) -> Decimal:
    """`3x`, `1.5x` or a plain number."""
    match = _FACTOR.fullmatch(str(text).strip())
    if not match:
        raise wrong(text, "a factor", "3x")
    return Decimal(match[1])


def parse_percent(text: str | Decimal) -> Decimal:
    """`80%` as 0.8. A plain number is refused from people: 0.8 and 80 look alike; a `Decimal` is taken as the ratio."""
    if isinstance(text, Decimal):
        return text
    match = _PERCENT.fullmatch(str(text).strip())
    if not match:
        raise wrong(text, "a percentage", "80%")
    return Decimal(match[1]) / 100


def parse_count(text: str | int) -> int:
    """`2000`, `2.5M`, `1B`, as a whole number."""
    match = None if isinstance(text, bool) else _COUNT.fullmatch(str(text).strip())
    if not match:
        raise wrong(text, "a whole number", "2000 or 1B")
    value = Fraction(match[1]) * _SCALES[match[2]]
    if value.denominator != 1:
        raise wrong(text, "a whole number", "2000 or 1B")
    return int(value)


# --- writing, so that reading gives the same -------------------------------------------------------------------------


def _scaled(value: int, scales: dict[str, int]) -> str:
    """`value` with the largest suffix that keeps it exact within three decimals."""
    for suffix, scale in sorted(scales.items(), key=lambda item: -item[1]):
        if value >= scale and value * 1000 % scale == 0:
            return f"{_plain(Fraction(value, scale))}{suffix}"
    return str(value)


def _plain(value: Fraction) -> str:
    """A fraction of at most twelve decimals, all of them."""
    whole, decimals = divmod(value.numerator * 10**12 // value.denominator, 10**12)
    return f"{whole}.{decimals:012d}".rstrip("0").rstrip(".")


def write_bytes(size: int) -> str:
    """The shortest exact text: 80GB, 4GiB, 4.8TB, 17."""
    return _scaled(size, {unit: scale for unit, scale in _BYTE_UNITS.items() if unit not in ("B", "kB")})


def write_duration(duration: timedelta) -> str:
    """Exact, in falling units: 2d, 1h30m, 90s as 1m30s, 500ms."""
    rest = duration // timedelta(microseconds=1)
    parts = []
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, _MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def write_money(money: Money) -> str:
    """Exact: $500, $20k/month, $0.35/h."""
    thousands, rest = divmod(money.micro, 10**9)
    amount = f"{thousands}k" if thousands and not rest else _plain(Fraction(money.micro, 10**6))
    return f"${amount}" + (f"/{_PERIOD_WORDS[money.period]}" if money.period else "")


def write_rate(rate: Fraction) -> str:
    """Exact, per second when that is a whole number or a short decimal, else per minute, hour or day."""
    for word in ("s", "m", "h", "d"):
        per = rate * _RATE_SECONDS[word]
        if (per * 10**12).denominator == 1:
            return f"{_plain(per)}/{word}"
    raise ValueError(f"{rate} per second has no exact text")


def write_percent(ratio: Decimal) -> str:
    """0.8 as 80%."""
    return f"{_plain(Fraction(ratio) * 100)}%"


def write_count(count: int) -> str:
    """2000 as 2000, 1,000,000,000 as 1B."""
    return _scaled(count, {"M": 10**6, "B": 10**9, "T": 10**12})


# --- for people ------------------------------------------------------------------------------------------------------


def format_bytes(size: float | None) -> str:
    """Binary units, three digits: 44.7 GiB, 512 B."""
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} PiB"


def format_duration(duration: float | timedelta | None) -> str:
    """The two largest units: 1m52s, 2 days 3h, 14 s, 0.33 s, 12 ms."""
    if duration is None:
        return "-"
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if seconds < 59.5:
        return _short(seconds)
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} day{'s' if days > 1 else ''}" + (f" {hour}h" if hour else "")
    if hours:
        return f"{hours}h{minute:02d}m"
    return f"{minutes}m{second:02d}s"


def _short(seconds: float) -> str:
    if seconds >= 9.95:
        return f"{seconds:.0f} s"
    if seconds >= 0.1:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 or seconds == 0 else f"{seconds * 1e6:.0f} us"


def format_money(micro: int | None) -> str:
    """Cents from one cent on ($10.49, $7,660.00); below, all that is known ($0.000412)."""
    if micro is None:
        return "-"
    sign = "-" if micro < 0 else ""
    whole = abs(micro)
    if 0 < whole < 10_000:
        return f"{sign}${_plain(Fraction(whole, 10**6))}"
    cents = (whole + 5_000) // 10_000
    return f"{sign}${cents // 100:,}.{cents % 100:02d}"
