"""The types of blueprint fields: each takes human text (as the YAML reader gives it) or the typed value (from Python).

A type is the Python type, the parser, the writer that `to_yaml` uses, and its JSON Schema for editors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from steelyard import units
from steelyard.blueprint.devices import Gpu, Range, parse_gpu, parse_range
from steelyard.units import Money, wrong

Auto = Literal["auto"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_FLOAT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,3})?|\.[0-9]{1,20}(?:[eE][-+]?[0-9]{1,3})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST = 10**18
"""No count, size or amount (in micro-dollars) is larger; it fits in 64 bits."""
_NUMBER = r"[0-9]+(\.[0-9]+)?"
_AMOUNTS = {"hour": "an amount an hour", "day": "an amount a day", "month": "an amount a month", None: "an amount, once"}


def scalar(value: object) -> str:
    """The text of a scalar; a mapping or a list where a single value belongs is refused."""
    if isinstance(value, dict | list | tuple | set | bool) or value is None:
        shown = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list | tuple | set) else str(value).lower()
        raise ValueError(f"{shown} stands where a single value belongs")
    return str(value)


def one_line(value: str) -> str:
    """Refuse what is empty, has several lines, or holds control characters."""
    if not value.strip():
        raise ValueError("an empty text says nothing; leave the line out instead")
    if "\n" in value or "\t" in value:
        raise ValueError("this text must be one line, without tabs")
    return _printable(value)


def _printable(value: str) -> str:
    if found := _CONTROL.search(value):
        raise ValueError(f"the text holds the control character U+{ord(found[0]):04X} at position {found.start() + 1}")
    return value


def _name(value: object) -> str:
    text = scalar(value)
    if len(text) > 40:
        raise ValueError(f"a name has at most 40 characters, this one has {len(text)}: it becomes part of host names, which end at 63")
    if not _NAME.fullmatch(text):
        suggestion = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "my-name"
        raise ValueError(f"'{text}' is not a name: small letters, digits and '-', as in host names; for example {suggestion}")
    return text


def flag(value: object) -> bool:
    """`true` or `false`, and nothing that YAML 1.1 would take for one."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise wrong(value, "true or false", "true")


def whole(least: int, example: str) -> Callable[[object], int]:
    """A parser of whole numbers from `least` on."""

    def parse(value: object) -> int:
        if str(value).startswith("-"):
            raise ValueError(f"'{value}' is negative; for example {example}")
        number = units.parse_count(scalar(value))
        if number < least:
            raise ValueError(f"'{value}' is less than {least}; for example {example}")
        if number > MOST:
            raise wrong(value, "a number that anything here could reach", example)
        return number

    return parse


def _percentile(value: object) -> int:
    number = whole(1, "95")(value)
    if number > 99:
        raise wrong(value, "a percentile from 1 to 99", "95")
    return number


def real(example: str) -> Callable[[object], float]:
    """A parser of finite numbers above zero."""

    def parse(value: object) -> float:
        text = scalar(value).strip()
        if not _FLOAT.fullmatch(text):
            raise wrong(value, "a number above zero", example)
        number = float(text)
        if not 0 < number < math.inf:
            raise wrong(value, "a number above zero", example)
        return number

    return parse


def _bytes(value: object) -> int:
    size = units.parse_bytes(scalar(value))
    if not 0 < size <= MOST:
        raise wrong(value, "a size from 1 byte to 1EB", "16GB")
    return size


def _duration(value: object) -> timedelta:
    duration = value if isinstance(value, timedelta) else units.parse_duration(scalar(value))
    if duration <= timedelta(0):
        raise wrong(value, "a duration above zero", "15m")
    return duration


