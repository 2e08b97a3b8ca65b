"""What a person asks of devices (`gpu:`), as a frozen value. Read by sizing and planning.

auto                    whatever the workload needs
0                       none: a CPU run
2    4..8               so many of any kind
H100    H100:8          a kind: as many as are needed (one, on this machine), or so many
A100:80GB:8             a kind in one of its sizes
24GB    24GB..    24GB:2    any device sold with that much memory, or with at least that much
L4:1/4                  a share of a device
H100:1g.10gb            a MIG profile
[H100:8, A100:80GB:8]   alternatives, in order of liking
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from steelyard.catalog.accelerators import kinds_called
from steelyard.units import parse_bytes, write_bytes, wrong

_EXAMPLES = "auto, H100:8, A100:80GB:8, 24GB.., L4:1/4, H100:1g.10gb or 0"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_COUNT = re.compile(r"([0-9]{1,5})(?:\.\.([0-9]{1,5}))?")
_MEMORY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})? ?[MGTPE]i?B)(\.\.)?")
_SHARE = re.compile(r"([0-9]{1,3})/([0-9]{1,3})")
_PROFILE = re.compile(r"[1-9]g\.[0-9]{1,4}gb(?:\+[a-z.]{1,8})?")


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}..{self.high}"


def parse_range(text: str, least: int = 0) -> Range:
    """`4` or `4..8`."""
    match = _COUNT.fullmatch(str(text).strip())
    if not match:
        raise wrong(text, "a number or a range", "4 or 4..8")
    low, high = int(match[1]), int(match[2] or match[1])
    if low > high:
        raise ValueError(f"'{text}' runs backwards; for example {high}..{low}")
    if low < least:
        raise ValueError(f"'{text}' is less than {least}; for example {least}..{max(high, least)}")
    return Range(low, high)


@dataclass(frozen=True, slots=True)
class Device:
    """One alternative. What is not said is None: any kind, any memory."""

    count: Range = Range(1, 1)
    name: str | None = None
    memory: int | None = None
    """Bytes, as the card is sold."""
    at_least: bool = False
    """Whether more memory than `memory` will do as well."""
    share: Fraction | None = None
    """Of one device, between 0 and 1."""
    profile: str | None = None
    """A MIG profile of one device: `1g.10gb`."""
    counted: bool = True
    """Whether the count was written: on a cluster `H100` alone takes as many as the workload needs."""

    def __str__(self) -> str:
        memory = "" if self.memory is None else write_bytes(self.memory) + ".." * self.at_least
        detail = self.profile or (f"{self.share.numerator}/{self.share.denominator}" if self.share else "")
        plain = bool(detail) or not self.counted
        return ":".join(part for part in (self.name or "", memory, detail, "" if plain else str(self.count)) if part)


@dataclass(frozen=True, slots=True)
class Gpu:
    """The whole request: `auto`, or alternatives in order of liking; without any, no device at all."""

    alternatives: tuple[Device, ...] = ()
    auto: bool = False

    @property
    def none(self) -> bool:
        """Whether the person wants no device (`gpu: 0`)."""
        return not self.auto and not self.alternatives

    def __str__(self) -> str:
        return "auto" if self.auto else ", ".join(map(str, self.alternatives)) or "0"


AUTO = Gpu(auto=True)


def parse_gpu(value: str | int | Sequence[str | int] | Gpu) -> Gpu:
    """Every form above; raises ValueError with what is wrong and an example."""
    if isinstance(value, Gpu):
        return value
    if isinstance(value, list | tuple):
        return _alternatives(value)
    text = str(value).strip()
    if text == "auto":
        return AUTO
    return Gpu() if text == "0" else Gpu((parse_device(text),))


def _alternatives(values: Sequence[str | int]) -> Gpu:
    if not values:
        raise ValueError("an empty list asks for nothing; for no device at all write gpu: 0")
    if any(str(value).strip() in ("auto", "0") for value in values):
        raise ValueError("'auto' and '0' stand alone, not in a list; for example [H100:8, A100:80GB:8]")
    return Gpu(tuple(parse_device(str(value)) for value in values))


def parse_device(text: str) -> Device:
    """One alternative."""
    parts = [part.strip() for part in text.strip().split(":")]
    if len(parts) == 1 and _COUNT.fullmatch(parts[0]):
        return Device(parse_range(parts[0], 1))
    if not all(parts):
        raise wrong(text, "a request for devices", _EXAMPLES)
    name = parts.pop(0) if _NAME.fullmatch(parts[0]) else None
    memory = _MEMORY.fullmatch(parts[0]) if parts else None
    if memory:
        del parts[0]
    if (not name and not memory) or len(parts) > 1:
        raise wrong(text, "a request for devices", _EXAMPLES)
    size = parse_bytes(memory[1]) if memory else None
    if size is not None and size < 10**9:
        raise ValueError(f"'{text[:60]}' asks for less memory than any device has; for example 24GB, or 0 for no device at all")
    return _with_detail(Device(name=name, memory=size, at_least=bool(memory and memory[2]), counted=False), parts[0] if parts else "", text)


def _with_detail(device: Device, detail: str, text: str) -> Device:
    """`device` with its last part: a count, a share or a MIG profile."""
    count, share, profile = Range(1, 1), None, None
    if match := _SHARE.fullmatch(detail):
        if not 0 < int(match[1]) < int(match[2]):
            raise ValueError(f"'{detail}' in '{text}' is not a share of one device; for example L4:1/4")
        share = Fraction(int(match[1]), int(match[2]))
    elif _PROFILE.fullmatch(detail):
        check_profile(device.name, detail)
        profile = detail
    elif _COUNT.fullmatch(detail):
        count = parse_range(detail, 1)
    elif detail:
        raise ValueError(f"'{detail[:40]}' in '{text[:60]}' is not a number of devices, a share or a MIG profile; for example {_EXAMPLES}")
    return Device(count, device.name, device.memory, device.at_least, share, profile, counted=bool(detail))


def check_profile(name: str | None, profile: str) -> None:
    """Refuse a MIG profile that no card of that name has. Cards that the catalogue does not know are not judged."""
    cards = kinds_called(name) if name else ()
    if not cards or any(card.mig is None for card in cards):
        return
    known = [one.name for card in cards for one in card.mig or ()]
    if not known:
        raise ValueError(f"{name} cannot be sliced by MIG; for example {name}:1/4, a share of it in time")
    if profile.partition("+")[0] not in known:
        names = ", ".join(dict.fromkeys(known))
        raise ValueError(f"'{profile}' is no MIG profile of {name}, which has {names}; for example {name}:{known[0]}")