def money(period: units.Period | None, example: str) -> Callable[[object], int]:
    """A parser of micro-dollars for one period; a typed `int` is micro-dollars already."""

    def parse(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
            return value
        amount = value if isinstance(value, Money) else units.parse_money(scalar(value))
        if not 0 <= amount.micro <= MOST:
            raise wrong(value, "an amount that anyone could pay", example)
        if amount.period != period:
            raise wrong(value, _AMOUNTS[period], example)
        return amount.micro

    return parse


def _hourly(value: object) -> int:
    """The price of an hour, where the field's own name says the hour already."""
    try:
        return money("hour", "$0.35")(value)
    except ValueError:
        return money(None, "$0.35")(value)


def _write_money(period: units.Period | None) -> Callable[[int], str]:
    return lambda micro: units.write_money(Money(micro, period))


def _rate(value: object) -> Fraction:
    rate = value if isinstance(value, Fraction) else units.parse_rate(scalar(value))
    if rate <= 0:
        raise wrong(value, "a rate above zero", "4/s")
    units.write_rate(rate)  # refuses what no text can say
    return rate


def _factor(value: object) -> Decimal:
    factor = units.parse_factor(scalar(value))
    if not 1 <= factor <= 1000:
        raise wrong(value, "a factor from 1x to 1000x", "3x")
    return factor


def _percent(value: object) -> Decimal:
    ratio = units.parse_percent(value if isinstance(value, Decimal) else scalar(value))
    if not 0 < ratio <= 10 or units.parse_percent(units.write_percent(ratio)) != ratio:
        raise wrong(value, "a percentage above 0% and up to 1000%", "80%")
    return ratio


def _gpu(value: object) -> Gpu:
    if isinstance(value, Gpu):
        return value
    if isinstance(value, list | tuple):
        return parse_gpu([scalar(item) for item in value])
    return parse_gpu(scalar(value))


def _replicas(value: object) -> Range:
    return value if isinstance(value, Range) else parse_range(scalar(value))


def _write_gpu(gpu: Gpu) -> str | list[str]:
    return [str(device) for device in gpu.alternatives] if len(gpu.alternatives) > 1 else str(gpu)


def _auto(parse: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: "auto" if value == "auto" else parse(value)


def _write_count(value: int | str) -> int | str:
    """A plain number where no suffix makes it shorter; `auto` as it is."""
    text = value if isinstance(value, str) else units.write_count(value)
    return int(text) if text.isdigit() else text


def _write_real(value: float) -> int | float:
    return int(value) if value.is_integer() and value < 10**15 else value


def one_or_many(value: object) -> object:
    """A single text where a list is meant."""
    return (value,) if isinstance(value, str) else value


def _matching(pattern: re.Pattern[str], what: str, example: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise wrong(value, what, example)
        return value

    return check


@dataclass(frozen=True, slots=True)
class Says:
    """In the type of a field: what it takes, in a person's words (for `explain` and the reference)."""

    words: str


def _schema(pattern: str, *, number: str = "", choice: str = "") -> WithJsonSchema:
    """A string of `pattern`, or a JSON number of the type `number`, or the word `choice`."""
    options: list[dict[str, Any]] = [{"type": "string", "pattern": f"^({pattern})$"}]
    if number:
        options.append({"type": number, "minimum": 0})
    if choice:
        options.append({"const": choice})
    return WithJsonSchema({"anyOf": options} if len(options) > 1 else options[0])


_COUNT_TEXT = rf"{_NUMBER} ?[kKMBT]?"
_BYTES_TEXT = rf"{_NUMBER} ?([kKMGTPE]i?B|B)"
_MONEY_TEXT = rf"\$ ?{_NUMBER} ?[kKM]?"
_COUNT = _schema(_COUNT_TEXT, number="integer")
_ONE_OR_MANY = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]})
_GPU = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
)
_NAME_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$", "maxLength": 40})

Text = Annotated[str, AfterValidator(one_line), Says("a text")]
"""One line."""
Prose = Annotated[str, AfterValidator(_printable), Says("a text, also of several lines")]
"""Any text, also of several lines, also empty."""
Name = Annotated[str, BeforeValidator(_name), _NAME_SCHEMA, Says("a name")]
Texts = Annotated[tuple[Text, ...], BeforeValidator(one_or_many), _ONE_OR_MANY, Says("one text or a list of them")]

Count = Annotated[int, BeforeValidator(whole(1, "2000 or 1B")), PlainSerializer(_write_count), _COUNT, Says("a whole number")]
CountFromZero = Annotated[int, BeforeValidator(whole(0, "0 or 100")), PlainSerializer(_write_count), _COUNT, Says("a whole number, or 0")]
AutoCount = Annotated[
    int | Auto,
    BeforeValidator(_auto(whole(1, "4 or auto"))),
    PlainSerializer(_write_count),
    _schema(_COUNT_TEXT, number="integer", choice="auto"),
    Says("a whole number, or auto"),
]
Percentile = Annotated[
    int, BeforeValidator(_percentile), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 99}), Says("a percentile, 1 to 99")
]
Real = Annotated[
    float,
    BeforeValidator(real("0.5")),
    PlainSerializer(_write_real),
    _schema(r"[0-9.]+([eE][-+]?[0-9]+)?", number="number"),
    Says("a number above zero"),
]
Bytes = Annotated[
    int, BeforeValidator(_bytes), PlainSerializer(units.write_bytes), _schema(_BYTES_TEXT, number="integer"), Says("a size: 80GB, 4GiB")
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(units.write_duration),
    _schema(rf"({_NUMBER} ?[a-zA-Z]+[ ,]*)+"),
    Says("a duration: 15m, 2 days"),
]

Price = Annotated[
    int, BeforeValidator(money(None, "$500")), PlainSerializer(_write_money(None)), _schema(_MONEY_TEXT), Says("an amount: $500")
]
PriceAnHour = Annotated[
    int,
    BeforeValidator(money("hour", "$400/h")),
    PlainSerializer(_write_money("hour")),
    _schema(rf"{_MONEY_TEXT} ?/ ?(h|hour)"),
    Says("an amount an hour: $400/h"),
]
HourlyPrice = Annotated[
    int,
    BeforeValidator(_hourly),
    PlainSerializer(_write_money(None)),
    _schema(rf"{_MONEY_TEXT}( ?/ ?(h|hour))?"),
    Says("an amount: $0.35"),
]
PriceAMonth = Annotated[
    int,
    BeforeValidator(money("month", "$20k/month")),
    PlainSerializer(_write_money("month")),
    _schema(rf"{_MONEY_TEXT} ?/ ?month"),
    Says("an amount a month: $20k/month"),
]

Rate = Annotated[
    Fraction,
    BeforeValidator(_rate),
    PlainSerializer(units.write_rate),
    _schema(rf"{_NUMBER} ?[kKM]? ?/ ?[a-z]+"),
    Says("a rate: 4/s, 100/m"),
]
Factor = Annotated[
    Decimal,
    BeforeValidator(_factor),
    PlainSerializer(lambda factor: f"{factor:f}x"),
    _schema(rf"{_NUMBER} ?x?", number="number"),
    Says("a factor: 3x"),
]
Percent = Annotated[
    Decimal, BeforeValidator(_percent), PlainSerializer(units.write_percent), _schema(rf"{_NUMBER} ?%"), Says("a percentage: 80%")
]
GpuRequest = Annotated[
    Gpu, BeforeValidator(_gpu), PlainSerializer(_write_gpu), _GPU, Says("a kind, a memory, a count, a share, a list of them, auto, or 0")
]
Replicas = Annotated[
    Range,
    BeforeValidator(_replicas),
    PlainSerializer(str),
    _schema(r"[0-9]+(\.\.[0-9]+)?", number="integer"),
    Says("a number, or from..to: 1..6"),
]

Member = Annotated[
    str,
    AfterValidator(_matching(re.compile(r"(?:group|user):[^\s:]+"), "a member", "group:nlp-engineers or user:ana")),
    AfterValidator(_printable),
    Says("group:NAME or user:NAME"),
]
Variable = Annotated[
    str, AfterValidator(_matching(_VARIABLE, "the name of an environment variable", "LOG_LEVEL")), Says("the name of a variable")
]
DeviceName = Annotated[
    str, AfterValidator(_matching(re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}"), "a kind of device", "gpu or H100")), Says("a kind of device")
]
MountPath = Annotated[
    str,
    AfterValidator(_matching(re.compile(r"/[^\x00-\x1f:]*"), "a path in the workload", "/data")),
    AfterValidator(_printable),
    Says("a mount path"),
]
